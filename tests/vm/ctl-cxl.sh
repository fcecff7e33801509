#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --cxl 512M --cxl 512M
# kernels: 6.12 7 (6.1 makes no regions of volatile CXL memory)
# fsdevctl and CXL memory, as docs/users.md has it: a file system on one expander, two of them striped, and bad memory that a device
# knows of (its poison list), which the driver gets at `enable`, before the device is used. 6.1 makes no regions of
# volatile memory.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/ctl-lib.sh
. "$(dirname -- "$0")/ctl-lib.sh"

mnt=/mnt/cxl
mkdir -p $mnt

# XFS writes a log of 64 MiB, which takes QEMU's CXL memory most of a minute, so it is for WHOLE=y
if [ -n "${WHOLE-}" ]; then
	type=xfs striped='mkfs.xfs -q -f -m rmapbt=1,reflink=0 -l su=32k -d su=2m,sw=1'
else
	type=ext4 striped='mkfs.ext4 -q -F -b 4096 -E stride=512,stripe_width=512,nodiscard'
fi

# dax_of REGION: the DAX device of a CXL region, once it has come
dax_of() {
	for _ in {1..100}; do fsdevctl list --json | jq -er ".[]|select(.cxl_region==\"$1\").chardev" && return; sleep 0.1; done
}

ok "a region" cxl create-region -m -t ram -d decoder0.0 -w 1 mem0
one=$(dax_of region0)
is "list: where it comes from" "cxl region0" "$(lists "$one" '"\(.kind) \(.cxl_region)"')"
mkdir -p /etc/fsdev.d
serial=$(cxl list -M -m mem0 | jq -r 'if type == "array" then .[0] else . end | .serial')
printf '[cxl]\ncxl-serial = %#x\n' "$serial" >/etc/fsdev.d/cxl.conf
gives "config: by the serial number of the memory device" 0 "$one \(.* now\): \[cxl\]" fsdevctl config check
gives "enable" 0 "$one: fsdev" fsdevctl config apply
gives "$type" 0 "its files are DAX" fsdevctl mkfs "$one" --type $type --mount $mnt
dax-file fill $mnt/file 0 $MIB 1
is "a file in the expander" "256 good, 0 wrong, 0 lost" "$(dax-file verify $mnt/file 0 $MIB 1)"
umount $mnt
ok "disable" fsdevctl disable "$one"

# the kernel translates a device's own addresses from 6.12 on
echo 0x100000 >/sys/kernel/debug/cxl/mem0/inject_poison
echo 0x8000040 >/sys/kernel/debug/cxl/mem0/inject_poison
gives "enable takes over what the device knows to be bad" 0 "2 bad ranges that the platform knows of were taken over" \
	fsdevctl enable "$one"
is "errors lists both, in whole pages" "1048576 4096
134217728 4096" "$(fsdevctl errors "$one" --json | jq -r '.[]|"\(.offset) \(.length)"')"

umount /sys/kernel/tracing
gives "doctor: without tracefs" 5 "PROBLEM +$one: tracefs is not mounted on /sys/kernel/tracing, so the poison list" fsdevctl doctor
mount -t tracefs none /sys/kernel/tracing
is "doctor: with it" "" "$(fsdevctl doctor | grep tracefs)"

ok "a second region" cxl create-region -m -t ram -d decoder0.0 -w 1 mem1
two=$(dax_of region1)
ok "enable both" fsdevctl enable "$one" "$two"
a=/dev/fsdev${one#dax} b=/dev/fsdev${two#dax}
ok "repair" fsdevctl repair "$one" all --yes
ok "striped by device-mapper" dmsetup create stripe --table "0 $(($(blockdev --getsz "$a") * 2)) striped 2 4096 $a 0 $b 0"
# shellcheck disable=SC2086  # words
ok "a file system on both" $striped /dev/mapper/stripe
ok "mounted" mount -o dax=always /dev/mapper/stripe $mnt
dax-file fill $mnt/file 0 $((8 * MIB)) 1
is "a file over both" "yes 2048 good, 0 wrong, 0 lost" \
	"$(dax-file is-dax $mnt/file) $(dax-file verify $mnt/file 0 $((8 * MIB)) 1)"
for each in $one $two; do
	gives "$each is in use" 3 "/dev/mapper/stripe is made of /dev/fsdev${each#dax}" fsdevctl disable "$each"
done
umount $mnt
dmsetup remove --retry stripe
ok "disable both" fsdevctl disable "$one" "$two"
finish
