#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --cpus 1 --nvdimm build/vm/readonly-@KERNEL@:512M --nvdimm build/vm/readonly-dev-@KERNEL@:512M --qemu "-global nvdimm.unarmed=on"
# Memory that must not be written: NVDIMMs that are not armed, and regions whose attribute says so, from the start or from some
# moment on. nd_pmem has the same memory in the same boot.
# shellcheck disable=SC2317  # cases are called by name
. "$(dirname -- "$0")/lib.sh"
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/kernel-lib.sh
. "$(dirname -- "$0")/kernel-lib.sh"
# shellcheck source=tests/vm/removal-lib.sh
. "$(dirname -- "$0")/removal-lib.sh"

mnt=/mnt/readonly nd=/sys/bus/nd/devices
export PATH=$top/build:$PATH
mkdir -p "$mnt"
modprobe fsdev_test

# region N MODE [MAP]: the region as one writable namespace of that mode
region() {
	echo 0 >"$nd/region$1/read_only"
	ndctl create-namespace -f -e "namespace$1.0" -m "$2" -M "${3-mem}" >/dev/null
}

# device N: the DAX device in region N
device() {
	local one

	for one in /sys/bus/dax/devices/*; do
		[[ $(realpath "$one") != */region$1/* ]] || basename "$one"
	done
}

# ours: region 0 in fsdev mode, writable, with a file system and a file on it; sets dev and disk
ours() {
	region 0 devdax
	dev=$(device 0)
	disk=/dev/fsdev${dev#dax}
	give "$dev" fsdev && mkfs.xfs -q -f -m rmapbt=1,reflink=0 "$disk" && mount -o dax=always "$disk" "$mnt" || return
	dax-file fill "$mnt"/file 0 $((4 * MIB)) 5
	umount "$mnt"
}

after_case() {
	! mountpoint -q "$mnt" || umount "$mnt"
	give "$dev" none
	dev=''
}

says_ro() { cat "/sys/block/${disk##*/}/ro"; }
life() { cat "/sys/block/${disk##*/}/diskseq" 2>/dev/null; }

# becomes_ro: the region says so while the device is bound; waits until the disk does
becomes_ro() {
	echo 1 >"$nd"/region0/read_only
	for _ in {1..200}; do
		[ "$(says_ro 2>/dev/null)" != 1 ] || return 0
		sleep 0.1
	done
	return 1
}

