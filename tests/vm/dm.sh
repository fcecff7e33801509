#!/usr/bin/env bash
# stack: --soft-reserved 384M --soft-reserved 256M --soft-reserved 256M
# Volumes over several devices: linear and striped, made by dmsetup and by LVM, and partitions. DAX passes through to the
# right byte of the right device, a failing page reaches the file that has it, a leg that goes takes every mapping along,
# and what DAX cannot pass says so.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/removal-lib.sh
. "$(dirname -- "$0")/removal-lib.sh"
# shellcheck source=tests/vm/stack-lib.sh
. "$(dirname -- "$0")/stack-lib.sh"

mnt=/mnt/dm vol=/dev/mapper/vol
mkdir -p $mnt
# of two ranges with a hole between, of which the second lies lower
ok "a device of two ranges" shape dax0.0 256:128 0:72
for n in 0 1 2; do give dax$n.0 fsdev || fail "dax$n.0"; done
# who has a failing page mapped is told even if somebody else met the failure
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

# mounted NAME DISK: or nothing below makes sense
mounted() {
	ok "$1: mount" mount -o dax=always "$2" $mnt
	mountpoint -q $mnt || finish
}

linear() {
	local len0=$(($(sectors 0) * 512)) off v

	dmsetup create vol <<-END
	0 $(sectors 0) linear /dev/fsdev0.0 0
	$(sectors 0) $(sectors 1) linear /dev/fsdev1.0 0
	END
	is "linear: the volume does DAX" 1 "$(does_dax $vol)"
	mkfs.xfs -q -f -m rmapbt=1,reflink=0 -d agcount=2,su=2m,sw=1 -l size=64m,su=32k $vol
	mounted linear $vol
	# larger than the first leg, so it lies on both
	xfs_io -f -c 'extsize 2m' -c "falloc 0 $((230 * MIB))" $mnt/file
	is "linear: DAX" yes "$(dax-file is-dax $mnt/file)"
	dax-file fill $mnt/file 0 $((16 * MIB)) 1
	huge "linear: 2 MiB mappings" "8 mapped, 0 split" $mnt/file $((16 * MIB)) r
	is "linear: MAP_SYNC" yes "$(dax-file map-sync $mnt/file)"
	for off in 0 $((60 * MIB)) $((127 * MIB)) $((129 * MIB)) $((190 * MIB)) $((225 * MIB)); do
		# what has not been written is mapped as a page of zeros
		((off == 0)) || dd if=/dev/zero of=$mnt/file bs=4096 seek=$((off / 4096)) count=1 conv=notrunc 2>/dev/null
		v=$(at $mnt/file $off)
		is "linear: file offset $((off / MIB)) MiB lies where the table says" \
			"$(if ((v < len0)); then address 0 "$v"; else address 1 $((v - len0)); fi)" \
			"$(dax-file phys $mnt/file $off)"
	done
	umount $mnt
	dmsetup remove vol
}

