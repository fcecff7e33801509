#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# stack: --cxl 256M --cxl 256M
# kernels: 6.12 7 (6.1 makes no regions of volatile CXL memory)
# Two whole CXL regions under a striped LVM volume with a mounted file system: one region goes, then the other. The volume is used
# again when both are there again.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/removal-lib.sh
. "$(dirname -- "$0")/removal-lib.sh"
# shellcheck source=tests/vm/stack-lib.sh
. "$(dirname -- "$0")/stack-lib.sh"
# shellcheck source=tests/vm/cxl-lib.sh
. "$(dirname -- "$0")/cxl-lib.sh"

export LVM_SUPPRESS_FD_WARNINGS=1
config='devices { use_devicesfile=0 obtain_device_list_from_udev=0 scan="/dev" } activation { udev_sync=0 udev_rules=0 }'

# striped TYPE: the volume over both regions, and what its users meet when the regions go
striped() {
	local what="striped, $1" disks=() n

	for n in 0 1; do
		region "$what, mem$n" mem$n
		disks+=("$disk")
	done
	disk=/dev/mapper/vg-lv
	if [ "$1" = ext4 ]; then
		ok "$what: pvcreate" pvcreate -q -y --config "$config" --dataalignment 2m "${disks[@]}"
		ok "$what: vgcreate" vgcreate -q --config "$config" -s 2m vg "${disks[@]}"
		ok "$what: lvcreate" lvcreate -q -y -Wn -Zn --config "$config" -i 2 -I 64k -L 64m -n lv vg
	else
		# the emulator's memory keeps its contents meanwhile
		ok "$what: the volume is there again" vgchange -q -ay --config "$config" vg
		ok "$what: and its file system" mount -o dax=always $disk $mnt
		good "$what: and the data" $mnt/read $len 1
		umount $mnt
	fi
	mounted "$what" "$1"
	in_use
	ok "$what: one region goes" unwaited cxl destroy-region -f region0
	all_ended ""
	for file in read written; do like "$what: who has $file mapped is told" "SIGBUS BUS_ADRERR" "$(met $file)"; done
	refused "$what: a new mapping does not find all" dax-file verify $mnt/read 0 $len 1
	ok "$what: the other goes" unwaited cxl destroy-region -f region1
	refused "$what: a new mapping finds nothing" dax-file verify $mnt/read 65536 4096 1
	refused "$what: nor does it before that" dax-file verify $mnt/read 0 4096 1
	ok "$what: unmount" umount $mnt
	ok "$what: the volume goes" dmsetup remove --retry vg-lv
	rm -rf /dev/vg
}

watch_walks
striped ext4
striped xfs
finish
