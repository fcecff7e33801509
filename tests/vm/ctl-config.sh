# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Part of scenario ctl: the configuration, and an NVDIMM namespace that is known by its UUID.

dev=dax0.0
conf=/etc/fsdev.d
mkdir -p $conf
rm -f $conf/*
fsdevctl enable $dev 2>/dev/null
low=$(printf '%#x' "$(region_start $dev)")
gives "config: nothing" 0 "has no section" fsdevctl config check
printf '[weights]\naddress = %s\nsize = 384M\n' "$low" >$conf/10.conf
gives "config check" 0 "$dev \(fsdev now\): \[weights\] in $conf/10.conf:1: fsdev" fsdevctl config check
fsdevctl disable $dev 2>/dev/null
gives "config apply --dry-run" 0 "give it to driver fsdev" fsdevctl config apply --dry-run
is "config apply --dry-run: changes nothing" device_dax "$(driver_of $dev)"
printf '[a]\ncolour = red\n[b]\n[c]\nsize = 1Q\nsize\n' >$conf/20.conf
gives "config with mistakes" 2 "$conf/20.conf:2: there is no key 'colour': the keys are nvdimm-uuid" fsdevctl config apply
gives "config with mistakes: all are told" 2 "$conf/20.conf:5: size '1Q' is no number" fsdevctl config check
is "config with mistakes: nothing is changed" device_dax "$(driver_of $dev)"
printf '[other]\naddress = 0x1000\n' >$conf/20.conf
gives "config check: a section about nothing" 5 "\[other\] in $conf/20.conf:1 is about no device" fsdevctl config check
rm $conf/20.conf
gives "config apply" 0 "$dev: fsdev, by \[weights\]" fsdevctl config apply
is "config apply: the mode" fsdev "$(driver_of $dev)"
is "config link" "FSDEV_NAME=weights FSDEV_CLAIM=fsdev FSDEV_SERIAL=mem-108000000" "$(fsdevctl config link --device $dev | paste -sd" ")"

# memory that other hosts write, by its section: `enable` follows it as well
gives "config: disable" 0 "$dev: devdax" fsdevctl disable $dev
printf 'shared = yes\n' >>$conf/10.conf
for how in "" --no-shared --shared ""; do
	# shellcheck disable=SC2086  # or none
	fsdevctl enable $dev $how 2>/dev/null
	is "shared = yes: enable $how" "$([ "$how" = --no-shared ] && echo null || echo true)" "$(lists $dev .shared)"
	fsdevctl disable $dev 2>/dev/null
done
printf '[a]\ncolour = red\n' >$conf/20.conf
gives "enable: the configuration has mistakes" 1 "whether its memory is shared is unknown: give --shared or --no-shared" fsdevctl enable $dev
gives "enable: that it asks for" 0 "$dev: fsdev" fsdevctl enable $dev --no-shared
rm $conf/20.conf
sed -i '/^shared/d' $conf/10.conf

# a device with a UUID of its own, as kernels with CXL's dynamic capacity have it
tag=f00dcafe-1234-4a0f-9d7c-5f0e6d1f6a11
modprobe fsdev_test
ok "uuid: the device has one" sh -c "echo give-uuid /dev/$dev $tag >/sys/kernel/debug/fsdev_test/run"
is "uuid: list" "$tag" "$(fsdevctl list "$dev" -n -o uuid)"
is "uuid: list --json" "$tag" "$(lists $dev .uuid)"
is "uuid: config link" "FSDEV_SERIAL=$tag" "$(fsdevctl config link --device $dev | grep SERIAL)"
rm $conf/10.conf
gives "uuid: config add" 0 "" fsdevctl config add --device $dev --name weights
is "uuid: names the device by it" "[weights] uuid = $tag" "$(paste -sd' ' $conf/weights.conf)"
gives "uuid: config check" 0 "$dev \(fsdev now\): \[weights\] in $conf/weights.conf:1: fsdev" fsdevctl config check
sed -i 's/f00d/f00e/' $conf/weights.conf
gives "uuid: another" 5 "\[weights\] in $conf/weights.conf:1 is about no device" fsdevctl config check
echo "give-uuid /dev/$dev 00000000-0000-0000-0000-000000000000" >/sys/kernel/debug/fsdev_test/run
is "uuid: zeros are none" null "$(lists $dev .uuid)"
rm $conf/weights.conf
rmmod fsdev_test

region=$(ndctl list -R | jq -r 'if type == "array" then .[0] else . end | .dev')
uuid=$(ndctl create-namespace -f -e "namespace${region#region}.0" -m devdax | jq -r .uuid)
nv=$(fsdevctl list --json | jq -r ".[]|select(.uuid==\"$uuid\").chardev")
like "nvdimm: known by its UUID" "^dax" "$nv"
printf '[pmem]\nnvdimm-uuid = %s\n' "${uuid^^}" >$conf/20.conf
gives "nvdimm: config apply" 0 "$nv: fsdev, by \[pmem\]" fsdevctl config apply
gives "nvdimm: mkfs" 0 "its files are DAX, 2 MiB mappings work" \
	fsdevctl mkfs "$nv" --type ext4 --mount /mnt/pmem --force
dax-file fill /mnt/pmem/file 0 4096 1
is "nvdimm: a MAP_SYNC mapping is granted" yes "$(dax-file map-sync /mnt/pmem/file)"
umount /mnt/pmem
gives "nvdimm: disable" 0 "$nv: devdax" fsdevctl disable "$nv"

gives "doctor: a section that is not followed" 5 "PROBLEM +$nv: \[pmem\] in $conf/20.conf:1 says mode fsdev, and it is in mode devdax" fsdevctl doctor
gives "doctor: nothing at boot" 5 "the udev rule 59-fsdev.rules is missing" fsdevctl doctor
# what may be overwritten is said of one device, and not of those that match as well later
printf '[ram]\nnvdimm-uuid = %s\nmode = system-ram\noverwrite = yes\n' "$uuid" >$conf/20.conf
rm $conf/10.conf 2>/dev/null
gives "overwrite: one device" 0 "$nv: from devdax to system-ram" fsdevctl config apply --device "$nv" --dry-run
printf '[ram]\nnuma-node = %s\nmode = system-ram\noverwrite = yes\n' "$(lists "$nv" .target_node)" >$conf/20.conf
gives "overwrite: it matches more now" 1 "$nv: there is ext4 on it, which would be lost" fsdevctl config apply --device "$nv" --dry-run
gives "overwrite: that is said" 1 "\[ram\] in $conf/20.conf:1 is about 2 devices, so its overwrite = yes does not count" fsdevctl config apply --device "$nv" --dry-run
printf '[pmem]\nnvdimm-uuid = %s\n' "$uuid" >$conf/20.conf

# memory that a driver of the kernel's takes before a section counts; each device has a driver, so kmem takes none here
policy=/sys/devices/system/memory/auto_online_blocks
was=$(cat $policy)
modprobe kmem
echo online >$policy
gives "doctor: memory that comes later would be used" 5 "PROBLEM +kmem is loaded and new memory is put online \(online\)" fsdevctl doctor
echo offline >$policy
gives "doctor: it would not" 5 "ok +kmem is loaded, and new memory stays offline" fsdevctl doctor --verbose
is "doctor: then that is no problem" "" "$(fsdevctl doctor | grep 'kmem is loaded')"
echo "$was" >$policy
rm $conf/20.conf
mkdir -p /etc/udev/rules.d && : >/etc/udev/rules.d/59-fsdev.rules
if [ -e /sys/kernel/btf/vmlinux ]; then
	gives "doctor: nothing is wrong" 0 "no problem was found" fsdevctl doctor
else
	gives "doctor: a kernel without type information" 5 "PROBLEM +/sys/kernel/btf/vmlinux is missing" fsdevctl doctor
fi
rm -r $conf