# stripe N: over that many devices
stripe() {
	local n=$1 len=$((200 * 2048)) table="$1 4096" what="stripe of $1" i v dev off signal on=''

	for ((i = 0; i < n; i++)); do table+=" /dev/fsdev$i.0 0"; done
	dmsetup create vol --table "0 $((len * n)) striped $table"
	is "$what: the volume does DAX" 1 "$(does_dax $vol)"
	mkfs.xfs -q -f -m rmapbt=1,reflink=0 -d agcount=2,su=2m,sw="$n" -l size=64m,su=32k $vol
	mounted "$what" $vol
	for i in 0 1; do
		xfs_io -f -c 'extsize 2m' $mnt/file$i
		dax-file fill $mnt/file$i 0 $((12 * MIB)) $((20 + i))
	done
	sync
	huge "$what: 2 MiB mappings" "6 mapped, 0 split" $mnt/file0 $((12 * MIB)) r
	for i in {0..5}; do
		v=$(at $mnt/file0 $((i * 2 * MIB + 4096)))
		read -r dev off < <(leg "$n" "$v")
		on+="$dev
"
		is "$what: chunk $i of the file is on the leg that the table says" "$(address "$dev" "$off")" \
			"$(dax-file phys $mnt/file0 $((i * 2 * MIB + 4096)))"
	done
	is "$what: the file is on every leg" "$n" "$(printf '%s' "$on" | sort -u | wc -l)"
	good "$what: the data" $mnt/file1 $((12 * MIB)) 21

	mapping $mnt/file0 $mnt/file1
	off=$((2 * MIB * (n + 1) + 8192))
	v=$(at $mnt/file0 $off)
	# 7.x names the 2 MiB that are lost with it
	signal="at offset ($off lsb (12|21)|$((2 * MIB * (n + 1))) lsb 21)\$"
	like "$what: a failing page" "^SIGBUS BUS_MCEERR_AR $signal" "$(dax-file poison $mnt/file0 $off)"
	read -r dev v < <(leg "$n" "$v")
	is "$what: is reported as that leg's" "dax$dev.0 $(printf %#x "$v")" "$(where_failed)"
	all_ended 2
	like "$what: reaches who has that file" "SIGBUS BUS_MCEERR_A[RO] $signal" "$(met 1)"
	is "$what: and nobody else" ready "$(met 2)"
	good "$what: the other file" $mnt/file1 $((12 * MIB)) 21
	ok "$what: the page is overwritten" \
		dd if=/dev/zero of=$mnt/file0 bs=4096 seek=$((off / 4096)) count=1 conv=notrunc oflag=direct
	is "$what: and good again" "" "$(cat /sys/block/fsdev"$dev".0/badblocks)"

	mapping $mnt/file1
	ok "$what: unbind a leg while a file is mapped" unwaited give dax1.0 none
	all_ended
	like "$what: who has it is told" "SIGBUS BUS_ADRERR" "$(met 1)"
	ok "$what: unmount" umount $mnt
	ok "$what: remove the volume" dmsetup remove vol
	ok "$what: bind again" give dax1.0 fsdev
	dmsetup create vol --table "0 $((len * n)) striped $table"
	mounted "$what, again" $vol
	good "$what: the data" $mnt/file1 $((12 * MIB)) 21
	umount $mnt
	dmsetup remove vol
}

snapshot() {
	local len=$((128 * 2048))

	dmsetup create vol --table "0 $len linear /dev/fsdev1.0 0"
	mkfs.ext4 -q -F -b 4096 $vol
	modprobe dm-snapshot
	refused "snapshot: a volume with DAX does not become the origin of one" \
		dmsetup load vol --table "0 $len snapshot-origin /dev/fsdev1.0"
	like "snapshot: the log says why" "can't change device type" "$(dmesg | grep device-mapper | tail -n 2)"
	mounted "snapshot: the volume goes on" $vol
	umount $mnt
	dmsetup remove vol
	dd if=/dev/zero of=/dev/fsdev2.0 bs=4096 count=1 oflag=direct conv=notrunc 2>/dev/null
	ok "snapshot: one is made" dmsetup create snap --table "0 $len snapshot /dev/fsdev1.0 /dev/fsdev2.0 N 16"
	is "snapshot: it has no DAX" 0 "$(does_dax /dev/mapper/snap)"
	refused "snapshot: ext4 does not mount it with DAX" mount -o dax=always /dev/mapper/snap $mnt
	like "snapshot: the log says why" "DAX unsupported by block device" "$(dmesg | grep EXT4-fs | tail -n 2)"
	ok "snapshot: it mounts without" mount /dev/mapper/snap $mnt
	umount $mnt
	ok "snapshot: remove" dmsetup remove --retry snap
}

