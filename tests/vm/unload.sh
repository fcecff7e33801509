#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --cpus 2 --soft-reserved 128M --soft-reserved 128M
# Modules that are unloaded while they hold a device, at each stage of its unbind: none of their code is called after that, their
# memory stays until a call of it has ended, and what they held is free. straggler claims by the disk, slotclient without it
# (tests/fs); neither releases, unless told to.
# shellcheck disable=SC2317,SC2086  # cases are called by name, and no path here has blanks
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/kernel-lib.sh
. "$(dirname -- "$0")/kernel-lib.sh"

modules=build/module/$(uname -r)/fs trace=/sys/kernel/tracing
dev=dax0.0 node=/dev/dax0.0 disk=/dev/fsdev0.0
[ -e $trace/trace ] || mount -t tracefs tracefs $trace
echo 1 >$trace/events/module/module_free/enable
modprobe fsdev
modprobe fsdev_test

# load NAME PARAMETER...
load() {
	insmod "$modules/$1.ko" "${@:2}"
}

# leaves NAME: it is unloaded, in the background; $leaver
leaves() {
	: >$trace/trace
	rmmod "$1" &
	leaver=$!
}

# logged PATTERN: waits until the log has that line since the mark
logged() {
	for _ in {1..200}; do
		! dmesg | tail -n +$((log_mark + 1)) | grep -qE "$1" || return 0
		sleep 0.1
	done
	return 1
}

unbinds() {
	mark_log
	give $dev none &
	taker=$!
}

# free: what it held can be held again
is_free() {
	ok "bound again" give $dev fsdev
	ok "it can be held without the disk" load slotclient path=$node
	ok "... and released" rmmod slotclient
	ok "it can be held by its disk" load straggler disk=$disk
	ok "... and that is unloaded" rmmod straggler
}

not_called() {
	is "nothing of it was called" "" "$(dmesg | tail -n +$((log_mark + 1)) | grep "$1: is notified")"
}

before_case() {
	give $dev fsdev
	mark_log
}

case_bound() {
	ok "it holds" load straggler disk=$disk
	ok "it is unloaded" rmmod straggler
	like "the device is released for it" "module straggler is unloaded and has not let go" "$(said $dev)"
	give $dev none
	not_called straggler
	is_free
}

# The unbind waits for swap on the disk, and will notify the holder later: step 4.
case_before_notified() {
	requires "a kernel with swap" test -e /proc/swaps || return
	ok "it holds" load straggler disk=$disk
	mkswap $disk >/dev/null 2>&1
	ok "swapon" swapon $disk
	unbinds
	ok "the unbind waits" logged "unbind blocked: .* swap"
	ok "it is unloaded" rmmod straggler
	like "the device is released for it" "module straggler is unloaded and has not let go" "$(said $dev)"
	ok "swapoff" swapoff $disk
	wait $taker
	is "unbound" none "$(driver_of $dev)"
	not_called straggler
	is_free
}

# Its own code runs: the unbind is in step 11.
case_while_notified() {
	ok "it holds" load straggler disk=$disk slow=1
	unbinds
	ok "it is notified" logged "straggler: is notified"
	leaves straggler
	sleep 1
	ok "it is not freed while its code runs" kill -0 $leaver
	is "... nor about to be" "" "$(grep module_free: $trace/trace)"
	echo 1 >/sys/module/straggler/parameters/go
	wait $leaver $taker
	ok "its code has ended" logged "straggler: goes on"
	is "unbound" none "$(driver_of $dev)"
	is_free
}

# The same without the disk. The binding ends after that: its release is not awaited then, so that fsdev binds again.
case_while_notified_directly() {
	ok "it holds" load slotclient path=$node keep=1 slow=1
	unbinds
	ok "it is notified" logged "slotclient: of .* are lost"
	leaves slotclient
	ok "the driver hears that it is unloaded" logged "module slotclient is unloaded and has not let go"
	is "it is not freed while its code runs" "" "$(grep module_free: $trace/trace)"
	echo 1 >/sys/module/slotclient/parameters/go
	wait $leaver $taker
	is "unbound" none "$(driver_of $dev)"
	is "one line says so" 1 "$(dmesg | tail -n +$((log_mark + 1)) | grep -c "module slotclient is unloaded and has not let go")"
	is_free
}

# It releases at once when the binding has ended; the bus's own reference stays. The other device, as the driver cannot tell
# whether what does not release has given its reference back, and leaves it.
case_correct() {
	local dev=dax1.0 node=/dev/dax1.0 disk=/dev/fsdev1.0

	points "before" references $node 1
	for _ in 1 2 3; do
		give $dev fsdev
		ok "it holds" load slotclient path=$node
		mark_log
		give $dev none
		ok "it is unloaded" rmmod slotclient
		is "nothing is said of it" "" "$(dmesg | tail -n +$((log_mark + 1)) | grep "module slotclient is unloaded")"
		points "after it" references $node 1
	done
	is_free
}

# fsdev.ko goes, one device after the other, the last that was bound first. It waits for the holder of one, and the module of the
# other one's holder is unloaded meanwhile.
case_while_fsdev_goes() {
	local goer

	give dax1.0 fsdev
	ok "one is slow" load straggler2 disk=/dev/fsdev1.0 slow=1
	ok "the other holds the first device" load straggler disk=$disk
	ok "fsdev is used by no module" rmmod fsdev_test
	mark_log
	rmmod fsdev &
	goer=$!
	ok "fsdev goes, and the slow one is notified" logged "straggler2: is notified"
	is "the first device is still bound" fsdev "$(driver_of $dev)"
	# its memory is freed when the calls of all holders have ended
	leaves straggler
	ok "its holder is released meanwhile" logged "module straggler is unloaded and has not let go"
	echo 1 >/sys/module/straggler2/parameters/go
	wait "$goer"
	is "fsdev has gone" 0 $?
	wait $leaver
	not_called straggler
	ok "the other one can go, too" rmmod straggler2
	modprobe -a fsdev fsdev_test
	is_free
}

run_cases
