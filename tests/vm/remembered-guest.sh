#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# One boot of tests/suites/remembered-boots: remembered-guest.sh NUMBER FOLDER, which is what is mounted at /var/lib/fsdev.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/ctl-lib.sh
. "$(dirname -- "$0")/ctl-lib.sh"

boot=$1 folder=$2 dev=dax0.0 disk=/dev/fsdev0.0
mkdir -p /var/lib/fsdev
mount --bind "$folder" /var/lib/fsdev

# bad: what is poisoned, in pages
bad() { fsdevctl errors $dev --json 2>/dev/null | jq -r '[.[]|"\(.offset / 4096)+\(.length / 4096)"]|join(" ")'; }

if [ "$boot" = 1 ]; then
	ok "boot 1: enable" fsdevctl enable $dev
	page=100
else
	# each boot has repaired the page of the one before the last
	page=$((boot * 100))
	gives "boot $boot: enable takes it over" 0 "1 bad ranges that are written down were taken over$" fsdevctl enable $dev
	is "boot $boot: it is poisoned" "$((page - 100))+1" "$(bad)"
	refused "boot $boot: it cannot be read" dd if=$disk of=/dev/null bs=4k count=1 skip=$((page - 100)) iflag=direct
fi
: >/tmp/monitor
fsdevctl monitor --record >/dev/null 2>/tmp/monitor &
until has_line watching /tmp/monitor; do sleep 0.1; done
ok "boot $boot: a page fails" fsdevctl inject $dev $((page * 4096)) --yes
[ "$boot" = 1 ] || ok "boot $boot: the other is overwritten" \
	dd if=/dev/zero of=$disk bs=4k count=1 seek=$((page - 100)) oflag=direct conv=notrunc
wanted="poison $(printf '%#x' $(($(region_start $dev) + page * 4096)))+0x1000"
for _ in {1..100}; do [ "$(grep -h ^poison /var/lib/fsdev/poison/*)" != "$wanted" ] || break; sleep 0.1; done
is "boot $boot: the monitor has written it down" "$wanted" "$(grep -h ^poison /var/lib/fsdev/poison/*)"
# the guest ends with the device bound
finish
