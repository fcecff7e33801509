#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --soft-reserved 512M
# Failing memory as programs hear of it that know nothing of this driver: its tracepoints, whose names and fields are an interface;
# and on 7.x what XFS makes of a failure: an event of fanotify for each file that has lost data, and of its health monitor.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/ctl-lib.sh
. "$(dirname -- "$0")/ctl-lib.sh"
# shellcheck source=tests/vm/ras-lib.sh
. "$(dirname -- "$0")/ras-lib.sh"

dev=dax0.0 disk=/dev/fsdev0.0 tracing=/sys/kernel/tracing mnt=/mnt/traced
[ -e $tracing/trace ] || mount -t tracefs tracefs $tracing
mkdir -p $mnt
start=$(region_start $dev)
ok "bound" give $dev fsdev

# fields EVENT: type, name, offset and size, as a program that reads raw events finds them; those common to all events left out
fields() {
	sed -n 's/^\tfield://p' "$tracing/events/fsdev/$1/format" | grep -v '^[a-z ]*common_' |
		sed -E 's/;\t/ /g; s/; *$//; s/signed:[01]//; s/offset:|size://g; s/ +/ /g; s/ $//'
}
is "failure: its fields" "char device[32] 8 32
u64 offset 40 8
u64 len 48 8
u64 phys 56 8
u32 flags 64 4
u32 again 68 4" "$(fields fsdev_failure)"
is "repair: its fields" "char device[32] 8 32
u64 offset 40 8
u64 len 48 8
u64 phys 56 8
int error 64 4" "$(fields fsdev_repair)"
is "removal: its fields" "char device[32] 8 32
u64 size 40 8
u64 poisoned 48 8" "$(fields fsdev_removal)"

# traced: what was, without the moment
traced() {
	grep -o 'fsdev_[a-z]*: .*' $tracing/trace
	echo >$tracing/trace
}

# at OFFSET LENGTH: as an event has it
at() {
	printf 'device=%s offset=%#x len=%#x phys=%#x' $dev "$1" "$2" $((start + $1))
}

echo 1 >$tracing/events/fsdev/enable
echo >$tracing/trace
ok "a page fails" fsdev-node span /dev/$dev inject 8192 4096 0
is "failure" "fsdev_failure: $(at 8192 4096) flags=0x2 again=0" "$(traced)"
ok "again" fsdev-node span /dev/$dev inject 8192 4096 0
is "failure of a page that is poisoned" "fsdev_failure: $(at 8192 4096) flags=0x2 again=1" "$(traced)"
ok "known poison" fsdev-node span /dev/$dev add-bad 4096 16384 0
is "known poison, on both sides of it" "fsdev_failure: $(at 4096 4096) flags=0x4 again=0
fsdev_failure: $(at 12288 8192) flags=0x4 again=0" "$(traced)"
ok "overwritten" dd if=/dev/zero of=$disk bs=4k count=1 seek=2 oflag=direct conv=notrunc
is "repair" "fsdev_repair: $(at 8192 4096) error=0" "$(traced)"
echo "len > 4096" >$tracing/events/fsdev/filter
ok "the rest is overwritten, and more fails" sh -c "dd if=/dev/zero of=$disk bs=16k count=2 oflag=direct conv=notrunc &&
	fsdev-node span /dev/$dev add-bad 32768 8192 0"
is "a filter by field" "fsdev_failure: $(at 32768 8192) flags=0x4 again=0" "$(traced)"
echo 0 >$tracing/events/fsdev/filter
give $dev none
is "removal" "fsdev_removal: device=$dev size=0x20000000 poisoned=0x2000" "$(traced)"
printf '%#x+0x1000\n' $((start + 40960)) >/sys/bus/dax/drivers/fsdev/remembered_poison
ok "bound again" give $dev fsdev
is "remembered poison" "fsdev_failure: $(at 40960 4096) flags=0x4 again=0" "$(traced)"
fsdevctl repair $dev all --yes >/dev/null

# docs/tracepoints.md: no program but a shell
mkdir $tracing/instances/example
echo 1 >$tracing/instances/example/events/fsdev/enable
timeout 20 cat $tracing/instances/example/trace_pipe >/tmp/pipe &
pipe=$!
fsdev-node span /dev/$dev inject 4096 4096 0
until has_line fsdev_failure /tmp/pipe; do kill -0 $pipe 2>/dev/null || break; sleep 0.1; done
like "as the documentation shows it" "fsdev_failure: $(at 4096 4096) flags=0x2 again=0" "$(cat /tmp/pipe)"
kill $pipe
wait $pipe
echo 0 >$tracing/instances/example/events/fsdev/enable
rmdir $tracing/instances/example
echo 0 >$tracing/events/fsdev/enable
fsdevctl repair $dev all --yes >/dev/null

requires "a kernel whose XFS reports lost data (7.x)" kernel_is 7 || finish
ok "made" mkfs.xfs -q -f -m rmapbt=1,reflink=0 $disk
ok "mounted" mount -o dax=always $disk $mnt
dax-file fill $mnt/file 0 $MIB 1 >/dev/null
dax-file fill $mnt/other 0 $MIB 1 >/dev/null
inode=$(stat -c %i $mnt/file)
page=$(blocks $mnt/file 20480)
: >/tmp/fanotify
: >/tmp/health
fs-error fanotify $mnt >/tmp/fanotify 2>&1 &
listener=$!
fs-error health $mnt >/tmp/health 2>&1 &
health=$!
until has_line . /tmp/fanotify && has_line . /tmp/health; do sleep 0.1; done

# heard FILE COUNT: its lines, once there are that many; at the latest after ten seconds
heard() {
	for _ in {1..100}; do [ "$(grep -c . "$1")" -lt "$2" ] || break; sleep 0.1; done
	cat "$1"
}
ok "a page of a file fails" fsdev-node span /dev/$dev inject "$page" 4096 0
is "fanotify: EIO in that file" "ready
error 5, 1 times, $mnt/file" "$(heard /tmp/fanotify 2)"
is "the health monitor: which bytes" "ready
media $page+4096
lost inode $inode 20480+4096" "$(heard /tmp/health 3)"
# a page that the driver finds by itself comes the same way
ok "overwritten" dd if=/dev/zero of=$mnt/file bs=4k count=1 seek=5 conv=notrunc
ok "a page of another is known to be poisoned" fsdev-node span /dev/$dev add-bad "$(blocks $mnt/other 8192)" 4096 0
is "fanotify: both" "ready
error 5, 1 times, $mnt/file
error 5, 1 times, $mnt/other" "$(heard /tmp/fanotify 3)"
is "the health monitor: both" 5 "$(heard /tmp/health 5 | wc -l)"
dd if=/dev/zero of=$mnt/other bs=4k count=1 seek=2 conv=notrunc 2>/dev/null
# a file that is not in memory has no event: nothing of it can be in use
kill $listener
wait $listener
umount $mnt
wait $health
is "the health monitor: the end" unmount "$(tail -n 1 /tmp/health)"
mount -o dax=always $disk $mnt
: >/tmp/fanotify
fs-error fanotify $mnt >/tmp/fanotify 2>&1 &
listener=$!
until has_line . /tmp/fanotify; do sleep 0.1; done
fsdev-node span /dev/$dev inject "$page" 4096 0
: <$mnt/other
page=$(blocks $mnt/other 8192)
fsdev-node span /dev/$dev inject "$page" 4096 0
is "fanotify: a file that is not in memory is silent, one that is speaks" "ready
error 5, 1 times, $mnt/other" "$(heard /tmp/fanotify 2)"
kill $listener
wait
umount $mnt
finish
