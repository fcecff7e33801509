#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --cpus 2 --soft-reserved 512M --pmem 384M
# kernels: 6.12 7 (6.1 refuses deduplication of DAX files)
# A deduplication that another disk blocks, in the middle of the kernel's preparation that fsdev has hooked, delays neither the
# unbind of the last device that is clamped nor the next mount; only the module waits for it. The hook stays after that unbind, and does
# nothing.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/kernel-lib.sh
. "$(dirname -- "$0")/kernel-lib.sh"
# shellcheck source=tests/vm/stack-lib.sh
. "$(dirname -- "$0")/stack-lib.sh"

dev=dax10.0 disk=/dev/fsdev10.0 mnt=/mnt/clamped other=/mnt/other
mkdir -p $mnt $other

# there_is FUNCTION PID: the task is blocked inside it
# shellcheck disable=SC2317  # ok calls it
there_is() {
	grep -q "$1" "/proc/$2/stack"
}

# within COMMAND...: it comes true in less than a minute
# shellcheck disable=SC2317  # ok calls it
within() {
	for _ in {1..600}; do
		! "$@" || return 0
		sleep 0.1
	done
	return 1
}

# shellcheck disable=SC2317  # ok calls it
gone() {
	! kill -0 "$1" 2>/dev/null
}

# shellcheck disable=SC2317  # ok calls it
log_has() {
	dmesg | grep -qF "$1"
}

# another disk's files, with more extents than an inode has room for
fragments() {
	local n

	for ((n = 0; n < 200; n++)); do printf 'pwrite -q -S %d %d 4096\n' $((n + 1)) $((n * 8192)); done | xfs_io -f "$1"
}

# prepared: how many clones and deduplications have gone through the hook
prepared() {
	awk '$1 == "prepared" { print $2 }' /sys/kernel/tracing/kprobe_profile
}

begin 10
pmem=/dev/$(basename "$(ls -d /sys/bus/nd/devices/namespace*.0/block/*)")
dmsetup create slow --table "0 $(blockdev --getsz "$pmem") linear $pmem 0"

# Entries of 2 MiB of shared blocks, of another driver's device, from before anything is clamped. 7.x warns of them by itself:
# upstream/dax-cow-under-2m.md
if kernel_is 6.12; then
	mkfs.xfs -q -f -m reflink=1,rmapbt=1 -d su=2m,sw=1,agcount=2 -l size=64m,agnum=0 /dev/mapper/slow
	mount -o dax=always /dev/mapper/slow $other
	xfs_io -f -c 'extsize 2m' $other/from
	dax-file fill $other/from 0 $((4 * MIB)) 1
	cp --reflink=always $other/from $other/to
	huge "from before: shared, by 2 MiB" "2 mapped, 0 split" $other/to $((4 * MIB)) r
fi

make_dynamic 10 0 448
ok "a device" shape $dev 0:440
is "bound" bound "$(bind $dev fsdev)"
mkfs.xfs -q -f -m reflink=1,rmapbt=1 -d agcount=2 -l size=64m,agnum=0 $disk
ok "a file system that is clamped" mount -o dax=always $disk $mnt
if kernel_is 6.12; then
	ok "from before: read by pages" xfs_io -r -c "mmap -r 4096 8192" -c "mread 4096 8192" $other/to
	refused "from before: a store" xfs_io -c "mmap 4096 4096" -c "mwrite 4096 4096" $other/to
	ok "from before: the log" log_has "access refused: copy-on-write of a page whose file has a 2 MiB entry there"
	for file in from to; do
		is "from before: $file" "1024 good, 0 wrong, 0 lost" "$(dax-file verify $other/$file 0 $((4 * MIB)) 1 | tail -n 1)"
	done
	rm $other/from $other/to
	ok "from before: the inodes go" eval 'sync && echo 3 >/proc/sys/vm/drop_caches'
	umount $other
fi
mkfs.xfs -q -f -m reflink=1,rmapbt=1 -d agcount=2 -l size=64m,agnum=0 /dev/mapper/slow
mount -o dax=always /dev/mapper/slow $other || fail "no DAX on $pmem"
fragments $other/one
fragments $other/two
umount $other
ok "another disk's" mount -o dax=always /dev/mapper/slow $other
echo 'p:prepared fsdev:remap_prep' >/sys/kernel/tracing/kprobe_events
echo 1 >/sys/kernel/tracing/events/kprobes/prepared/enable
ok "its clone" cp --reflink=always $other/one $other/clone
is "its clone goes through the hook" 1 "$(prepared)"
umount $mnt
unbind $dev
ok "its clone, with no device" cp --reflink=always $other/one $other/clone2
is "its clone, with no device, does not" 1 "$(prepared)"
echo 0 >/sys/kernel/tracing/events/kprobes/prepared/enable
echo -:prepared >/sys/kernel/tracing/kprobe_events
is "bound again" bound "$(bind $dev fsdev)"
ok "a file system that is clamped again" mount -o dax=always $disk $mnt
# the inodes are in core, where their extents lie is not
exec 5<>$other/one 6<>$other/two
ok "the other disk stands still" dmsetup suspend --nolockfs --noflush slow
xfs_io -c "dedupe $other/one 0 0 1634304" $other/two >/tmp/dedupe 2>&1 &
deduper=$!
ok "a deduplication is blocked in the hook" within there_is remap_prep $deduper
ok "unmount" umount $mnt
unbind $dev &
unbinder=$!
ok "the unbind ends" within gone $unbinder
is "and is done" none "$(driver_of $dev)"
is "bound again" bound "$(bind $dev fsdev)"
mount -o dax=always $disk $mnt &
mounter=$!
ok "a file system that needs clamping comes up" within mountpoint -q $mnt
wait $mounter
ok "the deduplication is blocked as before" there_is remap_prep $deduper
umount $mnt
is "unbound" none "$(give $dev none && driver_of $dev)"
rmmod fsdev_test
rmmod fsdev &
remover=$!
ok "unloading the module waits for it" within there_is fsdev_exit $remover
ok "and says so" within log_has "unloading blocked: a clone or deduplication of a DAX file is under way"
ok "the other disk goes on" dmsetup resume slow
ok "the deduplication ends" within gone $deduper
like "and is done" "deduped 1634304/1634304" "$(cat /tmp/dedupe)"
wait $remover
is "the module is unloaded" 0 $?
exec 5<&- 6<&-
umount $other
dmsetup remove slow
finish
