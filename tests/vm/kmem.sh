#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --cpus 1 --soft-reserved 512M
# A device goes to the kernel's memory driver and comes back: as ordinary memory, offline again, and under fsdev with a
# file system, several times.
# shellcheck disable=SC2317  # cases are called by name
. "$(dirname -- "$0")/lib.sh"
. "$(dirname -- "$0")/tap.sh"

dev=dax0.0 disk=/dev/fsdev0.0 mnt=/mnt/kmem
mkdir -p $mnt
echo offline >/sys/devices/system/memory/auto_online_blocks

# with_files: fsdev, a file system and its data
with_files() {
	ok "to fsdev" give "$dev" fsdev
	mkfs.xfs -q -f -m rmapbt=1,reflink=0 "$disk"
	ok "a file system on it" mount -o dax=always "$disk" "$mnt"
	dax-file fill "$mnt"/file 0 $((2 * MIB)) 1
	is "a file with its data" "512 good, 0 wrong, 0 lost" "$(dax-file verify "$mnt"/file 0 $((2 * MIB)) 1)"
	ok "unmount" umount "$mnt"
}

# as_memory: kmem, online, and offline again
as_memory() {
	local before after block

	ok "to kmem" give "$dev" kmem
	before=$(awk '/^MemTotal/ { print $2 }' /proc/meminfo)
	for block in /sys/devices/system/memory/memory*; do
		[ "$(cat "$block/state")" = online ] || echo online_movable >"$block/state"
	done
	after=$(awk '/^MemTotal/ { print $2 }' /proc/meminfo)
	ok "kmem has made it memory" test $((after - before)) -gt $((256 << 10))
	for block in /sys/devices/system/memory/memory*; do
		[ "$(cat "$block/valid_zones")" != Movable ] || echo offline >"$block/state"
	done
	ok "offline, and without a driver" give "$dev" none
}

# A file system before the memory driver, and after it
case_there_and_back() {
	with_files
	as_memory
	with_files
}

# Ordinary memory first, and a second time
case_memory_first() {
	as_memory
	with_files
	as_memory
}

run_cases
