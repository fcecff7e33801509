#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# In a guest that systemd has booted with the kernel of the next series, on the machine that was updated: what was configured is
# there. Then everything is removed while the device is bound and mounted.
set -u
top=$(cd -- "$(dirname -- "$0")/../.." && pwd -P)
# shellcheck source=tests/packages/lib.sh
. "$top/tests/packages/lib.sh"

is "the kernel is the next one" "$(cat "$top/build/next")" "$release"
like "the module is the packages'" "^/lib/modules/.*/updates/dkms/fsdev.ko" "$(modinfo -n fsdev)"
is "and loaded" "$version" "$(cat /sys/module/fsdev/version)"
is "the device's mode" fsdev "$(fsdevctl list --json | jq -r '.[0].mode')"
is "fstab's line is mounted" "xfs dax=always" \
	"$(findmnt -no FSTYPE /data) $(findmnt -no OPTIONS /data | grep -o 'dax=[a-z]*')"
is "with the data of the kernel before" "$(cat "$top/build/packages/sum")" "$(sha256sum </data/data)"
is "doctor finds nothing wrong" "no problem was found" "$(fsdevctl doctor 2>&1)"
is "no unit has failed" "" "$(systemctl --failed --plain --no-legend | grep -E 'fsdev|data|local-fs')"

is "the monitor" active "$(comes active systemctl is-active fsdev-monitor.service)"
ok "the scrub's timer is turned on" systemctl -q enable --now fsdev-scrub.timer
pid=$(state fsdev-monitor.service MainPID)
ok "the tool is installed again" sh -c "dpkg -i $top/build/deb/$version/fsdevctl_*.deb"
like "the monitor is that of the new package" "^[1-9]" "$(state fsdev-monitor.service MainPID | grep -vx "$pid")"
is "the device stays in its mode" fsdev "$(fsdevctl list --json | jq -r '.[0].mode')"
mkdir -p /var/lib/fsdev/poison
printf 'fsdev-poison 1\npoison 0x1000+0x1000\n' >/var/lib/fsdev/poison/memory-0.poison

# left: what is of the packages, beside what stays by intent
left() {
	find / -xdev \( -path /proc -o -path /sys -o -path /run -o -path "$top" -o -path /tmp -o -path /opt -o -path '/usr/lib/modules/*/kernel' \) -prune \
		-o \( -name '*fsdev*' -o -path '*/90fsdev*' \) -print | grep -v '^/var/log/\|^/var/lib/dpkg/available\|/journal/' | sort
}

echo "mine = not the package's" >/etc/fsdev.d/90-mine.conf
begin=$SECONDS
out=$(dpkg --purge fsdev-dkms fsdevctl libfsdev-dev 2>&1)
is "removal with the device bound and mounted" 0 $?
echo "# removed: $((SECONDS - begin)) s"
like "and says that the device stays as it is" "^fsdevctl: $dev stays in fsdev mode until" "$out"
like "and that fstab still names it" "^fsdevctl: /etc/fstab mounts from /dev/fsdev" "$out"
like "and that poison is forgotten" "^fsdevctl: what was written down of poisoned memory is removed" "$out"
is "the file system goes on" "$(cat "$top/build/packages/sum")" "$(sha256sum </data/data)"
is "DKMS has nothing left" "" "$(dkms status fsdev)"
is "no module is left" "" "$(find /lib/modules/*/updates -name 'fsdev*' 2>/dev/null)"
is "the index of modules neither" "" "$(modprobe -qnR fsdev)"
is "no program of it runs" "" "$(pgrep -a fsdevctl)"
systemctl daemon-reload
is "no unit is left" "" "$(systemctl list-units --all --plain --no-legend 'fsdev*.service' 'fsdev*.timer' | grep -v not-found)"
is "no file is left but the administrator's" "/etc/fsdev.d
/etc/fsdev.d/10-data.conf
/etc/fsdev.d/90-mine.conf" "$({ left && find /etc/fsdev.d; } | sort -u)"
umount /data
echo $dev >/sys/bus/dax/drivers/fsdev/unbind
ok "the module can leave" rmmod fsdev
# a section claimed the device, so none was loaded by its alias; once loaded it takes what has no driver
modprobe device_dax
is "the device has its driver again" device_dax "$(basename "$(readlink /sys/bus/dax/devices/$dev/driver)")"
finish
