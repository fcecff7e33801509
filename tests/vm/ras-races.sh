#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --cpus 2 --soft-reserved 512M --append log_buf_len=4M --append 'slub_debug=P,kmalloc-*' --qemu "-cpu max,-la57,-xsave,-pclmulqdq"
# What happens to a page on two processors at once: it fails, is read, written, cleared and reported, in the order that loses
# data or the kernel. One of them is held up just there (tests/kernel/gate.c). What a write has acknowledged stays.
# shellcheck disable=SC2317,SC2086  # cases are called by name, and no path here has blanks
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/kernel-lib.sh
. "$(dirname -- "$0")/kernel-lib.sh"
# shellcheck source=tests/vm/ras-lib.sh
. "$(dirname -- "$0")/ras-lib.sh"

disk=/dev/fsdev10.0 dev=dax10.0 node=/dev/dax10.0
head -c 81920 /dev/urandom >/tmp/new
head -c 81920 /dev/zero | tr '\0' o >/tmp/old
page=5000

# store FILE [COUNT]: the first pages of it are written directly to the device, from $page on
store() {
	dd if="$1" of=$disk bs=4k count="${2-1}" seek=$page oflag=direct conv=notrunc status=none 2>/dev/null
}

# load: what the page holds, or an error
load() {
	dd if=$disk of=/tmp/got bs=4k count=1 skip=$page iflag=direct status=none 2>/dev/null || { echo error; return; }
	if cmp -s -n 4096 /tmp/got /tmp/new; then echo new
	elif cmp -s -n 4096 /tmp/got /tmp/old; then echo old
	elif cmp -s -n 4096 /tmp/got /dev/zero; then echo zeros
	else echo "something else"
	fi
}

clear() {
	fsdev-node span $node clear $((page * 4096)) 4096 1 >/tmp/cleared
}

# fails: the page fails, as by the kernel, in the background; $failing
fails() {
	fsdev-node inject $node $((page * 4096)) 4096 >/dev/null &
	failing=$!
}

# held WHAT FUNCTION WHO COMMAND...: the command is run, and a task held up at the function
held() {
	run gate-close "$2" "$3" || tap_point 1 "$1: a gate at $2"
	"${@:4}"
	ok "$1: a task is held up at $2" run gate-wait
}

# A page is new and good, and another one than before.
before_case() {
	page=$((page + 64))
	store /tmp/old
	run told 10 0
}

after_case() {
	run gate-open
	run mend-page
	is "bad is then" "" "$(bad)"
	before=$(failures)
}

# CLEAR finds the page poisoned, and waits for the report. What a writer has stored when its turn comes stays.
case_clear_beside_write() {
	local round good=0 writer clearer

	for round in {1..8}; do
		held "$round" fsdev_test:write_down any fails
		clear &
		clearer=$!
		sleep 0.1
		store /tmp/new &
		writer=$!
		sleep 0.2$round
		run gate-open
		wait $clearer $writer $failing
		[ "$(load)" = new ] && good=$((good + 1))
		store /tmp/old
	done
	is "what was written is there" 8 "$good"
}

# A repair does not begin while the holder is being notified.
case_report_first() {
	held "a report" fsdev_test:write_down any fails
	store /tmp/new &
	writer=$!
	sleep 0.3
	ok "a write waits for it" kill -0 $writer
	is "... and the page is bad meanwhile" "error" "$(load)"
	run gate-open
	ok "it succeeds then" wait $writer
	wait $failing
	is "the page has it" new "$(load)"
}

