#!/usr/bin/env bash
# lab: --cpus 1 --soft-reserved 512M
# A device goes to the kernel's memory driver and comes back: as ordinary memory, off line again, and under fsdev with a
# file system, several times.
. "$(dirname -- "$0")/lib.sh"
. "$(dirname -- "$0")/tap.sh"

dev=dax0.0 disk=/dev/fsdev0.0 mnt=/mnt/kmem
mkdir -p $mnt
echo offline >/sys/devices/system/memory/auto_online_blocks
for round in 1 2; do
	ok "$round: to fsdev" give $dev fsdev
	mkfs.xfs -q -f -m rmapbt=1,reflink=0 $disk
	ok "$round: a file system on it" mount -o dax=always $disk $mnt
	dax-file fill $mnt/file 0 $((2 * MIB)) 1
	is "$round: with data" "512 good, 0 wrong, 0 lost" "$(dax-file verify $mnt/file 0 $((2 * MIB)) 1)"
	umount $mnt
	ok "$round: to kmem" give $dev kmem
	before=$(awk '/^MemTotal/ { print $2 }' /proc/meminfo)
	for block in /sys/devices/system/memory/memory*; do
		[ "$(cat "$block/state")" = online ] || echo online_movable >"$block/state"
	done
	after=$(awk '/^MemTotal/ { print $2 }' /proc/meminfo)
	ok "$round: which has made it memory" test $((after - before)) -gt $((256 << 10))
	for block in /sys/devices/system/memory/memory*; do
		[ "$(cat "$block/valid_zones")" != Movable ] || echo offline >"$block/state"
	done
	ok "$round: and back off line" give $dev none
done
finish
