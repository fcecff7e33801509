#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --cpus 1 --soft-reserved 3G --append log_buf_len=4M --append rcupdate.rcu_expedited=1
# Devices that no firmware gives us, and what only the kernel sees of them: every page structure, the page map, what a
# holder is told of failures and of removal, and what direct access and zeroing do in every range.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/kernel-lib.sh
. "$(dirname -- "$0")/kernel-lib.sh"

hex() {
	printf '%#x' $(($1))
}

begin 10 20 21 22 23 24 25 26
run watch || fail "cannot watch the kernel"

# --- static devices ---------------------------------------------------------------------------------------------------

# static_works WHAT ID [PADDING]: all that a static device with data in the right place has to do, and has it padding?
static_works() {
	is "$1: bound" bound "$(bind "dax$2.0" fsdev)"
	points "$1" mapped
	points "$1" folios-clean "$2"
	is "$1: state" "driver=fsdev pgmap=set ops=set owner=set shift=0 alive=yes operations=set" \
		"$(state "$2" driver pgmap ops owner shift alive operations)"
	points "$1" access "$2"
	points "$1" zero "$2"
	run hold-disk "$2"
	points "$1" fail-pages "$2"
	[ -z "${3-}" ] || points "$1" fail-padding "$2"
	points "$1" fail-spans "$2"
	run let-go "$2"
	points "$1" fail-unheld "$2"
	unbind "dax$2.0"
	points "$1" unmapped
	is "$1: unbound" "$static_idle" "$(state "$2")"
}

make_static 21 $((2048 + 64)) $((32768 - 128)) 2048 32768
mark_log
static_works "data 64 KiB after the start of the page map" 21 padding
like "a failure in the padding is in the log" "memory failure at $(hex "base + 2 * MIB"), 1 pages: outside" "$(said dax21.0)"
run unmake 21

make_static 20 2048 32768 2048 32768
static_works "data at the start of the page map" 20
run unmake 20

make_static 22 2048 32768 4096 30720
refuses "data before the start of the page map" 22 "Invalid argument" \
	"page map starts at $(hex "base + 4 * MIB").*data, which starts at $(hex "base + 2 * MIB")"
run unmake 22

make_static 23 2048 32768 2048 30720
refuses "data after the end of the page map" 23 "Invalid argument" \
	"page map ends at $(hex "base + 32 * MIB - 1").*data, which ends at $(hex "base + 34 * MIB - 1")"
run unmake 23

make_static 24 2048 32768 2048 0
refuses "static device without a page map" 24 "Invalid argument" \
	"$(hex "base + 2 * MIB")-$(hex "base + 34 * MIB - 1").*without a page map"
run unmake 24

make_static 25 2048 16384 2048 32768
run spoil-second-range 25
refuses "static device with two ranges" 25 "Invalid argument" "$(hex "base + 18 * MIB")-$(hex "base + 34 * MIB - 1")"
run mend 25
static_works "the same device with its one range" 25 padding
run unmake 25

make_static 26 4096 32768 2048 34816 $((2 * MIB))
ok "static device to device_dax" test "$(bind dax26.0 device_dax)" = bound
points "static device in device_dax" folios-compound 26
is "device_dax leaves vmemmap_shift behind" 9 "$(state 26 shift | cut -d= -f2)"
unbind dax26.0
is "... also when it has gone" 9 "$(state 26 shift | cut -d= -f2)"
static_works "static device that device_dax had" 26 padding
ok "static device back to device_dax" test "$(bind dax26.0 device_dax)" = bound
is "device_dax after fsdev: no operations of ours" "ops=none owner=none" "$(state 26 ops owner)"
unbind dax26.0
mark_log
run take $((base + 8 * MIB)) $((2 * MIB)) 26
refuses "static device whose memory is taken" 26 "Device or resource busy" \
	"mapping0: $(hex "base + 4 * MIB")-$(hex "base + 36 * MIB - 1")"
run yield 26
static_works "the same device when the memory is free" 26 padding
run unmake 26

# --- dynamic devices --------------------------------------------------------------------------------------------------

make_dynamic 10 0 3072
is "a device without ranges does not bind" "No such device or address" "$(bind dax10.0 fsdev)"

# dynamic_works WHAT: device 10, in the shape that it has
dynamic_works() {
	local many=''

	[ ! -e /sys/bus/dax/devices/dax10.0/mapping20 ] || many=y
	is "$1: bound" bound "$(bind dax10.0 fsdev)"
	points "$1" mapped
	points "$1" folios-clean 10
	is "$1: state" "driver=fsdev pgmap=set ops=set owner=set shift=0 alive=yes operations=set" \
		"$(state 10 driver pgmap ops owner shift alive operations)"
	points "$1" access 10
	points "$1" zero 10
	run spoil-ranges 10
	points "$1, dev_dax->ranges changed after probe" access 10
	run mend 10
	run hold-disk 10
	if [ -z "$many" ]; then
		points "$1" fail-pages 10
		points "$1" fail-holes 10
	fi
	points "$1" fail-spans 10
	run spoil-ranges 10
	points "$1, dev_dax->ranges changed after probe" fail-spans 10
	run mend 10
	run let-go 10
	points "$1" fail-unheld 10
	unbind dax10.0
	points "$1" unmapped
	is "$1: unbound" "$idle" "$(state 10)"
}

# 17 ranges of 2 to 10 MiB, every third one touching the one before it in memory, going up and down
seventeen=''
for i in 0 5 1 16 15 2 3 9 8 7 4 14 10 12 11 13 6; do
	seventeen+=" $((8 + i * 12)):$((i % 3 == 1 ? 12 : 2 + i % 5 * 2))"
