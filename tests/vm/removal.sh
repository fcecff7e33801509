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
	local type=$1 reader writer

	shift
	"$@" $disk >/tmp/mkfs 2>&1 || cat /tmp/mkfs
	ok "$type: mount" mount -o dax=always $disk $mnt
	dax-file fill $mnt/file 0 $((4 * MIB)) 3
	sync
	dax-file fill $mnt/held 0 $((4 * MIB)) 4
	dax-file fill $mnt/dirty 0 $((4 * MIB)) 5
	is "$type: the file is mapped with DAX" yes "$(dax-file is-dax $mnt/held)"
	dax-file hold $mnt/held >/tmp/reader 2>&1 &
	reader=$!
	dax-file hold-write $mnt/dirty >/tmp/writer 2>&1 &
	writer=$!
	until grep -q ready /tmp/reader && grep -q ready /tmp/writer; do sleep 0.1; done
	ok "$type: unbind" give $dev none
	# they go over their pages all the time, so they have met the revocation by now, or never will
	for _ in {1..50}; do
		kill -0 $reader 2>/dev/null || kill -0 $writer 2>/dev/null || break
		sleep 0.1
	done
	kill -9 $reader $writer 2>/dev/null
	like "$type: the process that reads its mapping is told" "SIGBUS BUS_ADRERR" "$(cat /tmp/reader)"
	like "$type: the process that writes its mapping is told" "SIGBUS BUS_ADRERR" "$(cat /tmp/writer)"
	refused "$type: a new mapping finds nothing" dax-file verify $mnt/file 0 4096 3
	ok "$type: unmount" umount $mnt
	ok "$type: bind again" give $dev fsdev
	ok "$type: mount again" mount -o dax=always $disk $mnt
	is "$type: the data is there" "1024 good, 0 wrong, 0 lost" "$(dax-file verify $mnt/file 0 $((4 * MIB)) 3)"
	is "$type: and what the process had" "1024 good, 0 wrong, 0 lost" \
		"$(dax-file verify $mnt/held 0 $((4 * MIB)) 4)"
	is "$type: and what one wrote meanwhile" "1024 good, 0 wrong, 0 lost" \
		"$(dax-file verify $mnt/dirty 0 $((4 * MIB)) 5)"
	umount $mnt
}

under xfs mkfs.xfs -q -f -m rmapbt=1,reflink=0
under ext4 mkfs.ext4 -q -F -b 4096
finish
