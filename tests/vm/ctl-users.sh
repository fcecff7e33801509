# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Part of scenario ctl: every user of the disk or the device is seen, named where that is possible, and keeps the device. Most of
# them leave no trace in sysfs.

dev=dax0.0 disk=/dev/fsdev0.0 mnt=/mnt/ctl other=/mnt/other
mkdir -p $other
modprobe loop
fsdevctl enable $dev 2>/dev/null
truncate -s 384M /tmp/other.img

# kept NAME PATTERN: the device is refused, says why, and stays; list names the user too
kept() {
	gives "$1: disable --dry-run is refused" 3 "$2" fsdevctl disable $dev --dry-run
	gives "$1: disable is refused" 3 "stays in mode fsdev" fsdevctl disable $dev
	is "$1: it stays" fsdev "$(driver_of $dev)"
	[ -z "${3-}" ] || like "$1: list" "$3" "$(fsdevctl list $dev 2>&1)"
}

gives "unused: it would go ahead" 0 "give it to driver device_dax" fsdevctl disable $dev --dry-run
like "unused: list" "fsdev0.0 +0 B +-$" "$(fsdevctl list $dev)"

loop=$(losetup -f --show /tmp/other.img)
mkfs.xfs -q -f -l logdev=$disk,size=64m "$loop" && mount -o logdev=$disk "$loop" $other
kept "XFS log" "$disk is the log of the file system on $other \(xfs\)" "$other\(log\)"
umount $other
if xfs_does_realtime; then
	mkfs.xfs -q -f -m reflink=0,rmapbt=0 -r rtdev=$disk "$loop" && mount -o rtdev=$disk "$loop" $other
	kept "XFS real-time device" "$disk is the real-time device of the file system on $other" "$other\(real-time device\)"
	umount $other
else
	skip "XFS real-time device" "needs an XFS with real-time volumes"
fi
mke2fs -q -F -b 4096 -O journal_dev $disk 16M && mkfs.ext4 -q -F -b 4096 -J device=$disk "$loop" && mount "$loop" $other
kept "ext4 journal" "$disk is the journal of the file system on $other \(ext4\)" "$other\(journal\)"
umount $other
losetup -d "$loop"

mkfs.ext4 -q -F -b 4096 $disk
mount -o dax=always $disk $mnt
mkdir $mnt/{lower,upper,work}
: >$mnt/file
mount -t overlay overlay -o lowerdir=$mnt/lower,upperdir=$mnt/upper,workdir=$mnt/work $other
umount $mnt
kept "overlay after the umount" "$disk has a file system \(ext4\) in use that no mount table shows" "ext4\(unmounted\)"
umount $other

mount -o dax=always $disk $mnt
sleep 1000 <>$mnt/file &
holder=$!
umount -l $mnt
kept "umount -l with an open file" "process $holder \(sleep\) has a file of the file system on $disk open" "ext4\(unmounted\) \+1"
kill $holder && wait $holder 2>/dev/null

: >/run/pinned
mount --make-private --bind /run /run
unshare --mount=/run/pinned sh -c "mount -o dax=always $disk $mnt"
kept "a namespace that a file keeps" "$disk is mounted on $mnt \(ext4\) in the mount namespace that /run/pinned keeps" " $mnt"
umount /run/pinned
umount -l /run

loop=$(losetup -f --show $disk)
mount "$loop" $mnt
kept "a mounted loop device" "$loop is made of $disk"
like "a mounted loop device: the mount" "is mounted on $mnt" "$(fsdevctl disable $dev --dry-run 2>&1)"
umount $mnt
losetup -d "$loop"

mknod /tmp/another b $((0x$(stat -c %t $disk))) $((0x$(stat -c %T $disk)))
sleep 1000 <>/tmp/another &
holder=$!
kept "a node of another name" "process $holder \(sleep\) has $disk open"
kill $holder && wait $holder 2>/dev/null

# what claims nothing and is in no table: the driver counts it
mountpoint -q /sys/kernel/config || mount -t configfs configfs /sys/kernel/config
if modprobe -q nvmet; then
	target=/sys/kernel/config/nvmet/subsystems/t
	mkdir $target && mkdir $target/namespaces/1
	echo -n $disk >$target/namespaces/1/device_path
	echo 1 >$target/namespaces/1/enable
	kept "NVMe target" "$disk is exported by the NVMe target, subsystem t" "NVMe target"
	mount -t tmpfs tmpfs /sys/kernel/config
	kept "what nothing names" "$disk is open \(1 times\) by the kernel or a process that cannot be named" "\(unknown\)"
	umount /sys/kernel/config
	echo 0 >$target/namespaces/1/enable
	rmdir $target/namespaces/1 $target
else
	skip "NVMe target" "this kernel has no nvmet"
fi
if modprobe -q target_core_iblock; then
	target=/sys/kernel/config/target/core/iblock_0
	mkdir -p $target/b
	echo udev_path=$disk >$target/b/control
	echo 1 >$target/b/enable
	kept "SCSI target" "$disk is exported by the SCSI target \(LIO\), backstore b" "SCSI target"
	rmdir $target/b $target
else
	skip "SCSI target" "this kernel has no target_core_iblock"
fi

# The device leaves under a mount and comes back: the old mount is not a user of the new one, and is named.
mkfs.xfs -q -f -m rmapbt=1,reflink=0 $disk
mount -o dax=always $disk $mnt
fsdevctl disable $dev --force 2>/dev/null
fsdevctl enable $dev 2>/dev/null
like "an old mount: list" "an old mount on $mnt \(xfs\) of $disk.*umount $mnt" "$(fsdevctl list 2>&1 >/dev/null)"
like "an old mount: the table" "$mnt\(old\)" "$(fsdevctl list 2>/dev/null)"
gives "an old mount: doctor" 5 "PROBLEM +$dev: an old mount on $mnt" fsdevctl doctor
gives "an old mount: it does not keep the device" 0 "give it to driver device_dax" fsdevctl disable $dev --dry-run
umount $mnt
like "the old mount is gone: list" "fsdev0.0 +0 B +-$" "$(fsdevctl list 2>&1)"

# a mount that comes while the change is under way is refused, as the disk is claimed until it is unbound
mkfs.ext4 -q -F -b 4096 $disk
strace -f -o /tmp/strace -e trace=openat -P /sys/bus/dax/devices/$dev/driver/unbind -e inject=openat:delay_enter=3000000 \
	fsdevctl disable $dev 2>/dev/null &
change=$!
until [ -e /run/fsdev/$dev.was ]; do sleep 0.05; done
refused "a mount in between" mount $disk $mnt
is "a mount in between: it was before the unbinding" fsdev "$(driver_of $dev)"
wait $change
is "and the change is made" device_dax "$(driver_of $dev)"
gives "unused: it goes" 0 "$dev: fsdev" fsdevctl enable $dev
dd if=/dev/zero of=$disk bs=1M count=4 oflag=direct status=none
