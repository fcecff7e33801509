#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# stack: --cxl 256M --qemu "-device cxl-rp,port=9,bus=cxl.1,id=cxlrp9,chassis=0,slot=9"
# kernels: 6.12 7 (6.1 makes no regions of volatile CXL memory)
# A CXL memory device is plugged in while a program writes to a file system on another one: its memory becomes a region, and the
# volume and the file system grow by it. The program never stops. Every access is emulated: little data.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/ctl-lib.sh
. "$(dirname -- "$0")/ctl-lib.sh"

mnt=/mnt/plug lv=/dev/mapper/vg-lv
mkdir -p $mnt
config='devices { use_devicesfile=0 obtain_device_list_from_udev=0 scan="/dev" } activation { udev_sync=0 udev_rules=0 }'
export LVM_SUPPRESS_FD_WARNINGS=1

# dax_of REGION: the DAX device of a CXL region, once it has come
dax_of() {
	for _ in {1..100}; do fsdevctl list --json | jq -er ".[]|select(.cxl_region==\"$1\").chardev" && return; sleep 0.1; done
}

# comes PATH: waits for it, a minute at most
comes() {
	for _ in {1..600}; do [ ! -e "$1" ] || return 0; sleep 0.1; done
	return 1
}

# write_records: one after the other, each synced, until told to stop; the number of the last one that is known to be there
write_records() {
	local n=0

	while [ ! -e /tmp/stop ]; do
		n=$((n + 1))
		if ! { printf '%08d\n' $n >>$mnt/records && sync $mnt/records && echo $n >/tmp/written; }; then
			echo "record $n" >/tmp/lost
			return
		fi
	done
}

# size: of the mounted file system, in MiB
size() {
	df -BM --output=size $mnt | tail -n 1 | tr -d ' M'
}

ok "a region of the memory that is there" cxl create-region -m -t ram -d decoder0.0 -w 1 mem0
one=$(dax_of region0)
grows=''
if modprobe fsdev && [ -e /sys/bus/dax/drivers/fsdev/grow ]; then
	grows=y
	give "$one" none && echo $((128 * MIB)) >"/sys/bus/dax/devices/$one/size"
fi
ok "$one to fsdev mode" fsdevctl enable "$one"
a=/dev/fsdev${one#dax}
ok "pvcreate" pvcreate -q -y --config "$config" --dataalignment 2m "$a"
ok "vgcreate" vgcreate -q --config "$config" -s 2m vg "$a"
ok "lvcreate" lvcreate -q -y -Wn -Zn --config "$config" -l 100%FREE -n lv vg
ok "ext4" mkfs.ext4 -q -F -b 4096 -E nodiscard $lv
ok "mounted" mount -o dax=always $lv $mnt
mountpoint -q $mnt || finish
dax-file fill $mnt/file 0 $MIB 1
before=$(size)
write_records &
writer=$!
comes /tmp/written

echo 'object_add memory-backend-ram,id=plugged,size=256M' >/run/lab/monitor
echo 'device_add cxl-type3,bus=cxlrp9,volatile-memdev=plugged,id=cxl-plugged,sn=77' >/run/lab/monitor
ok "the memory device is plugged in and found" comes /sys/bus/cxl/devices/mem1
[ -e /sys/bus/cxl/devices/mem1 ] || { dmesg | tail -n 30 | sed 's/^/# /'; touch /tmp/stop; finish; }
ok "a region of it" cxl create-region -m -t ram -d decoder0.0 -w 1 mem1
two=$(dax_of region1)
is "it is a DAX device of another region" "cxl region1" "$(lists "$two" '"\(.kind) \(.cxl_region)"')"
ok "$two to fsdev mode" fsdevctl enable "$two"
b=/dev/fsdev${two#dax}
ok "pvcreate of it" pvcreate -q -y --config "$config" --dataalignment 2m "$b"
ok "vgextend" vgextend -q --config "$config" vg "$b"
if [ $grows ]; then
	gives "what is free in the first region: the kernel tells where it starts" 0 "append .* \(128 MiB\) to its ranges.have the driver" \
		sh -c "fsdevctl grow $one --all --dry-run | paste -sd' ' | tr -s ' '"
	gives "what is free in the first region" 0 "$one: 256 MiB, 128 MiB more" fsdevctl grow "$one" --all
	ok "pvresize" pvresize -q --config "$config" "$a"
else
	skip "what is free in the first region" "this driver does not grow a bound device"
fi
ok "lvextend under the mount" lvextend -q -y --config "$config" -l +100%FREE vg/lv
ok "resize2fs under the mount" resize2fs $lv
is "the file system has grown by more than 200 MiB" yes "$([ $(($(size) - before)) -gt 200 ] && echo yes || echo "$before $(size)")"
there=$(cat /tmp/written)
for _ in {1..100}; do [ "$(cat /tmp/written)" = "$there" ] || break; sleep 0.1; done
is "the program goes on" yes "$([ "$(cat /tmp/written)" -gt "$there" ] && echo yes)"
touch /tmp/stop
wait $writer
refused "and was never refused" test -e /tmp/lost
dax-file fill $mnt/new 0 $MIB 2
umount $mnt
ok "mounted again" mount -o dax=always $lv $mnt
is "every record is there" "$(seq -f %08.0f "$(cat /tmp/written)" | md5sum)" "$(md5sum <$mnt/records)"
is "what was there" "yes 256 good, 0 wrong, 0 lost" "$(dax-file is-dax $mnt/file) $(dax-file verify $mnt/file 0 $MIB 1)"
is "what came after" "yes 256 good, 0 wrong, 0 lost" "$(dax-file is-dax $mnt/new) $(dax-file verify $mnt/new 0 $MIB 2)"
umount $mnt
ok "lvchange" lvchange -q --config "$config" -an vg
ok "disable both" fsdevctl disable "$one" "$two"
finish
