#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# In a guest that systemd has booted, with what boot-setup.sh has configured: the file system is mounted with DAX, the published
# image is attached, what has failed before is poisoned; then the monitor, the scrub and their timer as units, and a device that goes.
# shellcheck disable=SC2317  # functions that comes calls
set -u
top=$(cd -- "$(dirname -- "$0")/../.." && pwd -P)
# shellcheck source=tests/packages/lib.sh
. "$top/tests/packages/lib.sh"
# of KIND KEY: from the list, of the device of that kind
of() { fsdevctl list --json | jq -r ".[]|select(.kind==\"$1\")|.$2"; }
# ended: how the unit that attaches has ended
ended() { echo "$(systemctl is-active fsdev-attach@weights.service) $(state fsdev-attach@weights.service Result)"; }
# written: how many ranges are written down
written() { cat /var/lib/fsdev/poison/* | grep -c ^poison; }
# other UNIT PROPERTY BEFORE: whether it has another value now
other() { case $(state "$1" "$2") in '' | 0 | "$3") ;; *) echo yes ;; esac; }
# told: the first failure that the monitor's program has heard of; devices that went were told to it as well
told() { grep -m1 failure /run/page-failed; }
# watches: how often a monitor has begun
watches() { said fsdev-monitor.service | grep -c "watching; ends with Ctrl-C"; }
scratch=$(of soft-reserved chardev)

is "process 1" systemd "$(cat /proc/1/comm)"
is "the device's mode" fsdev "$(fsdevctl list data --json | jq -r '.[0].mode')"
is "fstab's line is mounted" "xfs dax=always" \
	"$(findmnt -no FSTYPE /data) $(findmnt -no OPTIONS /data | grep -o 'dax=[a-z]*')"
is "with its file" "written before the boot" "$(cat /data/file)"
is "a volume of LVM comes by itself, and is mounted" "ext4 dax=always" \
	"$(comes ext4 findmnt -no FSTYPE /volume) $(findmnt -no OPTIONS /volume | grep -o 'dax=[a-z]*')"
is "with its file, too" "on a volume" "$(cat /volume/file)"
is "the other device's mode, too" fsdev "$(comes fsdev of soft-reserved mode)"
like "and its link" "^fsdev[0-9]" "$(basename "$(readlink -f /dev/fsdev/scratch)")"
is "the unit has done its work" "active" "$(systemctl is-active fsdev.service)"
is "mounted before local file systems are complete" active "$(comes active systemctl is-active local-fs.target)"

# the record of poison
is "what had failed before is poisoned" "1048576+4096" "$(fsdevctl errors "$scratch" --json 2>/dev/null | jq -r '.[]|"\(.offset)+\(.length)"')"
refused "and cannot be read" dd if=/dev/fsdev/scratch of=/dev/null bs=4k skip=256 count=1 iflag=direct
like "the journal says so" "^fsdevctl: $scratch: 1 bad ranges that are written down were taken over$" "$(said fsdev.service 'fsdev-apply@*' fsdev-recorded.service)"
like "and by what the device has its mode" "^fsdevctl: $scratch: fsdev, by \[scratch\] in /etc/fsdev.d/10-data.conf:" "$(said fsdev.service 'fsdev-apply@*' fsdev-recorded.service)"
like "who changed it is in the log" "$scratch: from [a-z]* to fsdev: done" "$(journalctl -b -q -o cat -t fsdevctl)"
if [ "${1-}" = late ]; then
	like "it waited for the record" "^fsdevctl: $scratch: waits until /var/lib/fsdev/poison is mounted" "$(said fsdev.service 'fsdev-apply@*')"
	like "which a later unit had" "^fsdevctl: $scratch: fsdev, by \[scratch\]" "$(said fsdev-recorded.service)"
	ok "the others did not" sh -c "! journalctl -b -q -o cat -u fsdev.service -u 'fsdev-apply@*' | grep -v $scratch: | grep waits"
	ok "what was written early needed no root that can be written" sh -c "! journalctl -b -q -o cat -u fsdev.service -u 'fsdev-apply@*' | grep 'Read-only file system'"
	finish
fi

# the published image
is "the unit that attaches" active "$(comes active systemctl is-active fsdev-attach@weights.service)"
is "the image's file" 1 "$(cat /mnt/weights/number)"
is "as images are mounted" "erofs ro,nosuid,nodev" "$(findmnt -no FSTYPE,OPTIONS /mnt/weights | sed -E 's/ +/ /; s/(nodev).*/\1/')"
mkdir -p /tmp/tree
echo 2 >/tmp/tree/number
ok "a newer one is published" fsdevctl publish /tmp/tree weights
ok "reload attaches it" systemctl reload fsdev-attach@weights.service
is "its file" 2 "$(cat /mnt/weights/number)"
ok "stop detaches" systemctl stop fsdev-attach@weights.service
refused "nothing is mounted then" mountpoint -q /mnt/weights
ok "start attaches" systemctl start fsdev-attach@weights.service
ok "the device is taken away" fsdevctl disable weights --force
is "the unit has stopped" "inactive success" "$(comes "inactive success" ended)"
refused "the old mount is gone" mountpoint -q /mnt/weights
ok "and comes back" fsdevctl config apply --device "$(fsdevctl list weights --json | jq -r '.[0].chardev')"
ok "the unit starts again" systemctl start fsdev-attach@weights.service
is "with the newer one" 2 "$(cat /mnt/weights/number)"

# the monitor
is "the monitor" active "$(comes active systemctl is-active fsdev-monitor.service)"
is "it is watching" 1 "$(comes 1 watches)"
at=$(($(filefrag -v -b4096 /data/file | sed -nE 's/^ *0: +0\.\. +[0-9]+: +([0-9]+)\.\..*/\1/p') * 4096))
ok "a page of a file fails" fsdevctl inject data "$at" --yes
data=$(fsdevctl list data --json | jq -r '.[0].chardev')
is "its program is told of the file" "$data failure $at+4096 /data/file" "$(comes "$data failure $at+4096 /data/file" told)"
like "the journal has it" "^[0-9T:.+-]+ $data failure $(printf '%#x' "$at")\+0x1000 " "$(said fsdev-monitor.service)"
like "with the file" "^  .*/data/file" "$(said fsdev-monitor.service)"
ok "repaired" fsdevctl repair data "$at" --yes
ok "a page of the other device fails" fsdevctl inject "$scratch" 2M --yes
is "that is written down" 2 "$(comes 2 written)"
pid=$(state fsdev-monitor.service MainPID)
kill -9 "$pid"
is "killed, it comes again" yes "$(comes yes other fsdev-monitor.service MainPID "$pid")"
is "and watches" 2 "$(comes 2 watches)"
ok "one more page fails" fsdevctl inject "$scratch" 3M --yes
is "that is written down, too" 3 "$(comes 3 written)"

# the scrub, and its timer
ok "scrub, as the timer starts it" systemctl start fsdev-scrub.service
is "what it finds is no failure of the unit" "success 5" "$(state fsdev-scrub.service Result) $(state fsdev-scrub.service ExecMainStatus)"
like "the journal says what is bad" "^$scratch: 12 KiB bad in 3 places" "$(said fsdev-scrub.service)"
is "the timer is on" active "$(systemctl is-active fsdev-scrub.timer)"
like "it is for some time in the month to come" "^[0-9]+$" "$(state fsdev-scrub.timer NextElapseUSecRealtime | xargs -d '\n' -I@ date -d @ +%s)"
before=$(state fsdev-scrub.service InvocationID)
mkdir -p /run/systemd/system/fsdev-scrub.timer.d
printf '[Timer]\nOnActiveSec=1s\nAccuracySec=1s\nRandomizedDelaySec=0\n' >/run/systemd/system/fsdev-scrub.timer.d/now.conf
systemctl daemon-reload
systemctl restart fsdev-scrub.timer
is "the timer starts it" yes "$(comes yes other fsdev-scrub.service InvocationID "$before")"

# the initramfs, as initramfs-tools makes it
mkdir -p /tmp/initramfs
ok "the hook of initramfs-tools" env DESTDIR=/tmp/initramfs /usr/share/initramfs-tools/hooks/fsdev
is "it keeps kmem from being loaded" "blacklist kmem" "$(cat /tmp/initramfs/etc/modprobe.d/fsdev-initramfs.conf)"
is "it has the record of poison" "$(cat /var/lib/fsdev/poison/*.poison)" "$(cat /tmp/initramfs/var/lib/fsdev/poison/*.poison)"
is "the hook says what it needs" "" "$(/usr/share/initramfs-tools/hooks/fsdev prereqs)"

ok "all is repaired" fsdevctl repair "$scratch" all --yes
is "nothing is written down any more" 0 "$(comes 0 written)"
is "nothing of it has failed" "" "$(systemctl --failed --plain --no-legend | grep -E 'fsdev|data|local-fs')"
is "doctor finds nothing wrong" "no problem was found" "$(fsdevctl doctor 2>&1)"
is "no unit has a mistake" "" "$(systemd-analyze verify --man=no --recursive-errors=no /usr/lib/systemd/system/fsdev* 2>&1)"
finish
