#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --cpus 1 --mem 1G
# A module that was built for another kernel of the same name does not load, and says what differs. No such kernel is at hand,
# so the module is changed instead: what it has recorded of a type, or of which type.
# shellcheck disable=SC2317,SC2086  # cases are called by name, and no path or number here has blanks
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"

updates=/lib/modules/$(uname -r)/updates work=$(mktemp -d)
prefix='this kernel is not the one that the module was built for (' suffix='); build the module for it'
# of struct type_record: name, kind, value, hash
bytes=64 value=56 hash=60

# record MODULE NAME: where its record of NAME begins in the file
record() {
	local start size at

	read -r start size < <(readelf -SW "$work/$1.ko" | sed -nE 's/.* \.fsdev_types +PROGBITS +[0-9a-f]+ ([0-9a-f]+) ([0-9a-f]+) .*/0x\1 0x\2/p')
	dd if="$work/$1.ko" of="$work/records" bs=64K iflag=skip_bytes,count_bytes skip=$((start)) count=$((size)) status=none
	while read -r at; do
		if ((at % bytes == 0)); then echo $((start + at)) && return; fi
	done < <(LC_ALL=C grep -aboP "\\Q$2\\E\\x00" "$work/records" | cut -d: -f1)
}

# number MODULE AT: the 32 bits there
number() {
	od -An -tu4 -j "$2" -N 4 "$work/$1.ko" | tr -d ' '
}

# change MODULE NAME PLACE BYTES: a fresh copy of the module with other bytes in its record of NAME
change() {
	local at

	cp "$updates/$1.ko" "$work/$1.ko"
	at=$(record "$1" "$2")
	[ -n "$at" ] || fail "$1.ko has no record of $2"
	was=$(number "$1" $((at + value)))
	printf '%b' "$4" | dd of="$work/$1.ko" bs=1 seek=$((at + $3)) conv=notrunc status=none
}

# refused MODULE WHAT SENTENCE
refused() {
	dmesg -C
	is "$2: $1 does not load" 1 "$(insmod "$work/$1.ko" >/dev/null 2>&1; echo $?)"
	is "... and one line says why" "$1: $prefix$3$suffix" "$(dmesg -t | grep "^$1:" | grep -v taint)"
	is "... and it is not there" "" "$(grep "^$1 " /proc/modules)"
}

moved() {
	change "$1" dev_dax.nr_range $value '\x07\0\0\0'
	refused "$1" "a member that has moved" "struct dev_dax.nr_range: at bit $was here, at bit 7 there"
}

case_fsdev() {
	moved fsdev
	change fsdev dev_dax.ranges $hash '\1\2\3\4'
	refused fsdev "a member of another type" "struct dev_dax.ranges: of another type"
	change fsdev dax_device.ops 11 'opt'
	refused fsdev "a member that is gone" "struct dax_device.opt: missing here"
	change fsdev dax_region $value '\x08\0\0\0'
	refused fsdev "a larger structure" "struct dax_region: $was bytes here, 8 bytes there"
	change fsdev inode.i_mapping $value '\x08\0\0\0'
	refused fsdev "a member of a public structure that has moved" "struct inode.i_mapping: at bit $was here, at bit 8 there"
	change fsdev run_dax $value '\x09\0\0\0'
	refused fsdev "a function of more parameters" "function run_dax: 1 parameters here, 9 parameters there"
	change fsdev dax_iomap_rw $hash '\1\2\3\4'
	refused fsdev "a function that is hooked, with another type" "function dax_iomap_rw: of another type"
}

case_unknown() {
	change fsdev kill_dev_dax 0 'K'
	dmesg -C
	ok "a function of which the kernel says nothing: it loads" insmod "$work/fsdev.ko"
	like "... and warns" "^fsdev: this kernel does not say of which type Kill_dev_dax\(\) is; taken to be" "$(dmesg -t)"
	ok "... and is unloaded" rmmod fsdev
}

case_livepatch() {
	moved fsdev_livepatch
}

case_right() {
	cp "$updates/fsdev.ko" "$work/fsdev.ko"
	ok "as it was built it loads" insmod "$work/fsdev.ko"
	ok "... and is unloaded" rmmod fsdev
}

run_cases
