#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Before systemd starts in a guest: what an administrator has done on that machine before it was rebooted.
set -eu
top=$(cd -- "$(dirname -- "$0")/../.." && pwd -P)
# the .deb of the tool as it is unpacked and configured, where the machine has not got it; the module is the tree's then
rm -f /var/lib/man-db/auto-update
[ -e /usr/sbin/fsdevctl ] || dpkg -i "$top/build/deb/$(cat "$top/VERSION")"/fsdevctl_*.deb >/dev/null
# of the device that firmware has set aside, only the address stays the same
low=$(cat /sys/bus/dax/devices/dax*/mapping0/start 2>/dev/null | head -n 1)
{
	printf '[data]\nnvdimm-uuid = %s\n' "$(cat "$top/build/packages/uuid")"
	[ -z "$low" ] || printf '[scratch]\naddress = %s\n' "$low"
} >/etc/fsdev.d/10-data.conf
mkdir -p /data
echo '/dev/fsdev/data /data xfs dax=always 0 0' >/etc/fstab
