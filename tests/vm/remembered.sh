#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --cpus 2 --soft-reserved 256M --qemu "-cpu max,-la57,-xsave,-pclmulqdq"
# Poison that user space remembers of an earlier binding: it is handed to the driver by physical address before a device is bound,
# and is poisoned from the first moment on. The driver alone; what fsdevctl makes of it is `ctl-remembered`.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/kernel-lib.sh
. "$(dirname -- "$0")/kernel-lib.sh"
# shellcheck source=tests/vm/ras-lib.sh
. "$(dirname -- "$0")/ras-lib.sh"

disk=/dev/fsdev10.0 dev=dax10.0
attribute=/sys/bus/dax/drivers/fsdev/remembered_poison
begin 10 20
make_dynamic 10 0 128
make_dynamic 20 128 64
# device offset 16 MiB is where the second range begins
ok "two ranges" shape dax10.0 8:16 64:34
ok "a device beside it" shape dax20.0 128:64

# remember TEXT: in MiB from the memory's start, "MIB+PAGES" with what stands around it: "3+1", "3+1?", "-3+1"
remember() {
	local sign='' doubt='' what=$1

	[[ $what != -* ]] || sign=- what=${what#-}
	[[ $what != *\? ]] || doubt='?' what=${what%\?}
	printf '%s%#x+%#x%s\n' "$sign" $((base + ${what%+*} * MIB)) $((${what#*+} * 4096)) "$doubt" 2>/dev/null >$attribute
}

# remembered: the same the other way round
remembered() {
	local line out=''

	while read -r line; do
		out+="${out:+ }$(((${line%+*} - base) / MIB))+$(($(tr -d '?' <<<"${line#*+}") / 4096))"
		[[ $line != *\? ]] || out+='?'
	done <$attribute
	echo "$out"
}

is "nothing is remembered" "" "$(remembered)"
is "it is root's" "600" "$(stat -c %a $attribute)"
for text in '' + 0x1000 0x1000+ +0x1000 0x1000+0 dax10.0 0xffffffffffffe000+0x1000 0xfffffffffffff000+0x2000 '0x1000+0x1000!'; do
	refused "refused: '$text'" eval "echo '$text' >$attribute"
done
refused "refused without CAP_SYS_ADMIN" setpriv --bounding-set -sys_admin --inh-caps -sys_admin sh -c "echo 0x1000+0x1000 >$attribute"

# a range that begins in front of the device and one that ends behind its first range; of the hole between nothing is taken over
remember 7+512
remember 23+512
remember 64+1
remember 100+2
remember 130+1
remember 130+1?
is "all is remembered, what is certain stays so" "7+512 23+512 64+1 100+2 130+1" "$(remembered)"
remember -100+2
is "what is taken away is not" "7+512 23+512 64+1 130+1" "$(remembered)"
remember 160+1024
remember 165+1?
remember -161+512
is "a part of a range is taken away, and all that lies in it" "7+512 23+512 64+1 130+1 163+256 160+256" \
	"$(remember -165+1 && remembered)"
remember -100+32768
is "and what reaches out of it on neither side" "7+512 23+512 64+1" "$(remembered)"
remember 130+1
is "bound" bound "$(bind dax10.0 fsdev)"
# the two that meet at 16 MiB of the device are one
is "what lies in the device is poisoned" "0+$MIB $((15 * MIB))+$((MIB + 4096))" \
	"$(fsdev-node bad /dev/dax10.0 64 | while read -r offset len; do echo $((offset))+$((len)); done | paste -sd' ')"
is "what lies in none is remembered still" "7+256 24+256 130+1" "$(remembered)"
refused "it cannot be read" dd if=$disk of=/dev/null bs=4k count=1 iflag=direct
refused "nor the end of the first range" dd if=$disk of=/dev/null bs=4k count=1 skip=$((15 * 256)) iflag=direct
ok "what lies between can" dd if=$disk of=/dev/null bs=1M count=14 skip=1 iflag=direct
ok "overwritten" dd if=/dev/zero of=$disk bs=1M count=17 oflag=direct conv=notrunc
is "nothing is poisoned then" "" "$(bad)"
unbind dax10.0
is "bound again" bound "$(bind dax10.0 fsdev)"
is "what was taken over is remembered no more" "" "$(bad)"

# in doubt: of two pages one cannot be read
modprobe fsdev_test
run hide 10 768
unbind dax10.0
remember 11+2?
remember 12+2
is "bound, with a range in doubt" bound "$(bind dax10.0 fsdev)"
is "of a range in doubt that is poisoned which cannot be read" "$((3 * MIB))+4096 $((4 * MIB))+8192" "$(bad)"
ok "overwritten again" dd if=/dev/zero of=$disk bs=1M count=8 oflag=direct conv=notrunc
is "nothing is poisoned any more" "" "$(bad)"
unbind dax10.0

# a device whose pages in doubt are being read keeps nothing else waiting
remember 11+2?
run gate-sleep memory_reads_phys any
bind dax10.0 fsdev >/tmp/bound &
binding=$!
run gate-wait
rm -f /tmp/answered
{ remember 131+1 && remembered >/tmp/answered; } &
for _ in {1..100}; do [ ! -s /tmp/answered ] || break; sleep 0.05; done
is "while pages in doubt are read" "7+256 24+256 130+1 11+2? 131+1" "$(cat /tmp/answered)"
run gate-open
wait $binding
is "bound when they are read" "bound " "$(cat /tmp/bound) $(bad)"
wait
remember -131+1
unbind dax10.0

# a bind that fails takes nothing over
remember 9+1
modprobe device_dax
is "another driver" bound "$(bind dax10.0 device_dax)"
exec 3</dev/dax10.0
unbind dax10.0
bind dax10.0 fsdev >/dev/null
is "a bind that fails leaves it" "7+256 24+256 130+1 9+1" "$(remembered)"
exec 3<&-
is "bound at last" bound "$(bind dax10.0 fsdev)"
is "and then it is poisoned" "$MIB+4096" "$(bad)"
unbind dax10.0
is "the other device" bound "$(bind dax20.0 fsdev)"
is "has its own" "$((2 * MIB))+4096" "$(disk=/dev/fsdev20.0 bad)"
unbind dax20.0
finish
