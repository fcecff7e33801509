#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --soft-reserved 1G
# Owning a device without its block device, as a file system for 7.x does it: finding it, claiming it, what is refused, and
# that it and a file system on the block device exclude each other.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/kernel-lib.sh
. "$(dirname -- "$0")/kernel-lib.sh"

enodev=-19 eopnotsupp=-95 ebusy=-16 enxio=-6
disk=/dev/fsdev10.0 mnt=/mnt/owner
mkdir -p $mnt

# excludes NAME TYPE: the file system that is on the disk, and an owner without the block device, each way
excludes() {
	ok "$1 mounted" mount -t "$2" -o dax=always $disk $mnt
	is "$1 uses DAX" yes "$(dax-file is-dax $mnt/file)"
	refused "with $1 mounted the device cannot be claimed" run hold-direct 10
	is "and $1 works on" "256 good, 0 wrong, 0 lost" "$(dax-file verify $mnt/file 0 $MIB 1)"
	umount $mnt
	ok "$1 unmounted, it can be claimed" run hold-direct 10
	refused "claimed, it is not for $1" mount -t "$2" -o dax=always $disk $mnt
	refused "nor for $1 without DAX" mount -t "$2" -o ro $disk $mnt
	ok "let go" run let-go 10
	ok "then it is for $1 again" mount -t "$2" -o dax=always $disk $mnt
	umount $mnt
}

# not_claimed WHO: the DAX device has not been told of it, and all the same it cannot be claimed
not_claimed() {
	points "$1" refused 10 $ebusy
}

begin 10 20
make_dynamic 10 0 1024
ok "three ranges" shape dax10.0 512:256 8:384 800:128
points "without a driver" refused 10 $enodev
points "without a driver" find-dead 10
points "without a driver" whole 10 $enodev
is "to device_dax" bound "$(bind dax10.0 device_dax)"
points "in device_dax" refused 10 $eopnotsupp
points "in device_dax" whole 10 $eopnotsupp
unbind dax10.0
is "to fsdev" bound "$(bind dax10.0 fsdev)"
points "in fsdev" find 10 /dev/dax10.0
mkdir -p /mnt/nodev
mount -t tmpfs -o nodev none /mnt/nodev
cp -a /dev/dax10.0 /mnt/nodev/
points "where no device files count" find-path /mnt/nodev/dax10.0 -13
umount /mnt/nodev
mark_log
points "three ranges" whole 10 -18
like "the log says why" "3 ranges that are not one piece" "$(said dax10.0)"
points "in fsdev" exclude-direct 10
points "in fsdev" exclude-disk 10
# where the kernel has an fs_dax_get() of its own, scenario livepatch is about that
grep -q ' fs_dax_get.*\[fsdev\]' /proc/kallsyms && points "in fsdev" claim-removed 10

# a file system on the block device, and an owner without one; first XFS, which holds the DAX device as well
mkfs.xfs -q -f -m rmapbt=1,reflink=0 -d su=2m,sw=1 $disk || fail "mkfs.xfs"
mount -o dax=always $disk $mnt || fail "mount"
dax-file fill $mnt/file 0 $MIB 1
like "XFS holds the device" "holder=set" "$(state 10 holder)"
umount $mnt
excludes XFS xfs
like "the log says why it was not mounted" "exclusive open of $disk by mount \([0-9]+\) refused" "$(dmesg)"
# the others claim the block device only
mkfs.ext4 -q -F -b 4096 $disk 16M || fail "mkfs.ext4"
mount -o dax=always $disk $mnt || fail "mount"
dax-file fill $mnt/file 0 $MIB 1
not_claimed "under ext4"
umount $mnt
excludes ext4 ext4
mkdir -p /tmp/tree
dax-file pattern 1 $MIB >/tmp/tree/file
mkfs.erofs --quiet $disk /tmp/tree >/tmp/mkfs 2>&1 || cat /tmp/mkfs
excludes EROFS erofs
ok "device-mapper takes the disk" dmsetup create over --table "0 2048 linear $disk 0"
not_claimed "under device-mapper"
dmsetup remove over
ok "claimed" run hold-direct 10
refused "then it is not for device-mapper" dmsetup create over --table "0 2048 linear $disk 0"
refused "nor for mkfs" mkfs.ext4 -q -F -b 4096 $disk 16M
is "a reader is no obstacle" 4096 "$(dd if=$disk bs=4096 count=1 iflag=direct status=none | wc -c)"
exec 7<$disk
ok "let go" run let-go 10
ok "claimed with the disk open" run hold-direct 10
refused "then EROFS is refused too" mount -t erofs -o dax=always $disk $mnt
exec 7<&-
ok "let go again" run let-go 10
points "both at once" rivals 10 1000

