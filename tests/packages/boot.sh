#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# In a guest that systemd has booted: the file system is mounted, with DAX.
set -u
top=$(cd -- "$(dirname -- "$0")/../.." && pwd -P)
# shellcheck source=tests/vm/tap.sh
. "$top/tests/vm/tap.sh"
is "process 1" systemd "$(cat /proc/1/comm)"
is "the device's mode" fsdev "$(fsdevctl list --json | jq -r '.[]|select(.kind=="nvdimm").mode')"
is "fstab's line is mounted" "xfs dax=always" \
	"$(findmnt -no FSTYPE /data) $(findmnt -no OPTIONS /data | grep -o 'dax=[a-z]*')"
is "with its file" "written before the boot" "$(cat /data/file)"
is "the other device's mode, too" fsdev "$(fsdevctl list --json | jq -r '.[]|select(.kind=="soft-reserved").mode')"
like "and its link" "^fsdev[0-9]" "$(basename "$(readlink -f /dev/fsdev/scratch)")"
is "the unit has done its work" "active" "$(systemctl is-active fsdev.service)"
is "nothing of it has failed" "" "$(systemctl --failed --plain --no-legend | grep -E 'fsdev|data|local-fs')"
is "doctor finds nothing wrong" "no problem was found" "$(fsdevctl doctor 2>&1)"
ok "mounted before local file systems are complete" systemctl is-active local-fs.target
finish
