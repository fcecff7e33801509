#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --soft-reserved 512M --append preempt=full --append rcupdate.rcu_expedited=1
# The device goes while a page fault is under way: the kernel has the page's number and has not put the page into the file and the
# page table. The process that touches the file for the first time is held up just there. In the first cases it has little processor
# time (tests/kernel/late.c), so that it is preempted for most of a second, and the unbind has to end; in the others it sleeps
# (tests/kernel/gate.c) until the unbind has said that it waits. With file systems that the driver does not find by the disk or by a
# page: on device-mapper, EROFS with a blob device, one without a block device; and with XFS that has its real-time volume there.
# shellcheck disable=SC2317,SC2086  # cases are called by name, and no path here has blanks
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/kernel-lib.sh
. "$(dirname -- "$0")/kernel-lib.sh"

dev=dax10.0 disk=/dev/fsdev10.0 mapped=/dev/mapper/late mnt=/mnt/late
mkdir -p $mnt

# late TYPE MKFS...: a file system on device-mapper
late() {
	local type=$1 toucher

	shift
	is "bound" bound "$(bind $dev fsdev)"
	dmsetup create late --table "0 $(blockdev --getsz $disk) linear $disk 0"
	"$@" >/tmp/mkfs 2>&1 || cat /tmp/mkfs
	mount -t "$type" -o dax=always $mapped $mnt
	if [ "$type" != erofs ]; then
		dax-file fill $mnt/file 0 $((4 * MIB)) 3
		# from here on no page of the device names a file
		umount $mnt
		mount -t "$type" -o dax=always $mapped $mnt
	fi
	is "the file is mapped with DAX" yes "$(dax-file is-dax $mnt/file)"
	ok "a page fault will be held up" run late-watch fault
	rm -f /tmp/go
	ras-file late-touch $mnt/file /tmp/go >/tmp/touched 2>&1 &
	toucher=$!
	ok "it is, with the page's number" run late-wait
	unbind $dev
	is "the device is unbound meanwhile" none "$(driver_of $dev)"
	touch /tmp/go
	wait $toucher
	is "the page is taken away again" SIGBUS "$(tail -n 1 /tmp/touched)"
	run late-unwatch
	umount $mnt
	dmsetup remove late
}

after_case() {
	is "it can be bound again" bound "$(bind $dev fsdev)"
	unbind $dev
}

# waited FILE WHAT: the first page fault of the file sleeps, and the unbind waits for it and says for what
waited() {
	local toucher taker

	is "the file is mapped with DAX" yes "$(dax-file is-dax "$1")"
	rm -f /tmp/go
	mark_log
	ok "a page fault will be held up" run gate-sleep dax_insert_entry any
	ras-file late-touch "$1" /tmp/go >/tmp/touched 2>&1 &
	toucher=$!
	ok "it is, with the page's number" run gate-wait
	unbind $dev &
	taker=$!
	ok "the unbind waits for it" logged "fsdev $dev: unbind blocked: $2"
	ok "... and has not ended" kill -0 $taker
	is "no page has been mapped" "" "$(cat /tmp/touched)"
	run gate-open
	wait $taker
	is "the device is unbound after it" none "$(driver_of $dev)"
	touch /tmp/go
	wait $toucher
	is "the page is taken away again" SIGBUS "$(tail -n 1 /tmp/touched)"
	umount $mnt
}

# ordered HOW OFTEN: that the disk is deleted before its holder hears of it is said where it has one
ordered() {
	is "the order is said to a holder with the disk" "$1" "$(said $dev | grep -c "deleting the disk before its holder is notified")"
}

# logged PATTERN: waits until the log has that line since the mark
logged() {
	for _ in {1..100}; do
		! dmesg | tail -n +$((log_mark + 1)) | grep -qE "$1" || return 0
		sleep 0.1
	done
	return 1
}

case_ext4() {
	late ext4 mkfs.ext4 -q -F -b 4096 $mapped
}

case_xfs() {
	late xfs mkfs.xfs -q -f $mapped
}

case_erofs() {
	late erofs mkfs.erofs --quiet $mapped /tmp/tree
}

