#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --cpus 1 --virtio-pmem build/vm/durable-@KERNEL@:512M
# Persistent memory whose platform has to be asked for each flush: virtio-pmem, where the host flushes a file. What ours asks
# for is counted, and compared with nd_pmem over the same memory.
# shellcheck disable=SC2317  # cases are called by name
. "$(dirname -- "$0")/lib.sh"
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/kernel-lib.sh
. "$(dirname -- "$0")/kernel-lib.sh"

mnt=/mnt/durable
tracing=/sys/kernel/tracing
mkdir -p "$mnt"
requires "virtio-pmem" modinfo virtio_pmem || finish

# each answer of the host is one flush
[ -e "$tracing"/kprobe_events ] || mount -t tracefs tracefs "$tracing"
echo "p:answered virtio_pmem_host_ack" >"$tracing"/kprobe_events
echo 1 >"$tracing"/events/kprobes/answered/enable
modprobe fsdev_test

answers() {
	awk '$1 == "answered" { print $2 }' "$tracing"/kprobe_profile
}

# flushes COMMAND...: how often the host was asked to flush meanwhile; "failed" if the command failed
flushes() {
	local before

	before=$(answers)
	if "$@" >/dev/null 2>&1; then echo $(($(answers) - before)); else echo failed; fi
}

# namespace MODE: the memory as a namespace of that mode
namespace() {
	ndctl create-namespace -f -e namespace0.0 -m "$1" -M mem >/dev/null
}

# ours: the memory in fsdev mode; sets dev and disk
ours() {
	namespace devdax
	dev=$(basename "$(echo /sys/bus/dax/devices/dax*)")
	disk=/dev/fsdev${dev#dax}
	give "$dev" fsdev
}

# uses DISK: what each kind of use costs in flushes
uses() {
	echo "fsync of the disk: $(flushes xfs_io -c fsync "$1")"
	echo "direct write of the disk with O_DSYNC: $(flushes dd if=/dev/zero of="$1" bs=4k count=1 oflag=direct,dsync)"
	echo "buffered write of the disk, and fsync: $(flushes dd if=/dev/zero of="$1" bs=4k count=1 conv=fsync)"
	mkfs.xfs -q -f -m reflink=0 "$1" && mount -o dax=always "$1" "$mnt"
	dax-file fill "$mnt"/file 0 "$MIB" 5
	sync -f "$mnt"
	echo "fsync of a file that was written: $(flushes xfs_io -c "pwrite 0 64k" -c fsync "$mnt"/file)"
	echo "8 writes with O_DSYNC: $(flushes dd if=/dev/zero of="$mnt"/file bs=4k count=8 conv=notrunc oflag=dsync)"
	echo "msync of a mapping: $(flushes xfs_io -c "mmap 0 64k" -c "mwrite 0 4k" -c "msync -s 0 64k" "$mnt"/file)"
	echo "mapping with MAP_SYNC: $(dax-file map-sync "$mnt"/file)"
	umount "$mnt"
}

case_flushes_as_nd_pmem() {
	local fsdev pmem what

	ours
	ok "bound" [ -b "$disk" ]
	fsdev=$(uses "$disk")
	is "write() of the node, and fsync" 1 \
		"$(flushes dd if=/dev/zero of="/dev/$dev" bs=4k count=8 conv=notrunc,fsync)"
	is "8 writes of the node with O_DSYNC" 8 \
		"$(flushes dd if=/dev/zero of="/dev/$dev" bs=4k count=8 conv=notrunc oflag=dsync)"
	is "an unbind flushes" 1 "$(flushes give "$dev" none)"
	namespace fsdax
	pmem=$(uses /dev/pmem0)
	while IFS= read -r what; do
		# what nd_pmem says to that is left over from any DAX device that was there before
		[[ $what != *MAP_SYNC* ]] || continue
		is "${what%: *}" "$what" "$(grep "^${what%: *}:" <<<"$fsdev")"
		# else nd_pmem shows nothing
		[[ $what != *[!0-9]0 && $what != *failed ]] || tap_point 1 "nd_pmem flushes" "$what"
	done <<<"$pmem"
	is "MAP_SYNC" "mapping with MAP_SYNC: no (Operation not supported)" "$(tail -n 1 <<<"$fsdev")"
}

case_failing_flush_is_an_error() {
	local one

	for one in fsdev pmem; do
		if [ "$one" = fsdev ]; then ours; else namespace fsdax && disk=/dev/pmem0; fi
		run flush-fails || fail "cannot have flushes fail"
		is "$one: fsync of the disk" "fsync: Input/output error" "$(xfs_io -c fsync "$disk" 2>&1)"
		# nd_pmem leaves the end of such a write to who is kept from it here
		[ "$one" = pmem ] || refused "$one: a write with O_DSYNC" \
			dd if=/dev/zero of="$disk" bs=4k count=1 oflag=direct,dsync
		run flush-works
		is "$one: fsync of the disk after that" "" "$(xfs_io -c fsync "$disk" 2>&1)"
		[ "$one" = pmem ] || give "$dev" none
	done
}

# The driver's part of a reboot, which leaves the device bound
case_shutdown_flushes() {
	ours
	is "a shutdown flushes" 1 "$(flushes run shutdown "/dev/$dev")"
	give "$dev" none
}

# A disk that is read-only by now may have stores that are not durable yet.
case_read_only_is_flushed() {
	local region=/sys/bus/nd/devices/region0/read_only fsdev

	ours
	echo 1 >"$region"
	until [ "$(cat "/sys/block/${disk##*/}/ro")" = 1 ]; do sleep 0.1; done
	fsdev=$(flushes xfs_io -r -c fsync "$disk")
	is "fsync of a read-only disk" 1 "$fsdev"
	give "$dev" none
	echo 0 >"$region"
	namespace fsdax
	echo 1 >"$region"
	is "nd_pmem" "$fsdev" "$(flushes xfs_io -r -c fsync /dev/pmem0)"
	echo 0 >"$region"
}

# Clients of /dev/daxX.Y ask the bus's DAX device, which other drivers get back as it was.
case_bus_device_is_not_synchronous() {
	ours
	refused "in fsdev mode" run synchronous "/dev/$dev"
	give "$dev" device_dax
	ok "with device_dax" run synchronous "/dev/$dev"
	give "$dev" none
}

run_cases
