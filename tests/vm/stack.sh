#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# stack: --soft-reserved 640M --soft-reserved 384M
# The file systems with their options: ext4 with dax=always and dax=inode, EROFS, XFS with reflink, per-file DAX, extent-size
# hints, its log and its real-time volume on another device. Where 2 MiB mappings are promised, the kernel's fault
# tracepoints count them; each has a counterpart that gets 4 KiB.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/removal-lib.sh
. "$(dirname -- "$0")/removal-lib.sh"
# shellcheck source=tests/vm/stack-lib.sh
. "$(dirname -- "$0")/stack-lib.sh"

PATH=$top/build:$PATH
dev=dax0.0 disk=/dev/fsdev0.0 other=/dev/fsdev1.0 mnt=/mnt/stack
# what 6.1 says of a page that two files have read: upstream/dax-shared-read-fault.md
# shellcheck disable=SC2034  # for quiet_log
case $(uname -r) in
6.1.*) stock_complaint='WARNING: CPU: [0-9]+ PID: [0-9]+ at fs/dax.c:(380 dax_insert_entry|404 dax_disassociate_entry)' ;;
esac
mkdir -p $mnt
ok "a device of two ranges" shape $dev 0:300 400:100
give $dev fsdev || fail "fsdev"
give dax1.0 fsdev || fail "fsdev"
echo 1 >/proc/sys/vm/memory_failure_early_kill

# mounted NAME OPTIONS [TYPE]: or nothing below makes sense
mounted() {
	ok "$1" mount ${3:+-t "$3"} -o "$2" $disk $mnt
	mountpoint -q $mnt || finish
}

is_dax() {
	local file

	for file; do dax-file is-dax "$mnt/$file"; done | paste -sd' '
}

ext4() {
	local file

	mkfs.ext4 -q -F -b 4096 -E stride=512,stripe_width=512 $disk
	mounted "ext4: mount dax=always" dax=always
	dax-file fill $mnt/file 0 $((8 * MIB)) 1
	is "ext4: the file is DAX" yes "$(is_dax file)"
	is "ext4: MAP_SYNC" yes "$(dax-file map-sync $mnt/file)"
	huge "ext4: 8 MiB, allocated in stripes of 2 MiB" "4 mapped, 0 split" $mnt/file $((8 * MIB)) r
	# the other way to 2 MiB: a file that does not lie so
	dax-file fill $mnt/neighbour 0 $((4 * MIB)) 2
	fallocate --collapse-range -o 0 -l 4096 $mnt/file
	huge "ext4: shifted by a page" "0 mapped, [1-9][0-9]* split" $mnt/file $((8 * MIB)) r
	# ext4 does not ask to be told: the kernel finds the file by its pages
	like "ext4: a failing page" "^SIGBUS BUS_MCEERR_AR" "$(dax-file poison $mnt/file 8192)"
	good "ext4: its neighbour" $mnt/neighbour $((4 * MIB)) 2
	umount $mnt
	give $dev none
	give $dev fsdev

	mkfs.ext4 -q -F -b 4096 $disk
	mounted "ext4: mount dax=inode" dax=inode
	mkdir $mnt/dir
	ok "ext4: a directory is marked" xfs_io -c 'chattr +x' $mnt/dir
	mkdir $mnt/dir/sub
	for file in dir/file dir/sub/file file; do dax-file fill $mnt/$file 0 $((2 * MIB)) 3; done
	is "ext4: dax=inode: files born in it are DAX, others are not" "yes yes no" "$(is_dax dir/file dir/sub/file file)"
	is "ext4: dax=inode: MAP_SYNC is refused where there is a page cache" "no (Operation not supported)" \
		"$(dax-file map-sync $mnt/file)"
	umount $mnt
	mounted "ext4: dax=inode: mount again" dax=inode
	for file in dir/file dir/sub/file file; do
		good "ext4: dax=inode: $file after a remount" $mnt/$file $((2 * MIB)) 3
	done
	umount $mnt
	ok "ext4: e2fsck finds nothing" e2fsck -fn $disk
	mounted "ext4: dax=never" dax=never
	is "ext4: dax=never: no file is DAX" "no no" "$(is_dax dir/file file)"
	umount $mnt
	mkfs.ext4 -q -F -b 1024 $disk
	refused "ext4: blocks smaller than a page cannot be DAX" mount -o dax=always $disk $mnt
	like "ext4: the log says so" "EXT4-fs .*[Uu]nsupported blocksize for DAX" "$(dmesg | tail -n 5)"
}

