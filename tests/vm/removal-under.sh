#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --soft-reserved 1G --nvdimm build/vm/removal-under-@KERNEL@:384M
# The device goes in other ways than by unbinding, and from under other things than a plain mount: device-mapper with an XFS
# whose files share pages, EROFS; from under a mount or unmount that is under way; the module, the platform device or the
# NVDIMM region that the device belongs to; and what has to be refused while it is in use.
# shellcheck disable=SC2086  # names without spaces
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/removal-lib.sh
. "$(dirname -- "$0")/removal-lib.sh"
# shellcheck source=tests/vm/stack-lib.sh
. "$(dirname -- "$0")/stack-lib.sh"

# as in removal.sh
# shellcheck disable=SC2034  # for quiet_log
case $(uname -r) in 6.1.*) stock_complaint='fs/dax\.c:[0-9]+ dax_(insert|disassociate)_entry' ;; esac

watch_walks
dev=dax0.0 disk=/dev/fsdev0.0 mnt=/mnt/under mapped=/dev/mapper/under tracing=/sys/kernel/tracing
mkdir -p $mnt
shape $dev 0:400 512:200
give $dev fsdev

# everybody_told NAME...: after a removal
everybody_told() {
	local what=$1 name

	shift
	all_ended ""
	for name in "$@"; do like "$what: who has $name mapped is told" "SIGBUS BUS_ADRERR" "$(tail -n 1 "/tmp/$name")"; done
}

# device_mapper WHAT FILE...: these are mapped while the device goes. Pages that several files share name none of them; a file
# of its own beside them would have the driver find the file system all the same.
device_mapper() {
	local what="dm, $1" sectors name files=("${@:2}")

	sectors=$(blockdev --getsz $disk)
	ok "$what: a table over the device" dmsetup create under --table "0 $sectors linear $disk 0"
	mkfs.xfs -q -f -m rmapbt=1,reflink=1 $mapped && mount -o dax=always $mapped $mnt
	dax-file fill $mnt/"${files[0]}" 0 $((4 * MIB)) 4
	for name in "${files[@]:1}"; do cp --reflink=always $mnt/"${files[0]}" $mnt/"$name"; done
	is "$what: the file is mapped with DAX" yes "$(dax-file is-dax $mnt/"${files[0]}")"
	sync
	none_yet
	for name in "${files[@]}"; do
		if [ "$name" = dirty ]; then start "$name" dax-file hold-write $mnt/"$name"; else start "$name" dax-file hold $mnt/"$name"; fi
	done
	all_ready
	ok "$what: unbind" unwaited give $dev none
	everybody_told "$what" "${files[@]}"
	refused "$what: a new mapping finds nothing" dax-file verify $mnt/"${files[0]}" 0 4096 4
	ok "$what: unmount" umount $mnt
	ok "$what: the table goes" dmsetup remove under
	ok "$what: bind again" give $dev fsdev
	dmsetup create under --table "0 $sectors linear $disk 0"
	ok "$what: mount again" mount -o dax=always $mapped $mnt
	for name in "${files[@]}"; do
		is "$what: $name is there" "1024 good, 0 wrong, 0 lost" "$(dax-file verify $mnt/"$name" 0 $((4 * MIB)) 4)"
	done
	umount $mnt
	dmsetup remove under
}

erofs() {
	mkdir -p /tmp/tree
	dax-file pattern 7 $((4 * MIB)) >/tmp/tree/file
	mkfs.erofs --quiet $disk /tmp/tree >/tmp/mkfs 2>&1 || cat /tmp/mkfs
	ok "erofs: mount" mount -t erofs -o dax=always $disk $mnt
	is "erofs: the file is mapped with DAX" yes "$(dax-file is-dax $mnt/file)"
	none_yet
	start file dax-file hold $mnt/file
	all_ready
	ok "erofs: unbind" unwaited give $dev none
	everybody_told erofs file
	refused "erofs: a new mapping finds nothing" dax-file verify $mnt/file 0 4096 7
	ok "erofs: unmount" umount $mnt
	ok "erofs: bind again" give $dev fsdev
	ok "erofs: mount again" mount -t erofs -o dax=always $disk $mnt
	is "erofs: the data is there" "1024 good, 0 wrong, 0 lost" "$(dax-file verify $mnt/file 0 $((4 * MIB)) 7)"
	umount $mnt
}

