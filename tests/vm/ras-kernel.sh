#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --cpus 1 --soft-reserved 512M --append log_buf_len=4M --qemu "-cpu max,-la57,-xsave,-pclmulqdq"
# Failing memory where only the kernel can look: a thousand failures, each reported once, and their repair; a read of the
# driver's own that meets bad memory; a page that cannot be repaired; a device that fails much beside one that fails once.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/kernel-lib.sh
. "$(dirname -- "$0")/kernel-lib.sh"
# shellcheck source=tests/vm/ras-lib.sh
. "$(dirname -- "$0")/ras-lib.sh"

disk=/dev/fsdev10.0 dev=dax10.0
# a line for each failure is too much for a serial console
dmesg -n 1
begin 10 20
make_dynamic 10 0 256
make_dynamic 20 256 64
ok "three ranges" shape dax10.0 8:16 64:34 128:14
is "bound" bound "$(bind dax10.0 fsdev)"
run hold-disk 10
# 31 bad ranges have room of their own; then there is memory for no more. The nearest one takes in what fails next, and what
# lies between them is lost with it, which the holder is told
run no-memory 10 || tap_point 1 "memory can be made short"
run fail-at 10 132 4 252
is "no memory for another range: bad is" 31 "$(bad | wc -w)"
run fail-at 10 256 1 256
is "no memory for another range: bad is then" "31 $((252 * 4096))+20480" "$(bad | wc -w) $(bad | sed 's/.* //')"
points "no memory for another range" told-last 10 253 4
refused "no memory for another range: one cannot become two" \
	dd if=/dev/zero of=$disk bs=4k count=1 seek=254 oflag=direct conv=notrunc
is "no memory for another range: bad is still" "31 $((252 * 4096))+20480" "$(bad | wc -w) $(bad | sed 's/.* //')"
ok "no memory for another range: it can end sooner" \
	dd if=/dev/zero of=$disk bs=4k count=1 seek=256 oflag=direct conv=notrunc
run memory
ok "memory again: one becomes two" dd if=/dev/zero of=$disk bs=4k count=1 seek=254 oflag=direct conv=notrunc
run fail-at 10 1000 1 1000
is "memory again: what fails has a range of its own" \
	"33 $((252 * 4096))+8192 $((255 * 4096))+4096 $((1000 * 4096))+4096" "$(bad | wc -w) $(bad | awk '{ print $(NF - 2), $(NF - 1), $NF }')"
ok "it is all written" dd if=/dev/zero of=$disk bs=1M count=8 oflag=direct conv=notrunc
is "nothing is bad" "" "$(bad)"

fsdev-node span /dev/dax10.0 add-bad $((1500 * 4096)) 4096 0 >/dev/null
points "a page that is known to be bad" told-last 10 1500 1
ok "it is overwritten" dd if=/dev/zero of=$disk bs=4k count=1 seek=1500 oflag=direct conv=notrunc

points "a thousand failures" fail-random 10 1000
is "a thousand failures: bad is then" "" "$(bad)"
said=$(said dax10.0 | grep -c 'memory failure')
ok "a thousand failures: the log has some of them ($said)" test "$said" -ge 5
ok "... and not all" test "$said" -lt 100
run let-go 10
points "a failure that the hardware reports, without a holder" repair-waits 10 7
run hold-disk 10
is "a failure that the hardware reports: bad is then" "" "$(bad)"

# uncached: what is written is on the device, and the next read goes there
uncached() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
}

# a page that was not reported: the read finds it. 16 MiB is where the second range begins
fsdev-node listen /dev/dax10.0 watch 0 8 /tmp >/tmp/events 2>&1 &
watcher=$!
until grep -q room /tmp/events; do sleep 0.05; done
page=$((16 * 256)) before=$(failures)
ras-file write $disk 0 $((32 * MIB)) 1 >/dev/null
uncached
run hide 10 $page
run hide 10 $((page + 5))
is "unknown bad pages: read" "1024 read, 1 EIO, 4 read, 1 EIO, 1018 read" \
	"$(ras-file read $disk $((12 * MIB)) $((8 * MIB)))"
is "unknown bad pages: bad is" "$((page * 4096))+4096 $(((page + 5) * 4096))+4096" "$(bad)"
until [ "$(failures)" -ge $((before + 2)) ]; do sleep 0.05; done
is "unknown bad pages: overwritten in part" EIO \
	"$(dd if=/dev/zero of=$disk bs=512 count=1 seek=$((page * 8 + 1)) oflag=direct 2>&1 | grep -q 'Input/output' && echo EIO)"
