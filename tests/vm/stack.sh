#!/usr/bin/env bash
# lab: --soft-reserved 1G --soft-reserved 512M
# The file systems with their options: ext4 with dax=always and dax=inode, EROFS, XFS with reflink, per-file DAX, extent-size
# hints, its log and its real-time volume on another device. Where 2 MiB mappings are promised, the kernel's fault
# tracepoints count them; each has a counterpart that gets 4 KiB.
. "$(dirname -- "$0")/lib.sh"
. "$(dirname -- "$0")/tap.sh"

dev=dax0.0 disk=/dev/fsdev0.0 other=/dev/fsdev1.0 mnt=/mnt/stack trace=/sys/kernel/tracing
mkdir -p $mnt
ok "a device of two ranges" shape $dev 0:400 512:200
give $dev fsdev
give dax1.0 fsdev

# huge NAME WANTED FILE LEN r|w: how many 2 MiB faults were answered with a mapping, and how many had to be split.
huge() {
	echo >$trace/trace
	echo 1 >$trace/events/fs_dax/dax_pmd_fault_done/enable
	dax-file touch "$3" 0 "$4" "$5"
	echo 0 >$trace/events/fs_dax/dax_pmd_fault_done/enable
	is "$1" "$2" "$(awk '/dax_pmd_fault_done/ { if (/NOPAGE/) n++; else if (/FALLBACK/) s++ }
		END { printf "%d mapped, %d split", n, s }' $trace/trace)"
}

# good NAME FILE LEN SEED
good() {
	is "$1" "$(($3 / 4096)) good, 0 wrong, 0 lost" "$(dax-file verify "$2" 0 "$3" "$4" | tail -n 1)"
}

ext4() {
	mkfs.ext4 -q -F -b 4096 -E stride=512,stripe_width=512 $disk
	ok "ext4: mount dax=always" mount -o dax=always $disk $mnt
	dax-file fill $mnt/file 0 $((8 * MIB)) 1
	is "ext4: the file is DAX" yes "$(dax-file is-dax $mnt/file)"
	is "ext4: MAP_SYNC" yes "$(dax-file map-sync $mnt/file)"
	huge "ext4: 8 MiB, allocated in stripes of 2 MiB" "4 mapped, 0 split" $mnt/file $((8 * MIB)) r
	dax-file fill $mnt/neighbour 0 $((4 * MIB)) 2
	# ext4 does not ask to be told: the kernel finds the file by its pages
	like "ext4: a failing page" "^SIGBUS BUS_MCEERR_AR" "$(dax-file poison $mnt/file 8192)"
	good "ext4: its neighbour" $mnt/neighbour $((4 * MIB)) 2
	umount $mnt
	give $dev none
	give $dev fsdev

	mkfs.ext4 -q -F -b 4096 $disk
	ok "ext4: mount dax=inode" mount -o dax=inode $disk $mnt
	mkdir $mnt/dir
	ok "ext4: a directory is marked" xfs_io -c 'chattr +x' $mnt/dir
	mkdir $mnt/dir/sub
	for file in dir/file dir/sub/file file; do dax-file fill $mnt/$file 0 $((2 * MIB)) 3; done
	is "ext4: dax=inode: files born in it are DAX, others are not" "yes yes no" \
		"$(for file in dir/file dir/sub/file file; do dax-file is-dax $mnt/$file; done | xargs)"
	is "ext4: dax=inode: MAP_SYNC is refused where there is a page cache" "no (Operation not supported)" \
		"$(dax-file map-sync $mnt/file)"
	umount $mnt
	mount -o dax=inode $disk $mnt
	for file in dir/file dir/sub/file file; do
		good "ext4: dax=inode: $file after a remount" $mnt/$file $((2 * MIB)) 3
	done
	umount $mnt
	e2fsck -fn $disk >/tmp/e2fsck 2>&1
	is "ext4: e2fsck finds nothing" 0 $?
	mount -o dax=never $disk $mnt
	is "ext4: dax=never" no "$(dax-file is-dax $mnt/dir/file)"
	umount $mnt
	refused "ext4: blocks smaller than a page cannot be DAX" sh -c "mkfs.ext4 -q -F -b 1024 $disk && mount -o dax=always $disk $mnt"
	like "ext4: and the log says so" "EXT4-fs .*[Uu]nsupported blocksize for DAX|DAX unsupported" "$(dmesg | tail -n 5)"
}

erofs() {
	local want

	mkdir -p /tmp/src
	dax-file pattern 4 $((8 * MIB)) >/tmp/src/model
	dax-file pattern 5 $((4 * MIB)) >/tmp/src/other
	echo small >/tmp/src/small
	mkfs.erofs -E noinline_data --dsunit=512 /tmp/erofs /tmp/src >/dev/null 2>&1
	dd if=/tmp/erofs of=$disk bs=1M oflag=direct conv=notrunc 2>/dev/null
	fsck.erofs $disk >/tmp/fsck 2>&1
	is "erofs: fsck.erofs on the device finds nothing" 0 $?
	ok "erofs: mount dax=always" mount -t erofs -o dax=always $disk $mnt
	is "erofs: the file is DAX" yes "$(dax-file is-dax $mnt/model)"
	huge "erofs: 8 MiB, aligned by --dsunit" "4 mapped, 0 split" $mnt/model $((8 * MIB)) r
	want=$(sha256sum <$mnt/model)
	is "erofs: the data" "$(sha256sum </tmp/src/model)" "$want"
	is "erofs: a small file" small "$(cat $mnt/small)"
	dax-file hold $mnt/other >/tmp/reader 2>&1 &
	reader=$!
	until grep -q ready /tmp/reader; do kill -0 "$reader" || break; sleep 0.1; done
	ok "erofs: unbind while it is mapped" give $dev none
	for _ in {1..100}; do
		kill -0 "$reader" 2>/dev/null || break
		sleep 0.1
	done
	kill -9 "$reader" 2>/dev/null
	wait "$reader" 2>/dev/null
	like "erofs: the process that reads is told" "SIGBUS BUS_ADRERR" "$(cat /tmp/reader)"
	umount $mnt
	give $dev fsdev
	mkfs.erofs -E noinline_data /tmp/erofs /tmp/src >/dev/null 2>&1
	dd if=/tmp/erofs of=$disk bs=1M oflag=direct conv=notrunc 2>/dev/null
	mount -t erofs -o dax=always $disk $mnt
	huge "erofs: without --dsunit it is 4 KiB pages" "0 mapped, 8 split" $mnt/model $((8 * MIB)) r
	umount $mnt
}

