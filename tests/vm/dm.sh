#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# stack: --soft-reserved 384M --soft-reserved 256M --soft-reserved 256M
# Volumes over several devices: linear and striped, made by dmsetup and by LVM, and partitions. DAX passes through to the
# right byte of the right device, a failing page reaches the file that has it, a leg that goes takes every mapping along,
# and what DAX cannot pass says so.
# shellcheck disable=SC2317  # cases are called by name
. "$(dirname -- "$0")/lib.sh"
. "$(dirname -- "$0")/tap.sh"
. "$(dirname -- "$0")/removal-lib.sh"
. "$(dirname -- "$0")/stack-lib.sh"

mnt=/mnt/dm vol=/dev/mapper/vol
mkdir -p $mnt
# of two ranges with a hole between, of which the second lies lower
ok "a device of two ranges" shape dax0.0 256:128 0:72
# a process that has a failing page mapped is signalled even if another process used it
echo 1 >/proc/sys/vm/memory_failure_early_kill
base0=$(region_start dax0.0)
sectors() { blockdev --getsz "/dev/fsdev$1.0"; }

# address N OFFSET: where a device has an offset in memory
address() {
	if [ "$1" != 0 ]; then printf '%#x' $(($(region_start "dax$1.0") + $2))
	elif (($2 < 128 * MIB)); then printf '%#x' $((base0 + 256 * MIB + $2))
	else printf '%#x' $((base0 + $2 - 128 * MIB)); fi
}

# leg LEGS VOLUME-OFFSET: which device has an offset of a striped volume, and where: "N OFFSET"
leg() {
	local chunk=$((2 * MIB)) n=$1 at=$2
	local row=$((at / chunk / n))

	echo "$((at / chunk % n)) $((row * chunk + at % chunk))"
}

# mounted NAME DISK: fails where it is not, as nothing below makes sense then
mounted() {
	ok "$1" mount -o dax=always "$2" "$mnt"
	mountpoint -q "$mnt"
}

# Two devices, one after the other
case_linear() {
	local len0=$(($(sectors 0) * 512)) off v

	dmsetup create vol <<-END
	0 $(sectors 0) linear /dev/fsdev0.0 0
	$(sectors 0) $(sectors 1) linear /dev/fsdev1.0 0
	END
	is "the volume does DAX" 1 "$(does_dax "$vol")"
	mkfs.xfs -q -f -m rmapbt=1,reflink=0 -d agcount=2,su=2m,sw=1 -l size=64m,su=32k "$vol"
	mounted mount "$vol" || return
	# larger than the first leg, so it lies on both
	xfs_io -f -c 'extsize 2m' -c "falloc 0 $((230 * MIB))" "$mnt"/file
	is "DAX" yes "$(dax-file is-dax "$mnt"/file)"
	dax-file fill "$mnt"/file 0 $((16 * MIB)) 1
	huge "2 MiB mappings" "8 mapped, 0 split" "$mnt"/file $((16 * MIB)) r
	is "MAP_SYNC" yes "$(dax-file map-sync "$mnt"/file)"
	for off in 0 $((60 * MIB)) $((127 * MIB)) $((129 * MIB)) $((190 * MIB)) $((225 * MIB)); do
		# what has not been written is mapped as a page of zeros
		((off == 0)) || dd if=/dev/zero of="$mnt"/file bs=4096 seek=$((off / 4096)) count=1 conv=notrunc 2>/dev/null
		v=$(at "$mnt"/file "$off")
		is "file offset $((off / MIB)) MiB lies where the table says" \
			"$(if ((v < len0)); then address 0 "$v"; else address 1 $((v - len0)); fi)" \
			"$(dax-file phys "$mnt"/file "$off")"
	done
	umount "$mnt"
	dmsetup remove vol
}

