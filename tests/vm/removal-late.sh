#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --soft-reserved 512M --append preempt=full --append rcupdate.rcu_expedited=1
# The device goes while a page fault is under way: the kernel has the page's number and has not put the page into the file and the
# page table. Who touches the file for the first time runs with little processor time and is held up just there
# (tests/kernel/late.c), for most of a second; meanwhile the device is unbound. With file systems that the driver does not find by
# the disk or by a page: those on device-mapper.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/kernel-lib.sh
. "$(dirname -- "$0")/kernel-lib.sh"

disk=/dev/fsdev10.0 mapped=/dev/mapper/late mnt=/mnt/late
mkdir -p $mnt

# late TYPE MKFS...: a file system on device-mapper
late() {
	local type=$1 toucher

	shift
	is "$type: bound" bound "$(bind dax10.0 fsdev)"
	dmsetup create late --table "0 $(blockdev --getsz $disk) linear $disk 0"
	"$@" >/tmp/mkfs 2>&1 || cat /tmp/mkfs
	mount -t "$type" -o dax=always $mapped $mnt
	if [ "$type" != erofs ]; then
		dax-file fill $mnt/file 0 $((4 * MIB)) 3
		# from here on no page of the device names a file
		umount $mnt
		mount -t "$type" -o dax=always $mapped $mnt
	fi
	is "$type: the file is mapped with DAX" yes "$(dax-file is-dax $mnt/file)"
	ok "$type: a page fault will be held up" run late-watch fault
	rm -f /tmp/go
	ras-file late-touch $mnt/file /tmp/go >/tmp/touched 2>&1 &
	toucher=$!
	ok "$type: it is, with the page's number" run late-wait
	unbind dax10.0
	is "$type: the device is unbound meanwhile" none "$(driver_of dax10.0)"
	touch /tmp/go
	wait $toucher
	is "$type: the page is taken away again" SIGBUS "$(tail -n 1 /tmp/touched)"
	run late-unwatch
	umount $mnt
	dmsetup remove late
}

begin 10
make_dynamic 10 0 512
ok "a device of memory sections, whose page structures go with it" shape dax10.0 128:384
mkdir -p /tmp/tree
dax-file pattern 7 $((4 * MIB)) >/tmp/tree/file
late ext4 mkfs.ext4 -q -F -b 4096 $mapped
late xfs mkfs.xfs -q -f $mapped
late erofs mkfs.erofs --quiet $mapped /tmp/tree
is "it can be bound again" bound "$(bind dax10.0 fsdev)"
unbind dax10.0
finish