xfs_hints() {
	mkfs.xfs -q -f -m rmapbt=1,reflink=0 -d su=2m,sw=1,daxinherit=1,extszinherit=512 $disk
	ok "xfs: mount dax=inode" mount -o dax=inode $disk $mnt
	dax-file fill $mnt/file 0 $((8 * MIB)) 6
	is "xfs: daxinherit makes new files DAX" yes "$(dax-file is-dax $mnt/file)"
	is "xfs: extszinherit gives them the hint" "[2097152] $mnt/file" "$(xfs_io -c extsize $mnt/file)"
	huge "xfs: with the hint, 8 MiB" "4 mapped, 0 split" $mnt/file $((8 * MIB)) r
	xfs_io -c 'chattr -x' -c 'extsize 0' $mnt
	dax-file fill $mnt/cached 0 $((2 * MIB)) 7
	is "xfs: without the flag a file has a page cache" no "$(dax-file is-dax $mnt/cached)"
	xfs_io -c 'chattr -x' $mnt/file
	umount $mnt
	mount -o dax=inode $disk $mnt
	is "xfs: the flag taken away counts from the next mount on" no "$(dax-file is-dax $mnt/file)"
	good "xfs: the data is the same through the page cache" $mnt/file $((8 * MIB)) 6
	umount $mnt
	mount -o dax=always $disk $mnt
	is "xfs: dax=always overrules the flag" "yes yes" "$(dax-file is-dax $mnt/file) $(dax-file is-dax $mnt/cached)"
	umount $mnt
}

xfs_reflink() {
	mkfs.xfs -q -f -m rmapbt=1,reflink=1 $disk
	ok "xfs: mount with reflink and dax=always" mount -o dax=always $disk $mnt
	# below 2 MiB: see docs/users.md about reflink and 2 MiB mappings
	dax-file fill $mnt/file 0 $MIB 8
	ok "xfs: reflink" cp --reflink=always $mnt/file $mnt/copy
	is "xfs: both lie at the same place" "$(dax-file phys $mnt/file 0)" "$(dax-file phys $mnt/copy 0)"
	good "xfs: the copy has the data" $mnt/copy $MIB 8
	dax-file fill $mnt/copy 0 65536 9
	good "xfs: what is written to the copy" $mnt/copy 65536 9
	good "xfs: is not in the original" $mnt/file $MIB 8
	# else only the process that met the failure is told
	echo 1 >/proc/sys/vm/memory_failure_early_kill
	dax-file hold $mnt/file >/tmp/reader 2>&1 &
	reader=$!
	until grep -q ready /tmp/reader; do kill -0 "$reader" || break; sleep 0.1; done
	is "xfs: a page that two files share fails: who uses one" "SIGBUS BUS_MCEERR_AR at offset 524288 lsb 12" \
		"$(dax-file poison $mnt/copy 524288)"
	for _ in {1..100}; do
		kill -0 "$reader" 2>/dev/null || break
		sleep 0.1
	done
	kill -9 "$reader" 2>/dev/null
	wait "$reader" 2>/dev/null
	is "xfs: ... and who uses the other" "SIGBUS BUS_MCEERR_AR at offset 524288 lsb 12" "$(grep SIGBUS /tmp/reader)"

	umount $mnt
}

xfs_devices() {
	mkfs.xfs -q -f -m rmapbt=1,reflink=1 -l logdev=$other,size=64m $disk
	ok "xfs: mount with the log on another device" mount -o dax=always,logdev=$other $disk $mnt
	dax-file fill $mnt/file 0 $((4 * MIB)) 11
	umount $mnt
	mount -o dax=always,logdev=$other $disk $mnt
	good "xfs: the data with a log elsewhere" $mnt/file $((4 * MIB)) 11
	umount $mnt

	mkfs.xfs -q -f -m rmapbt=0,reflink=0 -r rtdev=$other,extsize=2m -d rtinherit=1 $disk
	ok "xfs: mount with a real-time volume on another device" mount -o dax=always,rtdev=$other $disk $mnt
	dax-file fill $mnt/file 0 $((8 * MIB)) 12
	is "xfs: a real-time file is DAX" yes "$(dax-file is-dax $mnt/file)"
	ok "xfs: and lies on that device" test $(($(dax-file phys $mnt/file 0))) -ge $(($(region_start dax1.0)))
	huge "xfs: real-time extents of 2 MiB" "4 mapped, 0 split" $mnt/file $((8 * MIB)) r
	like "xfs: a failing page of a real-time file" "^SIGBUS BUS_MCEERR_AR" "$(dax-file poison $mnt/file 8192)"
	umount $mnt
}

ext4
erofs
xfs_hints
xfs_reflink
xfs_devices
finish
