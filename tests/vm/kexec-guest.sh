#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# The lives of one guest of tests/suites/kexec: kexec-guest.sh FOLDER. Which life it is stands in the folder; each is the same
# kernel, started by the one before, which has the device bound and mounted when it ends.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/removal-lib.sh
. "$(dirname -- "$0")/removal-lib.sh"

dir=$1 dev=dax0.0 disk=/dev/fsdev0.0 mnt=/mnt/kexec
life=$(cat "$dir/life" 2>/dev/null || echo 1)
mkdir -p $mnt
# the checks of all lives are numbered together
tap_count=$(cat "$dir/count" 2>/dev/null || echo 0)
read -r cmdline </proc/cmdline

# next COMMAND...: the next life begins with it
next() {
	echo $((life + 1)) >"$dir/life"
	echo "$tap_count" >"$dir/count"
	sync -f "$dir"
	"$@"
	sleep 60
	fail "life $life does not end"
}

there() {
	ok "$1: bound" give $dev fsdev
	ok "$1: mounted" mount -o dax=always $disk $mnt
	is "$1: the file has its data" "1024 good, 0 wrong, 0 lost" "$(dax-file verify $mnt/file 0 $((4 * MIB)) 1)"
	is "$1: what was written to a mapping and not synchronized" "1024 good, 0 wrong, 0 lost" "$(dax-file verify $mnt/dirty 0 $((4 * MIB)) 2)"
}

# dumped ADDRESS: the parts of the dump that have it
dumped() {
	local type phys size

	readelf -lW /proc/vmcore | while read -r type _ _ phys size _; do
		[ "$type" != LOAD ] || (($1 < phys || $1 >= phys + size)) || echo "$phys $size"
	done
}

case $life in
1)
	ok "bound" give $dev fsdev
	# smaller than mkfs.xfs makes one otherwise
	TEST_DIR=y TEST_DEV=y QA_CHECK_FS=y mkfs.xfs -q -f -m rmapbt=1 $disk
	ok "mounted" mount -o dax=always $disk $mnt
	dax-file fill $mnt/file 0 $((4 * MIB)) 1
	dax-file fill $mnt/dirty 0 $((4 * MIB)) 3
	sync
	dax-file store $mnt/dirty 0 $((4 * MIB)) 2
	cat /sys/bus/dax/devices/$dev/mapping0/start >"$dir/start"
	next kexec-into now "$dir/vmlinuz" "$dir/initramfs" "$cmdline"
	;;
2)
	there "kexec from a mounted device"
	none_yet
	start pinned dax-file pin $mnt/file 0
	all_ready
	give $dev none &
	until dmesg | grep -q "unbind blocked: 1 pages still referenced"; do sleep 0.2; done
	next kexec-into now "$dir/vmlinuz" "$dir/initramfs" "$cmdline"
	;;
3)
	there "kexec while an unbind waits"
	filefrag -b4096 -e $mnt/file | awk '/^ *0:/ { gsub(/[.:]+/, " "); print $4 }' >"$dir/block"
	dax-file pattern 1 4096 | sha256sum >"$dir/sum"
	ok "the crash kernel is there" kexec-into crash "$dir/vmlinuz" "$dir/initramfs" "${cmdline/crashkernel=512M/} nr_cpus=1"
	next sh -c 'echo c >/proc/sysrq-trigger'
	;;
4)
	ok "after a panic: this is the crash kernel" test -e /proc/vmcore
	refused "after a panic: it has no DAX device there" test -e /sys/bus/dax/devices/$dev
	like "after a panic: the dump has the kernel's memory" "^0x" "$(dumped $((32 * MIB)))"
	is "after a panic: the dump has nothing of it" "" "$(dumped $(($(cat "$dir/start"))))"
	is "after a panic: the memory is as it was" "$(cat "$dir/sum")" \
		"$(kexec-into look $(($(cat "$dir/start") + $(cat "$dir/block") * 4096)) 4096 | sha256sum)"
	;;
esac
finish