# in_kernel PID FUNCTION: it is there, or on its way to it, within some seconds
# shellcheck disable=SC2317  # ok calls it
in_kernel() {
	for _ in {1..200}; do
		! grep -q "$2" "/proc/$1/stack" || return 0
		sleep 0.1
	done 2>/dev/null
	return 1
}

# mounting TARGET: a mount that waits for its log, on another disk, has the device already; how it will end is not known yet. It
# ends when its log becomes TARGET. Where that is good it finds its place before the file system shuts down, or does not.
mounting() {
	local what="mounting ${disk##*/}, ${1%% *} log" mounter taker status=0

	dmsetup create log --table "0 $log_sectors linear $log 0"
	mkfs.xfs -q -f -m rmapbt=1,reflink=0 -l logdev=/dev/mapper/log $disk
	dmsetup suspend --nolockfs log
	mount -o dax=always,logdev=/dev/mapper/log $disk $mnt 2>/dev/null &
	mounter=$!
	ok "$what: a mount is under way" in_kernel $mounter xfs_mountfs
	give $dev none &
	taker=$!
	ok "$what: unbinding waits for it" in_kernel $taker del_gendisk
	echo "common_pid == $taker" >$tracing/events/kprobes/kept/filter
	: >$tracing/trace
	echo 1 >$tracing/events/kprobes/kept/enable
	dmsetup load log --table "0 $log_sectors $1"
	dmsetup resume log
	wait $mounter || status=$?
	[ "$1" != error ] || is "$what: it fails" 32 "$status"
	status=0
	wait $taker || status=$?
	is "$what: then unbinding goes on" 0 "$status"
	echo 0 >$tracing/events/kprobes/kept/enable
	is "$what: the device has no driver" none "$(driver_of $dev)"
	if grep -q " $mnt " /proc/mounts; then
		ok "$what: the file system was kept in memory for the rest of the unbinding" grep -q ' kept: ' $tracing/trace
		refused "$what: nothing can be written" sh -c "echo no >$mnt/file && sync $mnt/file"
		ok "$what: unmount" umount $mnt
	fi
	dmsetup load log --table "0 $log_sectors linear $log 0"
	dmsetup resume log
	ok "$what: bind again" give $dev fsdev
	ok "$what: mount again" mount -o dax=always,logdev=/dev/mapper/log $disk $mnt
	umount $mnt
	dmsetup remove log
}

# XFS holds the device until an unmount has ended, and must not hear of the removal meanwhile.
unmounting() {
	local unmounter taker status=0

	dmsetup create log --table "0 $log_sectors linear $log 0"
	mkfs.xfs -q -f -m rmapbt=1 -l logdev=/dev/mapper/log $disk
	mount -o dax=always,logdev=/dev/mapper/log $disk $mnt
	dax-file fill $mnt/file 0 $((4 * MIB)) 3
	dmsetup suspend --nolockfs log
	umount $mnt &
	unmounter=$!
	ok "unmounting: an unmount is under way" in_kernel $unmounter generic_shutdown_super
	give $dev none &
	taker=$!
	ok "unmounting: unbinding waits for it" in_kernel $taker mounts_note
	until dmesg | grep 'unbind blocked: a file system on .* is being unmounted' || ! kill -0 $taker; do sleep 0.2; done >/tmp/waits 2>&1
	like "unmounting: and says so" "$dev: unbind blocked: a file system on ${disk##*/} is being unmounted, waiting for that to end" "$(cat /tmp/waits)"
	dmsetup resume log
	wait $unmounter || status=$?
	is "unmounting: it goes well" 0 "$status"
	wait $taker || status=$?
	is "unmounting: then unbinding goes on" 0 "$status"
	is "unmounting: the device has no driver" none "$(driver_of $dev)"
	ok "unmounting: bind again" give $dev fsdev
	ok "unmounting: mount again" mount -o dax=always,logdev=/dev/mapper/log $disk $mnt
	is "unmounting: the file is there" "1024 good, 0 wrong, 0 lost" "$(dax-file verify $mnt/file 0 $((4 * MIB)) 3)"
	umount $mnt
	dmsetup remove log
}

