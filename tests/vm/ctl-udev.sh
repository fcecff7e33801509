# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Part of scenario ctl: udev, as any disk has it: links, and a new file system known at once; rights; nothing before known poison
# has been taken over; and no driver by its alias for what a section claims.
# shellcheck disable=SC2154  # top is of the scenario

# the rules are the same on every kernel
if ! whole; then
	skip "udev" "tried on 6.12, or everywhere with WHOLE=y"
	return
fi

dev=dax0.0 disk=/dev/fsdev0.0
sysfs=/sys/bus/dax/devices/$dev
fsdevctl disable $dev 2>/dev/null
rm -rf /etc/fsdev.d
mkdir -p /etc/fsdev.d /run/udev/rules.d
install -m 755 "$top/build/fsdevctl" /usr/sbin/fsdevctl
cp "$top/packaging/59-fsdev.rules" /run/udev/rules.d/
ok "the rules have no mistake" udevadm verify /run/udev/rules.d/59-fsdev.rules
/usr/lib/systemd/systemd-udevd --daemon
udevadm control --ping

# property DEVICE NAME: what udev knows of it
property() {
	udevadm info --query=property --property="$2" --value "$1"
}

# until_link LINK: a link comes in a moment
until_link() {
	for _ in {1..100}; do
		[ ! -e "$1" ] || { basename "$(readlink -f "$1")" && return; }
		sleep 0.1
	done
	echo none
}

# come: the device is announced, as at boot, while no driver has it and kmem is not loaded. device_dax stays: a node that it has opened
# points into it after it is unloaded, and the next open of that node is an oops of the stock kernel.
come() {
	give $dev none
	modprobe -r kmem
	udevadm trigger --settle --action=add $sysfs
	udevadm settle
}

fsdevctl enable $dev 2>/dev/null
udevadm settle
is "rights" "600 root:root" "$(stat -c '%a %U:%G' $disk)"
mkfs.xfs -q -f -m uuid=6a1b2c3d-0002-4000-8000-00000000abcd -L label-x $disk
is "after mkfs: by its UUID, without a trigger" fsdev0.0 "$(until_link /dev/disk/by-uuid/6a1b2c3d-0002-4000-8000-00000000abcd)"
is "after mkfs: by its label" fsdev0.0 "$(until_link /dev/disk/by-label/label-x)"
is "by its path" fsdev0.0 "$(for link in /dev/disk/by-path/*-fsdev0.0; do until_link "$link"; done)"
is "by its id, without a section" "fsdev0.0 mem-$(printf %x "$(region_start $dev)")" \
	"$(until_link "/dev/disk/by-id/dax-mem-$(printf %x "$(region_start $dev)")") $(property $disk ID_SERIAL)"
is "what it is" "dax fsdev" "$(property $disk ID_BUS) $(property $disk ID_MODEL)"

# partitions: two entries of a table in the PC's form
wipefs -qa $disk
{
	dd if=/dev/zero bs=440 count=1 && printf '\x78\x56\x34\x12\0\0'
	printf '\0\0\0\0\x83\0\0\0\0\x10\0\0\0\0\x01\0' && dd if=/dev/zero bs=48 count=1
	printf '\x55\xaa'
} 2>/dev/null | dd of=$disk conv=notrunc,fsync status=none
blockdev --rereadpt $disk
udevadm settle
mkfs.ext4 -q -F -U 6a1b2c3d-0003-4000-8000-00000000abcd ${disk}p1
is "a partition: by its UUID" fsdev0.0p1 "$(until_link /dev/disk/by-uuid/6a1b2c3d-0003-4000-8000-00000000abcd)"
is "a partition: by that UUID of its own" fsdev0.0p1 "$(until_link /dev/disk/by-partuuid/12345678-01)"
is "a partition: by its id" fsdev0.0p1 "$(until_link "/dev/disk/by-id/dax-mem-$(printf %x "$(region_start $dev)")-part1")"
is "a partition: rights" "600 root:root" "$(stat -c '%a %U:%G' ${disk}p1)"

