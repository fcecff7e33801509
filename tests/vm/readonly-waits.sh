#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --cpus 2 --nvdimm build/vm/readonly-waits-@KERNEL@:256M
# Memory that becomes read-only, and what else goes on at that moment: a new user while writers are looked for, an unbind. A task is
# held up just there (tests/kernel/gate.c).
# shellcheck disable=SC2317,SC2086  # cases are called by name, and no path here has blanks
. "$(dirname -- "$0")/lib.sh"
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/kernel-lib.sh
. "$(dirname -- "$0")/kernel-lib.sh"

mnt=/mnt/readonly nd=/sys/bus/nd/devices
mkdir -p "$mnt"
modprobe -a fsdev fsdev_test

# device N: region N as one writable device in fsdev mode; its name
device() {
	local one

	echo 0 >"$nd/region$1/read_only"
	[ -e "$nd/dax$1.0/driver" ] || ndctl create-namespace -f -e "namespace$1.0" -m devdax -M mem >/dev/null
	for one in /sys/bus/dax/devices/*; do
		[[ $(realpath "$one") != */region$1/* ]] || one=${one##*/} && [ -e "/sys/bus/dax/devices/$one" ] && break
	done
	give "$one" none
	give "$one" fsdev
	echo "$one"
}

# logged PATTERN: waits until the log has that line since the mark
logged() {
	for _ in {1..200}; do
		! dmesg | tail -n +$((log_mark + 1)) | grep -qE "$1" || return 0
		sleep 0.1
	done
	return 1
}

before_case() {
	dev=$(device 0)
	disk=/dev/fsdev${dev#dax}
	mark_log
}

after_case() {
	run gate-open
	! mountpoint -q "$mnt" || umount "$mnt"
	give "$dev" none
}

# Who comes while it is asked who may write gets no address to store to.
case_new_user() {
	run gate-close fsdev:fsdev_holder_exists thread
	echo 1 >"$nd"/region0/read_only
	ok "writers are looked for" run gate-wait
	points "meanwhile" readonly "$disk" "/dev/$dev"
	run gate-open
	ok "there is none" logged "the memory has become read-only\$"
}

# The device is to be unbound and bound again, and is being unbound by then: that is the user's word.
case_unbound_meanwhile() {
	local pinner taker

	mkfs.ext4 -q -F -b 4096 "$disk" && mount -o dax=always "$disk" "$mnt" && dax-file fill "$mnt"/file 0 "$MIB" 1
	: >/tmp/pin
	dax-file pin "$mnt"/file 4096 >/tmp/pin &
	pinner=$!
	until has_line ready /tmp/pin; do sleep 0.1; done
	echo 'file removal.c +p' >/sys/kernel/debug/dynamic_debug/control
	run gate-close fsdev:rebind_run thread
	echo 1 >"$nd"/region0/read_only
	ok "it is to be bound again" run gate-wait
	give "$dev" none &
	taker=$!
	ok "it is being unbound" logged "removal step 1:"
	run gate-open
	ok "that takes as long as a page is in use" logged "unbind blocked: .* still referenced"
	kill -9 "$pinner"
	wait "$taker"
	sleep 1
	is "it stays unbound" none "$(driver_of "$dev")"
	umount "$mnt"
}

run_cases
