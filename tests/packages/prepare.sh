#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# In a guest: a namespace with a file system and a file, for the machine that boots next.
set -u
top=$(cd -- "$(dirname -- "$0")/../.." && pwd -P)
# shellcheck source=tests/packages/lib.sh
. "$top/tests/packages/lib.sh"
export PATH=$top/build:$PATH
region=$(ndctl list -R | jq -r 'if type == "array" then .[0] else . end | .dev')
uuid=$(ndctl create-namespace -f -e "namespace${region#region}.0" -m devdax | jq -r .uuid)
dev=$(fsdevctl list --json | jq -r ".[]|select(.uuid==\"$uuid\").chardev")
echo "$uuid" >"$top/build/packages/uuid"
ok "enable" fsdevctl enable "$dev"
ok "mkfs" fsdevctl mkfs "$dev" --type xfs --mount $mnt
echo "written before the boot" >$mnt/file
umount $mnt
ok "disable" fsdevctl disable "$dev"
finish