# tries DISK: what a read-only disk does with each kind of use
tries() {
	local file=$mnt/file sum

	sum=$(dax-file sum "$1")
	echo "read-only: $(cat "/sys/block/${1##*/}/ro")"
	echo "mount for writing: $(mount -w -o dax=always "$1" "$mnt" 2>/dev/null && echo yes && umount "$mnt" || echo no)"
	echo "write: $(dd if=/dev/zero of="$1" bs=4k count=1 oflag=direct 2>/dev/null && echo yes || echo no)"
	echo "mkfs: $(mkfs.ext4 -q -F "$1" 2>/dev/null && echo yes || echo no)"
	echo "mount: $(mount -o ro,dax=always "$1" "$mnt" && echo yes || echo no)"
	echo "file: $(dax-file verify "$file" 0 $((4 * MIB)) 5), DAX $(dax-file is-dax "$file")"
	echo "mount again for writing: $(mount -o remount,rw "$mnt" 2>/dev/null && echo yes || echo no)"
	echo "file for writing: $( (: >>"$file") 2>/dev/null && echo yes || echo no)"
	umount "$mnt"
	echo "the bytes: $([ "$(dax-file sum "$1")" = "$sum" ] && echo "as before" || echo changed)"
}

case_unarmed() {
	is "a region of an NVDIMM that is not armed" 1 "$(cat "$nd"/region1/read_only)"
	region 1 devdax
	dev=$(device 1)
	echo 1 >"$nd"/region1/read_only
	ok "bound" give "$dev" fsdev
	is "its disk" 1 "$(cat "/sys/block/fsdev${dev#dax}/ro")"
}

case_as_nd_pmem() {
	local fsdev pmem

	ours
	give "$dev" none
	echo 1 >"$nd"/region0/read_only
	mark_log
	ok "bound" give "$dev" fsdev
	like "the log says so" "read-only memory" "$(said "$dev")"
	fsdev=$(tries "$disk")
	is "what can be done" "read-only: 1
mount for writing: no
write: no
mkfs: no
mount: yes
file: 1024 good, 0 wrong, 0 lost, DAX yes
mount again for writing: no
file for writing: no
the bytes: as before" "$fsdev"
	refused "blockdev --setrw" blockdev --setrw "$disk"
	is "after it" 1 "$(says_ro)"
	refused "opening it for writing" sh -c ": 1<>$disk"
	points "kernel users" readonly "$disk" "/dev/$dev"
	is "a repair" "EROFS" "$(fsdev-node span "/dev/$dev" clear 0 4096 0 | grep -o EROFS)"
	like "writing the node" "Read-only file system" "$(dd if=/dev/zero of="/dev/$dev" bs=4k count=1 conv=notrunc 2>&1)"
	is "reading it" 4096 "$(dd if="/dev/$dev" bs=4k count=1 2>/dev/null | wc -c)"
	like "list" "$dev: its memory is read-only" "$(fsdevctl list 2>&1)"
	is "list for programs" "$dev 1" "$(fsdevctl list -n -o device,ro "$dev" 2>/dev/null | awk '{ print $1, $2 }')"
	is "in JSON" true "$(fsdevctl list --json "$dev" 2>/dev/null | jq '.[0].read_only')"
	like "doctor" "$dev: its memory is read-only" "$(fsdevctl doctor 2>&1)"
	like "mkfs" "its memory is read-only; nothing was changed" "$(fsdevctl mkfs "$dev" --type xfs --force 2>&1)"
	like "publish" "its memory is read-only; nothing was changed" "$(fsdevctl publish /etc "$dev" 2>&1)"
	like "repair" "its memory is read-only; nothing was changed" "$(fsdevctl repair "$dev" 0+4096 --yes 2>&1)"
	give "$dev" none

	region 0 fsdax
	mkfs.xfs -q -f -m rmapbt=1,reflink=0 /dev/pmem0
	mount -o dax=always /dev/pmem0 "$mnt" && dax-file fill "$mnt"/file 0 $((4 * MIB)) 5
	umount "$mnt"
	echo 1 >"$nd"/region0/read_only
	# it lets itself be opened for writing, and fails each write
	pmem=$(tries /dev/pmem0)
	is "with nd_pmem" "$fsdev" "$pmem"
	ndctl destroy-namespace -f namespace0.0 >/dev/null
}

# Of no use, or of use to read-only mounts: it stays bound, and mounted.
case_becomes_read_only() {
	local before

	ours
	before=$(life)
	is "writable" 0 "$(says_ro)"
	ok "the disk follows the region" becomes_ro
	is "it is the same disk" "$before" "$(life)"
	points "kernel users" readonly "$disk" "/dev/$dev"
	mark_log
	echo 0 >"$nd"/region0/read_only
	for _ in {1..50}; do said "$dev" | grep -q 'writable again' || sleep 0.1; done
	like "the log says when that is over" "writable again; .* until it is bound again" "$(said "$dev")"
	is "the disk stays so" 1 "$(says_ro)"
	give "$dev" none
	ok "bound again" give "$dev" fsdev
	is "writable again" 0 "$(says_ro)"

	mount -o ro,dax=always "$disk" "$mnt"
	before=$(life)
	none_yet
	start reader dax-file hold "$mnt"/file
	all_ready
	ok "under a read-only mount" becomes_ro
	sleep 0.3
	ok "its reader goes on" kill -0 "${pids[0]}"
	is "it is the same disk still" "$before" "$(life)"
	is "the file" "1024 good, 0 wrong, 0 lost" "$(dax-file verify "$mnt"/file 0 $((4 * MIB)) 5)"
	kill "${pids[0]}"
	wait "${pids[0]}" 2>/dev/null
	refused "it cannot become a writable mount" mount -o remount,rw "$mnt"
}

# Under a mount that may write the device is unbound and bound again.
case_becomes_read_only_in_use() {
	local before

	ours
	mount -o dax=always "$disk" "$mnt"
	dax-file fill "$mnt"/other 0 $((4 * MIB)) 6
	sync -f "$mnt"
	before=$(life)
	none_yet
	start writer dax-file hold-write "$mnt"/file
	all_ready
	ok "the disk follows the region" becomes_ro
	all_ended none
	like "who had it mapped" "SIGBUS" "$(tail -n 1 /tmp/writer)"
	ok "it is another disk" [ "$before" != "$(life)" ]
	refused "the old mount writes no more" dd if=/dev/zero of="$mnt"/file bs=4k count=1 conv=notrunc
	umount "$mnt"
	is "its driver" fsdev "$(driver_of "$dev")"
	# the log is as after a power failure, and cannot be replayed before the memory is writable
	ok "mount" mount -o ro,norecovery,dax=always "$disk" "$mnt"
	is "a file" "1024 good, 0 wrong, 0 lost" "$(dax-file verify "$mnt"/file 0 $((4 * MIB)) 5)"
	umount "$mnt"
	echo 0 >"$nd"/region0/read_only
	give "$dev" none
	give "$dev" fsdev
	ok "mount, when it is writable again" mount -o dax=always "$disk" "$mnt"
	is "what was synced last" "1024 good, 0 wrong, 0 lost" "$(dax-file verify "$mnt"/other 0 $((4 * MIB)) 6)"
}

# The same where the driver is fsdev_dax, and that is ours.
case_becomes_read_only_named() {
	local before

	! own_fsdev_dax || return 0
	ours
	give "$dev" fsdev_dax
	before=$(life)
	exec 7<>"$disk"
	ok "the disk follows the region" becomes_ro
	for _ in {1..100}; do [ -z "$(life)" ] || [ "$before" = "$(life)" ] || break; sleep 0.1; done
	ok "it is another disk" [ "$before" != "$(life)" ]
	refused "the descriptor writes no more" sh -c 'echo >&7'
	exec 7>&-
	is "its driver" fsdev_dax "$(driver_of "$dev")"
}

# A mount that became read-only by force, under a process that may store: it is no reader.
case_becomes_read_only_forced() {
	local before

	ours
	mount -o dax=always "$disk" "$mnt"
	before=$(life)
	none_yet
	start writer dax-file hold-write "$mnt"/file
	all_ready
	echo u >/proc/sysrq-trigger
	until findmnt -no OPTIONS "$mnt" | grep -qw ro; do sleep 0.1; done
	refused "the mount is read-only" touch "$mnt"/new
	ok "its writer goes on" kill -0 "${pids[0]}"
	ok "the disk follows the region" becomes_ro
	all_ended none
	like "who had it mapped" "SIGBUS" "$(tail -n 1 /tmp/writer)"
	ok "it is another disk" [ "$before" != "$(life)" ]
}

# An open disk is in use as well, and so is one that device-mapper has.
case_becomes_read_only_open() {
	local before

	ours
	before=$(life)
	exec 7<>"$disk"
	ok "the disk follows the region" becomes_ro
	for _ in {1..100}; do [ -z "$(life)" ] || [ "$before" = "$(life)" ] || break; sleep 0.1; done
	ok "it is another disk" [ "$before" != "$(life)" ]
	refused "the descriptor writes no more" sh -c 'echo >&7'
	exec 7>&-
	refused "device-mapper makes nothing writable of it" dmsetup create w --table "0 2048 linear $disk 0"
}

# The page structures would be written to the memory.
case_map_on_device() {
	ours
	give "$dev" none
	region 0 devdax dev
	dev=$(device 0)
	ok "bound while it is writable" give "$dev" fsdev
	give "$dev" none
	echo 1 >"$nd"/region0/read_only
	mark_log
	refused "not bound" give "$dev" fsdev
	like "the log says why" "its page structures would be written to it" "$(said "$dev")"
}

run_cases