# an owner hears of failures, and of removal; also where the disk has a partition, from MiB 2 to 4, that was looked at
printf '\x00\x00\x00\x00\x83\x00\x00\x00\x00\x10\x00\x00\x00\x10\x00\x00' | dd of=$disk bs=1 seek=446 conv=notrunc,fsync status=none
printf '\x55\xaa' | dd of=$disk bs=1 seek=510 conv=notrunc,fsync status=none
blockdev --rereadpt $disk
is "a partition" 4096 "$(blockdev --getsz ${disk}p1)"
ok "claimed again" run hold-direct 10
ok "the disk is opened" dd if=$disk of=/dev/null bs=4096 count=1 iflag=direct
points "owner without a block device, beside a partition" fail-pages 10
ok "let go again" run let-go 10
ok "the table goes" dd if=/dev/zero of=$disk bs=4096 count=1 oflag=direct conv=notrunc
blockdev --rereadpt $disk
unbind dax10.0
is "bound again" bound "$(bind dax10.0 fsdev)"
ok "claimed again" run hold-direct 10
points "owner without a block device" fail-pages 10
ok "let go again" run let-go 10
points "let go while it is told" release-told 10
points "a call that is running" drained 10
# the pages that have failed are bad until the device is unbound
unbind dax10.0
is "bound again" bound "$(bind dax10.0 fsdev)"
ok "claimed for removal" run hold-direct 10
unbind dax10.0
points "owner without a block device" told-removal 10
points "dead device" refused 10 $enodev
# the bus's DAX device comes to life with its next driver, so what has not let go of it must not be there or not get through
points "dead device" reach 10 $enxio
mark_log
is "with the old owner fsdev does not bind" "Device or resource busy" "$(bind dax10.0 fsdev)"
like "and says who is in the way" "holder_operations \[fsdev_test\] has not let go of the DAX device" "$(said dax10.0)"
is "device_dax binds" bound "$(bind dax10.0 device_dax)"
points "in device_dax" reach 10 $enxio
unbind dax10.0
if own_fsdev_dax; then
	modprobe fsdev_dax
	echo dax10.0 >/sys/bus/dax/drivers/fsdev_dax/new_id
	like "the kernel's fsdev_dax does not bind" "driver=none" "$(state 10 driver)"
	points "without a driver" reach 10 $enxio
fi
refused "the module cannot go" rmmod -f fsdev
ok "its late release" run let-go 10
like "it has no holder" "holder=none" "$(state 10 holder)"
is "bound again" bound "$(bind dax10.0 fsdev)"
points "after it" exclude-direct 10
points "after it" exclude-disk 10
# the same where fsdev does not look: the refusal ends by itself
ok "claimed for another removal" run hold-direct 10
unbind dax10.0
like "something is left on the device" "operations=set" "$(state 10 operations)"
ok "let go after it" let_go 10
is "unbound" "$idle" "$(state 10)"
ok "one range" shape dax10.0 512:256
tracing=/sys/kernel/tracing
[ -e $tracing/trace ] || mount -t tracefs tracefs $tracing
echo 'p:inv arch_invalidate_pmem size=%si:u64' >$tracing/kprobe_events
echo dax10.0 >/sys/bus/dax/drivers/fsdev/shared
is "shared" bound "$(bind dax10.0 fsdev)"
echo >$tracing/trace
echo 1 >$tracing/events/kprobes/inv/enable
points "shared" whole 10 256
echo 0 >$tracing/events/kprobes/inv/enable
is "shared: all of it is invalidated, a MiB at most at once" "268435456 1048576" \
	"$(sed -nE 's/.*inv: .*size=([0-9]+)$/\1/p' $tracing/trace | awk '{ n += $1; if ($1 > most) most = $1 } END { print n, most }')"
unbind dax10.0
echo -dax10.0 >/sys/bus/dax/drivers/fsdev/shared
is "bound for the last time" bound "$(bind dax10.0 fsdev)"
points "one range" whole 10 256
ok "claimed by one that has a page failing" run hold-direct 10
points "owner of one range" fail-pages 10
mark_log
points "with poison" whole 10 -5
like "the log says so" "bytes are poisoned" "$(said dax10.0)"
ok "let go for the last time" run let-go 10
ok "claimed by one that lets go when it is told" run hold-fickle 10
unbind dax10.0
points "let go while it is told of the removal" fickle-looked
is "nothing is left of it" "$idle" "$(state 10)"
ok "unmade" run unmake 10

# a device above whose probe fails after it has made the device: what it has made is about to be released
above=/sys/bus/platform/drivers/fsdev_test
ok "a device with another above" make_static 20 0 32768 0 32768
run fails 20
echo fsdev_test.20 >$above/unbind
ok "a release will be held up" run gate-sleep devres_release_all any
echo fsdev_test.20 2>/dev/null >$above/bind &
ok "that of the device above" run gate-wait
mark_log
is "the device is not bound meanwhile" "No such device" "$(bind dax20.0 fsdev)"
like "the log says why" "fsdev_test.20 is being removed" "$(said dax20.0)"
run gate-open
wait $!
refused "then it is gone" test -e /sys/bus/dax/devices/dax20.0
ok "unmade, too" run unmake 20
ok "modules can go" modprobe -r fsdev_test fsdev
finish