# stripe N: over that many devices
stripe() {
	local n=$1 len=$((200 * 2048)) table="$1 4096" i v dev off signal on=''

	for ((i = 0; i < n; i++)); do table+=" /dev/fsdev$i.0 0"; done
	dmsetup create vol --table "0 $((len * n)) striped $table"
	is "the volume does DAX" 1 "$(does_dax "$vol")"
	mkfs.xfs -q -f -m rmapbt=1,reflink=0 -d agcount=2,su=2m,sw="$n" -l size=64m,su=32k "$vol"
	mounted mount "$vol" || return
	for i in 0 1; do
		xfs_io -f -c 'extsize 2m' "$mnt"/file"$i"
		dax-file fill "$mnt"/file"$i" 0 $((12 * MIB)) $((20 + i))
	done
	sync
	huge "2 MiB mappings" "6 mapped, 0 split" "$mnt"/file0 $((12 * MIB)) r
	for i in {0..5}; do
		v=$(at "$mnt"/file0 $((i * 2 * MIB + 4096)))
		read -r dev off < <(leg "$n" "$v")
		on+="$dev
"
		is "chunk $i of the file is on the leg that the table says" "$(address "$dev" "$off")" \
			"$(dax-file phys "$mnt"/file0 $((i * 2 * MIB + 4096)))"
	done
	is "the file is on every leg" "$n" "$(printf '%s' "$on" | sort -u | wc -l)"
	good "the data" "$mnt"/file1 $((12 * MIB)) 21

	mapping "$mnt"/file0 "$mnt"/file1
	off=$((2 * MIB * (n + 1) + 8192))
	v=$(at "$mnt"/file0 "$off")
	# 7.x names the 2 MiB that are lost with it
	signal="at offset ($off lsb (12|21)|$((2 * MIB * (n + 1))) lsb 21)\$"
	like "a failing page" "^SIGBUS BUS_MCEERR_AR $signal" "$(dax-file poison "$mnt"/file0 "$off")"
	read -r dev v < <(leg "$n" "$v")
	is "the failure is reported as that leg's" "dax$dev.0 $(printf %#x "$v")" "$(where_failed)"
	all_ended 2
	like "the failure reaches who has that file" "SIGBUS BUS_MCEERR_A[RO] $signal" "$(met 1)"
	is "no other file is reached" ready "$(met 2)"
	good "the other file" "$mnt"/file1 $((12 * MIB)) 21
	ok "the page is overwritten" \
		dd if=/dev/zero of="$mnt"/file0 bs=4096 seek=$((off / 4096)) count=1 conv=notrunc oflag=direct
	is "the page is good again" "" "$(cat /sys/block/fsdev"$dev".0/badblocks)"

	mapping "$mnt"/file1
	ok "unbind a leg while a file is mapped" unwaited give dax1.0 none
	all_ended
	like "the process that has it mapped gets SIGBUS" "SIGBUS BUS_ADRERR" "$(met 1)"
	ok "unmount" umount "$mnt"
	ok "remove the volume" dmsetup remove vol
	ok "bind again" give dax1.0 fsdev
	dmsetup create vol --table "0 $((len * n)) striped $table"
	mounted "mount again" "$vol" || return
	good "the data" "$mnt"/file1 $((12 * MIB)) 21
	umount "$mnt"
	dmsetup remove vol
}

# A snapshot has no DAX, and says so
case_snapshot() {
	local len=$((128 * 2048))

	dmsetup create vol --table "0 $len linear /dev/fsdev1.0 0"
	mkfs.ext4 -q -F -b 4096 "$vol"
	modprobe dm-snapshot
	refused "a volume with DAX does not become the origin of one" \
		dmsetup load vol --table "0 $len snapshot-origin /dev/fsdev1.0"
	like "the log says why" "can't change device type" "$(dmesg | grep device-mapper | tail -n 2)"
	mounted "the volume goes on" "$vol" || return
	umount "$mnt"
	dmsetup remove vol
	dd if=/dev/zero of=/dev/fsdev2.0 bs=4096 count=1 oflag=direct conv=notrunc 2>/dev/null
	ok "one is made" dmsetup create snap --table "0 $len snapshot /dev/fsdev1.0 /dev/fsdev2.0 N 16"
	is "it has no DAX" 0 "$(does_dax /dev/mapper/snap)"
	refused "ext4 does not mount it with DAX" mount -o dax=always /dev/mapper/snap "$mnt"
	like "the log says why" "DAX unsupported by block device" "$(dmesg | grep EXT4-fs | tail -n 2)"
	ok "it mounts without DAX" mount /dev/mapper/snap "$mnt"
	umount "$mnt"
	ok "remove" dmsetup remove --retry snap
}

