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

# refusals: what the log says since the mark of accesses that were refused
refusals() {
	dmesg | tail -n +$((log_mark + 1)) | grep -F 'access refused'
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
		mark_log
		refused "poison in page $where: a store that needs the rest of the page" \
			xfs_io -c "mmap 0 $len" -c "mwrite $((where * 4096 + 100)) 50" $to
		like "poison in page $where: the log says why" "access refused: copy-on-write from a poisoned page" "$(refusals)"
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

# A poisoned page that is overwritten whole, and where the source's extent ends; the destination's goes on, and the write with it.
bounded_source() {
	local from=$mnt/from to=$mnt/to n page bytes=$((3 * 4096 + 1000))

	dax-file pattern 88 $((16 * 4096)) >/dev/shm/data
	for ((n = 0; n < 16; n++)); do
		for file in $from $mnt/between; do
			dd if=/dev/shm/data of="$file" bs=4096 count=1 skip=$n seek=$n conv=notrunc status=none
		done
	done
	is "extent of one page: it is" 0 "$(filefrag -b4096 -e $from | awk '$1 == "0:" { gsub(/[.:]+/, " "); print $3 }')"
	cp --reflink=always $from $to
	page=$(page_of $from 0)
	poison "$page"
	dax-file pattern 87 $((4 * 4096)) >/dev/shm/new
	{ head -c $bytes /dev/shm/new; tail -c +$((bytes + 1)) /dev/shm/data; } >/dev/shm/want
	ok "extent of one page: a write over it and more" xfs_io -c "pwrite -q -b $bytes -i /dev/shm/new 0 $bytes" $to
	ok "extent of one page: the file" cmp /dev/shm/want $to
	rm $from $to $mnt/between
	fsdev-node span $node clear $((page * 4096)) 4096 1 >/dev/null
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
	# some in each piece of 64 KiB
	for ((n = 0; n < LEN / 4096; n += 15)); do poison $((page + n)); done
	dax-file pattern 95 $LEN >/dev/shm/new
	mark_log
	for ((n = 0; n < 8; n++)); do
		dd if=/dev/shm/new of=$to bs=64k count=1 seek=$n conv=notrunc status=none 2>/dev/null
		xfs_io -c "funshare $((2 * MIB + n * 65536)) 65536" $to >/dev/null 2>&1
		xfs_io -c "mmap $((4 * MIB + n * 65536)) 65536" -c "mwrite $((4 * MIB + n * 65536)) 65536" $to >/dev/null 2>&1
	done
	like "poison in free pages: the log says why" "access refused: copy-on-write onto a poisoned page: clear it with fsdevctl repair" \
		"$(refusals)"
	whole "poison in free pages: the source" $from $data
	untouched "poison in free pages"
	rm -f $from $to $mnt/all*
	fsdev-node span $node clear 0 $(($(blockdev --getsize64 $disk))) 1 >/dev/null
}

# ready_sectors: what XFS has made ready for copy-on-write
ready_sectors() {
	xfs_io -c fsmap $mnt | awk '/cow reservation/ { n += $NF } /free space/ { any = 1 } END { print any ? n + 0 : "no map" }'
}

# A copy-on-write that fails or falls back to pages leaves nothing in the file system that comes up later: where a hole is unshared
# XFS takes what was made ready over it, and the blocks of that hold what they held before. unready WHAT FILE: a hole in the middle.
unready() {
	ok "$1: less than 512 KiB is made ready still" test "$(ready_sectors)" -lt 1024
	ok "$1: a hole" xfs_io -c "fpunch $MIB 256k" "$2"
	ok "$1: unshared" xfs_io -c "funshare 0 $((2 * MIB))" "$2"
	is "$1: the hole is one" 0 "$(dd if="$2" bs=64k skip=16 count=4 status=none | tr -d '\0' | wc -c)"
}

# dirty_room: what is free holds data
dirty_room() {
	local n=0

	dax-file pattern 86 $((4 * MIB)) >/dev/shm/new
	while cp /dev/shm/new $mnt/dirty$n 2>/dev/null; do n=$((n + 1)); done
	rm $mnt/dirty*
	sync
}

failed_copies() {
	local from=$mnt/from to=$mnt/to page

	dirty_room
	dax-file pattern 85 $((2 * MIB)) >$from
	cp --reflink=always $from $to
	page=$(page_of $from 4096)
	poison "$page"
	refused "a copy fails: unshare" xfs_io -c "funshare 0 $((2 * MIB))" $to
	fsdev-node span $node clear $((page * 4096)) 4096 1 >/dev/null
	unready "a copy fails" $to
	rm $from $to
}

# XFS makes blocks ready around shared ones that are overwritten, also where the file has a hole or an unwritten extent. What
# they held before is not the file's.
beside_shared() {
	local from=$mnt/from to=$mnt/to what page=0

	dirty_room
	for what in hole unwritten; do
		dax-file pattern 85 4096 >$from
		cp --reflink=always $from $to
		xfs_io -c "truncate 256k" $to
		[ $what = hole ] || xfs_io -c "falloc 4096 252k" $to
		sync
		# makes the rest of its 32 blocks ready
		dd if=$from of=$to bs=4096 conv=notrunc status=none
		cp $to /dev/shm/want
		for page in 2 5 8; do printf X | dd of=/dev/shm/want bs=1 seek=$((page * 4096 + 50)) conv=notrunc status=none; done
		printf X | dd of=$to bs=1 seek=$((2 * 4096 + 50)) conv=notrunc status=none
		ok "$what beside shared: a store" xfs_io -c "mmap 0 256k" -c "mwrite -S 0x58 $((5 * 4096 + 50)) 1" $to
		{ head -c 4000 /dev/zero; printf X; } >/dev/shm/new
		head -c 4000 /dev/zero >>/dev/shm/new
		ok "$what beside shared: a write that ends inside a page" \
			dd if=/dev/shm/new of=$to bs=8001 seek=$((8 * 4096 + 50 - 4000)) oflag=seek_bytes conv=notrunc status=none
		ok "$what beside shared: as written" cmp /dev/shm/want $to
		ok "$what beside shared: unshare" xfs_io -c "funshare 0 256k" $to
		ok "$what beside shared: unshared" cmp /dev/shm/want $to
		rm $to $from
		# and unsharing what is shared, with nothing made ready before
		dax-file pattern 85 4096 >$from
		cp --reflink=always $from $to
		xfs_io -c "truncate 256k" $to
		[ $what = hole ] || xfs_io -c "falloc 4096 252k" $to
		cp $to /dev/shm/want
		ok "$what beside shared: unshare alone" xfs_io -c "funshare 0 256k" $to
		ok "$what beside shared: unshare alone: as before" cmp /dev/shm/want $to
		rm $to $from
	done
}

# What the blocks of an unwritten extent held before is not the file's.
unwritten_extents() {
	local from=$mnt/from to=$mnt/to len=$((64 * 4096)) at

	if [ ! "$dedupes" ]; then return; fi
	xfs_io -f -c "falloc 0 $len" $to
	sync
	at=$(at $to 0)
	dax-file pattern 94 $len >/dev/shm/new
	dd if=/dev/shm/new of=$disk bs=$len seek="$at" oflag=direct,seek_bytes conv=notrunc status=none
	cp /dev/shm/new $from
	sync
	xfs_io -c "dedupe $from 0 0 $len" $to >/dev/null 2>&1
	ok "unwritten: dedupe of what its blocks held: not shared" unshared $to
	is "unwritten: it reads zeros" 0 "$(tr -d '\0' <$to | wc -c)"
	xfs_io -c "dedupe $from 0 4096 4096" $to >/dev/null 2>&1
	is "unwritten: and after dedupe of one page" 0 "$(tr -d '\0' <$to | wc -c)"
	xfs_io -f -c "truncate $len" $mnt/hole
	ok "unwritten: dedupe with a hole" xfs_io -c "dedupe $mnt/hole 0 0 $len" $to
	is "unwritten: and reads zeros after it" 0 "$(tr -d '\0' <$to | wc -c)"
	rm $from $to $mnt/hole
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

# A read fault of the source while XFS shares the blocks, when it lets those in again, makes no entry of 2 MiB.
entry_while_cloning() {
	local from=$mnt/from to=$mnt/to data cloner trace=/sys/kernel/tracing

	xfs_io -f -c 'extsize 2m' $from
	dax-file fill $from 0 $((4 * MIB)) $((seed += 1))
	data=$seed
	sync
	# before: who holds the processor up holds up grace periods, too
	echo 1 >$trace/events/fs_dax/dax_pmd_fault_done/enable
	run gate-close xfs_reflink_remap_blocks any || fail "cannot hold up a clone"
	: >$trace/trace
	cp --reflink=always $from $to &
	cloner=$!
	ok "2 MiB while cloning: the clone is held up" run gate-wait
	dax-file touch $from 0 $((4 * MIB)) r
	run gate-open
	wait $cloner
	is "2 MiB while cloning: entries" 0 "$(grep -c 'dax_pmd_fault_done.*NOPAGE' $trace/trace)"
	echo 0 >$trace/events/fs_dax/dax_pmd_fault_done/enable
	refused "2 MiB while cloning: shared" unshared $from
	is "2 MiB while cloning: the source" "1024 good, 0 wrong, 0 lost" \
		"$(dax-file verify $from 0 $((4 * MIB)) $data | tail -n 1)"
	ok "2 MiB while cloning: a store" dax-file fill $from 0 4096 90
	is "2 MiB while cloning: the clone" "1024 good, 0 wrong, 0 lost" \
		"$(dax-file verify $to 0 $((4 * MIB)) $data | tail -n 1)"
	rm $from $to
	ok "2 MiB while cloning: the inodes go" eval 'sync && echo 3 >/proc/sys/vm/drop_caches'
}

# An entry of 2 MiB with a page in use cannot be taken out, and the clone does not come about.
page_in_use() {
	local from=$mnt/from to=$mnt/to data pinner cloner

	xfs_io -f -c 'extsize 2m' $from
	dax-file fill $from 0 $((4 * MIB)) $((seed += 1))
	data=$seed
	if [ "$dedupes" ]; then huge "2 MiB in use: alone" "2 mapped, 0 split" $from $((4 * MIB)) r; fi
	dax-file pin $from $((5 * 4096)) >/tmp/pin &
	pinner=$!
	until grep -q ready /tmp/pin || ! kill -0 $pinner; do sleep 0.05; done
	if kernel_is 7; then
		# XFS waits for the page itself, before it calls what is hooked
		cp --reflink=always $from $to &
		cloner=$!
		kill $pinner
		wait $pinner
		wait $cloner
		is "2 MiB in use no more: the clone does" 0 $?
	else
		like "2 MiB in use: the clone does" "busy" "$(cp --reflink=always $from $to 2>&1)"
		ok "2 MiB in use: nothing is shared" unshared $from
		kill $pinner
		wait $pinner
		ok "2 MiB in use no more: the clone does" cp --reflink=always $from $to
	fi
	is "2 MiB in use no more: the source" "1024 good, 0 wrong, 0 lost" \
		"$(dax-file verify $from 0 $((4 * MIB)) $data | tail -n 1)"
	ok "2 MiB in use no more: a store" dax-file fill $from 0 4096 90
	rm $from $to
	ok "2 MiB in use no more: the inodes go" eval 'sync && echo 3 >/proc/sys/vm/drop_caches'
}

# A fault of 2 MiB that falls back to pages
split_copies() {
	local from=$mnt/from to=$mnt/to

	dirty_room
	xfs_io -f -c 'extsize 2m' $from
	dax-file pattern 84 $((4 * MIB)) | dd of=$from bs=1M iflag=fullblock conv=notrunc status=none
	cp --reflink=always $from $to
	ok "a fault falls back: a store" xfs_io -c "mmap 0 4m" -c "mwrite 0 4096" $to
	unready "a fault falls back" $to
	rm $from $to
}

# An entry of 2 MiB that cannot be written back is not dropped, and the clone does not come about.
failed_write_back() {
	local from=$mnt/from to=$mnt/to data

	if kernel_is 7; then
		skip "write-back fails" "XFS of 7.x takes every entry out of both files before it calls what is hooked"
		return
	fi
	xfs_io -f -c 'extsize 2m' $from
	dax-file fill $from 0 $((4 * MIB)) $((seed += 1))
	data=$seed
	huge "write-back fails: dirty entries of 2 MiB" "[24] mapped, [0-2] split" $from $((4 * MIB)) w
	run write-back-fails || fail "cannot have the write-back fail"
	like "write-back fails: the clone does" "Input/output error" \
		"$(xfs_io -f -c "reflink $from $MIB 0 $((MIB - 4096))" $to 2>&1)"
	ok "write-back fails: nothing is shared" unshared $from
	run write-back-works
	ok "write-back works: the clone does" xfs_io -c "reflink $from $MIB 0 $((MIB - 4096))" $to
	is "write-back works: the source" "1024 good, 0 wrong, 0 lost" \
		"$(dax-file verify $from 0 $((4 * MIB)) $data | tail -n 1)"
	rm $from $to
}

# Where mappings cannot be clamped, a file system that may share blocks does not come up.
refusal() {
	local before

	run remap-taken || fail "cannot take the function"
	mkfs.xfs -q -f -m rmapbt=1,reflink=1 -l size=64m $disk
	before=$(dax-file sum $disk)
	refused "refusal: XFS that shares blocks" mount -o dax=always $disk $mnt
	like "refusal: the log says why, and what to do" "fsdev $dev: mount.*refused.*mkfs.xfs -m reflink=0" \
		"$(dmesg | tail -n 20)"
	is "refusal: nothing was written" "$before" "$(dax-file sum $disk)"
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

# A partition with ext4 is left over in the kernel where XFS is made on the disk itself.
leftover_partition() {
	local mib=$(($(blockdev --getsize64 $disk) / MIB))

	# 32 MiB from where XFS writes nothing
	blkpg 1 $((mib / 2 + 2)) 32
	ok "leftover partition: ext4" mkfs.ext4 -q -F -b 4096 ${disk}p1
	# before 6.5 the disk does not hear of each claim of a partition, so any open of one has it clamped
	[[ $(uname -r) == 6.1.* ]] || refused "leftover partition: not clamped before" clamped
	fresh "leftover partition" $disk
	ok "leftover partition: clamped" clamped
	umount $mnt
	is "leftover partition: it was there all the while" ext4 "$(blkid -p -s TYPE -o value ${disk}p1)"
	blkpg 2 0 0
}

# The probe goes with the device, and the hooks stay, which do nothing then. All that follows has them for the second time.
bound_again() {
	unbind $dev
	refused "unbound: not clamped" clamped
	ok "unbound: the hooks stay" hooked
	is "bound again" bound "$(bind $dev fsdev)"
	refused "bound again: not clamped before a claim" clamped
}

# XFS is unloaded after the last device has been unbound, and loaded again.
idle_xfs() {
	grep -q '^xfs ' /proc/modules || { skip "XFS without a device" "XFS is built in"; return; }
	unbind $dev
	refused "XFS without a device: not clamped" clamped
	modprobe -r xfs
	modprobe xfs
	ok "XFS without a device: not hooked" hooked 0
}

# watched WHAT BYTE: the mapping of watching shows that byte
watched() {
	local before

	before=$(wc -l </tmp/watched)
	echo >&6
	until [ "$(wc -l </tmp/watched)" -gt "$before" ]; do sleep 0.05; done
	is "$1" "$2" "$(tail -n 1 /tmp/watched)"
}

# watching FILE: a process that has mapped its first page
watching() {
	rm -f /tmp/watching /tmp/watched
	mkfifo /tmp/watching
	: >/tmp/watched
	dax-file watch "$1" </tmp/watching >/tmp/watched &
	watcher=$!
	exec 6>/tmp/watching
	until [ -s /tmp/watched ]; do sleep 0.05; done
}

watched_end() {
	exec 6>&-
	wait "$watcher"
}

# A mapping shows nothing of a block that copy-on-write has replaced, which may belong to another file by now: neither one
# that was there before the write, nor one that a fault makes while it copies.
replaced_blocks() {
	local watcher writer block how n

	[ -e /proc/sys/vm/unprivileged_userfaultfd ] || { skip "replaced blocks" "this kernel has no userfaultfd"; return; }
	for how in before during; do
		xfs_io -f -c "pwrite -q -S 0x41 0 64k" $mnt/from
		cp --reflink=always $mnt/from $mnt/to
		sync
		block=$(at $mnt/from 0)
		[ $how = during ] || watching $mnt/from
		rm -f /tmp/go
		dax-file stuck-write $mnt/from /tmp/go >/tmp/stuck &
		writer=$!
		until grep -q ready /tmp/stuck; do sleep 0.05; done
		[ $how = before ] || watching $mnt/from
		is "replaced, mapped $how: what it was, while the write goes on" 41 "$(tail -n 1 /tmp/watched)"
		touch /tmp/go
		wait $writer
		is "replaced, mapped $how: written" written "$(tail -n 1 /tmp/stuck)"
		refused "replaced, mapped $how: another block" [ "$(at $mnt/from 0)" = "$block" ]
		watched "replaced, mapped $how: what was written" 00
		rm $mnt/to
		sync
		for ((n = 0; n < 200; n++)); do
			xfs_io -f -c "pwrite -q -S 0x53 0 64k" $mnt/other$n
			[ "$(at $mnt/other$n 0)" != "$block" ] || break
			sync
		done
		ok "replaced, mapped $how: another file gets the block" [ $n -lt 200 ]
		watched "replaced, mapped $how: nothing of the other file" 00
		watched_end
		rm $mnt/from $mnt/other*
	done
}

# short WHAT FILE OFFSET GOOD LEN: a write whose buffer ends early has written what it says, and nothing else
short() {
	local n

	cp --sparse=never "$2" /dev/shm/want
	n=$(dax-file short-write "$2" "$3" "$4" "$5")
	ok "$1: no more than the buffer has" [ "$n" -le "$4" ]
	head -c "$n" /dev/zero | tr '\0' X | dd of=/dev/shm/want bs=1 seek="$3" conv=notrunc status=none
	ok "$1: nothing else has changed" cmp /dev/shm/want "$2"
}

short_writes() {
	local from=$mnt/from to=$mnt/to offset

	dirty_room
	for offset in 0 100; do
		fill_file $from
		cp --reflink=always $from $to
		short "a short write at $offset, inside a page" $to $offset 1000 8192
		short "a short write at $offset, inside the second page" $to $((65536 + offset)) 5000 16384
		short "a short write at $offset, nothing" $to $((131072 + offset)) 0 8192
		ok "a short write at $offset: a hole" xfs_io -c "fpunch $((16 * 4096)) $((32 * 4096))" $to
		ok "a short write at $offset: the hole is one" [ "$(dd if=$to bs=4096 skip=16 count=32 status=none | tr -d '\0' | wc -c)" = 0 ]
		short "a short write at $offset, in a hole" $to $((20 * 4096 + offset)) 1000 8192
		ok "a short write at $offset: unshare" xfs_io -c "funshare 0 1m" $to
		ok "a short write at $offset: as before" cmp /dev/shm/want $to
		whole "a short write at $offset: the source" $from $seed
		rm $from $to
	done
}

# A write fault that has the new blocks of a page, while a write() to the same page fails: they are not freed under it.
fault_beside_failed_write() {
	local from=$mnt/from to=$mnt/to fault writer n

	dax-file pattern 85 65536 >$from
	cp --reflink=always $from $to
	sync
	head -c 4096 /dev/zero | tr '\0' F >/dev/shm/want
	run gate-close xfs_reflink_end_cow any || fail "cannot hold up a fault"
	xfs_io -c "mmap 0 64k" -c "mwrite -S 0x46 0 4096" $to &
	fault=$!
	ok "a write fails beside a fault: the fault is held up" run gate-wait
	dax-file short-write $to 0 0 4096 >/tmp/short &
	writer=$!
	for ((n = 0; n < 50; n++)); do
		{ kill -0 $writer && ! grep -q rwsem_down_write /proc/$writer/stack; } 2>/dev/null || break
		sleep 0.1
	done
	run gate-open
	wait $fault
	is "a write fails beside a fault: the fault does not" 0 $?
	wait $writer
	is "a write fails beside a fault: nothing is written" 0 "$(cat /tmp/short)"
	ok "a write fails beside a fault: what was stored" eval "head -c 4096 $to | cmp - /dev/shm/want"
	rm $from $to
}

# locked COMMAND...: how many writes of it were done with faults of their file locked out
locked() {
	local trace=/sys/kernel/tracing before

	before=$(awk '$1 == "locked" { print $2 }' $trace/kprobe_profile)
	"$@" >/dev/null || fail "cannot write: $*"
	echo $(($(awk '$1 == "locked" { print $2 }' $trace/kprobe_profile) - before))
}

# locked_on, locked_off: count for locked
locked_on() {
	if ! echo 'p:locked fsdev:cow_rw' >>/sys/kernel/tracing/kprobe_events ||
		! echo 1 >/sys/kernel/tracing/events/kprobes/locked/enable; then
		fail "cannot count writes"
	fi
}

locked_off() {
	echo 0 >/sys/kernel/tracing/events/kprobes/locked/enable
	echo '-:locked' >>/sys/kernel/tracing/kprobe_events
}

# Writes lock out faults in a file in which XFS shares blocks, from the first one on, and in no other.
which_writes() {
	local from=$mnt/from to=$mnt/to

	dax-file pattern 83 65536 >$from
	locked_on
	is "which writes: nothing shared" 0 "$(locked xfs_io -c "pwrite -q -S 0x41 0 64k" $from)"
	is "which writes: nothing shared, beyond the end" 0 "$(locked xfs_io -c "pwrite -q -S 0x41 128k 100" $from)"
	# open since before
	exec 7<>$from
	cp --reflink=always $from $to
	cp $to /dev/shm/want
	is "which writes: the source, open since before it was cloned" 1 "$(locked eval 'printf B >&7')"
	ok "which writes: the clone" cmp /dev/shm/want $to
	is "which writes: the clone is written" 1 "$(locked xfs_io -c "pwrite -q -S 0x43 4096 4096" $to)"
	ok "which writes: as it was written" \
		eval "{ head -c 4096 /dev/shm/want; head -c 4096 /dev/zero | tr '\\0' C; tail -c +8193 /dev/shm/want; } | cmp - $to"
	is "which writes: where a file that shares has a block of its own" 1 "$(locked xfs_io -c "pwrite -q -S 0x43 4096 4096" $to)"
	is "which writes: a new file beside" 0 "$(locked xfs_io -f -c "pwrite -q -S 0x41 0 64k" $mnt/other)"
	ok "which writes: unshare" xfs_io -c "funshare 0 256k" $to
	ok "which writes: unshared" unshared $to
	is "which writes: nothing shared any more" 0 "$(locked xfs_io -c "pwrite -q -S 0x44 0 100" $to)"
	xfs_io -c "reflink $from 0 0 64k" $to >/dev/null
	is "which writes: shared again" 1 "$(locked xfs_io -c "pwrite -q -S 0x45 0 100" $to)"
	locked_off
	exec 7>&-
	rm $from $to $mnt/other
}

# A write() that goes on beside a fault of 2 MiB on the same blocks.
fault_beside_write() {
	local from=$mnt/from to=$mnt/to writer

	[ -e /proc/sys/vm/unprivileged_userfaultfd ] || { skip "a fault beside a write" "this kernel has no userfaultfd"; return; }
	xfs_io -f -c 'extsize 2m' $from
	dax-file pattern 84 $((4 * MIB)) | dd of=$from bs=1M iflag=fullblock conv=notrunc status=none
	cp --reflink=always $from $to
	sync
	cp $to /dev/shm/want
	dd if=/dev/zero of=/dev/shm/want bs=4096 count=1 conv=notrunc status=none
	head -c 4096 /dev/zero | tr '\0' F | dd of=/dev/shm/want bs=4096 seek=1 conv=notrunc status=none
	rm -f /tmp/go
	dax-file stuck-write $to /tmp/go >/tmp/stuck &
	writer=$!
	until grep -q ready /tmp/stuck || ! kill -0 $writer; do sleep 0.05; done
	ok "a fault beside a write: a store" xfs_io -c "mmap 0 4m" -c "mwrite -S 0x46 4096 4096" $to
	touch /tmp/go
	wait $writer
	is "a fault beside a write: written" written "$(tail -n 1 /tmp/stuck)"
	ok "a fault beside a write: both are there" cmp $to /dev/shm/want
	rm $from $to
}

# Zeroing a part of a page of shared blocks: 6.1 would lose the zeros.
zeroed_shared() {
	local from=$mnt/from to=$mnt/to

	fill_file $from
	cp --reflink=always $from $to
	sync
	{ head -c 100 $from; head -c 200 /dev/zero; tail -c +301 $from; } >/dev/shm/want
	if [ "$dedupes" ]; then
		ok "zeroing in a shared page" xfs_io -c "fzero 100 200" $to
		ok "zeroing in a shared page: the clone" cmp /dev/shm/want $to
	else
		like "zeroing in a shared page is refused" "Input/output error" "$(xfs_io -c "fzero 100 200" $to 2>&1)"
		whole "zeroing in a shared page: the clone" $to $seed
		like "zeroing in a shared page: the log" "access refused: zeroing of shared blocks" "$(dmesg | tail -n 5)"
		dd if=/dev/shm/want of=$to bs=4k count=1 conv=notrunc status=none
		ok "zeroing in a shared page: by a write" cmp /dev/shm/want $to
	fi
	whole "zeroing in a shared page: the source" $from $seed
	# a truncation inside a shared page zeroes the rest of it
	if [ "$dedupes" ]; then
		cp --reflink=always $from $to
		head -c 5000 $from >/dev/shm/want
		ok "truncation in a shared page" xfs_io -c "truncate 5000" $to
		truncate -s 8192 $to /dev/shm/want
		ok "truncation in a shared page: zeros behind it" cmp /dev/shm/want $to
		whole "truncation in a shared page: the source" $from $seed
	fi
	rm $from $to
}

# other_xfs FILE: XFS with another build ID, and nothing else changed
other_xfs() {
	local place

	# the lab keeps modules unpacked, whatever their names say
	cp "$(modinfo -n xfs)" "$1.signed"
	# its signature would be refused
	objcopy "$1.signed" "$1"
	place=$(readelf -SW "$1" | sed -n 's/.*\.note\.gnu\.build-id *NOTE *[0-9a-f]* \([0-9a-f]*\) .*/\1/p')
	printf 'other' | dd of="$1" bs=1 seek=$((0x$place + 20)) conv=notrunc status=none
}

# Of XFS that is not the one which this module was built with nothing is known: each write locks out faults.
unknown_xfs() {
	local file=/dev/shm/xfs.ko

	grep -q '^xfs ' /proc/modules || { skip "unknown XFS" "XFS is built in"; return; }
	other_xfs $file
	modprobe -r xfs
	modinfo -F depends $file | tr , '\n' | xargs -r modprobe -a
	ok "unknown XFS: loaded" insmod $file
	fresh "unknown XFS" $disk
	locked_on
	is "unknown XFS: nothing shared" 1 "$(locked xfs_io -f -c "pwrite -q -b 64k -S 0x41 0 64k" $mnt/from)"
	cp --reflink=always $mnt/from $mnt/to
	is "unknown XFS: shared" 1 "$(locked xfs_io -c "pwrite -q -b 64k -S 0x42 0 64k" $mnt/to)"
	locked_off
	umount $mnt
	modprobe -r xfs
	modprobe xfs
	rm $file*
}

# XFS is loaded after the device was claimed.
late_xfs() {
	local vol=/dev/mapper/late

	grep -q '^xfs ' /proc/modules || { skip "late XFS" "XFS is built in"; return; }
	modprobe -r xfs
	ok "late XFS: device-mapper" dmsetup create late --table "0 $(blockdev --getsz $disk) linear $disk 0"
	ok "late XFS: clamped" clamped
	ok "late XFS: not hooked" hooked 0
	fresh "late XFS" $vol
	ok "late XFS: hooked" hooked
	replaced_blocks
	umount $mnt
	modprobe -r xfs
	ok "late XFS: unhooked" hooked 0
	dmsetup remove late
}

many_ranges
refusal
unwritten_back
bound_again
leftover_partition
fresh disk $disk
copies disk
unwritten_extents
beside_shared
poisoned_sources
bounded_source
failed_copies
replaced_blocks
zeroed_shared
short_writes
which_writes
fault_beside_failed_write
# many refusals, of which the log holds the first
poisoned_room
umount $mnt
unknown_xfs
late_xfs
fresh "2 MiB" $disk -d su=2m,sw=1
huge_entries
entry_while_cloning
page_in_use
split_copies
fault_beside_write
failed_write_back
ok "2 MiB: unmount" umount $mnt
untouched end
idle_xfs
finish
