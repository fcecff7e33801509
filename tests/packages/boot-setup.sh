#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Before systemd starts in a guest: what an administrator has done on that machine before it was rebooted. What else it is like
# is a word of the kernel's command line: lab.late, whose /var/lib/fsdev is mounted late and whose root is read-only at first;
# lab.missing, for whose kernel no module was built.
set -eu
top=$(cd -- "$(dirname -- "$0")/../.." && pwd -P)
state=$top/build/packages
read -r cmdline </proc/cmdline
# the .deb of the tool as it is unpacked and configured, where the machine has not got it; the module is the tree's then
rm -f /var/lib/man-db/auto-update
[ -e /usr/sbin/fsdevctl ] || dpkg -i "$top/build/deb/$(cat "$top/VERSION")"/fsdevctl_*.deb >/dev/null
[ -s /etc/machine-id ] || echo 0123456789abcdef0123456789abcdef >/etc/machine-id
# of the device that firmware has set aside, only the address stays the same
low=''
for device in /sys/bus/dax/devices/dax*; do
	[ -e "$device" ] && [[ $(readlink -f "$device") == */hmem* ]] && low=$(cat "$device/mapping0/start")
done
{
	printf '[data]\nnvdimm-uuid = %s\n' "$(cat "$state/uuid")"
	[ ! -e "$state/uuid-images" ] || printf '[weights]\nnvdimm-uuid = %s\n' "$(cat "$state/uuid-images")"
	[ ! -e "$state/uuid-volumes" ] || printf '[volumes]\nnvdimm-uuid = %s\n' "$(cat "$state/uuid-volumes")"
	[ -z "$low" ] || printf '[scratch]\naddress = %s\n' "$low"
} >/etc/fsdev.d/10-data.conf
mkdir -p /data
echo '/dev/fsdev/data /data xfs dax=always 0 0' >/etc/fstab
[ -e "$state/uuid-images" ] || exit 0

mkdir -p /volume
echo '/dev/volumes/one /volume ext4 dax=always 0 0' >>/etc/fstab
systemctl -q enable fsdev-attach@weights.service fsdev-scrub.timer
folder=/var/lib/fsdev
case $cmdline in
*lab.late*)
	folder=/srv/fsdev
	printf 'overlay / overlay defaults 0 0\n%s %s none bind 0 0\n' $folder /var/lib/fsdev >>/etc/fstab
	;;
*lab.missing*)
	sed -i 's/dax=always/&,nofail,x-systemd.device-timeout=5/' /etc/fstab
	mount -t tmpfs none "/usr/lib/modules/$(uname -r)/updates"
	;;
esac
mkdir -p $folder /var/lib/fsdev
cp -r "$state/state/." $folder
# as docs/users.md has it
mkdir -p /etc/systemd/system/fsdev-monitor.service.d
cat >/etc/systemd/system/fsdev-monitor.service.d/override.conf <<-'END'
	[Service]
	ExecStart=
	ExecStart=/usr/sbin/fsdevctl monitor --record --files --exec /usr/local/sbin/page-failed
END
cat >/usr/local/sbin/page-failed <<-'END'
	#!/bin/sh
	echo "$FSDEV_DEVICE $FSDEV_EVENT $FSDEV_OFFSET+$FSDEV_LENGTH $FSDEV_FILE" >>/run/page-failed
END
chmod 755 /usr/local/sbin/page-failed
case $cmdline in *lab.late*) mount -o remount,ro / ;; esac