# The same where XFS has only its real-time part on the device: the disk is not the one that its superblock names.
unmounting_realtime() {
	local data=$1 sectors unmounter taker status=0

	xfs_does_realtime || { skip "unmounting, real-time" "needs an XFS with real-time volumes"; return; }
	sectors=$(blockdev --getsz "$data")
	dmsetup create data --table "0 $sectors linear $data 0"
	mkfs.xfs -q -f -m rmapbt=0,reflink=0 -d rtinherit=1 -r rtdev=$disk /dev/mapper/data >/tmp/mkfs 2>&1 || cat /tmp/mkfs
	ok "unmounting, real-time: mount" mount -o dax=always,rtdev=$disk /dev/mapper/data $mnt
	dax-file fill $mnt/file 0 $((4 * MIB)) 3
	is "unmounting, real-time: the file is mapped with DAX" yes "$(dax-file is-dax $mnt/file)"
	touch $mnt/other
	dmsetup suspend --nolockfs data
	umount $mnt &
	unmounter=$!
	ok "unmounting, real-time: an unmount is under way" in_kernel $unmounter generic_shutdown_super
	give $dev none &
	taker=$!
	ok "unmounting, real-time: unbinding waits for it" in_kernel $taker mounts_note
	dmsetup resume data
	wait $unmounter || status=$?
	is "unmounting, real-time: it goes well" 0 "$status"
	wait $taker || status=$?
	is "unmounting, real-time: then unbinding goes on" 0 "$status"
	ok "unmounting, real-time: bind again" give $dev fsdev
	dmsetup remove --retry data
}

mounts() {
	local log log_sectors

	# a guest that gives up could not end with a disk that is suspended
	trap 'dmsetup resume log' EXIT
	modprobe loop
	truncate -s 128M /tmp/log
	log=$(losetup -f --show /tmp/log)
	log_sectors=$(blockdev --getsz "$log")
	# by the driver, which gives it up at the end
	echo 'p:kept deactivate_super' >>$tracing/kprobe_events
	mounting error
	mounting "linear $log 0"
	# of a disk that has been deleted its table of partitions tells nothing
	partition 1 4096 $((390 * 2048))
	printf '\x55\xaa' | dd of=$disk bs=1 seek=510 conv=notrunc,fsync status=none
	blockdev --rereadpt $disk
	there ${disk}p1
	disk=${disk}p1
	mounting "linear $log 0"
	disk=${disk%p1}
	echo '-:kept' >>$tracing/kprobe_events
	# XFS of 6.1 does not look
	case $(uname -r) in 6.1.*) ;; *) unmounting ;; esac
	losetup -d "$log"
	trap 'dmsetup resume data' EXIT
	truncate -s 400M /tmp/log
	log=$(losetup -f --show /tmp/log)
	case $(uname -r) in 6.1.*) ;; *) unmounting_realtime "$log" ;; esac
	losetup -d "$log"
	rm /tmp/log
	trap - EXIT
}

# in_use TYPE SEED: a mounted file system with a file that is read and one that is written
in_use() {
	case $1 in
	xfs) mkfs.xfs -q -f -m rmapbt=1 "$disk" ;;
	ext4) mkfs.ext4 -q -F -b 4096 "$disk" ;;
	esac
	mount -o dax=always "$disk" $mnt
	dax-file fill $mnt/held 0 $((4 * MIB)) "$2"
	dax-file fill $mnt/dirty 0 $((4 * MIB)) "$2"
	none_yet
	start held dax-file hold $mnt/held
	start dirty dax-file hold-write $mnt/dirty
	all_ready
}

