#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --cpus 2 --soft-reserved 512M --append log_buf_len=4M
# A page of an XFS fails while a fault, a truncation or an unmount of its file is under way, each of which is held up just there
# (tests/kernel/gate.c). Neither waits for the other for good, and no good page is taken for the one that failed. Or its file is not
# in use any more, which is no reason to shut down.
# shellcheck disable=SC2317,SC2086,SC2119  # cases are called by name, and no path here has blanks
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/kernel-lib.sh
. "$(dirname -- "$0")/kernel-lib.sh"
# shellcheck source=tests/vm/ras-lib.sh
. "$(dirname -- "$0")/ras-lib.sh"

dev=dax10.0 disk=/dev/fsdev10.0 node=/dev/dax10.0 mnt=/mnt/fault held='' tracing=/sys/kernel/tracing
mkdir -p $mnt
[ -e $tracing/trace ] || mount -t tracefs tracefs $tracing
# what 6.1 says of a page that two files have read: upstream/dax-shared-read-fault.md
# shellcheck disable=SC2034  # for finish
case $(uname -r) in
6.1.*) stock_complaint='WARNING: CPU: [0-9]+ PID: [0-9]+ at fs/dax.c:(380 dax_insert_entry|404 dax_disassociate_entry)' ;;
esac

# A file of 3 MiB, and another one that shares its blocks. After the mount no page of them is in memory. On 6.1 they are DAX only
# until then: upstream/xfs-notify-cached-file.md
before_case() {
	mkfs.xfs -q -f -m rmapbt=1,reflink=1 $disk || fail "mkfs.xfs"
	mount -o dax=always $disk $mnt || fail "mount"
	dax-file fill $mnt/file 0 $((3 * MIB)) 1
	dax-file fill $mnt/alone 0 $MIB 2
	fallocate -l $MIB $mnt/unwritten
	cp --reflink=always $mnt/file $mnt/copy
	if ! kernel_is 6.1; then
		umount $mnt
		mount -o dax=always $disk $mnt || fail "mount"
	fi
	at=$(blocks $mnt/file 40960)
}

after_case() {
	run gate-open
	# it has no lock of its own any more
	is "the file system lives" ok "$(touch $mnt/new 2>&1 && echo ok)"
	umount $mnt
	fsdev-node span "$node" clear "$at" 4096 0 >/dev/null
	is "bad is then" "" "$(bad)"
}

# fails OFFSET: the page at that device offset fails, in the background; $failing
fails() {
	fsdev-node inject "$node" "$1" 4096 >/tmp/failed &
	failing=$!
}

# ends PID: does it within ten seconds?
ends() {
	for _ in {1..200}; do
		kill -0 "$1" 2>/dev/null || return 0
		sleep 0.05
	done
	return 1
}

# fault_beside FUNCTION FILE OFFSET TOUCH...: while a fault of the file is held up at the function, with its page's entry locked, the
# page fails
fault_beside() {
	local function=$1 file=$2 offset=$3 toucher

	shift 3
	at=$(blocks "$file" "$offset")
	ok "a gate at $function" run gate-sleep "$function" any
	"$@" >/tmp/touched 2>&1 &
	toucher=$!
	ok "a fault is held up at $function" run gate-wait
	fails "$at"
	# it gets as far as it can
	ends $failing
	run gate-open
	ok "the fault ends" ends $toucher
	ok "the failure is handled" ends $failing
	is "it was one" "ok, 4096 bytes" "$(cat /tmp/failed)"
	wait $toucher 2>/dev/null
	status=$?
}

# XFS asks whether the block is shared, which it does not on 6.1, while it walks who has it.
case_read() {
	kernel_is 6.1 && return
	hold /tmp/1 $mnt/copy
	fault_beside xfs_reflink_trim_around_shared $mnt/file 40960 ras-file touch $mnt/file 40960
	is "bad is" "$at+4096" "$(bad)"
	like "who faulted is told" "^SIGBUS (AR|ADRERR) at 40960" "$(cat /tmp/touched)"
	let_go
	like "another that has the page mapped, by the other file" "^SIGBUS (AO|AR|ADRERR) at 40960" "$(tail -n 1 /tmp/1)"
}

# It makes the page's own copy.
case_copy() {
	hold /tmp/1 $mnt/copy
	fault_beside xfs_reflink_allocate_cow $mnt/file 40960 xfs_io -c "mmap -rw 0 1m" -c "mwrite -S 1 40960 4096" $mnt/file
	is "bad is" "$at+4096" "$(bad)"
	is "who faulted is told, as there is nothing to copy" 135 $status
	let_go
	like "another that has the page mapped, by the other file" "^SIGBUS (AO|AR|ADRERR) at 40960" "$(tail -n 1 /tmp/1)"
}

