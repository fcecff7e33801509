#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --soft-reserved 512M
# What an unbind has to wait for: it says so, with what ends the wait, and ends with it. A writer in the middle of a page fault that its
# own process has to serve; many pages in the kernel's hands with many files in core; and pages that are never given back, where the
# system goes down. What it does not wait for: reports that have no effect, and another disk's XFS. What hibernation would not keep has to end before it; suspend to RAM keeps it.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/kernel-lib.sh
. "$(dirname -- "$0")/kernel-lib.sh"

disk=/dev/fsdev10.0 mnt=/mnt/waits probes=/sys/kernel/tracing/kprobe_events
mkdir -p $mnt

# start FILE COMMAND...: runs it until it says that it is ready; its process is $started
start() {
	local file=$1

	shift
	: >"$file"
	"$@" >"$file" 2>&1 &
	started=$!
	until has_line '^ready' "$file"; do sleep 0.05; done
}

# blocked PID PATTERN: the log says what an unbind waits for, while it does
# shellcheck disable=SC2317  # ok calls it
blocked() {
	until said dax10.0 | grep -qE "unbind blocked: $2"; do
		kill -0 "$1" || return 1
		sleep 0.1
	done
	kill -0 "$1"
}

# ended PID: within half a minute
# shellcheck disable=SC2317  # ok calls it
ended() {
	for _ in {1..300}; do
		kill -0 "$1" 2>/dev/null || return 0
		sleep 0.1
	done
	return 1
}

fresh() {
	bind dax10.0 fsdev >/dev/null
	mkfs.ext4 -q -F -b 4096 $disk && mount -o dax=always $disk $mnt
	mark_log
}

# a write whose source page has to come from user space
stuck_writer() {
	local writer taker

	fresh
	dax-file fill $mnt/file 0 $((4 * MIB)) 3
	rm -f /tmp/go
	start /tmp/stuck dax-file stuck-write $mnt/file /tmp/go
	writer=$started
	unbind dax10.0 &
	taker=$!
	ok "a writer in a page fault: unbind says what it waits for" blocked $taker "a read, write or notice on a DAX device is under way, waiting for its process to go on or end"
	echo freezer >/sys/power/pm_test
	refused "a writer in a page fault: no suspend meanwhile" sh -c 'echo mem >/sys/power/state'
	echo none >/sys/power/pm_test
	like "a writer in a page fault: the log says why" "suspend and hibernation refused: the device is being unbound" "$(said dax10.0)"
	touch /tmp/go
	wait $writer
	wait $taker
	is "a writer in a page fault: unbind ends with it" none "$(driver_of dax10.0)"
	like "a writer in a page fault: the log says so" "unbind continues" "$(said dax10.0)"
	umount $mnt
}

# Each of many files has a page of the device, and each of many pages is in a pipe. Counted is how often the unbind has a file: for each
# file a few times, and not for each file and page.
many_pins() {
	local pins=1024 files=500 pinner taker others had

	fresh
	dax-file fill $mnt/file 0 $((4 * MIB)) 3
	start /tmp/many dax-file many $mnt $files
	others=$started
	start /tmp/pins dax-file pin-many $mnt/file $pins
	pinner=$started
	echo 'p:had igrab' >>$probes
	echo 1 >/sys/kernel/tracing/events/kprobes/had/enable
	unbind dax10.0 &
	taker=$!
	ok "many pages: unbind says how many" blocked $taker "$pins pages still referenced \(last 0x[0-9a-f]+\), waiting for I/O or unmount"
	kill -9 $pinner
	wait $taker
	is "many pages: unbind ends with their process" none "$(driver_of dax10.0)"
	had=$(awk '$1 == "had" { print $2 }' /sys/kernel/tracing/kprobe_profile)
	echo 0 >/sys/kernel/tracing/events/kprobes/had/enable
	echo -:had >>$probes
	echo "# files were had $had times"
	ok "many pages: not each file for each page" test "$had" -lt $((8 * (pins + files)))
	kill -9 $others 2>/dev/null
	wait $others $pinner 2>/dev/null
	umount $mnt
}

# A page that fails more often than once a second: reports that have no effects any more are not waited for
failing() {
	local taker

	fresh
	run fail-on 10
	until said dax10.0 | grep -q "memory failure at"; do sleep 0.1; done
	unbind dax10.0 &
	taker=$!
	ok "memory that goes on failing: unbind ends" ended $taker
	run fail-off
	wait $taker
	is "memory that goes on failing: the device has no driver" none "$(driver_of dax10.0)"
	umount $mnt
}

# held_up FUNCTION PATTERN: what a step calls takes longer than a second, and the log says which wait it is
held_up() {
	local taker

	bind dax10.0 fsdev >/dev/null
	mark_log
	ok "$1 is held up" run gate-sleep "fsdev:$1" any
	unbind dax10.0 &
	taker=$!
	ok "$1: it is reached" run gate-wait
	ok "$1: unbind says what it waits for" blocked $taker "$2"
	run gate-open
	wait $taker
	like "$1: the log says that it goes on" "unbind continues" "$(said dax10.0)"
	is "$1: unbind ends" none "$(driver_of dax10.0)"
}

# A step that has nothing of its own to say is named: so there is none that waits in silence.
slow_steps() {
	held_up sleep_unbind 'step 1 \(.*\) is under way, waiting for it to end'
	held_up chardev_close 'a command on the character device is under way, waiting for it to end'
	held_up badblocks_mirror_stop 'step 9 \(stop the list of bad blocks\) is under way, waiting for it to end'
	held_up late_leave 'step 13 \(.*\) is under way, waiting for it to end'
	held_up platform_stop 'the last stores are being flushed, waiting for the platform'
	held_up parent_forget 'step 22 \(.*\) is under way, waiting for it to end'
}