# The disk is held by the type of file system, so no superblock is found by it, and a fault has no lock but its entry's.
case_erofs_blob() {
	is "bound" bound "$(bind $dev fsdev)"
	is "the device of all but the data" bound "$(bind dax11.0 fsdev)"
	mkfs.erofs --quiet --chunksize=4096 --blobdev=$disk /dev/fsdev11.0 /tmp/tree >/tmp/mkfs 2>&1 || cat /tmp/mkfs
	ok "mount" mount -t erofs -o dax=always,device=$disk /dev/fsdev11.0 $mnt
	waited $mnt/file "a page fault in a file of erofs on .* is under way"
	ordered 0
	unbind dax11.0
}

# The superblock has another disk as its own. Where it is found nevertheless, from 6.5 on, its files are locked for each.
case_xfs_realtime() {
	local data

	is "bound" bound "$(bind $dev fsdev)"
	modprobe loop
	truncate -s 64M /dev/shm/data
	data=$(losetup -f --show /dev/shm/data)
	TEST_DIR=y TEST_DEV=y QA_CHECK_FS=y mkfs.xfs -q -f -m rmapbt=0,reflink=0 -d size=48m,rtinherit=1 -r rtdev=$disk "$data" >/tmp/mkfs 2>&1 ||
		cat /tmp/mkfs
	ok "mount" mount -t xfs -o dax=always,rtdev=$disk "$data" $mnt
	dax-file fill $mnt/file 0 $((4 * MIB)) 3
	umount $mnt
	mount -t xfs -o dax=always,rtdev=$disk "$data" $mnt
	waited $mnt/file "a (page fault in a )?file of xfs on .*"
	ordered 1
	losetup -d "$data"
}

# slotfs OPTION...: claims the device with fs_dax_get()
slotfs() {
	insmod "build/module/$(uname -r)/fs/slotfs.ko" "$@" || fail "slotfs.ko"
	is "bound" bound "$(bind $dev fsdev)"
	ok "mount" mount -t slotfs -o files=2 /dev/$dev $mnt
}

# It takes its mappings away itself as it is notified, and waits for the fault there.
case_direct_unmaps() {
	slotfs
	waited $mnt/file0 "a read, write or notice on a DAX device is under way"
	ordered 0
	rmmod slotfs
}

# It only marks itself, and the driver finds its fault.
case_direct_marks() {
	slotfs marks_only=1
	waited $mnt/file0 "a page fault in a file of slotfs on .* is under way"
	ordered 0
	rmmod slotfs
}

# on_to STEP: lets the removal go on until it begins that step
on_to() {
	until dmesg | tail -n +$((log_mark + 1)) | grep -q "removal step $1:"; do
		run gate-next && run gate-wait || return 1
	done
}

# A second claim waits for the device_lock that the unbind has, and has a reference meanwhile: that it gives up is not the first
# one's release.
case_claim_that_fails() {
	local taker second second_mnt=/mnt/second

	if ! grep -qw fs_dax_get /proc/kallsyms || grep -q ' fs_dax_get.*\[fsdev\]' /proc/kallsyms; then
		skip "a claim that fails" "this kernel has no fs_dax_get() of its own"
		return
	fi
	mkdir -p $second_mnt
	slotfs
	echo 'file removal.c +p' >/sys/kernel/debug/dynamic_debug/control
	mark_log
	ok "each step of the unbind is held up" run gate-sleep blocked_over any
	unbind $dev &
	taker=$!
	ok "the first one" run gate-wait
	ok "the DAX device is about to die" on_to 11
	mount -t slotfs -o files=2 /dev/$dev $second_mnt >/tmp/second 2>&1 &
	second=$!
	for _ in {1..100}; do
		! grep -q fs_dax_get "/proc/$second/stack" || break
		sleep 0.1
	done
	ok "a second claim waits" grep -q fs_dax_get "/proc/$second/stack"
	ok "the operations are off the bus" on_to 17
	sleep 3
	run gate-open
	wait $taker
	refused "the second claim" wait $second
	sleep 3
	echo 'file removal.c -p' >/sys/kernel/debug/dynamic_debug/control
	like "the first claim is in the way of a bind" "resource busy" "$(bind $dev fsdev)"
	umount $mnt
	rmmod slotfs
}

begin 10 11
make_dynamic 10 128 384
make_dynamic 11 0 128
ok "a device of memory sections, whose page structures go with it" shape $dev 128:384
ok "another one" shape dax11.0 0:128
mkdir -p /tmp/tree
dax-file pattern 7 $((4 * MIB)) >/tmp/tree/file
run_cases
