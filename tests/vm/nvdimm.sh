#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --cpus 1 --nvdimm build/vm/nvdimm-mem-@KERNEL@:512M --nvdimm build/vm/nvdimm-dev-@KERNEL@:512M
# Real static devices: devdax namespaces of two NVDIMMs, one with its page structures in memory, one with them on the
# device, in front of the data. After fsdev each works as device_dax again, with its data.
# shellcheck disable=SC2317  # cases are called by name
. "$(dirname -- "$0")/lib.sh"
. "$(dirname -- "$0")/tap.sh"

mnt=/mnt/nvdimm
mkdir -p $mnt

# attr NAMESPACE KEY: of what ndctl says about a namespace
attr() {
	ndctl list -Nn "$1" | sed -n "s/.*\"$2\":\"\\{0,1\\}\\([^\",]*\\).*/\\1/p" | head -n 1
}

# static MAP REGION: the scenario for one place of the page structures
static() {
	local map=$1 region=$2 namespace dev disk start want size

	namespace=$(ndctl create-namespace -f -e "namespace${region#region}.0" -m devdax -M "$map" |
		sed -n 's/.*"dev":"\(namespace[^"]*\)".*/\1/p')
	like "a devdax namespace" "^namespace" "$namespace"
	dev=$(attr "$namespace" chardev)
	like "a DAX device" "^dax" "$dev"
	[ -n "$dev" ] || return
	disk=/dev/fsdev${dev#dax}
	start=$(($(cat "/sys/bus/dax/devices/$dev/resource")))
	size=$(cat "/sys/bus/dax/devices/$dev/size")

	ok "to device_dax" give "$dev" device_dax
	is "device_dax has the first data byte at" "$(printf %#x "$start")" "$(dax-file phys "/dev/$dev" 0)"

	ok "to fsdev" give "$dev" fsdev
	is "capacity" "$size" "$(blockdev --getsize64 "$disk")"
	is "memory that keeps its contents has a write cache" "write back" \
		"$(cat "/sys/block/${disk##*/}/queue/write_cache")"
	ok "mkfs" mkfs.xfs -q -f -m rmapbt=1,reflink=0 "$disk"
	ok "mount" mount -o dax=always "$disk" "$mnt"
	mountpoint -q "$mnt" || return
	dax-file fill "$mnt"/file 0 $((4 * MIB)) 5
	is "DAX" yes "$(dax-file is-dax "$mnt"/file)"
	at=$(filefrag -b4096 -e "$mnt"/file | awk '$1 == "0:" { sub(/\.\./, "", $4); print $4 * 4096 }')
	is "a file's byte is where the geometry says" "$(printf %#x $((start + at)))" "$(dax-file phys "$mnt"/file 0)"
	is "a failing page" "SIGBUS BUS_MCEERR_AR at offset 8192 lsb 12" "$(dax-file poison "$mnt"/file 8192)"
	is "the failure is reported by its device offset" "$(printf %#x $((at + 8192)))" \
		"$(dmesg | sed -n "s/.*fsdev $dev: memory failure at .*: device offset \\(0x[0-9a-f]*\\),.*/\\1/p" | tail -n 1)"
	ok "the page is overwritten" dd if=/dev/zero of="$mnt"/file bs=4k seek=2 count=1 conv=notrunc oflag=direct
	is "the page is good again" "" "$(cat "/sys/block/${disk##*/}/badblocks")"
	dax-file fill "$mnt"/other 0 $((4 * MIB)) 6
	umount "$mnt"
	want=$(dd if="$disk" bs=1M count=4 iflag=direct 2>/dev/null | sha256sum)

	ok "back to device_dax" give "$dev" device_dax
	is "the first data byte is where it was" "$(printf %#x "$start")" "$(dax-file phys "/dev/$dev" 0)"
	is "device_dax has the data" "$want" "$(dax-file cat "/dev/$dev" 0 $((4 * MIB)) | sha256sum)"
	ok "to fsdev again" give "$dev" fsdev
	ok "mount again" mount -o dax=always "$disk" "$mnt"
	is "the files are there" "1024 good, 0 wrong, 0 lost" "$(dax-file verify "$mnt"/other 0 $((4 * MIB)) 6)"
	umount "$mnt"
	give "$dev" none
}

# regions: one for each NVDIMM, in the order of the memory
regions() {
	ndctl list -R | sed -n 's/.*"dev":"\(region[0-9]*\)".*/\1/p' | sort
}

# The page structures in ordinary memory
case_map_in_memory() {
	is "two regions" 2 "$(regions | wc -l)"
	static mem "$(regions | sed -n 1p)"
}

# The page structures on the device, in front of the data
case_map_on_device() {
	is "two regions" 2 "$(regions | wc -l)"
	static dev "$(regions | sed -n 2p)"
}

run_cases