# The driver found the page, and reports it; it is written before the kernel takes the report up.
case_written_before_report() {
	fsdev-node listen $node watch 0 8 /tmp >/tmp/events 2>&1 &
	watcher=$!
	until grep -q room /tmp/events; do sleep 0.05; done
	run damage 10 $page
	held "the report" memory_failure thread load
	run heal-page
	ok "it is written" store /tmp/new
	run gate-open
	until [ "$(failures)" -gt "$before" ]; do sleep 0.05; done
	is "it stays good" "" "$(bad)"
	is "it holds what was written" new "$(load)"
	ok "the holder is told nothing" run told 10 0
	until [ "$(wc -l </tmp/events)" -ge 3 ]; do sleep 0.05; done
	is "watchers hear of both" "failure $(printf %#x $((page * 4096))) 0x1000 0x8
cleared $(printf %#x $((page * 4096))) 0x1000 0" "$(tail -n +2 /tmp/events | cut -d' ' -f2-)"
	kill $watcher
}

# The same with CLEAR: what it throws away its holder hears of first.
case_cleared_before_report() {
	run damage 10 $page
	held "the report" memory_failure thread load
	run heal-page
	clear &
	clearer=$!
	sleep 0.3
	ok "CLEAR waits for it" kill -0 $clearer
	run gate-open
	wait $clearer
	ok "the holder has been told" run told 10 1
	is "the page is cleared" zeros "$(load)"
}

# The driver found the page, and is about to report it; it becomes known poison together with its neighbours meanwhile. The holder
# is told of each page, once.
case_known_beside_found() {
	run damage 10 $page
	held "the report" memory_failure thread load
	is "it is known" "ok, 4096 bytes" "$(fsdev-node span $node add-bad $((page * 4096)) 4096 0)"
	ok "the holder is told when it is reported" run told 10 0
	run gate-open
	until [ "$(failures)" -gt "$before" ]; do sleep 0.05; done
	points "the report" told-once 10 $page
	run heal-page
	ok "it is written" store /tmp/new
	run mend-page

	before=$(failures)
	run damage 10 $page
	held "the next report" memory_failure thread load
	is "it is known with its neighbours" "ok, 12288 bytes" "$(fsdev-node span $node add-bad $(((page - 1) * 4096)) 12288 0)"
	is "all of them are bad" 12288 "$(bad | tr ' ' '\n' | awk -F+ '{ n += $2 } END { print n }')"
	ok "the holder is told of the neighbours" run told 10 2
	run gate-open
	until [ "$(failures)" -gt "$before" ]; do sleep 0.05; done
	points "the next report" told-once 10 $page
	run heal-page
	page=$((page - 1))
	ok "they are written" store /tmp/new 3
	page=$((page + 1))
}

# What perf and bpftrace see: names and fields are an interface.
case_traced() {
	local tracing=/sys/kernel/debug/tracing at

	at=$(printf %#x $((page * 4096)))
	echo 1 >$tracing/events/fsdev/enable
	fails
	wait $failing
	store /tmp/new
	echo 0 >$tracing/events/fsdev/enable
	is "failure and repair" "fsdev_failure: device=dax10.0 offset=$at len=0x1000 phys=$(printf %#x "$(phys_of $((page * 4096)))") flags=0x2 again=0
fsdev_repair: device=dax10.0 offset=$at len=0x1000 phys=$(printf %#x "$(phys_of $((page * 4096)))") error=0" \
		"$(grep -o 'fsdev_[a-z]*: .*' $tracing/trace)"
	echo >$tracing/trace
}

# A read fails, and its news comes late: the page has been written meanwhile.
case_late_news() {
	run damage 10 $page
	run gate-close fsdev:discover_read_error any
	load >/tmp/reader &
	reader=$!
	ok "a read that failed is held up" run gate-wait
	run heal-page
	ok "the page is written" store /tmp/new
	run gate-open
	wait $reader
	is "the reader gets what was written" new "$(cat /tmp/reader)"
	is "it stays good" "" "$(bad)"
	is "it holds what was written" new "$(load)"
}

# A machine check in the kernel's copy of a page that was written meanwhile.
case_late_check() {
	run copy-fails 10 $page 0x134
	sleep 0.5
	is "it stays good" "" "$(bad)"
	is "it holds what it did" old "$(load)"
}

# The kernel comes to take the page out of the direct map when it has been repaired long since. Nor does it before.
case_kept_in_direct_map() {
	held "the kernel" set_mce_nospec any run hardware-fails 10 $page
	ok "the page is repaired" store /tmp/new
	run gate-open
	ok "the kernel is done" run hardware-done
	refused "it has left the page in the direct map" run hidden 10 $page
	is "which holds what was written" new "$(load)"
	ok "and can be written" store /tmp/old
	run hardware-fails 10 $page
	ok "it fails again" run hardware-done
	refused "it is left there also while it is bad" run hidden 10 $page
	is "it is bad" error "$(load)"
	ok "and is repaired" store /tmp/new
}

# Twenty bad pages in a request, while a report does not come to its end.
case_one_wait() {
	run fail-at 10 $page 1 $((page + 19))
	page=$((page + 30))
	held "a report" fsdev_test:write_down any fails
	page=$((page - 30)) began=$SECONDS
	refused "it fails" store /tmp/new 20
	took=$((SECONDS - began))
	ok "after one wait for all pages: $took s" test "$took" -lt 12
	run gate-open
	wait $failing
	ok "it can be written then" store /tmp/new 20
	page=$((page + 30))
	ok "and the other page" store /tmp/new
	run told 10 21
}

# A repair has given up, and the report that it waited for has ended since: the next one is waited for again.
case_waits_again() {
	held "a report" fsdev_test:write_down any fails
	refused "a write gives up" store /tmp/new
	run gate-open
	wait $failing
	held "the next report" fsdev_test:write_down any fails
	store /tmp/new &
	writer=$!
	sleep 0.5
	ok "a write waits for that" kill -0 $writer
	run gate-open
	status=0
	wait $writer || status=$?
	is "it succeeds" 0 $status
	wait $failing
	run told 10 2
}

# A file system may be writing back here to have memory: what is allocated under the lock must not wait for it.
case_memory_under_lock() {
	run damage 10 $page
	fails
	wait $failing
	refused "a page is written and cannot be read back" store /tmp/new
	ok "no memory is waited for by input or output then" run damage-noio
	run mend-page
	ok "it is written" store /tmp/new
	run told 10 1
}

# with_file: a file system without a holder on the disk, with a file; until without_file
with_file() {
	run let-go 10
	mkfs.ext4 -q -F -b 4096 $disk || fail "mkfs"
	mount -o dax=always $disk /mnt || fail "mount"
	dax-file fill /mnt/file 0 65536 1 >/dev/null
	page=$(($(blocks /mnt/file 8192) / 4096))
}

without_file() {
	umount /mnt
	run hold-disk 10
}

# An injected failure of a file's page, which no holder deals with: the kernel goes on with it, and flags it.
case_simulated_without_holder() {
	local lock=dax_lock_folio

	grep -qw $lock /proc/kallsyms || lock=dax_lock_page
	with_file
	held "the kernel" $lock any fails
	store /tmp/new &
	writer=$!
	sleep 0.3
	ok "a write waits until it is done" kill -0 $writer
	run gate-open
	wait $failing
	status=0
	wait $writer || status=$?
	is "it succeeds then" 0 $status
	refused "the page has no flag left" run flagged 10 $page
	without_file
}

# lost_meanwhile WHAT FUNCTION WHO COMMAND...: a page of a file, with a store that is not synced, is found to have failed. The file is
# synced while the driver is held up at the function: fsync says so.
lost_meanwhile() {
	local dirty

	: >/tmp/dirty
	ras-file dirty /mnt/file 8192 >/tmp/dirty 2>&1 &
	dirty=$!
	until grep -q . /tmp/dirty; do sleep 0.05; done
	held "$@"
	kill -TERM $dirty
	wait $dirty
	is "$1: what fsync says, and a read" "stored;fsync EIO;fsync ok;fsync ok;read EIO" "$(paste -sd';' /tmp/dirty)"
	run gate-open
	wait $failing
	run mend-page
	ok "$1: it is written" store /tmp/old
}

load_in_background() {
	load >/dev/null &
	failing=$!
}

known_in_background() {
	fsdev-node span $node add-bad $((page * 4096)) 4096 0 >/dev/null &
	failing=$!
}

# An fsync() that comes while a failure is being handled does not acknowledge what is lost.
case_fsync_meanwhile() {
	with_file
	lost_meanwhile "a report" fsdev:poison_merge any fails
	run damage 10 $page
	lost_meanwhile "a page that the driver found" memory_failure thread load_in_background
	lost_meanwhile "a page that is known" fsdev:poison_update_listeners any known_in_background
	without_file
}

# The device is unbound while the references that failures have kept to its page map are dropped: by one run of the work, late, and
# by another that was queued when a page failed meanwhile.
case_put_twice() {
	local taker

	run let-go 10
	fails
	wait $failing
	ok "a gate where references are dropped" run gate-sleep fsdev:failure_put_pagemaps thread
	ok "they are about to be dropped" run gate-wait
	fails
	wait $failing
	sleep 1.2
	mark_log
	unbind dax10.0 &
	taker=$!
	until said dax10.0 | grep -q 'unbind blocked: the page map is in use'; do
		kill -0 $taker || break
		sleep 0.1
	done
	run gate-next
	ok "they are dropped, and again" run gate-wait
	# a second and more for what is left of the unbind
	sleep 2
	run gate-open
	wait $taker
	is "it is unbound" none "$(driver_of dax10.0)"
	is "bound again" bound "$(bind dax10.0 fsdev)"
	run hold-disk 10
}

# What is not claimed is cleared, and claimed meanwhile: the claim waits, or what fails under it would be cleared as well.
case_clear_beside_claim() {
	local clearing claiming

	run let-go 10
	ok "a gate where a span is cleared" run gate-sleep fsdev:repair_range any
	fsdev-node span $node clear $((page * 4096)) 4096 0 >/tmp/cleared 2>&1 &
	clearing=$!
	ok "it is about to be" run gate-wait
	mkfs.ext4 -q -F "$disk" 8M >/tmp/claimed 2>&1 &
	claiming=$!
	sleep 3
	ok "a claim of the disk waits" kill -0 $claiming
	run gate-open
	ok "it is cleared" wait $clearing
	ok "the disk can be claimed after that" wait $claiming
	run hold-disk 10
}

begin 10
make_dynamic 10 0 256
ok "two ranges" shape dax10.0 8:16 64:34
is "bound" bound "$(bind dax10.0 fsdev)"
run hold-disk 10
before=$(failures)
run_cases