# It makes an unwritten block a written one, and zeroes it, which repairs it.
case_first_write() {
	fault_beside xfs_iomap_write_direct $mnt/unwritten 40960 xfs_io -c "mmap -rw 0 1m" -c "mwrite -S 1 40960 4096" $mnt/unwritten
	is "bad is" "" "$(bad)"
	is "who faulted goes on" 0 $status
}

# 6.1 calls for files with a page cache as well, and shuts down where that is refused.
case_page_cache() {
	umount $mnt
	mount -o dax=inode $disk $mnt
	cat $mnt/file >/dev/null
	is "the file has a page cache" no "$(dax-file is-dax $mnt/file)"
	fails "$at"
	wait $failing
	is "bad is" "$at+4096" "$(bad)"
}

# What is longer under way than a moment keeps no failure from being handled, and no process keeps the page mapped.
case_locked() {
	hold /tmp/2 $mnt/file
	# the page names this one, so that the driver unmaps it from no other by itself
	hold /tmp/1 $mnt/copy
	# far away: what is replaced is unmapped by 2 MiB, and a truncation would unmap all of the file
	ok "a gate in a write that copies, with faults locked out" run gate-sleep xfs_reflink_allocate_cow any
	xfs_io -c "pwrite -q -S 1 2m 4096" $mnt/file &
	writer=$!
	ok "it is held up" run gate-wait
	fails "$at"
	ok "the failure is handled meanwhile" ends $failing
	like "another that has the page mapped, by the other file" "^SIGBUS (AO|AR|ADRERR) at 40960" "$(tail -n 1 /tmp/1)"
	like "the log says which file was locked" "inode $(stat -c %i $mnt/file) is locked: a failed page of it is unmapped" \
		"$(dmesg | grep 'is locked:' | tail -n 1)"
	run gate-open
	wait $writer
	let_go
	like "who has it mapped by that one faults then" "^SIGBUS (AR|ADRERR) at 40960" "$(tail -n 1 /tmp/2)"
	is "bad is" "$at+4096" "$(bad)"
	is "the page cannot be read" EIO "$(ras-file read $mnt/copy 40960 4096 | grep -o EIO)"
}

# Between XFS's walk and the signals the file gets another page there.
case_another_page() {
	hold /tmp/1 $mnt/copy
	ok "a gate between XFS and the signals" run gate-sleep fsdev:kill_batch_run any
	fails "$at"
	ok "XFS has told who has the page" run gate-wait
	xfs_io -c "fpunch 40960 4096" -c "pwrite -q -S 1 40960 4096" $mnt/file
	ok "the file has another page there" test "$at" != "$(blocks $mnt/file 40960)"
	hold /tmp/2 $mnt/file
	run gate-open
	ok "the failure is handled" ends $failing
	sleep 0.5
	is "who has the new page mapped goes on" ready "$(paste -sd' ' /tmp/2)"
	let_go
	like "who has the old one mapped is told" "^SIGBUS (AO|AR|ADRERR) at 40960" "$(tail -n 1 /tmp/1)"
	is "the new one is no failed page" read "$(ras-file touch $mnt/file 40960)"
}

# The file system is unmounted between XFS's walk and the signals.
case_unmount() {
	cat $mnt/file >/dev/null
	ok "a gate between XFS and the signals" run gate-sleep fsdev:kill_batch_run any
	fails "$at"
	ok "XFS has told who has the page" run gate-wait
	umount $mnt
	run gate-open
	ok "the failure is handled" ends $failing
	is "bad is" "$at+4096" "$(bad)"
	# a worker unmounts it
	for _ in {1..100}; do ! mount -o dax=always $disk $mnt 2>/dev/null || break; sleep 0.05; done
	ok "it can be mounted again" mountpoint -q $mnt
}

# evicts FILE: the file is written, and has no VFS inode any more; $at
evicts() {
	local inode

	# an inode whose pages have been mapped is not evicted
	rm -f "$1"
	truncate -s 64K "$1"
	ras-file write "$1" 0 65536 3 >/dev/null
	sync
	at=$(blocks "$1" 8192)
	inode=$(printf '%#x' "$(stat -c %i "$1")")
	: >$tracing/trace
	# XFS keeps its own, which is to be written, but for where the kernel asks it for memory often
	chmod 600 "$1"
	for _ in {1..20}; do
		echo 2 >/proc/sys/vm/drop_caches
		! grep -q "xfs_destroy_inode:.* ino $inode\>" $tracing/trace || return 0
	done
	return 1
}

