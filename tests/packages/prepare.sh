#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# In a guest: what the machine that boots next has to find: a file system with a file on one NVDIMM, a published image on another, a
# file system on a volume of LVM on a third, and a page of soft-reserved memory that has failed, of which only what the monitor wrote down is left.
set -u
top=$(cd -- "$(dirname -- "$0")/../.." && pwd -P)
# shellcheck source=tests/packages/lib.sh
. "$top/tests/packages/lib.sh"
export PATH=$top/build:$PATH

# namespace N: of the region of that number; its UUID is in $uuid, its device in $dev
namespace() {
	local region

	region=$(ndctl list -R | jq -r "[if type == \"array\" then .[] else . end | .dev] | sort | .[$1]")
	uuid=$(ndctl create-namespace -f -e "namespace${region#region}.0" -m devdax | jq -r .uuid)
	dev=$(fsdevctl list --json | jq -r ".[]|select(.uuid==\"$uuid\").chardev")
}

namespace 0
echo "$uuid" >"$top/build/packages/uuid"
ok "enable" fsdevctl enable "$dev"
ok "mkfs" fsdevctl mkfs "$dev" --type xfs --mount $mnt
echo "written before the boot" >$mnt/file
umount $mnt
ok "disable" fsdevctl disable "$dev"

namespace 1
echo "$uuid" >"$top/build/packages/uuid-images"
mkdir -p /tmp/tree
echo 1 >/tmp/tree/number
ok "enable the other" fsdevctl enable "$dev"
ok "publish" fsdevctl publish /tmp/tree "$dev" --force
ok "disable the other" fsdevctl disable "$dev"

namespace 2
echo "$uuid" >"$top/build/packages/uuid-volumes"
ok "enable the third" fsdevctl enable "$dev"
# there is no udev here
config='devices { use_devicesfile=0 obtain_device_list_from_udev=0 scan="/dev" } activation { udev_sync=0 udev_rules=0 }'
disk=/dev/fsdev${dev#dax}
ok "pvcreate" pvcreate -q -y --config "$config" --dataalignment 2m "$disk"
ok "vgcreate" vgcreate -q --config "$config" -s 2m volumes "$disk"
ok "lvcreate" lvcreate -q -y --config "$config" -Zn -Wn -l 100%FREE -n one volumes
ok "a file system on that" mkfs.ext4 -q -b 4096 /dev/mapper/volumes-one
ok "mount" mount -o dax=always /dev/mapper/volumes-one $mnt
echo "on a volume" >$mnt/file
umount $mnt
ok "LVM leaves it" vgchange -q --config "$config" -an volumes
ok "disable the third" fsdevctl disable "$dev"

mkdir -p /var/lib/fsdev "$top/build/packages/state"
mount --bind "$top/build/packages/state" /var/lib/fsdev
dev=$(fsdevctl list --json | jq -r '.[]|select(.kind=="soft-reserved").chardev')
ok "enable memory that forgets" fsdevctl enable "$dev"
fsdevctl monitor --record >/dev/null 2>/tmp/monitor &
until grep -q watching /tmp/monitor; do sleep 0.1; done
ok "a page of it fails" fsdevctl inject "$dev" 1M --yes
is "and is written down" 1 "$(comes 1 sh -c 'cat /var/lib/fsdev/poison/* | grep -c ^poison')"
# the guest ends with the device bound
finish
