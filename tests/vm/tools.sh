#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# stack: --soft-reserved 640M
# Standard tools against the block device and files on it: fio with verification through every engine that fits, load with
# verification, the file systems' own checkers, and tools that probe or trim a disk.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"

dev=dax0.0 disk=/dev/fsdev0.0 mnt=/mnt/tools
mkdir -p $mnt
# where fio leaves its notes
cd /tmp || fail "/tmp"
shape $dev 0:256 384:192
give $dev fsdev || fail "fsdev"

# fio_on FILE SIZE NAME OPTIONS...
fio_on() {
	local file=$1 size=$2 name=$3

	shift 3
	ok "fio $name: writes at random and verifies" fio --output=/tmp/fio --name=job --filename="$file" --size="$size" --bs=4k \
		--rw=randwrite --verify=crc32c --verify_fatal=1 --do_verify=1 "$@"
}

# broken FILE ENGINE: fio notices a byte that another program has written
broken() {
	local job=(fio --output=/tmp/fio --name=job --filename="$1" --size=1m --bs=4k --rw=write --verify=crc32c --verify_fatal=1
		--ioengine="$2")

	"${job[@]}" --do_verify=0 >/dev/null 2>&1
	printf x | dd of="$1" bs=1 seek=500000 conv=notrunc,fsync 2>/dev/null
	refused "fio $2: does not pass over a byte that differs" "${job[@]}" --verify_only
}

# a part over the boundary between the ranges
fio_on $disk 4m "psync, block device, direct" --ioengine=psync --direct=1 --offset=254m
fio_on $disk 4m "libaio, block device, direct" --ioengine=libaio --iodepth=8 --direct=1 --offset=254m
fio_on $disk 4m "io_uring, block device" --ioengine=io_uring --iodepth=8 --offset=254m

mkfs.xfs -q -f -m rmapbt=1,reflink=1 $disk
mount -o dax=always $disk $mnt || fail "mount"
fio_on $mnt/psync 4m "psync" --ioengine=psync
fio_on $mnt/mmap 4m "mmap" --ioengine=mmap
fio_on $mnt/pmem 4m "libpmem" --ioengine=libpmem --direct=1
fio_on $mnt/threads 2m "psync, two jobs in one file" --ioengine=psync --numjobs=2 --offset_increment=2m
broken $mnt/mmap mmap
# what comes with Debian of the kind of fsx: operations on one file, checked against what it has to hold
ok "stress-ng: writes, allocation and mappings, verified" \
	stress-ng --temp-path $mnt --hdd 1 --hdd-bytes 4m --hdd-ops 20 --hdd-opts wr-rnd,rd-rnd,fsync \
	--fallocate 1 --fallocate-bytes 8m --fallocate-ops 5 \
	--mmap 1 --mmap-file --mmap-bytes 2m --mmap-ops 2 --verify -q
# this one goes on until it is told to stop
ok "stress-ng: holes punched by four at once" stress-ng --temp-path $mnt --fpunch 1 --fpunch-bytes 2m --verify -q --timeout 5
if grep -qs XFS_ONLINE_SCRUB=y "/boot/config-$(uname -r)" "/usr/lib/modules/$(uname -r)/config"; then
	ok "xfs_scrub finds nothing" xfs_scrub -n $mnt
else
	skip "xfs_scrub finds nothing" "this kernel has no online scrub"
fi
refused "fstrim, which memory does not know" fstrim $mnt
umount $mnt
ok "xfs_repair finds nothing" xfs_repair -n $disk

mkfs.ext4 -q -F -b 4096 $disk
mount -o dax=always $disk $mnt || fail "mount"
fio_on $mnt/psync 4m "psync on ext4" --ioengine=psync
fio_on $mnt/mmap 4m "mmap on ext4" --ioengine=mmap
fio_on $mnt/pmem 4m "libpmem on ext4" --ioengine=libpmem --direct=1
umount $mnt
ok "e2fsck finds nothing" e2fsck -fn $disk

# sum: of what is on the disk, as far as anything is
sum() { sha256sum < <(dd if=$disk bs=1M count=160 iflag=direct 2>/dev/null) && blockdev --getsize64 $disk; }
before=$(sum)
smartctl -a $disk >/tmp/smartctl 2>&1
like "smartctl says that it cannot" "Unable to detect device type|INQUIRY failed|not supported|Inappropriate ioctl" "$(cat /tmp/smartctl)"
like "blkid knows the file system" 'TYPE="ext4"' "$(blkid -p $disk)"
# the file system's type would come from udev
like "lsblk lists it, with its size" "^fsdev0.0 +disk +448M$" "$(lsblk -dn -o NAME,TYPE,SIZE $disk)"
like "lsblk knows that it does DAX, and cannot discard" "^1 +0B$" "$(lsblk -dn -o DAX,DISC-MAX $disk)"
ok "partx finds no partition" sh -c "! partx -s $disk 2>/dev/null | grep -q ."
ok "wipefs lists" wipefs $disk
refused "blkdiscard" blkdiscard -f $disk
refused "blkdiscard --secure" blkdiscard -f -s $disk
is "after all of them every byte is as before" "$before" "$(sum)"
ok "blkdiscard --zeroout" blkdiscard -f -z -o 0 -l $((8 * MIB)) $disk
is "which makes zeros" "$(head -c $((8 * MIB)) /dev/zero | sha256sum)" "$(head -c $((8 * MIB)) $disk | sha256sum)"
finish
