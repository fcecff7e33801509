#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --soft-reserved 512M --soft-reserved 128M
# A binding that has ended stays ended: what was on the device then, mounted, mapped, open, stacked or swapped to, does not
# reach the memory of its next user, whichever driver that has. (An owner of /dev/daxX.Y: scenarios chardev, owner, fs.)
# shellcheck disable=SC2086,SC2154,SC2317  # lists; what coproc and sized() set; functions that are called by name
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/removal-lib.sh
. "$(dirname -- "$0")/removal-lib.sh"
# shellcheck source=tests/vm/stack-lib.sh
. "$(dirname -- "$0")/stack-lib.sh"

dev=dax0.0 node=/dev/dax0.0 disk=/dev/fsdev0.0 mnt=/mnt/old over=/mnt/over
file=$mnt/file pattern=/dev/shm/pattern
mkdir -p $mnt $over
others="device_dax fsdev" told=''
# what each of several attempts ended with
errors='^((SIGBUS|E[A-Z]+) ?)+$'

# small_xfs OPTION... DISK: smaller than mkfs.xfs makes one otherwise
small_xfs() {
	TEST_DIR=y TEST_DEV=y QA_CHECK_FS=y mkfs.xfs -q -f "$@"
}

# keep COMMAND ARGUMENT...: a process that has something of the device, and tries to use it when it is told
keep() {
	local answer

	coproc late { exec dax-file "$@" 2>&1; }
	read -r answer <&"${late[0]}"
	is "$what: in use" ready "$answer"
	attempt=ask
}

# ask: what it meets
ask() {
	local answer=''

	echo go >&"${late[1]}"
	read -r -t 60 answer <&"${late[0]}"
	echo "$answer"
}

let_go() {
	eval "exec ${late[1]}>&-"
	wait "$late_PID" 2>/dev/null
}

# by_loop: what reading and writing past the page cache of a loop device meets
by_loop() {
	local how

	for how in "if=$loop of=/dev/null iflag=direct" "if=/dev/zero of=$loop oflag=direct conv=notrunc"; do
		if dd $how bs=4096 skip=16 count=1 status=none 2>/dev/null; then echo -n "done "; else echo -n "EIO "; fi
	done
}

# not_reached WHERE: what is left of the binding that has ended meets nothing but errors
not_reached() {
	like "$what, $1: nothing is reached" "$errors" "$($attempt)"
}

# online STATE: the memory that kmem has
online() {
	local block

	for block in /sys/devices/system/memory/memory*; do
		case $1-$(cat "$block/state")-$(cat "$block/valid_zones") in
		online-offline-*) echo online_movable >"$block/state" ;;
		offline-online-Movable) echo offline >"$block/state" ;;
		esac
	done
}

# sized MIB: how large the device is, and what it will be full of
sized() {
	size=$(($1 * MIB))
	ok "a device of $1 MiB" shape $dev "0:$1"
	dax-file pattern 2 $size >$pattern
}

# with_DRIVER: the next user has that driver, and memory full of a pattern, which stays as it is
with_device_dax() {
	dax-file paint "$node" "$size" 1
	not_reached device_dax
	is "$what, device_dax: nothing has changed" "0 pages differ" "$(dax-file painted $node $size 1)"
}

with_fsdev() {
	dd if=$pattern of=$disk bs=1M oflag=direct status=none
	not_reached fsdev
	ok "$what, fsdev: nothing has changed" cmp $pattern <(dd if=$disk bs=1M iflag=direct status=none)
}

# it has been painted as device_dax's
with_fsdev_dax() {
	not_reached fsdev_dax
	give $dev device_dax
	is "$what, fsdev_dax: nothing has changed" "0 pages differ" "$(dax-file painted $node $size 1)"
}

with_kmem() {
	online online
	not_reached kmem
	online offline
}

# ended DRIVER...: the device goes; then each of these drivers has it in turn
ended() {
	local driver

	dmesg -C
	ok "$what: unbind" unwaited give $dev none
	[ -z "$told" ] || like "$what: the file system has been told" "XFS \($told\): .*[Ss]hut(ting)? ?down" "$(dmesg)"
	told=''
	not_reached "without a driver"
	for driver; do
		ok "$what: to $driver" give $dev "$driver"
		"with_$driver"
		ok "$what: from $driver" give $dev none
	done
}

begin() {
	what=$1
	give $dev fsdev || fail "$what"
	dd if=/dev/zero of=$disk bs=4k count=64 oflag=direct conv=notrunc status=none
}

# mounted [TYPE DISK]: and a file that is mapped
mounted() {
	mount ${1:+-t $1} -o dax=always "${2-$disk}" $mnt || fail "$what: mount"
	[ -e $file ] || dax-file fill $file 0 $((4 * MIB)) 1
	is "$what: DAX" yes "$(dax-file is-dax $file)"
}