# LVM, striped; the volume grows under its mount
case_lvm() {
	local config='devices { use_devicesfile=0 obtain_device_list_from_udev=0 scan="/dev" } activation { udev_sync=0 udev_rules=0 }'

	export LVM_SUPPRESS_FD_WARNINGS=1
	ok "pvcreate" pvcreate -q -y --config "$config" --dataalignment 2m /dev/fsdev0.0 /dev/fsdev1.0
	ok "vgcreate" vgcreate -q --config "$config" -s 2m vg /dev/fsdev0.0 /dev/fsdev1.0
	ok "lvcreate, striped" lvcreate -q -y -Wn -Zn --config "$config" -i 2 -I 2m -L 320m -n lv vg
	mkfs.xfs -q -f -m rmapbt=1,reflink=0 -d agcount=2,su=2m,sw=2 -l size=64m,su=32k /dev/mapper/vg-lv
	mounted mount /dev/mapper/vg-lv || return
	xfs_io -f -c 'extsize 2m' "$mnt"/file
	dax-file fill "$mnt"/file 0 $((8 * MIB)) 30
	is "DAX" yes "$(dax-file is-dax "$mnt"/file)"
	# without --dataalignment the data of a physical volume begins at 1 MiB
	huge "2 MiB mappings" "4 mapped, 0 split" "$mnt"/file $((8 * MIB)) r
	ok "lvextend under the mount" lvextend -q -y --config "$config" -L 340m vg/lv
	ok "xfs_growfs" xfs_growfs "$mnt"
	good "the data" "$mnt"/file $((8 * MIB)) 30
	ok "still DAX" test "$(does_dax /dev/mapper/vg-lv)" = 1
	refused "a snapshot of it" lvcreate -q -y --config "$config" -s -L 16m -n snap vg/lv
	good "the data after that refusal" "$mnt"/file $((8 * MIB)) 30
	ok "unmount" umount "$mnt"
	ok "vgremove" vgremove -q -y --config "$config" vg
	ok "pvremove" pvremove -q -y --config "$config" /dev/fsdev0.0 /dev/fsdev1.0
}

# A table of partitions, one aligned and one not
case_partitions() {
	local one=/dev/fsdev0.0p1 two=/dev/fsdev0.0p2

	partition 1 4096 204800
	partition 2 208897 102400
	printf '\x55\xaa' | dd of=/dev/fsdev0.0 bs=1 seek=510 conv=notrunc,fsync 2>/dev/null
	ok "the table is read" blockdev --rereadpt /dev/fsdev0.0
	is "two partitions" "204800 102400" "$(blockdev --getsz "$one") $(blockdev --getsz "$two")"
	mkfs.ext4 -q -F -b 4096 -E stride=512,stripe_width=512 "$one"
	mounted "an aligned one" "$one" || return
	dax-file fill "$mnt"/file 0 $((4 * MIB)) 40
	is "the files of the aligned one are DAX" yes "$(dax-file is-dax "$mnt"/file)"
	huge "2 MiB mappings" "2 mapped, 0 split" "$mnt"/file $((4 * MIB)) r
	is "the first byte of a file is where table and file system say" \
		"$(address 0 $((2 * MIB + $(at "$mnt"/file 0))))" "$(dax-file phys "$mnt"/file 0)"
	umount "$mnt"
	mkfs.ext4 -q -F -b 4096 "$two"
	refused "a partition that begins inside a page has no DAX" mount -o dax=always "$two" "$mnt"
	like "the log says why" "DAX unsupported by block device" "$(dmesg | grep EXT4-fs | tail -n 2)"
	ok "it mounts without DAX" mount "$two" "$mnt"
	echo whole >"$mnt"/file
	umount "$mnt"
	mount "$two" "$mnt"
	is "the unaligned one works" whole "$(cat "$mnt"/file)"
	umount "$mnt"
	mount -o dax=always "$one" "$mnt"
	mapping "$mnt"/file
	ok "unbind while a file is mapped" unwaited give dax0.0 none
	all_ended
	like "the process that has it mapped gets SIGBUS" "SIGBUS BUS_ADRERR" "$(met 1)"
	umount "$mnt"
	ok "bind again" give dax0.0 fsdev
	there "$one"
	mounted "found again" "$one" || return
	good "the data" "$mnt"/file $((4 * MIB)) 40
	umount "$mnt"
}

# Chunks on two devices by turns
case_stripe_of_two() {
	stripe 2
}

# Chunks on three devices by turns
case_stripe_of_three() {
	stripe 3
}

# every device under fsdev, without a trace of what was on it
before_case() {
	local n

	for n in 0 1 2; do
		ok "fsdev has dax$n.0" give dax$n.0 fsdev
		dd if=/dev/zero of=/dev/fsdev$n.0 bs=4k count=16 oflag=direct conv=notrunc 2>/dev/null
	done
}

# a case that ended early leaves nothing in the way of the next
after_case() {
	! mountpoint -q $mnt || umount $mnt
	dmsetup remove_all --force 2>/dev/null
}

watch_walks
run_cases
