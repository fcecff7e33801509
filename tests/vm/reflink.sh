#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --cpus 2 --soft-reserved 512M --append log_buf_len=4M
# Files that share blocks, where memory ends: unsharing, deduplication, writes and faults that copy, with source and
# destination across the ends of ranges and over poison. Another device fills the holes between the ranges; not one byte of it
# may change, or come up in a file.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/kernel-lib.sh
. "$(dirname -- "$0")/kernel-lib.sh"
# shellcheck source=tests/vm/stack-lib.sh
. "$(dirname -- "$0")/stack-lib.sh"
# shellcheck source=tests/vm/reflink-lib.sh
. "$(dirname -- "$0")/reflink-lib.sh"

# poison PAGE...: device pages that cannot be read any more, and that the driver knows of
poison() {
	local page

	for page; do
		fsdev-node span $node add-bad $((page * 4096)) 4096 0 >/dev/null
		run hide 10 "$page"
	done
}

# page_of FILE OFFSET: which page of the device
page_of() {
	echo $(($(at "$1" "$2") / 4096))
}

# Sources with a poisoned page first, in the middle, last.
poisoned_sources() {
	local from=$mnt/from to=$mnt/to page where len=$((64 * 4096)) data

	for where in 0 31 63; do
		dax-file fill $from 0 $len $((seed += 1))
		data=$seed
		cp --reflink=always $from $to
		cp --reflink=never $from $mnt/copy
		sync
		page=$(page_of $from $((where * 4096)))
		poison "$page"
		like "poison in page $where: unshare" "Input/output error" "$(xfs_io -c "funshare 0 $len" $to 2>&1)"
		if [ "$dedupes" ]; then
			like "poison in page $where: dedupe" "Input/output error" \
				"$(xfs_io -c "dedupe $from 0 0 $len" $mnt/copy 2>&1)"
		fi
		refused "poison in page $where: a write that needs the rest of the page" \
			xfs_io -c "pwrite -q $((where * 4096 + 100)) 50" $to
		dax-file pattern 96 $len >/dev/shm/new
		ok "poison in page $where: a write over all" dd if=/dev/shm/new of=$to bs=$len conv=notrunc status=none
		is "poison in page $where: what it wrote" "64 good, 0 wrong, 0 lost" "$(dax-file verify $to 0 $len 96 | tail -n 1)"
		is "poison in page $where: the copy" "64 good, 0 wrong, 0 lost" \
			"$(dax-file verify $mnt/copy 0 $len $data | tail -n 1)"
		ok "poison in page $where: the source is overwritten" \
			dd if=/dev/shm/new of=$from bs=4096 conv=notrunc status=none
		is "poison in page $where: and repaired" "64 good, 0 wrong, 0 lost" \
			"$(dax-file verify $from 0 $len 96 | tail -n 1)"
		rm $from $to $mnt/copy
		fsdev-node span $node clear $((page * 4096)) 4096 1 >/dev/null
	done
}

# Copies that would go to a poisoned page: the blocks are free, so that XFS does not know.
poisoned_room() {
	local from=$mnt/from to=$mnt/to page data n

	xfs_io -f -c "falloc 0 $LEN" $mnt/room
	fill_file $from
	data=$seed
	cp --reflink=always $from $to
	page=$(page_of $mnt/room 0)
	# nothing else is free
	for n in 64m 16m 4m 1m 128k 16k; do
		while xfs_io -f -c "falloc 0 $n" $mnt/all$((++page_count)) 2>/dev/null; do :; done
	done
	rm $mnt/room
	sync
	for ((n = 0; n < LEN / 4096; n += 100)); do poison $((page + n)); done
	dax-file pattern 95 $LEN >/dev/shm/new
	for ((n = 0; n < 8; n++)); do
		dd if=/dev/shm/new of=$to bs=64k count=1 seek=$n conv=notrunc status=none 2>/dev/null
		xfs_io -c "funshare $((2 * MIB + n * 65536)) 65536" $to >/dev/null 2>&1
		xfs_io -c "mmap $((4 * MIB + n * 65536)) 65536" -c "mwrite $((4 * MIB + n * 65536)) 65536" $to >/dev/null 2>&1
	done
	whole "poison in free pages: the source" $from $data
	untouched "poison in free pages"
	rm -f $from $to $mnt/all*
	fsdev-node span $node clear 0 $(($(blockdev --getsize64 $disk))) 1 >/dev/null
}