plain() {
	mounted
	keep late $file w
	ended "$@"
	let_go
	umount $mnt
}

mapper() {
	local vol=/dev/mapper/old

	begin "$1 on device-mapper"
	dmsetup create old --table "0 $(blockdev --getsz $disk) linear $disk 0"
	case $1 in
	ext4) mkfs.ext4 -q -F -b 4096 $vol ;;
	XFS) small_xfs $vol ;;
	esac
	mounted "" $vol
	keep late $file w
	ended $others
	let_go
	umount $mnt
	dmsetup remove --retry old
}

partitioned() {
	begin "XFS on a partition"
	partition 1 4096 $((96 * 2048))
	printf '\x55\xaa' | dd of=$disk bs=1 seek=510 conv=notrunc,fsync status=none
	blockdev --rereadpt $disk
	there ${disk}p1
	small_xfs -m rmapbt=1,reflink=0 ${disk}p1
	mounted xfs ${disk}p1
	keep late $file w
	told=${disk##*/}p1
	ended $others
	let_go
	umount $mnt
}

# XFS that has only the data of its files on the device
realtime() {
	local data

	begin "XFS real-time"
	modprobe loop
	truncate -s 128M /dev/shm/data
	data=$(losetup -f --show /dev/shm/data)
	small_xfs -m rmapbt=0,reflink=0 -d rtinherit=1 -r rtdev=$disk "$data" || fail "$what: mkfs"
	mounted "xfs -o rtdev=$disk" "$data"
	keep late $file w
	ended $others
	let_go
	umount $mnt
	losetup -d "$data"
}

# EROFS with the data of its files on the device, and all else on another
blob() {
	begin "EROFS blob"
	give dax1.0 fsdev
	mkdir -p /tmp/tree
	dax-file pattern 7 $((4 * MIB)) >/tmp/tree/file
	mkfs.erofs --quiet --chunksize=4096 --blobdev=$disk /dev/fsdev1.0 /tmp/tree >/tmp/mkfs 2>&1 || cat /tmp/mkfs
	mounted "erofs -o device=$disk" /dev/fsdev1.0
	keep late $file r
	ended $others
	let_go
	umount $mnt
	give dax1.0 none
}

erofs() {
	begin EROFS
	mkdir -p /tmp/tree
	dax-file pattern 7 $((4 * MIB)) >/tmp/tree/file
	mkfs.erofs --quiet $disk /tmp/tree >/tmp/mkfs 2>&1 || cat /tmp/mkfs
	mounted erofs
	keep late $file r
	ended $others
	let_go
	umount $mnt
}

overlay() {
	begin "overlay on ext4"
	mkfs.ext4 -q -F -b 4096 $disk
	mounted
	mkdir -p /dev/shm/upper /dev/shm/work
	mount -t overlay -o lowerdir=$mnt,upperdir=/dev/shm/upper,workdir=/dev/shm/work over $over || fail "$what: mount"
	keep late $over/file r
	ended $others
	let_go
	umount $over
	umount $mnt
}

loop() {
	begin "loop device on a file of ext4"
	mkfs.ext4 -q -F -b 4096 $disk
	mounted
	modprobe loop
	loop=$(losetup -f --show $file)
	attempt=by_loop
	is "$what: in use" "done done " "$($attempt)"
	ended $others
	losetup -d "$loop"
	umount $mnt
}

swap() {
	begin "swap on the disk"
	mkswap $disk >/dev/null 2>&1
	ok "$what: swapon" swapon $disk
	keep paged $((16 * MIB))
	is "$what: what was written to it comes back" same "$(ask)"
	ended $others
	let_go
	# the kernel cannot open a disk that has gone, so the swap area stays
}

watch_walks
echo offline >/sys/devices/system/memory/auto_online_blocks
sized 128
every="device_dax kmem fsdev"
! modprobe fsdev_dax 2>/dev/null || every="device_dax fsdev_dax kmem fsdev"
for which in ${ONLY-ext4 rmapbt xfs partition realtime blob erofs mapper overlay loop swap}; do
	case $which in
	ext4)
		begin ext4
		mkfs.ext4 -q -F -b 4096 $disk
			plain $every
		# kmem wants a whole memory block; for the others less will do
		sized 112
		;;
	rmapbt)
		begin "XFS with rmapbt"
		small_xfs -m rmapbt=1,reflink=0 $disk
			plain $others
		;;
	xfs)
		begin "XFS without rmapbt"
		small_xfs -m rmapbt=0,reflink=1 $disk
			plain $others
		;;
	mapper)
		mapper ext4
		mapper XFS
		;;
	partition) partitioned ;;
	*) $which ;;
	esac
done
finish
