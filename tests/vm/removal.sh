#!/usr/bin/env bash
# lab: --soft-reserved 1G
# Unbinding under a mounted file system with a process that has a file mapped: the process loses the mapping by SIGBUS, the
# kernel stays whole, and the device can be bound again with what fsync had acknowledged still there.
. "$(dirname -- "$0")/lib.sh"
. "$(dirname -- "$0")/tap.sh"

dev=dax0.0 disk=/dev/fsdev0.0 mnt=/mnt/removal
mkdir -p $mnt
shape $dev 0:400 512:200
give $dev fsdev

# under TYPE MKFS...: the scenario for one file system
under() {
	local type=$1 pid

	shift
	"$@" $disk >/tmp/mkfs 2>&1 || cat /tmp/mkfs
	ok "$type: mount" mount -o dax=always $disk $mnt
	dax-file fill $mnt/file 0 $((4 * MIB)) 3
	sync
	dax-file fill $mnt/held 0 $((4 * MIB)) 4
	dax-file hold $mnt/held >/tmp/hold 2>&1 &
	pid=$!
	until grep -q ready /tmp/hold; do sleep 0.1; done
	is "$type: the file is mapped with DAX" yes "$(dax-file is-dax $mnt/held)"
	ok "$type: unbind" give $dev none
	wait $pid
	like "$type: the process that had it mapped is told" "SIGBUS BUS_ADRERR" "$(cat /tmp/hold)"
	refused "$type: a new mapping finds nothing" dax-file verify $mnt/file 0 4096 3
	ok "$type: unmount" umount $mnt
	ok "$type: bind again" give $dev fsdev
	ok "$type: mount again" mount -o dax=always $disk $mnt
	is "$type: the data is there" "1024 good, 0 wrong, 0 lost" "$(dax-file verify $mnt/file 0 $((4 * MIB)) 3)"
	is "$type: and what the process had" "1024 good, 0 wrong, 0 lost" \
		"$(dax-file verify $mnt/held 0 $((4 * MIB)) 4)"
	umount $mnt
}

under xfs mkfs.xfs -q -f -m rmapbt=1,reflink=0
under ext4 mkfs.ext4 -q -F -b 4096
finish