run hidden 10 $page || tap_point 1 "it is out of the kernel's mapping until it is repaired"
is "unknown bad pages: overwritten" 65536 "$(ras-file write $disk $((page * 4096)) 65536 1)"
uncached
refused "unknown bad pages: back in the kernel's mapping" run hidden 10 $page
is "unknown bad pages: bad is then" "" "$(bad)"
for _ in {1..100}; do [ "$(wc -l </tmp/events)" -lt 5 ] || break; sleep 0.05; done
# the page cache may write the two in any order
is "unknown bad pages: what a watcher has heard" "failure $(printf %#x $((page * 4096))) 0x1000 0x8
failure $(printf %#x $(((page + 5) * 4096))) 0x1000 0x8
cleared $(printf %#x $((page * 4096))) 0x1000 0
cleared $(printf %#x $(((page + 5) * 4096))) 0x1000 0" "$({ sed -n '2,3p' /tmp/events && tail -n +4 /tmp/events | sort -k3; } | cut -d' ' -f2-)"
kill $watcher
is "unknown bad pages: all of it" "8192 good, 0 wrong, 0 lost" "$(ras-file check $disk 0 $((32 * MIB)) 1)"

# one page in a read of many, directly: the rest is in the buffer all the same, and the page is told of once
run let-go 10
run hold-disk 10
run hide 10 $((page + 9))
is "a large read, directly" "Input/output error" \
	"$(dd if=$disk of=/dev/null bs=1M count=1 skip=16 iflag=direct 2>&1 | sed -n 's/.*: //; /error/p')"
until [ "$(failures)" -ge $((before + 3)) ]; do sleep 0.05; done
points "a large read, directly" told-once 10 $((page + 9))
is "the same again" "Input/output error" \
	"$(dd if=$disk of=/dev/null bs=1M count=1 skip=16 iflag=direct 2>&1 | sed -n 's/.*: //; /error/p')"
sleep 0.2
is "is told no more" 3 "$(($(failures) - before))"

# it holds nothing of what is written: it stays bad
run damage 10 $((page + 9))
is "a page that cannot be repaired" "Input/output error" \
	"$(dd if=/dev/zero of=$disk bs=4k count=1 seek=$((page + 9)) oflag=direct 2>&1 | sed -n 's/.*: //; /error/p')"
is "... stays bad" "$(((page + 9) * 4096))+4096" "$(bad)"
refused "... and cannot be read" dd if=$disk of=/dev/null bs=4k count=1 skip=$((page + 9)) iflag=direct
run mend-page
ok "it is repaired" dd if=/dev/zero of=$disk bs=4k count=1 seek=$((page + 9)) oflag=direct
is "and good" "" "$(bad)"

# the kernel's own copying, of a read() of a file, finds what was not reported
copy_fails() {
	local seen

	seen=$(failures)
	run let-go 10
	run hold-disk 10
	run damage 10 $((page + 11))
	run copy-fails 10 $((page + 11)) "$2" || tap_point 1 "$1"
	for _ in {1..100}; do [ -z "$(bad)" ] || break; sleep 0.05; done
	is "$1: bad is" "$(((page + 11) * 4096))+4096" "$(bad)"
	for _ in {1..100}; do [ "$(failures)" -le "$seen" ] || break; sleep 0.05; done
	points "$1" told-once 10 $((page + 11))
	run mend-page
	ok "it is repaired" dd if=/dev/zero of=$disk bs=4k count=1 seek=$((page + 11)) oflag=direct
}
copy_fails "a copy of the kernel's fails" 0x134
# AMD's processors name the load that met the poison, not the memory
copy_fails "a copy of the kernel's fails, logged by the core" 0x405

# more bad pages than the block device can list
for ((i = 0; i < 1100; i += 2)); do run hide 10 $i; done
is "550 bad pages: read" 550 "$(dd if=$disk of=/dev/null bs=4k count=1100 iflag=direct conv=noerror 2>&1 | grep -c 'error reading')"
is "550 bad pages: listed" 512 "$(bad | wc -w)"
dd if=/dev/zero of=$disk bs=4k count=200 oflag=direct 2>/dev/null
is "450 bad pages: listed" 450 "$(bad | wc -w)"
is "450 bad pages: the last of them" "$((1098 * 4096))+4096" "$(bad | sed 's/.* //')"
ok "all of it written" dd if=/dev/zero of=$disk bs=1M count=64 oflag=direct
is "nothing is bad" "" "$(bad)"
# a full list whose first entry would be widened to the front, which 6.12 warns of
run fail-at 10 60 2 1150
is "546 bad pages: listed" 512 "$(bad | wc -w)"
for page in 45 30 15 0; do
	fsdev-node span /dev/dax10.0 add-bad $((page * 4096)) 65536 0 >/dev/null
done
is "... and 60 in front of them: listed from the first on" "512 0+$((61 * 4096)) $((62 * 4096))+4096" \
	"$(bad | wc -w) $(bad | cut -d' ' -f1,2)"
ok "all of it written" dd if=/dev/zero of=$disk bs=1M count=64 oflag=direct
is "nothing is bad" "" "$(bad)"

# the log's limit is each device's own; what was said above is forgotten after five seconds
sleep 6
ok "a second device" shape dax20.0 256:64
is "bound" bound "$(bind dax20.0 fsdev)"
run hold-disk 20
mark_log
run fail-random 10 100
run fail-random 20 1
is "a device that fails much does not silence another" 1 "$(said dax20.0 | grep -c 'memory failure')"
told=$(said dax10.0 | grep -c 'memory failure')
ok "as it does itself, of which 10 of 100 are in the log, and 10 more every five seconds: $told" \
	test "$told" -ge 10 -a "$told" -le 50
for id in 10 20; do
	run let-go $id
	unbind dax$id.0
	run unmake $id
done
finish