# still_there WHAT SEED
still_there() {
	local name

	ok "$1: mount again" mount -o dax=always "$disk" $mnt
	for name in held dirty; do
		is "$1: $name is there" "1024 good, 0 wrong, 0 lost" "$(dax-file verify $mnt/$name 0 $((4 * MIB)) "$2")"
	done
	umount $mnt
}

refusals() {
	local size=/sys/bus/dax/devices/$dev/size before

	before=$(cat $size)
	in_use xfs 8
	refused "in use: the device cannot be made smaller" sh -c "echo 0 >$size"
	is "in use: its size is what it was" "$before" "$(cat $size)"
	# the bus lets a range be added at any time; the driver has read them when it took the device
	ok "in use: a range is added" sh -c "printf %x-%x $((base + (900 << 20))) $((base + (902 << 20) - 1)) >${size%size}mapping"
	is "in use: the disk is what it was" "$before" "$(blockdev --getsize64 $disk)"
	refused "in use: the module cannot go" rmmod fsdev
	is "in use: it has the device" fsdev "$(driver_of $dev)"
	is "in use: who has held mapped goes on" "" "$(grep SIGBUS /tmp/held)"
	kill -9 "${pids[@]}"
	wait "${pids[@]}" 2>/dev/null
	umount $mnt
	refused "bound: the device cannot be made smaller" sh -c "echo 0 >$size"
	ok "the module goes, and gives the device back" unwaited rmmod fsdev
	is "it has no driver" none "$(driver_of $dev)"
	ok "it has its old ranges again" shape $dev 0:400 512:200
	ok "and the module comes back" give $dev fsdev
	still_there module 8
}

# The platform device that the DAX region comes from.
platform() {
	local hmem=/sys/bus/platform/drivers/hmem parent

	in_use xfs 9
	for parent in "$hmem"/hmem*; do parent=${parent##*/}; done
	ok "platform: the region's device goes" unwaited sh -c "echo $parent >$hmem/unbind"
	everybody_told platform held dirty
	refused "platform: the DAX device is gone" test -e /sys/bus/dax/devices/$dev
	ok "platform: unmount" umount $mnt
	echo "$parent" >$hmem/bind
	# the driver knows it by its id
	until [ "$(driver_of $dev)" = fsdev ]; do sleep 0.1; done
	ok "platform: the device has its ranges again" shape $dev 0:400 512:200
	ok "platform: bind again" give $dev fsdev
	still_there platform 9
	give $dev none
}

# The NVDIMM region below a static device.
region() {
	local region namespace static

	# its number comes after those of the DAX regions
	region=$(ndctl list -R | sed -n 's/.*"dev":"\(region[0-9]*\)".*/\1/p')
	namespace=$(ndctl create-namespace -f -e "namespace${region#region}.0" -m devdax -M mem |
		sed -n 's/.*"dev":"\(namespace[^"]*\)".*/\1/p')
	static=$(ndctl list -Nn "$namespace" | sed -n 's/.*"chardev":"\([^"]*\)".*/\1/p')
	like "region: a static device" "^dax" "$static"
	[ -n "$static" ] || return
	disk=/dev/fsdev${static#dax}
	give "$static" fsdev
	in_use ext4 10
	ok "region: it is disabled" unwaited ndctl disable-region "$region"
	everybody_told region held dirty
	ok "region: unmount" umount $mnt
	ok "region: it is enabled" ndctl enable-region "$region"
	# by its id; the device above takes it again once that is bound itself, so also the next time this one goes first
	until [ "$(driver_of "$static")" = fsdev ]; do sleep 0.1; done
	still_there region 10
	in_use ext4 11
	ok "region: it is disabled again" unwaited ndctl disable-region "$region"
	everybody_told region held dirty
	ok "region: unmount" umount $mnt
}

base=$(region_start $dev)
device_mapper shared held one two
device_mapper alone dirty
erofs
mounts
refusals
platform
region
finish
