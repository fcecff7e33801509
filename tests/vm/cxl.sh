#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# stack: --cxl 512M
# kernels: 6.12 7 (6.1 makes no regions of volatile CXL memory)
# CXL memory as QEMU emulates it: a volatile type-3 device becomes a region, the region a DAX device, and that a file system.
# The region and then the memory device go away under the mounted file system. Every access is emulated: little data. 6.1
# cannot make a region of volatile memory.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/removal-lib.sh
. "$(dirname -- "$0")/removal-lib.sh"
# shellcheck source=tests/vm/stack-lib.sh
. "$(dirname -- "$0")/stack-lib.sh"

mnt=/mnt/cxl disk=/dev/fsdev0.0 dev=dax0.0 len=$((64 * 4096))
mkdir -p $mnt

# region NAME: makes one of all of the memory and gives its DAX device to fsdev
region() {
	local found

	ok "$1: cxl create-region" cxl create-region -m -t ram -d decoder0.0 -w 1 mem0
	until compgen -G '/sys/bus/dax/devices/dax*' >/dev/null; do sleep 0.1; done
	for found in /sys/bus/dax/devices/dax*; do dev=${found##*/}; done
	disk=/dev/fsdev${dev#dax}
	ok "$1: $dev to fsdev" give "$dev" fsdev
	is "$1: its size" $((512 * MIB)) "$(blockdev --getsize64 "$disk")"
}

# mounted NAME TYPE: with a file that is read and one that is written by mappings
mounted() {
	case $2 in
	xfs) mkfs.xfs -q -f -K -m rmapbt=1,reflink=0 "$disk" ;;
	ext4) mkfs.ext4 -q -F -b 4096 -E nodiscard "$disk" ;;
	esac
	ok "$1: $2" mount -o dax=always "$disk" $mnt
	mountpoint -q $mnt || finish
	for file in read written; do dax-file fill $mnt/$file 0 $len 1; done
	is "$1: is DAX" yes "$(dax-file is-dax $mnt/read)"
	good "$1: the data" $mnt/read $len 1
}

# goes NAME COMMAND...: what removes the memory, and what its users get
goes() {
	local name=$1

	shift
	none_yet
	start read dax-file hold $mnt/read
	start written dax-file hold-write $mnt/written
	all_ready
	ok "$name: $*" unwaited "$@"
	all_ended ""
	for file in read written; do like "$name: who has $file mapped is told" "SIGBUS BUS_ADRERR" "$(met $file)"; done
	refused "$name: the DAX device is gone" test -e "/sys/bus/dax/devices/$dev"
	refused "$name: the block device is gone" test -e "$disk"
	refused "$name: a new mapping finds nothing" dax-file verify $mnt/read 0 4096 1
	ok "$name: unmount" umount $mnt
}

watch_walks
region "first region"
mounted "first region" xfs
start=$(($(cat "/sys/bus/dax/devices/$dev/mapping0/start")))
is "it lies where the CXL window has it" "$(printf %#x $((start + $(at $mnt/read 0))))" "$(dax-file phys $mnt/read 0)"
is "a failing page" "SIGBUS BUS_MCEERR_AR at offset 8192 lsb 12" "$(dax-file poison $mnt/written 8192)"
good "leaves the other file alone" $mnt/read $len 1
ok "is overwritten" dd if=/dev/zero of=$mnt/written bs=4k seek=2 count=1 conv=notrunc oflag=direct
is "and good again" "" "$(cat "/sys/block/${disk##*/}/badblocks")"
goes "region removed" cxl destroy-region -f region0

region "second region"
mounted "second region" ext4
host=$(cxl list -M | jq -r 'if type == "array" then .[0] else . end | .host')
goes "memory device removed" sh -c "echo 1 >/sys/bus/pci/devices/$host/remove"
refused "no memory device is left" compgen -G '/sys/bus/cxl/devices/mem*'
finish
