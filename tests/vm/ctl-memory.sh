# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Part of scenario ctl: a device as ordinary memory. What lies on it is not lost without a word, taking memory offline can be
# stopped, and the machine's policy for new memory is put back.

dev=dax0.0 disk=/dev/fsdev0.0 bus=/sys/bus/dax
policy=/sys/devices/system/memory/auto_online_blocks
fsdevctl enable $dev 2>/dev/null
block=/sys/devices/system/memory/memory$((($(region_start $dev) + 512 * MIB) / (128 * MIB)))

mkfs.ext4 -q -F -b 4096 $disk
gives "a file system on it, from fsdev" 1 "there is ext4 on it, which would be lost" fsdevctl disable $dev --mode system-ram
gives "... --dry-run says so too" 1 "there is ext4 on it" fsdevctl disable $dev --mode system-ram --dry-run
gives "... and --force is not about that" 1 "there is ext4 on it" fsdevctl disable $dev --mode system-ram --force
fsdevctl disable $dev 2>/dev/null
gives "a file system on it, from devdax" 1 "there is ext4 on it" fsdevctl disable $dev --mode system-ram
is "it stays" device_dax "$(driver_of $dev)"
give $dev none
gives "what cannot be looked at" 1 "what lies on it cannot be looked at" fsdevctl disable $dev --mode system-ram
mkdir -p /etc/fsdev.d
printf '[ram]\naddress = %#x\nmode = system-ram\n' "$(region_start $dev)" >/etc/fsdev.d/10.conf
give $dev device_dax
gives "a section is not about that either" 1 "there is ext4 on it" fsdevctl config apply
echo "overwrite = yes" >>/etc/fsdev.d/10.conf
gives "a section that says so" 0 "system-ram, by \[ram\]" fsdevctl config apply
rm /etc/fsdev.d/10.conf

is "it is memory" 3 "$(memory_online)"
gives "interrupted while memory goes offline" 124 "it was interrupted" \
	timeout -s INT 2 strace -f -o /tmp/strace -P $block/state --seccomp-bpf -e trace=write -e inject=write:delay_enter=5000000 fsdevctl enable $dev
until ! pgrep -x fsdevctl >/dev/null; do sleep 0.2; done
is "it is in its mode" kmem "$(driver_of $dev)"
is "all of it is memory again" 3 "$(memory_online)"
gives "the time is over" 1 "the time of --timeout is over" \
	strace -f -o /tmp/strace -P $block/state --seccomp-bpf -e trace=write -e inject=write:delay_enter=3000000 fsdevctl enable $dev --timeout 1
is "all of it is memory, too" 3 "$(memory_online)"
gives "without a signal" 0 "$dev: fsdev" fsdevctl enable $dev --timeout 60

# both processes are killed while the machine's policy is held
dd if=/dev/zero of=$disk bs=1M count=4 oflag=direct status=none
before=$(cat $policy)
rm -f /tmp/strace
strace -f -e trace=openat -o /tmp/strace -P $bus/drivers/kmem/bind -e inject=openat:signal=STOP \
	fsdevctl disable $dev --mode system-ram >/dev/null 2>&1 &
until grep -qs 'stopped by SIGSTOP' /tmp/strace; do sleep 0.1; done
is "new memory stays offline meanwhile" offline "$(cat $policy)"
child=$(pgrep -n -x fsdevctl)
kill -9 "$(pgrep -o -x fsdevctl)" "$child"
wait $! 2>/dev/null
gives "the next command goes on" 0 "was in mode fsdev before" fsdevctl enable $dev
is "the policy is what it was" "$before" "$(cat $policy)"

# the block device is held back, and both processes that would have ended that are gone
: >/run/fsdev/fsdev0.0.hold
gives "held back: doctor" 5 "PROBLEM +$dev: /dev/fsdev0.0 is held back" fsdevctl doctor
gives "held back: enable ends it" 0 "that is done now" fsdevctl enable $dev
is "held back: no more" "" "$(ls /run/fsdev/*.hold 2>/dev/null)"

