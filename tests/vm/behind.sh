#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --cpus 2 --soft-reserved 512M --append rcupdate.rcu_expedited=1 --append log_buf_len=4M
# An XFS that is smaller than its disk or partition: its holder is told of what fails in it, and of nothing behind it, where XFS of
# 6.1 and 6.12 would dereference NULL (upstream/xfs-notify-behind-file-system.md); nor of a removal behind it. In a partition, whole,
# after it has grown, and on a volume, which hears of nothing. The whole disk is in `grow` as well.
# shellcheck disable=SC2317,SC2086  # ok calls functions, and no path here has blanks
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/stack-lib.sh
. "$(dirname -- "$0")/stack-lib.sh"

dev=dax0.0 disk=/dev/fsdev0.0 node=/dev/dax0.0 mnt=/mnt/behind
mkdir -p $mnt
dmesg -n 1
modprobe -a fsdev xfs dm_mod

# one_partition: from MiB 2 to 222, beside those that the table has
one_partition() {
	partition 1 $((2 * 2048)) $((220 * 2048))
	printf '\x55\xaa' | dd of=$disk bs=1 seek=510 conv=notrunc,fsync 2>/dev/null
	blockdev --rereadpt $disk
}

# small DISK: an XFS of 160 MiB with four groups
small() {
	TEST_DIR=y TEST_DEV=y QA_CHECK_FS=y mkfs.xfs -q -f -m rmapbt=1,reflink=0 -d size=160m,agcount=4 "$1" &&
		mount -o dax=always "$1" $mnt
}

# fails MIB: the page at that place of the device
fails() {
	fsdev-node span $node inject $(($1 * MIB)) 4096 0
}

# told WHAT MIB: the file system hears of a page of its own metadata, and shuts down
told() {
	is "$1: a page of its metadata fails" "ok, 4096 bytes" "$(fails "$2")"
	refused "$1: it is told of that" touch $mnt/after
	umount $mnt
}

# bound: in fsdev mode, with nothing on the disk
bound() {
	give $dev fsdev && dd if=/dev/zero of=$disk bs=1M count=448 oflag=direct status=none && blockdev --rereadpt $disk
}

# removed WHAT: unbound under the mount, with the holder notified first
removed() {
	dmesg -C
	echo Y >/sys/module/fsdev/parameters/announce_first
	give $dev none
	echo N >/sys/module/fsdev/parameters/announce_first
	is "$1: unbound" none "$(driver_of $dev)"
	refused "$1: it has shut down" touch $mnt/after
	# 6.1 has no word for that
	[[ $(uname -r) == 6.1.* ]] || like "$1: it was told" "Device is about to be removed" "$(dmesg)"
	umount $mnt
}

ok "bound" bound
partition 2 $((230 * 2048)) $((200 * 2048))
one_partition
is "two partitions" "450560 409600" "$(blockdev --getsz ${disk}p1) $(blockdev --getsz ${disk}p2)"
ok "partition: XFS" small ${disk}p1
ok "partition: a file" dax-file fill $mnt/file 0 65536 1
is "partition: a page behind it fails" "ok, 4096 bytes" "$(fails 200)"
ok "partition: it goes on" touch $mnt/on
is "partition: a page of the other partition fails" "ok, 4096 bytes" "$(fails 300)"
is "partition: a page of none fails" "ok, 4096 bytes" "$(fails 225)"
ok "partition: it still goes on" touch $mnt/on
# a claim of the other partition leaves it as it is
ok "partition: the other one is claimed" mkfs.ext4 -q -F ${disk}p2
is "partition: another page behind it fails" "ok, 4096 bytes" "$(fails 201)"
ok "partition: and it goes on" touch $mnt/on
# from its last page to the first behind its partition
is "partition: pages from it to behind it" ok "$(fsdev-node span $node add-bad $((162 * MIB - 4096)) $((70 * MIB)) 0 | cut -d, -f1)"
ok "partition: it goes on after that" touch $mnt/on
dd if=/dev/zero of=$disk bs=1M seek=162 count=69 oflag=direct conv=notrunc status=none
ok "partition: xfs_growfs" xfs_growfs -d $mnt
# the superblock is written by then
xfs_freeze -f $mnt && xfs_freeze -u $mnt
# the fifth group begins there
told "partition, grown" 162

ok "bound anew" bound
one_partition
ok "partition: XFS" small ${disk}p1
told "partition" 2
ok "partition: overwritten" dd if=/dev/zero of=$disk bs=1M count=3 oflag=direct conv=notrunc
one_partition
ok "partition: XFS again" small ${disk}p1
removed "partition, removed"

ok "bound anew" bound
ok "whole: XFS" small $disk
is "whole: a page behind it fails" "ok, 4096 bytes" "$(fails 200)"
ok "whole: it goes on" touch $mnt/on
removed "whole, removed"

ok "bound anew" bound
ok "whole: XFS once more" small $disk
ok "whole: a partition is made behind it" blkpg 1 230 20
is "whole: the partition is opened" $((20 * 2048)) "$(blockdev --getsz ${disk}p1)"
is "whole: a page of the partition fails" "ok, 4096 bytes" "$(fails 235)"
ok "whole: it goes on beside it" touch $mnt/on
told "whole, beside a partition" 40
ok "whole: the partition goes" blkpg 2 0 0

ok "bound anew" bound
ok "leftover: a partition" blkpg 1 60 100
ok "leftover: an XFS on the disk itself" small $disk
is "leftover: the kernel still has the partition" $((100 * 2048)) "$(blockdev --getsz ${disk}p1)"
is "leftover: a page behind the XFS fails" "ok, 4096 bytes" "$(fails 200)"
ok "leftover: it goes on" touch $mnt/on
told "leftover: in front of the partition" 40
ok "leftover: the partition goes" blkpg 2 0 0

ok "bound anew" bound
ok "volume: made" dmsetup create behind --table "0 $((220 * 2048)) linear $disk 0"
ok "volume: XFS" small /dev/mapper/behind
is "volume: a page behind it fails" "ok, 4096 bytes" "$(fails 200)"
is "volume: a page of its metadata fails" "ok, 4096 bytes" "$(fails 40)"
ok "volume: it hears of neither" touch $mnt/on
umount $mnt
dmsetup remove behind
give $dev none
finish
