#!/usr/bin/env bash
# lab: --soft-reserved 384M --soft-reserved 256M --soft-reserved 256M
# Volumes over several devices: linear and striped, made by dmsetup and by LVM, and partitions. DAX passes through to the
# right byte of the right device, a failing page reaches the file that has it, a leg that goes takes every mapping along,
# and what DAX cannot pass says so.
. "$(dirname -- "$0")/lib.sh"
. "$(dirname -- "$0")/tap.sh"

mnt=/mnt/dm trace=/sys/kernel/tracing
mkdir -p $mnt
# a device of two ranges with a hole between, the second of which lies lower
ok "a device of two ranges" shape dax0.0 256:128 0:72
for n in 0 1 2; do give dax$n.0 fsdev; done
# who has a failing page mapped is told even if somebody else met the failure
echo 1 >/proc/sys/vm/memory_failure_early_kill
base0=$(region_start dax0.0)
sectors() { blockdev --getsz "/dev/fsdev$1.0"; }

# address DEVICE-NUMBER OFFSET: where a device has an offset in memory
address() {
	if [ "$1" != 0 ]; then printf '%#x' $(($(region_start "dax$1.0") + $2))
	elif (($2 < 128 * MIB)); then printf '%#x' $((base0 + 256 * MIB + $2))
	else printf '%#x' $((base0 + $2 - 128 * MIB)); fi
}

# at FILE OFFSET: where on its block device a file has an offset
at() {
	filefrag -b4096 -e "$1" | awk -v want=$(($2 / 4096)) '$1 ~ /^[0-9]+:$/ { gsub(/[.:]+/, " ");
		if (want >= $2 && want <= $3) print ($4 + want - $2) * 4096 }'
}

huge() {
	echo >$trace/trace
	echo 1 >$trace/events/fs_dax/dax_pmd_fault_done/enable
	dax-file touch "$3" 0 "$4" "$5"
	echo 0 >$trace/events/fs_dax/dax_pmd_fault_done/enable
	is "$1" "$2" "$(awk '/dax_pmd_fault_done/ { if (/NOPAGE/) n++; else if (/FALLBACK/) s++ }
		END { printf "%d mapped, %d split", n, s }' $trace/trace)"
}

# holding FILE...: a process on each that reads a mapping of it; what it meets is in /tmp/hold.N, counted from 0
holding() {
	local n=0 file

	holders=()
	for file; do
		dax-file hold "$file" >/tmp/hold.$n 2>&1 &
		holders+=($!)
		until grep -q ready /tmp/hold.$n; do kill -0 "${holders[n]}" || break; sleep 0.1; done
		n=$((n + 1))
	done
}

# met N: what the process has met, once it has ended
met() {
	for _ in {1..100}; do
		kill -0 "${holders[$1]}" 2>/dev/null || break
		sleep 0.1
	done
	grep SIGBUS "/tmp/hold.$1" || echo nothing
}

let_go() {
	kill -9 "${holders[@]}" 2>/dev/null
	wait "${holders[@]}" 2>/dev/null
}

good() {
	is "$1" "$(($3 / 4096)) good, 0 wrong, 0 lost" "$(dax-file verify "$2" 0 "$3" "$4" | tail -n 1)"
}

# where_failed: the last failure that the driver reported, as "device offset"
where_failed() {
	dmesg | sed -n 's/.*fsdev \(dax[0-9.]*\): memory failure at .*: device offset \(0x[0-9a-f]*\),.*/\1 \2/p' | tail -n 1
}

# leg LEGS VOLUME-OFFSET: which device has an offset of a striped volume, and where: "N OFFSET"
leg() {
	local chunk=$((2 * MIB)) n=$1 at=$2
	local stripe=$((at / chunk / n))

	echo "$((at / chunk % n)) $((stripe * chunk + at % chunk))"
}