# held back: neither the disk nor its partitions are ready; the end of that is announced as new
: >/run/fsdev/fsdev0.0.hold
udevadm trigger --settle --action=change $disk ${disk}p1
is "held back: not ready" "0 0" "$(property $disk SYSTEMD_READY) $(property ${disk}p1 SYSTEMD_READY)"
is "held back: no links" "" "$(ls /dev/disk/by-uuid 2>/dev/null)"
udevadm monitor --kernel --subsystem-match=block >/tmp/events &
monitor=$!
until has_line 'KERNEL' /tmp/events; do sleep 0.1; done
fsdevctl enable $dev 2>/dev/null
is "given free: a partition's link" fsdev0.0p1 "$(until_link /dev/disk/by-uuid/6a1b2c3d-0003-4000-8000-00000000abcd)"
kill $monitor
is "given free: announced as new" "fsdev0.0 fsdev0.0p1" "$(sed -nE 's/.* add .*\/(fsdev[^ ]*) .*/\1/p' /tmp/events | sort -u | paste -sd' ')"

if command -v pvcreate >/dev/null; then
	dd if=/dev/zero of=$disk bs=1M count=4 oflag=direct status=none
	blockdev --rereadpt $disk
	udevadm settle
	pvcreate -qq -y $disk && vgcreate -qq -y volumes $disk
	: >/run/fsdev/fsdev0.0.hold
	udevadm trigger --settle --action=change $disk
	rm -rf /run/lvm
	fsdevctl enable $dev 2>/dev/null
	udevadm settle
	is "LVM: asked when the disk is ready" "LVM2_member volumes" "$(property $disk ID_FS_TYPE) $(property $disk LVM_VG_NAME_COMPLETE)"
	vgremove -qq -y -f volumes
	pvremove -qq -y $disk
else
	skip "LVM: asked when the disk is ready" "there is no LVM"
fi

# what a section claims; memory that becomes the kernel's meanwhile can be taken back
policy=$(cat /sys/devices/system/memory/auto_online_blocks)
echo offline >/sys/devices/system/memory/auto_online_blocks
printf '[weights]\naddress = %#x\n' "$(region_start $dev)" >/etc/fsdev.d/10.conf
udevadm trigger --settle --action=add $disk
is "a section: its link" fsdev0.0 "$(until_link /dev/fsdev/weights)"
udevadm trigger --settle --action=change $disk
is "a section: the link stays with later events" fsdev0.0 "$(until_link /dev/fsdev/weights)"
fsdevctl disable $dev 2>/dev/null
come
is "a section: applied when the device comes" fsdev "$(driver_of $dev)"
fsdevctl disable $dev 2>/dev/null
echo nonsense >>/etc/fsdev.d/10.conf
come
is "a configuration with mistakes claims everything: no driver" "none unknown" "$(driver_of $dev) $(property $sysfs FSDEV_CLAIM)"
is "... none is loaded either" "" "$(ls -d /sys/bus/dax/drivers/kmem 2>/dev/null)"
printf '[weights]\naddress = %#x\n' "$(region_start $dev)" >/etc/fsdev.d/10.conf
mount -t tmpfs tmpfs "/usr/lib/modules/$(uname -r)/updates"
modprobe -r fsdev
come
is "the module is missing: no driver" "none fsdev" "$(driver_of $dev) $(property $sysfs FSDEV_CLAIM)"
umount "/usr/lib/modules/$(uname -r)/updates"
rm /etc/fsdev.d/10.conf
come
ok "no section: a driver is loaded by its alias" [ -e /sys/bus/dax/drivers/kmem ]
echo "$policy" >/sys/devices/system/memory/auto_online_blocks
rm -r /etc/fsdev.d
udevadm control --exit
rm /run/udev/rules.d/59-fsdev.rules /usr/sbin/fsdevctl
fsdevctl enable $dev 2>/dev/null
dd if=/dev/zero of=$disk bs=1M count=4 oflag=direct status=none
fsdevctl disable $dev 2>/dev/null