# fails_unused: the page at $at fails, which no process has
fails_unused() {
	fails "$at"
	ends $failing
}

# goes_on WHAT: it has failed, and no more than that
goes_on() {
	is "$1: the failure" "ok, 4096 bytes" "$(cat /tmp/failed)"
	is "$1: the file system goes on" ok "$(touch $mnt/goes-on 2>&1 && echo ok)"
}

# evicted WHAT: a page of a file fails whose inode XFS has, but the kernel has not
evicted() {
	local event

	for event in xfs_destroy_inode xfs_iget_skip; do echo 1 >$tracing/events/xfs/$event/enable; done
	# until XFS has kept its own
	for _ in {1..10}; do
		! evicts $mnt/evicted || ! fails_unused || ! grep -q xfs_iget_skip $tracing/trace || break
		ras-file write $mnt/evicted 8192 4096 3 >/dev/null
	done
	for event in xfs_destroy_inode xfs_iget_skip; do echo 0 >$tracing/events/xfs/$event/enable; done
	ok "$1: XFS had the inode, and the kernel had not" grep -q xfs_iget_skip $tracing/trace
	goes_on "$1"
	is "$1: the page cannot be read" EIO "$(ras-file read $mnt/evicted 8192 4096 | grep -o EIO)"
	is "$1: all else can" "15 good, 0 wrong, 1 lost" "$(ras-file check $mnt/evicted 0 65536 3)"
	is "$1: the page overwritten" 4096 "$(ras-file write $mnt/evicted 8192 4096 3)"
	is "$1: the file" "16 good, 0 wrong, 0 lost" "$(ras-file check $mnt/evicted 0 65536 3)"
	is "$1: bad is" "" "$(bad)"
}

case_evicted() {
	evicted first
	evicted again
}

# It is unlinked, and XFS has not freed its blocks yet.
case_unlinked() {
	sync
	at=$(blocks $mnt/alone 40960)
	ok "a gate where XFS frees inodes" run gate-sleep xfs_inodegc_worker any
	rm $mnt/alone
	ok "the inode is held up" run gate-wait
	ok "the failure is handled" fails_unused
	goes_on unlinked
	run gate-open
	is "bad is" "$at+4096" "$(bad)"
}

# What is no file's still shuts it down.
case_metadata() {
	local group

	touch $mnt/metadata
	read -r group at < <(xfs_db -r -c 'sb 0' -c 'print agblocks blocksize' -c 'agi 1' -c 'print root' $disk |
		awk '{ v[NR] = $3 } END { print v[1] * v[2], v[1] * v[2] + v[3] * v[2] }')
	ok "a block of the second allocation group's" test "$at" -gt "$group"
	fails "$at"
	ok "the failure is handled" ends $failing
	is "the file system is shut down" "touch: cannot touch '$mnt/new': Input/output error" "$(touch $mnt/new 2>&1)"
	umount $mnt
	fsdev-node span $node clear "$at" 4096 0 >/dev/null
	mkfs.xfs -q -f -m rmapbt=1,reflink=1 $disk
	mount -o dax=always $disk $mnt || fail "mount"
}

# XFS's function is redirected while XFS is there, and this module.
case_modules() {
	is "it is redirected" 1 "$(redirected)"
	umount $mnt
	if grep -q '^xfs ' /proc/modules; then
		ok "XFS is unloaded" modprobe -r xfs
		is "nothing is redirected" 0 "$(redirected)"
		ok "XFS is loaded" modprobe xfs
		is "it is redirected again" 1 "$(redirected)"
	fi
	mount -o dax=always $disk $mnt || fail "mount"
	evicted "XFS loaded anew"
	umount $mnt
	unbind $dev
	ok "fsdev is used by no module" rmmod fsdev_test
	ok "it is unloaded" rmmod fsdev
	is "nothing of XFS is redirected" 0 "$(redirected)"
	modprobe -a fsdev fsdev_test
	echo $dev >/sys/bus/dax/drivers/fsdev/new_id
	has_device
	is "nothing is before a mount" 0 "$(redirected)"
	mount -o dax=always $disk $mnt || fail "mount"
	evicted "fsdev loaded anew"
}

# redirected: 1 if xfs_iget() is
redirected() {
	grep -c '^xfs_iget ' $tracing/enabled_functions
}

has_device() {
	make_dynamic 10 0 512
	ok "three ranges" shape $dev 0:16 24:16 48:400
	is "bound" bound "$(bind $dev fsdev)"
}

# else only the task that meets a failed page is signalled, and what several files have is unmapped from no other
echo 1 >/proc/sys/vm/memory_failure_early_kill
begin 10
has_device
run_cases
