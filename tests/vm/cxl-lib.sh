# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# CXL memory as QEMU emulates it: regions of it in fsdev mode, and file systems on them. Every access is emulated: little data.
# shellcheck disable=SC2034,SC2154  # for the scenario, and of it

mnt=/mnt/cxl len=$((64 * 4096))
mkdir -p $mnt

# region NAME [MEM]: makes one of all of that memory (mem0) and gives its DAX device to fsdev; that is $dev, with the disk $disk
region() {
	local found old

	old=" $(echo /sys/bus/dax/devices/dax*) "
	ok "$1: cxl create-region" cxl create-region -m -t ram -d decoder0.0 -w 1 "${2-mem0}"
	dev=''
	for _ in {1..300}; do
		for found in /sys/bus/dax/devices/dax*; do [ ! -e "$found" ] || [[ $old == *" $found "* ]] || dev=${found##*/}; done
		[ -z "$dev" ] || break
		sleep 0.1
	done
	[ -n "$dev" ] || fail "$1: no DAX device of the region"
	disk=/dev/fsdev${dev#dax}
	ok "$1: $dev to fsdev" give "$dev" fsdev
}

# mounted NAME TYPE: with a file that is read and one that is written by mappings
mounted() {
	case $2 in
	# smaller than mkfs.xfs makes one otherwise
	xfs) TEST_DIR=y TEST_DEV=y QA_CHECK_FS=y mkfs.xfs -q -f -K -m rmapbt=1,reflink=0 -d agcount=1,size=64m "$disk" ;;
	ext4) mkfs.ext4 -q -F -b 4096 -E nodiscard "$disk" ;;
	esac
	ok "$1: $2" mount -o dax=always "$disk" $mnt
	mountpoint -q $mnt || finish
	for file in read written; do dax-file fill $mnt/$file 0 $len 1; done
	is "$1: is DAX" yes "$(dax-file is-dax $mnt/read)"
	good "$1: the data" $mnt/read $len 1
}

# in_use: a process has each of its files mapped
in_use() {
	none_yet
	start read dax-file hold $mnt/read
	start written dax-file hold-write $mnt/written
	all_ready
}

# all_told NAME: each has met the removal, and nothing is left of the device
all_told() {
	all_ended ""
	for file in read written; do like "$1: who has $file mapped is told" "SIGBUS BUS_ADRERR" "$(met $file)"; done
	refused "$1: the block device is gone" test -e "$disk"
	refused "$1: a new mapping finds nothing" dax-file verify $mnt/read 0 4096 1
	ok "$1: unmount" umount $mnt
}
