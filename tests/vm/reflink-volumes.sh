#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --cpus 2 --soft-reserved 512M --append log_buf_len=4M
# The same as reflink, where the pieces of a volume end: on linear and striped volumes of device-mapper over a
# device of many ranges, and over one of a single range. XFS itself refuses it on partitions.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/kernel-lib.sh
. "$(dirname -- "$0")/kernel-lib.sh"
# shellcheck source=tests/vm/stack-lib.sh
. "$(dirname -- "$0")/stack-lib.sh"
# shellcheck source=tests/vm/reflink-lib.sh
. "$(dirname -- "$0")/reflink-lib.sh"

vol=/dev/mapper/vol

# partition START SECTORS: the first entry of a table of partitions in the first sector, in the PC's form
partition() {
	local number bytes='\0\0\0\0\x83\0\0\0'

	for number in "$1" "$2"; do
		bytes+=$(printf '\\x%02x\\x%02x\\x%02x\\x%02x' $((number & 255)) $((number >> 8 & 255)) $((number >> 16 & 255)) $((number >> 24)))
	done
	# shellcheck disable=SC2059  # it is the format
	printf "$bytes" | dd of=$disk bs=1 seek=446 conv=notrunc,fsync 2>/dev/null
	printf '\x55\xaa' | dd of=$disk bs=1 seek=510 conv=notrunc,fsync 2>/dev/null
	blockdev --rereadpt $disk
}

# linear SECTORS: pieces of that size, the last one first
linear() {
	local at=0 sectors

	sectors=$(($(blockdev --getsz "$disk") / $1 * $1))
	while ((at < sectors)); do
		echo "$at $1 linear $disk $((sectors - at - $1))"
		at=$((at + $1))
	done | dmsetup create vol
}

# striped CHUNK: over the two halves of the disk
striped() {
	local half

	half=$(($(blockdev --getsz $disk) / 2 / $1 * $1))
	dmsetup create vol --table "0 $((half * 2)) striped 2 $1 $disk 0 $disk $half"
}

many_ranges
partition 4096 $((RANGES * RANGE / 512 - 4096))
# before 6.5 the disk does not hear of a claim then
exec 5<${disk}p1
dmsetup create vol --table "0 65536 linear ${disk}p1 0"
ok "partition: clamped under a volume, though it was open before" clamped
dmsetup remove vol
exec 5<&-
mkfs.xfs -q -f -m rmapbt=1,reflink=1 ${disk}p1
refused "partition: XFS itself refuses" mount -o dax=always ${disk}p1 $mnt
like "partition: and says so" "DAX and reflink cannot" "$(dmesg | tail)"
dd if=/dev/zero of=$disk bs=4k count=1 oflag=direct conv=notrunc 2>/dev/null
blockdev --rereadpt $disk
linear 6144
ok "linear: pieces of 3 MiB" test -e $vol
fresh linear $vol
copies linear
umount $mnt
dmsetup remove vol
untouched linear
# the device in the holes goes, and the other takes all of the memory
ok "one range" eval 'give dax10.1 none && echo 0 >/sys/bus/dax/devices/dax10.1/size && shape dax10.0 0:440'
is "one range: bound" bound "$(bind $dev fsdev)"
striped 128
ok "stripes of 64 KiB" test -e $vol
fresh striped $vol
copies striped
umount $mnt
dmsetup remove vol
finish