erofs() {
	mkdir -p /tmp/src
	dax-file pattern 4 $((8 * MIB)) >/tmp/src/model
	dax-file pattern 5 $((4 * MIB)) >/tmp/src/other
	echo small >/tmp/src/small
	mkfs.erofs --quiet -E noinline_data --dsunit=512 /tmp/erofs /tmp/src
	dd if=/tmp/erofs of=$disk bs=1M oflag=direct conv=notrunc 2>/dev/null
	ok "erofs: fsck.erofs on the device finds nothing" fsck.erofs $disk
	mounted "erofs: mount dax=always" dax=always erofs
	is "erofs: the files are DAX" "yes yes" "$(is_dax model other)"
	huge "erofs: 8 MiB, aligned by --dsunit" "4 mapped, 0 split" $mnt/model $((8 * MIB)) r
	is "erofs: the data" "$(sha256sum </tmp/src/model)" "$(sha256sum <$mnt/model)"
	is "erofs: a small file" small "$(cat $mnt/small)"
	umount $mnt
	# an odd page in front of the data
	dax-file pattern 6 4096 >/tmp/src/a-page
	mkfs.erofs --quiet -E noinline_data /tmp/erofs /tmp/src
	dd if=/tmp/erofs of=$disk bs=1M oflag=direct conv=notrunc 2>/dev/null
	mounted "erofs: mount one without --dsunit" dax=always erofs
	huge "erofs: without --dsunit it is 4 KiB pages" "0 mapped, [1-9][0-9]* split" $mnt/model $((8 * MIB)) r
	is "erofs: and the same data" "$(sha256sum </tmp/src/model)" "$(sha256sum <$mnt/model)"
	umount $mnt
}

xfs_hints() {
	mkfs.xfs -q -f -m rmapbt=1,reflink=1 -d agcount=2,su=2m,sw=1,daxinherit=1,extszinherit=512 -l size=64m,su=32k $disk
	mounted "xfs: mount dax=inode" dax=inode
	dax-file fill $mnt/file 0 $((8 * MIB)) 6
	is "xfs: daxinherit makes new files DAX" yes "$(is_dax file)"
	is "xfs: extszinherit gives them the hint" "[2097152] $mnt/file" "$(xfs_io -c extsize $mnt/file)"
	huge "xfs: with the hint, 8 MiB" "4 mapped, 0 split" $mnt/file $((8 * MIB)) r
	xfs_io -c 'chattr -x' -c 'extsize 0' $mnt
	dax-file fill $mnt/cached 0 $((2 * MIB)) 7
	is "xfs: without the flag a file has a page cache" no "$(is_dax cached)"
	is "xfs: and MAP_SYNC is refused" "no (Operation not supported)" "$(dax-file map-sync $mnt/cached)"
	xfs_io -c 'chattr -x' $mnt/file
	umount $mnt
	mounted "xfs: mount again" dax=inode
	is "xfs: the flag taken away counts from the next mount on" no "$(is_dax file)"
	good "xfs: the data is the same through the page cache" $mnt/file $((8 * MIB)) 6
	umount $mnt
	mounted "xfs: mount dax=always" dax=always
	is "xfs: dax=always overrules the flag" "yes yes" "$(is_dax file cached)"
	umount $mnt
}

xfs_reflink() {
	mkfs.xfs -q -f -m rmapbt=1,reflink=1 $disk
	mounted "xfs: mount with reflink and dax=always" dax=always
	# below 2 MiB: upstream/dax-cow-under-2m.md
	dax-file fill $mnt/file 0 $MIB 8
	huge "xfs: a file of 1 MiB is 4 KiB pages" "0 mapped, [0-9]+ split" $mnt/file $MIB r
	ok "xfs: reflink" cp --reflink=always $mnt/file $mnt/copy
	is "xfs: both lie at the same place" "$(at $mnt/file 0)" "$(at $mnt/copy 0)"
	good "xfs: the copy has the data" $mnt/copy $MIB 8
	dax-file fill $mnt/copy 0 65536 9
	good "xfs: what is written to the copy" $mnt/copy 65536 9
	good "xfs: is not in the original" $mnt/file $MIB 8
	ok "xfs: the copy has moved there" test "$(at $mnt/file 0)" != "$(at $mnt/copy 0)"
	is "xfs: and not elsewhere" "$(at $mnt/file 524288)" "$(at $mnt/copy 524288)"
	mapping $mnt/file
	is "xfs: a page that two files share fails: who uses one" "SIGBUS BUS_MCEERR_AR at offset 524288 lsb 12" \
		"$(dax-file poison $mnt/copy 524288)"
	all_ended
	like "xfs: ... and who uses the other" "SIGBUS BUS_MCEERR_A[RO] at offset 524288 lsb 12" "$(met 1)"
	umount $mnt
	# 6.1 leaves its mark on pages that were copied when they were written: upstream/dax-cow-count-left.md
	ok "xfs: unbind then does not wait" unwaited give $dev none
	[ "$(driver_of $dev)" = none ] || finish
	give $dev fsdev
}

