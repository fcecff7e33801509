#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --cpus 1 --soft-reserved 768M
# The block device of a device with ranges that have holes and lie out of order: what is written is found where the
# geometry says, by the block device and by the physical address, and what was refused changed nothing.
# shellcheck disable=SC2317  # cases are called by name
. "$(dirname -- "$0")/lib.sh"
. "$(dirname -- "$0")/tap.sh"

dev=dax0.0 disk=/dev/fsdev0.0 sysfs=/sys/bus/dax/devices/dax0.0
base=$(region_start $dev)
file=/tmp/data

# three ranges, whose boundaries are at 64 and 66 MiB of the device
before_case() {
	ok "three ranges" shape $dev 256:64 0:2 512:128
	ok "bound" give $dev fsdev
}

# sum OFFSET LENGTH [FLAGS]: of a part of the block device, in KiB
sum() {
	dd if="$disk" bs=4k skip=$(($1 / 4)) count=$(($2 / 4)) iflag="${3:-fullblock}" 2>/dev/null | sha256sum
}

# The disk says what it is
case_attributes() {
	is "driver" fsdev "$(driver_of "$dev")"
	is "capacity is the sum of the ranges" $((194 * MIB)) "$(blockdev --getsize64 "$disk")"
	is "node belongs to root alone" "600 0 0" "$(stat -c '%a %u %g' "$disk")"
	is "queue does DAX" 1 "$(cat /sys/block/fsdev0.0/queue/dax)"
	is "logical block size" 512 "$(cat /sys/block/fsdev0.0/queue/logical_block_size)"
	is "physical block size" 4096 "$(cat /sys/block/fsdev0.0/queue/physical_block_size)"
	is "memory that forgets has no write cache" "write through" "$(cat /sys/block/fsdev0.0/queue/write_cache)"
	like "the log says what was bound" "fsdev dax0.0: 194 MiB in 3 ranges" "$(dmesg)"
}

# One piece over both boundaries, written directly and read both ways
case_over_boundaries() {
	local want

	dax-file pattern 1 $((4 * MIB)) >"$file"
	want=$(sha256sum <"$file")
	ok "direct write over two boundaries" \
		dd if="$file" of="$disk" bs=4M seek=$((63 * MIB)) oflag=direct,seek_bytes conv=notrunc
	is "direct read of it" "$want" "$(sum $((63 << 10)) $((4 << 10)) direct)"
	is "buffered read of it" "$want" "$(sum $((63 << 10)) $((4 << 10)))"
}

# Buffered writes that end anywhere
case_odd_pieces() {
	local want at=$((64 * MIB - 99999))

	dax-file pattern 2 $((256 << 10)) >"$file"
	want=$(sha256sum <"$file")
	ok "buffered write in odd pieces" dd if="$file" of="$disk" bs=12345 seek="$at" oflag=seek_bytes conv=notrunc,fsync
	echo 3 >/proc/sys/vm/drop_caches
	is "read from the memory" "$want" \
		"$(dd if="$disk" iflag=skip_bytes,count_bytes,fullblock skip="$at" count=$((256 << 10)) bs=1M 2>/dev/null | sha256sum)"
}

# The smallest piece that a disk knows
case_one_sector() {
	local at=$(((64 << 20) / 512 - 1))

	dax-file pattern 3 512 >"$file"
	ok "one sector just before a boundary" dd if="$file" of="$disk" bs=512 seek="$at" oflag=direct conv=notrunc
	is "direct read of it" "$(sha256sum <"$file")" "$(dd if="$disk" bs=512 skip="$at" count=1 iflag=direct 2>/dev/null | sha256sum)"
}

# Past the end, and what memory does not know
case_refused_requests() {
	is "reading past the end gives nothing" 0 \
		"$(dd if="$disk" bs=4k skip=$((194 << 8)) count=1 iflag=direct 2>/dev/null | wc -c)"
	refused "writing past the end" dd if=/dev/zero of="$disk" bs=4k seek=$((194 << 8)) count=1 oflag=direct
	refused "discard" blkdiscard -f "$disk"
	refused "resizing a device in use" sh -c "echo 0 >$sysfs/size"
	is "after that refusal it is as large as before" $((194 * MIB)) "$(cat "$sysfs"/size)"
}

# The same bytes by physical address: through device_dax, in which the ranges lie in the same order
case_physical_addresses() {
	local want mib

	dax-file pattern 4 $((4 * MIB)) >"$file"
	want=$(sha256sum <"$file")
	ok "write over the second boundary" dd if="$file" of="$disk" bs=1M seek=64 oflag=direct conv=notrunc
	ok "to device_dax" give "$dev" device_dax
	for mib in 64 66; do
		is "device offset $mib MiB is at its physical address" \
			"$(printf %#x $((base + (mib < 66 ? mib - 64 : mib - 66 + 512) * MIB)))" \
			"$(dax-file phys /dev/"$dev" $((mib * MIB)))"
		is "the data at $mib MiB" "$(dd if="$file" bs=1M skip=$((mib - 64)) count=2 2>/dev/null | sha256sum)" \
			"$(dax-file cat /dev/"$dev" $((mib * MIB)) $((2 * MIB)) | sha256sum)"
	done
	is "the block device is gone" no "$([ -e "$disk" ] && echo yes || echo no)"
	ok "back to fsdev" give "$dev" fsdev
	is "back with the data" "$want" "$(sum $((64 << 10)) $((4 << 10)) direct)"
}

# What cannot be bound
case_no_memory() {
	ok "no driver" give "$dev" none
	echo 0 >"$sysfs"/size
	refused "a device without memory is not bound" sh -c "echo $dev >/sys/bus/dax/drivers/fsdev/bind"
	is "a device without memory stays without a driver" none "$(driver_of "$dev")"
	refused "a device that does not exist is not bound" sh -c "echo dax7.7 >/sys/bus/dax/drivers/fsdev/bind"
}

run_cases
