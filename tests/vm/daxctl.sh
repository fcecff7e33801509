#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --cpus 1 --soft-reserved 512M
# The driver under the name fsdev_dax, which daxctl's mode famfs and other programs ask for: ours on kernels without one, the
# kernel's elsewhere; by what daxctl 85 does in sysfs, and by daxctl 85 itself where `lab/daxctl` has brought it.
# shellcheck disable=SC2086,SC2317  # names without blanks; cases are called by name
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"

dev=dax0.0 disk=/dev/fsdev0.0 mnt=/mnt/daxctl drivers=/sys/bus/dax/drivers new=/opt/daxctl
PATH=$top/build:$PATH
mkdir -p $mnt
# memory that is onlined by itself would never go again
echo offline >/sys/devices/system/memory/auto_online_blocks
ok "one range" shape $dev 0:384

# daxctl_85 ARGUMENT...: that of Debian's unstable distribution, in its own root
daxctl_85() {
	chroot $new daxctl "$@" 2>&1
}

# daxctl_81 ARGUMENT...: that of the lab's root
daxctl_81() {
	/usr/bin/daxctl "$@" 2>&1
}

# has_85: daxctl 85 is there, and can see the machine
has_85() {
	local dir

	[ -x $new/usr/bin/daxctl ] || return
	! mountpoint -q $new/sys || return 0
	mkdir -p $new/lib/modules
	for dir in proc sys dev run lib/modules; do mount --rbind "/$dir" "$new/$dir"; done
}

# mode_by DAXCTL: the mode of the device, as it says
mode_by() {
	"$1" list -d $dev | jq -r 'if type == "array" then .[0] else . end | .mode'
}

fsdev_mode() {
	fsdevctl list -n -o mode
}

# reconfigured MODE DRIVER [OPTION...]: daxctl gives the device this mode, and it has this driver then
reconfigured() {
	ok "to $1" daxctl_85 reconfigure-device -m "$1" "${@:3}" $dev
	is "to $1: the driver" "$2" "$(driver_of $dev)"
	is "to $1: daxctl calls it that" "$1" "$(mode_by daxctl_85)"
}

with_xfs() {
	mkfs.xfs -q -f -m rmapbt=1,reflink=0 $disk || fail "mkfs.xfs"
	mount -o dax=always $disk $mnt || fail "mount"
	dax-file fill $mnt/file 0 $MIB 1
}

good() {
	is "$1" "256 good, 0 wrong, 0 lost" "$(dax-file verify $mnt/file 0 $MIB 1)"
}

# The name is that of the kernel's own driver. What daxctl does in sysfs: it loads the module of that name, takes the device from
# its driver, and tells the other of it
case_the_kernels() {
	requires "a kernel with a driver fsdev_dax of its own" own_fsdev_dax || return 0
	is "ours is not installed beside it" "" "$(find "/lib/modules/$(uname -r)/updates" -name 'fsdev_dax.ko*')"
	modprobe fsdev
	ok "the device goes to it" give $dev fsdev_dax
	refused "it has no block device" test -e $disk
	is "fsdevctl knows it" kernel-fsdev "$(fsdev_mode)"
	ok "fsdevctl takes it over" fsdevctl enable $dev
	is "ours has it then" fsdev "$(driver_of $dev)"
	with_xfs
	refused "not while it is mounted" fsdevctl disable $dev --mode kernel-fsdev
	is "it stays" fsdev "$(driver_of $dev)"
	umount $mnt
	ok "fsdevctl gives it back" fsdevctl disable $dev --mode kernel-fsdev
	is "the kernel's has it" fsdev_dax "$(driver_of $dev)"
	ok "and takes it again" fsdevctl enable $dev
	mount -o dax=always $disk $mnt
	good "with its data"
	umount $mnt
	ok "to the kernel's" fsdevctl disable $dev --mode kernel-fsdev
	ok "and on to devdax" fsdevctl disable $dev
	is "device_dax has it" device_dax "$(driver_of $dev)"
}

# The name is ours
case_ours() {
	! own_fsdev_dax || return 0
	give $dev device_dax
	ok "the module loads" modprobe fsdev_dax
	is "the module behind the driver has its name" fsdev_dax "$(basename "$(readlink -f $drivers/fsdev_dax/module)")"
	is "loading takes no device" device_dax "$(driver_of $dev)"
	refused "fsdevctl has no mode kernel-fsdev here" fsdevctl disable $dev --mode kernel-fsdev
	is "the device stays where it was" device_dax "$(driver_of $dev)"
	ok "the device goes to it" give $dev fsdev_dax
	ok "it has a block device" test -b $disk
	is "fsdevctl knows it" fsdev "$(fsdev_mode)"
	with_xfs
	is "XFS uses DAX on it" yes "$(dax-file is-dax $mnt/file)"
	refused "fsdevctl does not take it away under a mount" fsdevctl disable $dev
	refused "fsdev cannot be unloaded under it" rmmod fsdev
	refused "nor the module of the other name" rmmod fsdev_dax
	good "it goes on"
	dax-file poison $mnt/file 8192 >/dev/null
	is "a failing page is the device's" 4096 "$(fsdevctl list --json | jq '.[0].bad_bytes')"
	dd if=/dev/zero of=$mnt/file bs=4096 seek=2 count=1 conv=notrunc,fsync status=none
	is "and is repaired" 0 "$(fsdevctl list --json | jq '.[0].bad_bytes')"
	dax-file fill $mnt/file 0 $MIB 1
	ok "unbound under the mount" give $dev none
	refused "the mapping and the file are gone" dax-file verify $mnt/file 0 4096 1
	umount $mnt
	ok "and bound again" give $dev fsdev_dax
	ok "fsdevctl enable finds it done" fsdevctl enable $dev
	is "and leaves it there" fsdev_dax "$(driver_of $dev)"
	ok "fsdevctl takes it to devdax" fsdevctl disable $dev
	is "device_dax has it" device_dax "$(driver_of $dev)"
	ok "and to fsdev" fsdevctl enable $dev
	is "which has it under its own name" fsdev "$(driver_of $dev)"
	ok "mount" mount -o dax=always $disk $mnt
	good "with its data"
	umount $mnt
	ok "to the other name again" give $dev fsdev_dax
	refused "the module stays while it has a device" rmmod fsdev_dax
	give $dev device_dax
	ok "and can go afterwards" rmmod fsdev_dax
	ok "fsdev, too" rmmod fsdev
}

# daxctl 85 itself, from each mode to each other
case_mode_famfs() {
	requires "daxctl 85, by lab/daxctl" has_85 || return 0
	give $dev device_dax
	is "devdax" devdax "$(mode_by daxctl_85)"
	reconfigured famfs fsdev_dax
	reconfigured devdax device_dax
	reconfigured famfs fsdev_dax
	reconfigured system-ram kmem -N
	# which daxctl does not convert to famfs in one step
	reconfigured devdax device_dax
	reconfigured famfs fsdev_dax
	if ! own_fsdev_dax; then
		with_xfs
		is "XFS uses DAX on it" yes "$(dax-file is-dax $mnt/file)"
		# what docs/users.md says of it
		reconfigured devdax device_dax
		refused "it asks for no user: the mount has shut down" dax-file verify $mnt/file 0 4096 1
		umount $mnt
	else
		reconfigured devdax device_dax
	fi
}

run_cases
