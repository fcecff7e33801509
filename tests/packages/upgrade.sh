#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# In a guest whose packages are of the older version: uses it, and upgrades with the device bound and mounted. The compiler's
# part in that has been done before (bin/make); everything else of DKMS and the maintainer scripts is done here.
set -u
top=$(cd -- "$(dirname -- "$0")/../.." && pwd -P)
# shellcheck source=tests/packages/lib.sh
. "$top/tests/packages/lib.sh"
export PATH=$top/tests/packages/bin:$PATH FSDEV_COMPILE=no

like "the module is the packages'" "^/lib/modules/.*/updates/dkms/fsdev.ko" "$(modinfo -n fsdev)"
region=$(ndctl list -R | jq -r 'if type == "array" then .[0] else . end | .dev')
ndctl create-namespace -f -e "namespace${region#region}.0" -m devdax | jq -r .uuid >"$top/build/packages/uuid"
is "doctor finds nothing wrong" "no problem was found" "$(fsdevctl doctor 2>&1)"
ok "the livepatch loads" modprobe fsdev_livepatch
ok "enable" fsdevctl enable $dev
ok "mkfs" fsdevctl mkfs $dev --type xfs --mount $mnt
head -c 4M /dev/urandom >$mnt/data
sum=$(sha256sum <$mnt/data)
echo "$sum" >"$top/build/packages/sum"
echo "written before the boot" >$mnt/file
is "the old module is loaded" "$version~old" "$(cat /sys/module/fsdev/version)"

begin=$SECONDS
# shellcheck disable=SC2046
ok "upgrades with the device bound and mounted" dpkg -i $(debs "$version")
echo "# upgraded: $((SECONDS - begin)) s"
[ -n "$(find /lib/modules/*/updates/dkms -name 'fsdev.ko*')" ] || sed 's/^/# /' /var/lib/dkms/fsdev/"$version"/build/make.log
is "DKMS has the new one, and only that" "$(dkms_line "$version" "$release")" "$(dkms status fsdev)"
is "the module in the kernel is still the old one" "$version~old" "$(cat /sys/module/fsdev/version)"
like "doctor says so" "version $version~old of the module is loaded and $version is installed" "$(fsdevctl doctor)"
is "the file system goes on" "$sum" "$(sha256sum <$mnt/data)"
ok "writing too" sh -c "head -c 1M /dev/zero >$mnt/more && sync"
like "the tool, which is new, works with the old module" "mounted" "$(fsdevctl disable $dev 2>&1)"
umount $mnt
ok "disable" fsdevctl disable $dev
ok "the old module leaves" modprobe -r fsdev
ok "the new one takes the device" fsdevctl enable $dev
is "the new module is loaded" "$version" "$(cat /sys/module/fsdev/version)"
ok "mount" mount -o dax=always $disk $mnt
is "the data is there" "$sum" "$(sha256sum <$mnt/data)"
umount $mnt
ok "and back" fsdevctl disable $dev
is "to the mode it had" devdax "$(fsdevctl list --json | jq -r '.[0].mode')"
finish