# a device has many names
mkfs.ext4 -q -F -b 4096 -L label-a -U 6a1b2c3d-0001-4000-8000-00000000abcd $disk
mount $disk /mnt/ctl
ln -sf $disk /run/a-link
for name in fsdev0.0 $disk /run/a-link /mnt/ctl LABEL=label-a UUID=6a1b2c3d-0001-4000-8000-00000000abcd; do
	is "named $name" $dev "$(fsdevctl list "$name" --json | jq -r '.[0].chardev')"
done
umount /mnt/ctl
gives "config add" 0 "address = $(printf %#x "$(region_start $dev)")" fsdevctl config add --device $dev --name scratch
gives "config add: it is there already" 2 "\[scratch\]" fsdevctl config add --device $dev --name scratch
gives "config add: what was written is right" 0 "\[scratch\] in /etc/fsdev.d/scratch.conf:1: fsdev" fsdevctl config check
is "named by its section" $dev "$(fsdevctl list scratch --json | jq -r '.[0].chardev')"
gives "a name that is none" 2 "there is no 'scratsh': this machine has $dev" fsdevctl config apply --device scratsh
rm -r /etc/fsdev.d

# what is looked at
is "list: columns" "$dev $(printf %#x "$(region_start $dev)")" "$(fsdevctl list -n -o device,address $dev | tr -s ' ')"
gives "list: a column that is none" 2 "'colour' is no column" fsdevctl list -o device,colour
is "list: another mode" "" "$(fsdevctl list --mode devdax -n)"
like "list -v: where it comes from" "soft-reserved" "$(fsdevctl list -v)"
like "metrics" "fsdev_bad_bytes\{device=\"$dev\"\} 0" "$(fsdevctl metrics)"
echo "$((128 * MIB)) $((384 * MIB))" >/run/fsdev/$dev.scrub
gives "scrub --resume" 0 "goes on at 0x8000000" fsdevctl scrub $dev --resume
gives "scrub --resume: after the end from the beginning" 0 "^$dev: no errors found" fsdevctl scrub $dev --resume
is "scrub --resume: nothing is left" "" "$(ls /run/fsdev/*.scrub* 2>/dev/null)"
strace -f -o /tmp/strace -e trace=ioctl -P /dev/$dev -e inject=ioctl:signal=KILL:when=8 fsdevctl scrub $dev --resume >/dev/null 2>&1
like "scrub --resume: ended on the way" "^[1-9][0-9]* $((384 * MIB))$" "$(cat /run/fsdev/$dev.scrub)"
gives "scrub --resume: and gone on with" 0 "goes on at 0x" fsdevctl scrub $dev --resume
gives "scrub all, at a rate" 0 "$dev: no errors found" fsdevctl scrub all --rate 10G
# shellcheck disable=SC2016  # they are the program's
printf '#!/bin/sh\necho $FSDEV_DEVICE $FSDEV_EVENT $FSDEV_OFFSET >>/tmp/told\n' >/tmp/tell && chmod 755 /tmp/tell
fsdevctl monitor --exec /tmp/tell --count 2 >/tmp/monitor-out 2>/tmp/monitor &
monitor=$!
until has_line watching /tmp/monitor; do sleep 0.1; done
fsdevctl inject $dev 8M --yes >/dev/null
fsdevctl repair $dev all --yes >/dev/null
wait $monitor
is "monitor --exec: a program is told" "$dev failure 8388608
$dev cleared 8388608" "$(cat /tmp/told)"

# a device is tried out
gives "selftest: not over a file system" 1 "there is ext4 on it" fsdevctl selftest $dev --yes
dd if=/dev/zero of=$disk bs=1M count=4 oflag=direct status=none
gives "selftest --dry-run" 0 "nothing was changed" fsdevctl selftest $dev --dry-run
gives "selftest" 0 "^0 steps failed" fsdevctl selftest $dev --yes --report /tmp/report
is "selftest: each step is in the report" 12 "$(grep -c '^ok ' /tmp/report)"

# not root: less, never wrong
is "not root: no ranges" "null null" "$(setpriv --reuid=65534 --regid=65534 --clear-groups "$(command -v fsdevctl)" list $dev --json | jq -r '.[0]|"\(.mappings) \(.resource)"')"
dd if=/dev/zero of=$disk bs=1M count=4 oflag=direct status=none
