#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --soft-reserved 128M --soft-reserved 128M
# A binding that has ended stays ended: what was on the device then, mounted, mapped or open, does not reach the memory of its
# next user, whichever driver that has. (What stands on it: scenario rebind-above. An owner of /dev/daxX.Y: chardev, owner, fs.)
# shellcheck disable=SC2086,SC2154  # lists; what the library sets
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/removal-lib.sh
. "$(dirname -- "$0")/removal-lib.sh"
# shellcheck source=tests/vm/stack-lib.sh
. "$(dirname -- "$0")/stack-lib.sh"
# shellcheck source=tests/vm/rebind-lib.sh
. "$(dirname -- "$0")/rebind-lib.sh"

plain() {
	mounted "$1"
	keep late $file w
	ended "${@:2}"
	let_go
	umount $mnt
}

mapper() {
	local vol=/dev/mapper/old

	begin "$1 on device-mapper"
	dmsetup create old --table "0 $((size / 512)) linear $disk 0"
	case $1 in
	ext4) small_ext4 $vol ;;
	XFS) small_xfs $vol ;;
	esac
	mounted "" $vol
	keep late $file w
	ended "${@:2}"
	let_go
	umount $mnt
	dmsetup remove --retry old
}

partitioned() {
	begin "XFS on a partition"
	partition 1 4096 $((size / 512 - 4096))
	printf '\x55\xaa' | dd of=$disk bs=1 seek=510 conv=notrunc,fsync status=none
	blockdev --rereadpt $disk
	there ${disk}p1
	TEST_DIR=y TEST_DEV=y QA_CHECK_FS=y mkfs.xfs -q -f -m rmapbt=1,reflink=0 ${disk}p1
	mounted xfs ${disk}p1
	keep late $file w
	told=${disk##*/}p1
	ended $others
	let_go
	umount $mnt
}

erofs() {
	begin EROFS
	mkdir -p /tmp/tree
	dax-file pattern 7 $MIB >/tmp/tree/file
	mkfs.erofs --quiet $disk /tmp/tree >/tmp/mkfs 2>&1 || cat /tmp/mkfs
	mounted erofs
	keep late $file r
	ended $every
	let_go
	umount $mnt
}

# XFS that has only the data of its files on the device
realtime() {
	local data

	xfs_does_realtime || { skip "XFS real-time" "needs an XFS with real-time volumes"; return; }
	begin "XFS real-time"
	modprobe loop
	truncate -s 64M /dev/shm/data
	data=$(losetup -f --show /dev/shm/data)
	small_xfs -m rmapbt=0,reflink=0 -d rtinherit=1 -r rtdev=$disk,size=$size "$data" || fail "$what: mkfs"
	mounted "xfs -o rtdev=$disk" "$data"
	keep late $file w
	ended $others
	let_go
	umount $mnt
	losetup -d "$data"
}

# EROFS with the data of its files on the device, and all else on another
blob() {
	begin "EROFS blob"
	give dax1.0 fsdev
	mkdir -p /tmp/tree
	dax-file pattern 7 $MIB >/tmp/tree/file
	mkfs.erofs --quiet --chunksize=4096 --blobdev=$disk /dev/fsdev1.0 /tmp/tree >/tmp/mkfs 2>&1 || cat /tmp/mkfs
	mounted "erofs -o device=$disk" /dev/fsdev1.0
	keep late $file r
	ended $others
	let_go
	umount $mnt
	give dax1.0 none
}

rebind_start
begin ext4
small_ext4 $disk
plain ext4 $every
begin "XFS with rmapbt"
small_xfs -m rmapbt=1,reflink=0 $disk
plain xfs $others
begin "XFS without rmapbt"
small_xfs -m rmapbt=0,reflink=1 $disk
plain xfs $every
partitioned
realtime
blob
erofs
mapper ext4 $others
mapper XFS $every
finish