linear() {
	local len0=$(($(sectors 0) * 512)) off

	dmsetup create vol <<-END
	0 $(sectors 0) linear /dev/fsdev0.0 0
	$(sectors 0) $(sectors 1) linear /dev/fsdev1.0 0
	END
	is "linear: the volume does DAX" 1 "$(cat "/sys/block/$(basename "$(readlink -f /dev/mapper/vol)")/queue/dax")"
	mkfs.xfs -q -f -m rmapbt=1,reflink=0 -d su=2m,sw=1 /dev/mapper/vol
	ok "linear: mount" mount -o dax=always /dev/mapper/vol $mnt
	# larger than the first leg, so it lies on both
	xfs_io -f -c 'extsize 2m' -c "falloc 0 $((230 * MIB))" $mnt/file
	is "linear: DAX" yes "$(dax-file is-dax $mnt/file)"
	is "linear: MAP_SYNC" yes "$(dax-file map-sync $mnt/file)"
	huge "linear: 2 MiB mappings" "8 mapped, 0 split" $mnt/file $((16 * MIB)) r
	for off in 0 $((127 * MIB)) $((129 * MIB)) $((225 * MIB)); do
		local v

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
	local n=$1 len=$((200 * 2048)) table="$1 4096" i v dev off

	for ((i = 0; i < n; i++)); do table+=" /dev/fsdev$i.0 0"; done
	dmsetup create vol --table "0 $((len * n)) striped $table"
	mkfs.xfs -q -f -m rmapbt=1,reflink=0 -d su=2m,sw="$n" /dev/mapper/vol
	ok "stripe of $n: mount" mount -o dax=always /dev/mapper/vol $mnt
	for i in 0 1; do
		xfs_io -f -c 'extsize 2m' $mnt/file$i
		dax-file fill $mnt/file$i 0 $((12 * MIB)) $((20 + i))
	done
	sync
	huge "stripe of $n: 2 MiB mappings" "6 mapped, 0 split" $mnt/file0 $((12 * MIB)) r
	for i in {0..5}; do
		v=$(at $mnt/file0 $((i * 2 * MIB + 4096)))
		read -r dev off < <(leg "$n" "$v")
		is "stripe of $n: chunk $i of the file is on the leg that the table says" "$(address "$dev" "$off")" \
			"$(dax-file phys $mnt/file0 $((i * 2 * MIB + 4096)))"
	done
	good "stripe of $n: the data" $mnt/file1 $((12 * MIB)) 21
	holding $mnt/file0 $mnt/file1
	# the third and last leg, or the second
	off=$((2 * MIB * (n + 1) + 8192))
	v=$(at $mnt/file0 $off)
	like "stripe of $n: a failing page" "^SIGBUS BUS_MCEERR_AR at offset" "$(dax-file poison $mnt/file0 $off)"
	read -r dev off < <(leg "$n" "$v")
	is "stripe of $n: is reported as that leg's" "dax$dev.0 $(printf %#x "$off")" "$(where_failed)"
	like "stripe of $n: reaches who has that file" "SIGBUS BUS_MCEERR_AR" "$(met 0)"
	ok "stripe of $n: and nobody else" kill -0 "${holders[1]}"
	let_go
	good "stripe of $n: the other file" $mnt/file1 $((12 * MIB)) 21

	holding $mnt/file1
	ok "stripe of $n: unbind a leg while a file is mapped" give dax1.0 none
	like "stripe of $n: who has it is told" "SIGBUS BUS_ADRERR" "$(met 0)"
	let_go
	ok "stripe of $n: unmount" umount $mnt
	ok "stripe of $n: remove the volume" dmsetup remove vol
	give dax1.0 fsdev
	dmsetup create vol --table "0 $((len * n)) striped $table"
	mount -o dax=always /dev/mapper/vol $mnt
	good "stripe of $n: the data after binding again" $mnt/file1 $((12 * MIB)) 21
	umount $mnt
	dmsetup remove vol
	for ((i = 0; i < n; i++)); do give dax$i.0 none && give dax$i.0 fsdev; done
}

snapshot() {
	dmsetup create vol --table "0 $((128 * 2048)) linear /dev/fsdev1.0 0"
	mkfs.ext4 -q -F -b 4096 /dev/mapper/vol
	dmsetup suspend vol
	refused "snapshot: a volume with DAX does not become the origin of one" \
		dmsetup load vol --table "0 $((128 * 2048)) snapshot-origin /dev/fsdev1.0"
	like "snapshot: and the log says why" "can't change device type" "$(dmesg | tail -n 3)"
	dmsetup resume vol
	ok "snapshot: the volume goes on" mount -o dax=always /dev/mapper/vol $mnt
	umount $mnt
	dmsetup remove vol
	modprobe dm-snapshot
	dmsetup create snap --table "0 $((128 * 2048)) snapshot /dev/fsdev1.0 /dev/fsdev2.0 N 16"
	is "snapshot: one has no DAX" 0 "$(cat "/sys/block/$(basename "$(readlink -f /dev/mapper/snap)")/queue/dax")"
	refused "snapshot: ext4 does not mount it with DAX" mount -o dax=always /dev/mapper/snap $mnt
	like "snapshot: and the log says why" "DAX unsupported by block device" "$(dmesg | tail -n 3)"
	dmsetup remove snap
}

