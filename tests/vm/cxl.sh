#!/usr/bin/env bash
# lab: --cxl 512M
# kernels: 6.12 7
# CXL memory as QEMU emulates it: a volatile type-3 device becomes a region, the region a DAX device, and that a file system.
# The region and then the memory device go away under the mounted file system. Every access is emulated: little data. 6.1
# cannot make a region of volatile memory.
. "$(dirname -- "$0")/lib.sh"
. "$(dirname -- "$0")/tap.sh"

mnt=/mnt/cxl disk=/dev/fsdev0.0 dev=dax0.0
mkdir -p $mnt

# there PATH: waits until it is
# shellcheck disable=SC2317  # called by ok
there() {
	for _ in {1..100}; do
		[ -e "$1" ] && return
		sleep 0.1
	done
	return 1
}

# region: makes one of all of the memory and gives its DAX device to fsdev
region() {
	ok "$1: cxl create-region" cxl create-region -m -t ram -d decoder0.0 -w 1 mem0
	ok "$1: a DAX device" there /sys/bus/dax/devices/$dev
	ok "$1: to fsdev" give $dev fsdev
	ok "$1: a block device" there $disk
}

# hold: a process that has the file mapped
hold() {
	dax-file hold $mnt/file >/tmp/reader 2>&1 &
	reader=$!
	until grep -q ready /tmp/reader; do kill -0 "$reader" || break; sleep 0.2; done
}

# told NAME: what that process meets, and that unmounting works
told() {
	for _ in {1..100}; do
		kill -0 "$reader" 2>/dev/null || break
		sleep 0.2
	done
	kill -9 "$reader" 2>/dev/null
	wait "$reader" 2>/dev/null
	like "$1: who has a file mapped is told" "SIGBUS BUS_ADRERR" "$(cat /tmp/reader)"
	ok "$1: the DAX device is gone" test ! -e /sys/bus/dax/devices/$dev
	ok "$1: the block device is gone" test ! -e $disk
	refused "$1: a new mapping finds nothing" dax-file verify $mnt/file 0 4096 1
	ok "$1: unmount" umount $mnt
}

region "first region"
is "its size" $((512 * MIB)) "$(blockdev --getsize64 $disk)"
mkfs.xfs -q -f -K -m rmapbt=1,reflink=0 -l size=16m $disk || fail "mkfs.xfs"
ok "XFS" mount -o dax=always $disk $mnt
dax-file fill $mnt/file 0 262144 1
dax-file fill $mnt/second 0 65536 2
is "is DAX" yes "$(dax-file is-dax $mnt/file)"
is "the data" "64 good, 0 wrong, 0 lost" "$(dax-file verify $mnt/file 0 262144 1)"
start=$(($(cat /sys/bus/dax/devices/$dev/mapping0/start))) len=$((512 * MIB))
phys=$(($(dax-file phys $mnt/file 0)))
ok "lies in the CXL window" test $phys -ge $start -a $phys -lt $((start + len))
is "a failing page" "SIGBUS BUS_MCEERR_AR at offset 8192 lsb 12" "$(dax-file poison $mnt/second 8192)"
is "leaves the other file alone" "64 good, 0 wrong, 0 lost" "$(dax-file verify $mnt/file 0 262144 1)"
rm $mnt/second
sync
hold
ok "region removed: cxl destroy-region" cxl destroy-region -f region0
told "region removed"

region "second region"
mkfs.xfs -q -f -K -m rmapbt=1,reflink=0 -l size=16m $disk || fail "mkfs.xfs"
ok "XFS again" mount -o dax=always $disk $mnt
dax-file fill $mnt/file 0 262144 3
sync
hold
host=$(cxl list -M | jq -r '.[0].host')
ok "memory device removed: PCI remove of $host" sh -c "echo 1 >/sys/bus/pci/devices/$host/remove"
told "memory device removed"
is "no memory device is left" "[]" "$(cxl list -M 2>/dev/null | jq -c .)"
finish
