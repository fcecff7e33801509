#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --cpus 1 --soft-reserved 512M --nvdimm build/vm/rights-@KERNEL@:256M
# Who may do what: to users other than root the device is closed, to root of a user namespace too; invalid values
# change nothing; and what the disk says of caches and flushes is right for memory that forgets and memory that keeps.
# shellcheck disable=SC2317  # called by name
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"

dev=dax0.0 disk=/dev/fsdev0.0 sysfs=/sys/bus/dax/devices/dax0.0
drivers=/sys/bus/dax/drivers
shape $dev 0:128 256:128
give $dev fsdev
mkfs.ext4 -q -F -b 4096 $disk
mkdir -p /mnt/rights

# what the device looks like: whatever an attempt was, it has to be the same afterwards
look() {
	driver_of $dev
	cat $sysfs/size $sysfs/mapping*/start $sysfs/mapping*/end
	ls -l /dev/fsdev* /dev/dax* 2>/dev/null
	dd if=$disk bs=1M count=1 2>/dev/null | sha256sum
}

# unprivileged COMMAND: as a user without rights
unprivileged() {
	setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs sh -c "$1"
}

# namespace COMMAND: as a user without rights who is root, with every capability, in a user namespace of its own
namespace() {
	setpriv --reuid 65534 --regid 65534 --clear-groups unshare --user --map-root-user --mount --net --pid --fork sh -c "$1"
}

ok "a user namespace gives every capability in itself" namespace "grep -qE '^CapEff:.*[1-9a-f]' /proc/self/status && mount -t tmpfs tmpfs /mnt/rights"
before=$(look)
n=0
while IFS='|' read -r what command; do
	for who in unprivileged namespace; do refused "$who cannot $what" $who "$command"; done
	n=$((n + 1))
done <<END
read the disk|dd if=$disk of=/dev/null count=1
write the disk|dd if=/dev/zero of=$disk count=1 conv=notrunc
mount the disk|mount -o dax=always $disk /mnt/rights
make a node for the disk|mknod /tmp/node-\$\$ b $(printf '%d %d' 0x"$(stat -c %t $disk)" 0x"$(stat -c %T $disk)")
flush the disk's buffers|blockdev --flushbufs $disk
put a device-mapper table on the disk|dmsetup create mine --table "0 1024 linear $disk 0"
unbind the device|echo $dev >$drivers/fsdev/unbind
bind a device|echo $dev >$drivers/fsdev/bind
give the driver an id|echo dax9.9 >$drivers/fsdev/new_id
take an id from the driver|echo $dev >$drivers/fsdev/remove_id
change the size|echo 0 >$sysfs/size
add a range|echo 200000000-2001fffff >$sysfs/mapping
remove the module|rmmod fsdev
load a module|insmod $top/build/module/$(uname -r)/install/updates/fsdev.ko
END
is "after $n attempts in two ways each, the device is as it was" "$before" "$(look)"
is "no attribute of the device can be written but by root" "" \
	"$(find -L "$sysfs" /sys/block/fsdev0.0/ /sys/module/fsdev $drivers/fsdev/ -maxdepth 2 -type f -perm /022 2>/dev/null)"
is "no node of it can be used but by root" "" "$(find /dev -name '*dax0.0' -perm /077 2>/dev/null; find /dev -name 'fsdev*' -perm /077)"

# values that make no sense
for value in -1 4095 0x7fffffffffffffff nonsense ''; do
	refused "size '$value' is refused" sh -c "echo '$value' >$sysfs/size"
done
# the bus says nothing of a range that is not whole units, and does nothing with it
for value in 0-fff 1000-fff000 ffffffffffffffff-0; do echo "$value" 2>/dev/null >$sysfs/mapping; done
for value in nonsense "$(printf %x "$(region_start $dev)")-$(printf %x $(($(region_start $dev) + MIB * 2 - 1)))"; do
	refused "range '$value' is refused" sh -c "echo '$value' >$sysfs/mapping"
done
for name in dax9.9 ../dax0.0 '' "$(printf 'x%.0s' {1..200})"; do
	refused "binding '${name:0:12}' is refused" sh -c "echo '$name' >$drivers/fsdev/bind"
done
is "after all of these the device is as it was" "$before" "$(look)"
for attribute in "$sysfs"/*; do
	if [ ! -f "$attribute" ] || [ -L "$attribute" ]; then continue; fi
	case $(stat -c %a "$attribute") in
	[246]00 | 444 | 644) ;;
	*) tap_point 1 "mode of ${attribute##*/}" "$(stat -c %A "$attribute")" ;;
	esac
done

# caches and flushes
queue=/sys/block/fsdev0.0/queue
is "memory that forgets: no write cache, no FUA" "write through 0" "$(cat $queue/write_cache $queue/fua | paste -sd' ')"
# its number comes after those of the DAX regions
region=$(ndctl list -R | sed -n 's/.*"dev":"\(region[0-9]*\)".*/\1/p')
namespace_name=$(ndctl create-namespace -f -e "namespace${region#region}.0" -m devdax -M mem | sed -n 's/.*"dev":"\(namespace[^"]*\)".*/\1/p')
static=$(ndctl list -Nn "$namespace_name" | sed -n 's/.*"chardev":"\([^"]*\)".*/\1/p')
give "$static" fsdev
queue=/sys/block/fsdev${static#dax}/queue
is "memory that keeps: a write cache, and FUA" "write back 1" "$(cat "$queue/write_cache" "$queue/fua" | paste -sd' ')"
mkfs.ext4 -q -F -b 4096 "/dev/fsdev${static#dax}"
ok "memory that keeps: mount" mount -o dax=always "/dev/fsdev${static#dax}" /mnt/rights
dd if=/dev/zero of=/mnt/rights/file bs=4k count=1 2>/dev/null
is "memory that keeps: MAP_SYNC is granted" yes "$(dax-file map-sync /mnt/rights/file)"
# what fsync writes back of a mapping goes through dax_flush(), which asks the DAX device for its write cache
echo 'p:flush arch_wb_cache_pmem' >/sys/kernel/tracing/kprobe_events
echo 1 >/sys/kernel/tracing/events/kprobes/flush/enable
sh -c 'dax-file fill /mnt/rights/file 0 8192 1'
like "memory that keeps: fsync flushes a mapped page" "flush:" "$(cat /sys/kernel/tracing/trace)"
umount /mnt/rights
mount -o dax=always $disk /mnt/rights
sync
echo >/sys/kernel/tracing/trace
sh -c 'dax-file fill /mnt/rights/file 0 8192 1'
is "memory that forgets: fsync has nothing to flush" "" "$(grep flush: /sys/kernel/tracing/trace)"
umount /mnt/rights
finish
