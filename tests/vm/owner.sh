#!/usr/bin/env bash
# lab: --soft-reserved 1G
# Owning a device without its block device, as a file system for 7.x does it: finding it, claiming it, what is refused, and
# that it and a file system on the block device exclude each other.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/kernel-lib.sh
. "$(dirname -- "$0")/kernel-lib.sh"

enodev=-19 eopnotsupp=-95

begin 10
make_dynamic 10 0 1024
ok "three ranges" shape dax10.0 512:256 8:384 800:128
points "without a driver" refused 10 $enodev
is "to device_dax" bound "$(bind dax10.0 device_dax)"
points "in device_dax" refused 10 $eopnotsupp
unbind dax10.0
is "to fsdev" bound "$(bind dax10.0 fsdev)"
points "in fsdev" find 10 /dev/dax10.0
points "in fsdev" exclusion 10
# where the kernel has an fs_dax_get() of its own, scenario livepatch is about that
grep -q ' fs_dax_get.*\[fsdev\]' /proc/kallsyms && points "in fsdev" claim-removed 10

# a file system on the block device, and an owner without one
mkfs.xfs -q -f -m rmapbt=1,reflink=0 -d su=2m,sw=1 /dev/fsdev10.0 || fail "mkfs.xfs"
mkdir -p /mnt/owner
ok "XFS mounted" mount -o dax=always /dev/fsdev10.0 /mnt/owner
like "XFS holds the device" "holder=set" "$(state 10 holder)"
refused "with XFS mounted the device cannot be claimed" run hold-direct 10
dax-file fill /mnt/owner/file 0 $MIB 1
is "and XFS works on" "256 good, 0 wrong, 0 lost" "$(dax-file verify /mnt/owner/file 0 $MIB 1)"
umount /mnt/owner
ok "unmounted, it can be claimed" run hold-direct 10
mount -o dax=always /dev/fsdev10.0 /mnt/owner || fail "mount"
is "claimed, it is not for XFS, which goes without DAX" no "$(dax-file is-dax /mnt/owner/file)"
umount /mnt/owner
ok "let go" run let-go 10
mount -o dax=always /dev/fsdev10.0 /mnt/owner || fail "mount"
is "then XFS has it again" yes "$(dax-file is-dax /mnt/owner/file)"
umount /mnt/owner

# an owner hears of failures, and of removal
ok "claimed again" run hold-direct 10
points "owner without a block device" fail-pages 10
ok "let go again" run let-go 10
# the pages that have failed are bad until the device is unbound
unbind dax10.0
is "bound again" bound "$(bind dax10.0 fsdev)"
ok "claimed for removal" run hold-direct 10
unbind dax10.0
points "owner without a block device" told-removal 10
points "dead device" refused 10 $enodev
is "bound again under the old owner" bound "$(bind dax10.0 fsdev)"
ok "its late release" run let-go 10
like "nobody holds it" "holder=none" "$(state 10 holder)"
points "after it" exclusion 10
unbind dax10.0
is "unbound" "$idle" "$(state 10)"
ok "unmade" run unmake 10
ok "modules can go" modprobe -r fsdev_test fsdev
finish