# in_kernel PID FUNCTION: it is there within some seconds
# shellcheck disable=SC2317  # ok calls it
in_kernel() {
	for _ in {1..200}; do
		! grep -q "$2" "/proc/$1/stack" || return 0
		sleep 0.1
	done 2>/dev/null
	return 1
}

# An XFS on another disk waits for that disk and has its superblock locked. Pages that files share have every XFS of the machine looked
# through, and no unbind waits for this one.
elsewhere() {
	local other=/mnt/other loop stuck taker users=() name

	mkdir -p $other
	modprobe loop
	truncate -s 400M /tmp/other
	loop=$(losetup -f --show /tmp/other)
	dmsetup create other --table "0 $(blockdev --getsz "$loop") linear $loop 0"
	mkfs.xfs -q -f /dev/mapper/other && mount /dev/mapper/other $other
	bind dax10.0 fsdev >/dev/null
	# smaller than mkfs.xfs makes one otherwise
	TEST_DIR=y TEST_DEV=y QA_CHECK_FS=y mkfs.xfs -q -f -m rmapbt=1,reflink=1 $disk && mount -o dax=always $disk $mnt
	mark_log
	dax-file fill $mnt/one 0 $MIB 3
	cp --reflink=always $mnt/one $mnt/two
	sync
	for name in one two; do
		start /tmp/$name dax-file hold $mnt/$name
		users+=("$started")
	done
	dd if=/dev/zero of=$other/file bs=1M count=4 status=none
	# a guest that gives up could not end with a disk that is suspended
	trap 'dmsetup resume other' EXIT
	dmsetup suspend --nolockfs --noflush other
	mount -o remount,ro $other 2>/dev/null &
	stuck=$!
	ok "an XFS elsewhere: it waits for its disk" in_kernel $stuck sync_filesystem
	unbind dax10.0 &
	taker=$!
	ok "an XFS elsewhere: unbind does not wait for it" ended $taker
	ok "an XFS elsewhere: it waits as before" in_kernel $stuck sync_filesystem
	dmsetup resume other
	trap - EXIT
	wait $taker $stuck
	is "an XFS elsewhere: the device has no driver" none "$(driver_of dax10.0)"
	wait "${users[@]}"
	for name in one two; do like "an XFS elsewhere: who has $name mapped is told" "SIGBUS BUS_ADRERR" "$(tail -n 1 /tmp/$name)"; done
	umount $mnt
	umount $other
	dmsetup remove --retry other
	losetup -d "$loop"
	rm /tmp/other
}

# Hibernation is refused while a device is in use that does not keep its contents, and suspend to RAM is not; a trial of either freezes
# the processes and thaws them.
asleep() {
	local trial=/sys/power/pm_test user

	fresh
	dax-file fill $mnt/file 0 $((4 * MIB)) 3
	start /tmp/user dax-file hold-write $mnt/file
	user=$started
	echo freezer >$trial
	ok "suspend: with a mounted and mapped device" sh -c 'echo mem >/sys/power/state'
	ok "suspend: who has a file mapped goes on" kill -0 $user
	kill -9 $user
	wait $user 2>/dev/null
	is "suspend: the data is as it was" "1024 good, 0 wrong, 0 lost" "$(dax-file verify $mnt/file 0 $((4 * MIB)) 3)"
	refused "hibernation: not with a mounted device that forgets" sh -c 'echo disk >/sys/power/state'
	like "hibernation: the log says why" "hibernation refused: the device is in use, and its memory does not keep its contents" "$(said dax10.0)"
	umount $mnt
	make_static 11 $((256 * 1024)) $((128 * 1024)) $((256 * 1024)) $((128 * 1024))
	is "hibernation: a device that keeps its contents" bound "$(bind dax11.0 fsdev)"
	mkfs.ext4 -q -F -b 4096 /dev/fsdev11.0 && mount -o dax=always /dev/fsdev11.0 $mnt
	ok "hibernation: with that mounted" sh -c 'echo disk >/sys/power/state'
	echo none >$trial
	umount $mnt
	unbind dax11.0
	unbind dax10.0
}

# The system goes down while a process keeps a page in a pipe.
down() {
	local pinner taker

	fresh
	dax-file fill $mnt/file 0 $((4 * MIB)) 3
	start /tmp/pins dax-file pin $mnt/file 0
	pinner=$started
	unbind dax10.0 &
	taker=$!
	ok "the system goes down: unbind waits" blocked $taker "1 pages still referenced"
	run going-down 1
	ok "the system goes down: unbind returns" ended $taker
	run going-down 0
	like "the system goes down: and says so" "unbind given up: the system goes down, the memory stays" "$(said dax10.0)"
	refused "the system goes down: nothing new finds the memory" dax-file verify $mnt/file 0 4096 3
	# the page's structure is still there
	kill -9 $pinner
	wait $pinner 2>/dev/null
	refused "the system goes down: the module stays" rmmod fsdev
	umount $mnt
}

# what 6.1 says of a page that two files have read, as those of `elsewhere`: upstream/dax-shared-read-fault.md
# shellcheck disable=SC2034  # finish looks at it
if kernel_is 6.1; then stock_complaint='WARNING: CPU: [0-9]+ PID: [0-9]+ at fs/dax.c:380 dax_insert_entry'; fi
begin 10 11
make_dynamic 10 0 256
ok "a device" shape dax10.0 0:256
stuck_writer
many_pins
slow_steps
failing
elsewhere
asleep
down
finish