xfs_log() {
	mkfs.xfs -q -f -m rmapbt=1,reflink=1 -l logdev=$other,size=64m $disk
	mounted "xfs: mount with the log on another device" dax=always,logdev=$other
	dax-file fill $mnt/file 0 $((4 * MIB)) 11
	refused "xfs: the log's device is not for others" mount -o dax=always $other /mnt
	# one that nothing has been written to: zeros are what was there
	ok "xfs: a page of the log fails" fsdevctl inject dax1.0 0x3f00000 --yes
	like "xfs: the file system shuts down" "[Ll]og.*shutting down|ondisk log corrupt" "$(dmesg | grep XFS | tail -n 6)"
	refused "xfs: and takes nothing more" touch $mnt/more
	umount $mnt
	ok "xfs: the log is given zeros" fsdevctl repair dax1.0 all --yes
	mounted "xfs: and then mounts" dax=always,logdev=$other
	good "xfs: with what had been written" $mnt/file $((4 * MIB)) 11
	mapping $mnt/file
	ok "xfs: the log's device goes under the mount" unwaited give dax1.0 none
	refused "xfs: which takes nothing more" sh -c "echo >$mnt/more && sync -f $mnt"
	all_ended ""
	ok "xfs: unmount" umount $mnt
	ok "xfs: the log's device comes back" give dax1.0 fsdev
	mounted "xfs: mount again" dax=always,logdev=$other
	good "xfs: the data with a log elsewhere" $mnt/file $((4 * MIB)) 11
	umount $mnt
}

xfs_realtime() {
	local start

	mkfs.xfs -q -f -m rmapbt=0,reflink=0 -r rtdev=$other,extsize=2m -d rtinherit=1 $disk
	mounted "xfs: mount with a real-time volume on another device" dax=always,rtdev=$other
	dax-file fill $mnt/file 0 $((8 * MIB)) 12
	is "xfs: a real-time file is DAX" yes "$(is_dax file)"
	start=$(region_start dax1.0)
	is "xfs: it lies on that device" "$(printf %#x $((start + $(at $mnt/file 0))))" "$(dax-file phys $mnt/file 0)"
	huge "xfs: real-time extents of 2 MiB" "4 mapped, 0 split" $mnt/file $((8 * MIB)) r
	dax-file fill $mnt/second 0 $((4 * MIB)) 13
	mapping $mnt/file $mnt/second
	# 7.x names the 2 MiB that are lost with it
	like "xfs: a failing page of a real-time file" "^SIGBUS BUS_MCEERR_AR at offset (8192 lsb (12|21)|0 lsb 21)\$" \
		"$(dax-file poison $mnt/file 8192)"
	all_ended 2
	like "xfs: who has it mapped is told" "SIGBUS BUS_MCEERR_A[RO] at offset (8192|0) " "$(met 1)"
	is "xfs: who has another is not" ready "$(met 2)"
	mapping $mnt/second
	ok "xfs: the real-time volume's device goes" unwaited give dax1.0 none
	all_ended
	like "xfs: who has a file of it mapped is told" "SIGBUS BUS_ADRERR" "$(met 1)"
	ok "xfs: unmount" umount $mnt
	give dax1.0 fsdev
	mounted "xfs: mount again" dax=always,rtdev=$other
	good "xfs: the real-time file's data" $mnt/second $((4 * MIB)) 13
	umount $mnt
}

watch_walks
ext4
erofs
xfs_hints
xfs_reflink
xfs_log
xfs_realtime
finish
