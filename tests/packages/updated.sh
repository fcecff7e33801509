#!/usr/bin/env bash
# In a guest of the next series: the module that DKMS built for it, on the series before, works.
set -u
top=$(cd -- "$(dirname -- "$0")/../.." && pwd -P)
# shellcheck source=tests/packages/lib.sh
. "$top/tests/packages/lib.sh"
alone
mkdir -p "/lib/modules/$release/updates/dkms"
cp "$top"/build/packages/fsdev.ko* "/lib/modules/$release/updates/dkms/"
depmod
dpkg -i "$top/build/deb/$version"/fsdevctl_*.deb >/dev/null
is "doctor finds nothing wrong" "no problem was found" "$(fsdevctl doctor 2>&1)"
ok "enable" fsdevctl enable $dev
ok "mkfs" fsdevctl mkfs $dev --type xfs --mount $mnt
umount $mnt
ok "disable" fsdevctl disable $dev
finish