done
# sizes so different that the quick way to the memory does not know where most of them are
uneven="8:2 12:2 16:512 540:2 544:2 548:2 554:4 560:2 564:2 568:2"
# two of three slots of 2 MiB, out of order: 607 has no factor in common with 1024
thousand=''
for ((i = 0; i < 1024; i++)); do
	k=$((i * 607 % 1024))
	thousand+=" $(((k + k / 2) * 2)):2"
done

for shape in "1 range=8:64" "2 ranges, touching=8:32 40:16" "2 ranges, touching the wrong way round=40:16 8:32" \
	"2 ranges with a hole=8:32 64:16" "ranges of which many begin close together=$uneven" "17 ranges=$seventeen"; do
	# shellcheck disable=SC2086
	ok "${shape%%=*}" shape dax10.0 ${shape#*=}
	dynamic_works "${shape%%=*}"
done

# what device_dax leaves, and what it gets back
ok "to device_dax" test "$(bind dax10.0 device_dax)" = bound
points "in device_dax" folios-compound 10
unbind dax10.0
dynamic_works "17 ranges that device_dax had"
ok "back to device_dax" test "$(bind dax10.0 device_dax)" = bound
points "back in device_dax" folios-compound 10
unbind dax10.0

# no pass over the pages: marks that the kernel's initialisation has left no reason to wipe away are still there
run plant
is "bound with marked pages" bound "$(bind dax10.0 fsdev)"
points "after the kernel has made the page structures" planted 10
points "after the kernel has made the page structures" mapped
unbind dax10.0

run spoil-map 10
refuses "dynamic device with a page map" 10 "Invalid argument" "mapping0: $(hex "base + 8 * MIB")-.*page map"
run mend 10

run take $((base + 68 * MIB)) $((2 * MIB)) 10
refuses "a range is taken" 10 "Device or resource busy" "mapping1: $(hex "base + 68 * MIB")"
run yield 10

ok "two ranges" shape dax10.0 8:32 64:16
run take $((base + 64 * MIB)) $((2 * MIB)) 10
refuses "the second range is taken" 10 "Device or resource busy" \
	"mapping1: $(hex "base + 64 * MIB")-$(hex "base + 80 * MIB - 1")"
is "the first one is free again" "" "$(grep -i dax10.0 /proc/iomem)"
run yield 10
run spoil-operations 10
mark_log
is "other operations are on the device: refused" "Device or resource busy" "$(bind dax10.0 fsdev)"
is "they are still there" "operations=set" "$(state 10 operations)"
run mend 10
is "and without them it binds" bound "$(bind dax10.0 fsdev)"
unbind dax10.0

# --- removal ----------------------------------------------------------------------------------------------------------

# removal WHAT HOLD: unbinding under a holder, while other threads use the memory
removal() {
	is "$1: bound" bound "$(bind dax10.0 fsdev)"
	ok "$1: claimed" run "$2" 10
	run readers-start 10 6
	sleep 0.5
	unbind dax10.0
	points "$1" unmapped
	points "$1" told-removal 10
	sleep 0.2
	points "$1" readers-stop 10
	let_go 10
	is "$1: unbound" "$idle" "$(state 10)"
}
removal "removal under a holder" hold-disk
removal "removal under a holder without a disk" hold-direct

# --- after a file system, forced away ---------------------------------------------------------------------------------

ok "three ranges" shape dax10.0 1024:128 8:384 512:256
is "bound" bound "$(bind dax10.0 fsdev)"
mkfs.xfs -q -f -m rmapbt=0,reflink=0 -d su=2m,sw=1 /dev/fsdev10.0 || fail "mkfs.xfs"
mkdir -p /mnt/kernel
mount -o dax=always /dev/fsdev10.0 /mnt/kernel || fail "mount"
dax-file fill /mnt/kernel/file 0 $((8 * MIB)) 1
trace=/sys/kernel/tracing
echo 1 >$trace/events/fs_dax/dax_pmd_fault_done/enable
dax-file hold /mnt/kernel/file >/tmp/hold &
for ((i = 0; i < 100; i++)); do
	grep -q ready /tmp/hold && break
	sleep 0.1
done
ok "a process has the file mapped" grep -q ready /tmp/hold
ok "by huge mappings" grep -q 'dax_pmd_fault_done.*NOPAGE' $trace/trace
points "mounted" folios-used 10
ok "unbound under it" timeout 60 bash -c 'echo dax10.0 >/sys/bus/dax/drivers/fsdev/unbind'
for ((i = 0; i < 50; i++)); do
	grep -q SIGBUS /tmp/hold && break
	sleep 0.1
done
kill $! 2>/dev/null
like "the process got" "SIGBUS" "$(cat /tmp/hold)"
points "after XFS" unmapped
umount /mnt/kernel
is "unbound" "$idle" "$(state 10)"
is "binds again" bound "$(bind dax10.0 fsdev)"
points "bound again" folios-clean 10
unbind dax10.0

# --- a thousand ranges ------------------------------------------------------------------------------------------------

# shellcheck disable=SC2086
ok "1,024 ranges" shape dax10.0 $thousand
dynamic_works "1,024 ranges"
is "nothing of them is left in /proc/iomem" "" "$(grep -i dax10.0 /proc/iomem)"

ok "unmade" run unmake 10
ok "modules can go" modprobe -r fsdev_test fsdev
finish