lvm() {
	export LVM_SUPPRESS_FD_WARNINGS=1
	local config='devices { use_devicesfile=0 obtain_device_list_from_udev=0 scan="/dev" } activation { udev_sync=0 udev_rules=0 }'

	ok "lvm: pvcreate" pvcreate -q -y --config "$config" --dataalignment 2m /dev/fsdev0.0 /dev/fsdev1.0
	ok "lvm: vgcreate" vgcreate -q --config "$config" -s 2m vg /dev/fsdev0.0 /dev/fsdev1.0
	ok "lvm: lvcreate, striped" lvcreate -q -y -Wn -Zn --config "$config" -i 2 -I 2m -L 320m -n lv vg
	mkfs.xfs -q -f -m rmapbt=1,reflink=0 -d su=2m,sw=2 /dev/mapper/vg-lv
	ok "lvm: mount" mount -o dax=always /dev/mapper/vg-lv $mnt
	xfs_io -f -c 'extsize 2m' $mnt/file
	dax-file fill $mnt/file 0 $((8 * MIB)) 30
	is "lvm: DAX" yes "$(dax-file is-dax $mnt/file)"
	# without --dataalignment the data of a physical volume begins at 1 MiB
	huge "lvm: 2 MiB mappings" "4 mapped, 0 split" $mnt/file $((8 * MIB)) r
	ok "lvm: lvextend under the mount" lvextend -q -y --config "$config" -L 340m vg/lv
	ok "lvm: xfs_growfs" xfs_growfs $mnt
	good "lvm: the data" $mnt/file $((8 * MIB)) 30
	refused "lvm: a snapshot of it" lvcreate -q -y --config "$config" -s -L 16m -n snap vg/lv
	good "lvm: after that refusal" $mnt/file $((8 * MIB)) 30
	umount $mnt
	ok "lvm: vgremove" vgremove -q -y --config "$config" vg
	ok "lvm: pvremove" pvremove -q -y --config "$config" /dev/fsdev0.0 /dev/fsdev1.0
}

partitions() {
	wipefs -qa /dev/fsdev0.0
	printf '%s\n' 'label: gpt' 'start=4096, size=204800' 'start=208897, size=102400' |
		sfdisk -q /dev/fsdev0.0 >/tmp/sfdisk 2>&1
	is "partitions: sfdisk" 0 $?
	for _ in {1..50}; do [ -e /dev/fsdev0.0p2 ] && break; sleep 0.1; done
	mkfs.ext4 -q -F -b 4096 -E stride=512,stripe_width=512 /dev/fsdev0.0p1
	ok "partitions: an aligned one mounts with DAX" mount -o dax=always /dev/fsdev0.0p1 $mnt
	dax-file fill $mnt/file 0 $((4 * MIB)) 40
	huge "partitions: with 2 MiB mappings" "2 mapped, 0 split" $mnt/file $((4 * MIB)) r
	is "partitions: its first byte is where table and file system say" \
		"$(address 0 $((2 * MIB + $(at $mnt/file 0))))" "$(dax-file phys $mnt/file 0)"
	umount $mnt
	mkfs.ext4 -q -F -b 4096 /dev/fsdev0.0p2
	refused "partitions: one that begins inside a page does not" mount -o dax=always /dev/fsdev0.0p2 $mnt
	like "partitions: and the log says why" "DAX unsupported by block device" "$(dmesg | tail -n 3)"
	ok "partitions: it mounts without" mount /dev/fsdev0.0p2 $mnt
	umount $mnt
	mount -o dax=always /dev/fsdev0.0p1 $mnt
	holding $mnt/file
	ok "partitions: unbind while a file is mapped" give dax0.0 none
	like "partitions: who has it is told" "SIGBUS BUS_ADRERR" "$(met 0)"
	let_go
	umount $mnt
}

linear
stripe 2
stripe 3
snapshot
lvm
partitions
finish
