#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# In a guest that systemd has booted with a kernel for which no module was built: it comes up, no other driver has what sections
# claim, and it is said why. When the module is there, the units do what they could not do at boot.
set -u
top=$(cd -- "$(dirname -- "$0")/../.." && pwd -P)
# shellcheck source=tests/packages/lib.sh
. "$top/tests/packages/lib.sh"

# shellcheck disable=SC2317  # comes calls it
modes() { fsdevctl list --json | jq -r '[.[].mode]|sort|join(" ")'; }
# shellcheck disable=SC2317  # comes calls it
mounts() { { mountpoint -q "$1" || mount "$1"; } && findmnt -no FSTYPE "$1"; }
scratch=$(fsdevctl list --json | jq -r '.[]|select(.kind=="soft-reserved").chardev')

is "local file systems are complete" active "$(comes active systemctl is-active local-fs.target)"
is "no driver has what sections claim" none "$(fsdevctl list "$scratch" --json | jq -r '.[0].mode')"
refused "kmem is not loaded" test -e /sys/bus/dax/drivers/kmem
is "the unit has failed" failed "$(comes failed systemctl is-active fsdev.service)"
like "the journal says why" "^fsdevctl: $scratch: there is no module fsdev for the running kernel; 'fsdevctl doctor' says more" \
	"$(said fsdev.service 'fsdev-apply@*' fsdev-recorded.service)"
like "doctor, too" "there is no module fsdev for kernel ${release//+/\\+}: " "$(fsdevctl doctor)"
is "the monitor waits for devices" active "$(comes active systemctl is-active fsdev-monitor.service)"
refused "data is not mounted" mountpoint -q /data
is "the attaching unit is not failed" inactive "$(systemctl is-active fsdev-attach@weights.service)"

umount "/usr/lib/modules/$release/updates"
ok "with the module there" systemctl restart fsdev.service
is "the devices have their modes" "fsdev fsdev fsdev fsdev" "$(comes "fsdev fsdev fsdev fsdev" modes)"
is "what had failed before is poisoned" "1048576+4096" "$(fsdevctl errors "$scratch" --json 2>/dev/null | jq -r '.[]|"\(.offset)+\(.length)"')"
ok "data mounts" mount /data
is "with its file" "written before the boot" "$(cat /data/file)"
is "the volume mounts" ext4 "$(comes ext4 mounts /volume)"
is "with its file, too" "on a volume" "$(cat /volume/file)"
ok "the image is attached" systemctl start fsdev-attach@weights.service
is "its file" 1 "$(cat /mnt/weights/number)"
finish