lvm_volumes() {
	local config='devices { use_devicesfile=0 obtain_device_list_from_udev=0 scan="/dev" } activation { udev_sync=0 udev_rules=0 }'

	export LVM_SUPPRESS_FD_WARNINGS=1
	# what snapshots left of a file system is not in its way
	for n in 0 1; do dd if=/dev/zero of=/dev/fsdev$n.0 bs=4k count=16 oflag=direct conv=notrunc 2>/dev/null; done
	ok "lvm: pvcreate" pvcreate -q -y --config "$config" --dataalignment 2m /dev/fsdev0.0 /dev/fsdev1.0
	ok "lvm: vgcreate" vgcreate -q --config "$config" -s 2m vg /dev/fsdev0.0 /dev/fsdev1.0
	ok "lvm: lvcreate, striped" lvcreate -q -y -Wn -Zn --config "$config" -i 2 -I 2m -L 320m -n lv vg
	mkfs.xfs -q -f -m rmapbt=1,reflink=0 -d agcount=2,su=2m,sw=2 -l size=64m,su=32k /dev/mapper/vg-lv
	mounted lvm /dev/mapper/vg-lv
	xfs_io -f -c 'extsize 2m' $mnt/file
	dax-file fill $mnt/file 0 $((8 * MIB)) 30
	is "lvm: DAX" yes "$(dax-file is-dax $mnt/file)"
	# without --dataalignment the data of a physical volume begins at 1 MiB
	huge "lvm: 2 MiB mappings" "4 mapped, 0 split" $mnt/file $((8 * MIB)) r
	ok "lvm: lvextend under the mount" lvextend -q -y --config "$config" -L 340m vg/lv
	ok "lvm: xfs_growfs" xfs_growfs $mnt
	good "lvm: the data" $mnt/file $((8 * MIB)) 30
	ok "lvm: still DAX" test "$(does_dax /dev/mapper/vg-lv)" = 1
	refused "lvm: a snapshot of it" lvcreate -q -y --config "$config" -s -L 16m -n snap vg/lv
	good "lvm: after that refusal" $mnt/file $((8 * MIB)) 30
	ok "lvm: unmount" umount $mnt
	ok "lvm: vgremove" vgremove -q -y --config "$config" vg
	ok "lvm: pvremove" pvremove -q -y --config "$config" /dev/fsdev0.0 /dev/fsdev1.0
}

# partition N START SECTORS: an entry of the table of partitions in the first sector, in the PC's form
partition() {
	local number bytes='\0\0\0\0\x83\0\0\0'

	for number in "$2" "$3"; do
		bytes+=$(printf '\\x%02x\\x%02x\\x%02x\\x%02x' $((number & 255)) $((number >> 8 & 255)) $((number >> 16 & 255)) $((number >> 24)))
	done
	# shellcheck disable=SC2059  # it is the format
	printf "$bytes" | dd of=/dev/fsdev0.0 bs=1 seek=$((446 + ($1 - 1) * 16)) conv=notrunc,fsync 2>/dev/null
}

partitions() {
	local one=/dev/fsdev0.0p1 two=/dev/fsdev0.0p2

	dd if=/dev/zero of=/dev/fsdev0.0 bs=4k count=16 oflag=direct conv=notrunc 2>/dev/null
	partition 1 4096 204800
	partition 2 208897 102400
	printf '\x55\xaa' | dd of=/dev/fsdev0.0 bs=1 seek=510 conv=notrunc,fsync 2>/dev/null
	ok "partitions: the table is read" blockdev --rereadpt /dev/fsdev0.0
	is "partitions: two" "204800 102400" "$(blockdev --getsz $one) $(blockdev --getsz $two)"
	mkfs.ext4 -q -F -b 4096 -E stride=512,stripe_width=512 $one
	mounted "partitions: an aligned one" $one
	dax-file fill $mnt/file 0 $((4 * MIB)) 40
	is "partitions: its files are DAX" yes "$(dax-file is-dax $mnt/file)"
	huge "partitions: with 2 MiB mappings" "2 mapped, 0 split" $mnt/file $((4 * MIB)) r
	is "partitions: its first byte is where table and file system say" \
		"$(address 0 $((2 * MIB + $(at $mnt/file 0))))" "$(dax-file phys $mnt/file 0)"
	umount $mnt
	mkfs.ext4 -q -F -b 4096 $two
	refused "partitions: one that begins inside a page has no DAX" mount -o dax=always $two $mnt
	like "partitions: the log says why" "DAX unsupported by block device" "$(dmesg | grep EXT4-fs | tail -n 2)"
	ok "partitions: it mounts without" mount $two $mnt
	echo whole >$mnt/file
	umount $mnt
	mount $two $mnt
	is "partitions: and works" whole "$(cat $mnt/file)"
	umount $mnt
	mount -o dax=always $one $mnt
	mapping $mnt/file
	ok "partitions: unbind while a file is mapped" unwaited give dax0.0 none
	all_ended
	like "partitions: who has it is told" "SIGBUS BUS_ADRERR" "$(met 1)"
	umount $mnt
	ok "partitions: bind again" give dax0.0 fsdev
	there $one
	mounted "partitions: found again" $one
	good "partitions: the data" $mnt/file $((4 * MIB)) 40
	umount $mnt
}

watch_walks
linear
stripe 2
stripe 3
snapshot
lvm_volumes
partitions
finish
