#!/usr/bin/env bash
# lab: --soft-reserved 640M
# Standard tools against the block device and files on it: fio with verification through every engine that fits, load with
# verification, the file systems' own checkers, and tools that probe or trim a disk.
. "$(dirname -- "$0")/lib.sh"
. "$(dirname -- "$0")/tap.sh"

dev=dax0.0 disk=/dev/fsdev0.0 mnt=/mnt/tools
mkdir -p $mnt
shape $dev 0:256 384:192
give $dev fsdev

# fio_on FILE SIZE NAME OPTIONS...
fio_on() {
	local file=$1 size=$2 name=$3

	shift 3
	ok "fio $name: writes at random and verifies" fio --output=/tmp/fio --name=job --filename="$file" --size="$size" --bs=4k \
		--rw=randwrite --verify=crc32c --verify_fatal=1 --do_verify=1 "$@"
}

# a stretch over the boundary between the ranges
fio_on $disk 4m "psync, block device, direct" --ioengine=psync --direct=1 --offset=254m
fio_on $disk 4m "libaio, block device, direct" --ioengine=libaio --iodepth=8 --direct=1 --offset=254m
fio_on $disk 4m "io_uring, block device" --ioengine=io_uring --iodepth=8 --offset=254m

mkfs.xfs -q -f -m rmapbt=1,reflink=0 $disk
mount -o dax=always $disk $mnt || fail "mount"
fio_on $mnt/psync 4m "psync" --ioengine=psync
fio_on $mnt/mmap 4m "mmap" --ioengine=mmap
fio_on $mnt/pmem 4m "libpmem" --ioengine=libpmem --direct=1
fio_on $mnt/threads 4m "psync, two jobs in one file" --ioengine=psync --numjobs=2 --offset_increment=4m
ok "stress-ng: files with holes, mappings and appends, verified" \
	stress-ng --temp-path $mnt --hdd 1 --hdd-bytes 4m --hdd-ops 40 --hdd-opts wr-rnd,rd-rnd,fsync \
	--fallocate 1 --fallocate-bytes 8m --fallocate-ops 20 --fpunch 1 --fpunch-ops 5 --mmap 1 --mmap-file --mmap-bytes 2m --mmap-ops 5 \
	--verify --timeout 120 -q
if grep -qs XFS_ONLINE_SCRUB=y "/boot/config-$(uname -r)" "/usr/lib/modules/$(uname -r)/config"; then
	ok "xfs_scrub finds nothing" xfs_scrub -n $mnt
else
	skip "xfs_scrub" "this kernel has no online scrub"
fi
refused "fstrim, which memory does not know" fstrim $mnt
umount $mnt
ok "xfs_repair finds nothing" xfs_repair -n $disk

mkfs.ext4 -q -F -b 4096 $disk
mount -o dax=always $disk $mnt
fio_on $mnt/mmap 4m "mmap on ext4" --ioengine=mmap
fio_on $mnt/pmem 4m "libpmem on ext4" --ioengine=libpmem --direct=1
umount $mnt
ok "e2fsck finds nothing" e2fsck -fn $disk

sum() { head -c $((64 * MIB)) $disk | sha256sum; }
before=$(sum)
smartctl -a $disk >/tmp/smartctl 2>&1
ok "smartctl: says that it cannot, and that is all" test -s /tmp/smartctl
ok "blkid and lsblk know the file system" sh -c "blkid -p $disk && lsblk -f $disk | grep ext4"
refused "blkdiscard" blkdiscard -f $disk
refused "blkdiscard --secure" blkdiscard -f -s $disk
is "after all of them every byte is as before" "$before" "$(sum)"
ok "blkdiscard --zeroout" blkdiscard -f -z -o 0 -l $((8 * MIB)) $disk
is "which makes zeros" "$(head -c $((8 * MIB)) /dev/zero | sha256sum)" "$(head -c $((8 * MIB)) $disk | sha256sum)"
finish