# 2 MiB entries and copies of 4 KiB: upstream/dax-cow-under-2m.md
huge_entries() {
	local from=$mnt/from to=$mnt/to data

	xfs_io -f -c 'extsize 2m' $from
	dax-file fill $from 0 $((8 * MIB)) $((seed += 1))
	data=$seed
	# 6.1 does not say which blocks are shared where they are read only
	if [ "$dedupes" ]; then huge "2 MiB: alone, read" "4 mapped, 0 split" $from $((8 * MIB)) r; fi
	cp --reflink=always $from $to
	huge "2 MiB: shared, the clone" "0 mapped, 4 split" $to $((8 * MIB)) r
	# the source had entries of 2 MiB from before
	dax-file fill $from 0 8192 92
	dax-file fill $to $((2 * MIB)) 8192 91
	huge "2 MiB: shared, the source written" "0 mapped, 4 split" $from $((8 * MIB)) w
	is "2 MiB: the source's other pages" "1534 good, 0 wrong, 0 lost" \
		"$(dax-file verify $from 8192 $((6 * MIB - 8192)) $data | tail -n 1)"
	is "2 MiB: the clone" "512 good, 0 wrong, 0 lost" "$(dax-file verify $to 0 $((2 * MIB)) $data | tail -n 1)"
	is "2 MiB: what the clone wrote" "2 good, 0 wrong, 0 lost" "$(dax-file verify $to $((2 * MIB)) 8192 91 | tail -n 1)"
	# read with 2 MiB, then cloned, then a copy by deduplication
	rm $from $to
	ok "2 MiB: the inodes go" eval 'sync && echo 3 >/proc/sys/vm/drop_caches'
}

# Where mappings cannot be clamped, a file system that may share blocks does not come up.
refusal() {
	local before

	run remap-taken || fail "cannot take the function"
	mkfs.xfs -q -f -m rmapbt=1,reflink=1 -l size=64m $disk
	before=$(sha256sum $disk)
	refused "refusal: XFS that shares blocks" mount -o dax=always $disk $mnt
	like "refusal: the log says why, and what to do" "fsdev $dev: mount.*refused.*mkfs.xfs -m reflink=0" \
		"$(dmesg | tail -n 20)"
	is "refusal: nothing was written" "$before" "$(sha256sum $disk)"
	refused "refusal: device-mapper" dmsetup create vol --table "0 65536 linear $disk 0"
	mkfs.xfs -q -f -m rmapbt=1,reflink=0 -l size=64m $disk
	ok "refusal: XFS that does not" mount -o dax=always $disk $mnt
	umount $mnt
	mkfs.ext4 -q -F -b 4096 $disk
	ok "refusal: ext4" mount -o dax=always $disk $mnt
	umount $mnt
	run remap-free
}

# What is only in the page cache yet is what will be mounted.
unwritten_back() {
	local image=/dev/shm/image

	mkfs.xfs -q -f -m rmapbt=1,reflink=1 -d agcount=2 -l size=64m,agnum=0 $disk
	dd if=$disk of=$image bs=4k count=1 status=none
	mkfs.ext4 -q -F -b 4096 /dev/shm/other 64m
	dd if=/dev/shm/other of=$disk bs=4k count=1 oflag=direct conv=notrunc status=none
	refused "page cache: not clamped before" clamped
	# as long as it is open nothing writes it back
	exec 5<$disk
	dd if=$image of=$disk bs=4k count=1 conv=notrunc status=none
	ok "page cache: mount" mount -t xfs -o dax=always $disk $mnt
	ok "page cache: clamped" clamped
	umount $mnt
	exec 5<&-
	rm $image /dev/shm/other
}

many_ranges
refusal
unwritten_back
fresh disk $disk
copies disk
poisoned_sources
poisoned_room
umount $mnt
fresh "2 MiB" $disk -d su=2m,sw=1
huge_entries
ok "2 MiB: unmount" umount $mnt
untouched end
finish
