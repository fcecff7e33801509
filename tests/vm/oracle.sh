#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# stack: --cpus 1 --soft-reserved 2G --append log_buf_len=4M --append rcupdate.rcu_expedited=1
# kernels: 7 (older kernels have no fsdev_dax)
# The kernel's own fsdev_dax as an oracle: the same questions (S1 to S19, docs/behaviours.md) to fsdev and to it. fsdev has to answer each of them right;
# of fsdev_dax just those answers are wrong in which it is known to fall short, so that a kernel that has mended one is noticed.
# shellcheck disable=SC2317  # cases are called by name
. "$(dirname -- "$0")/lib.sh"
. "$(dirname -- "$0")/tap.sh"
. "$(dirname -- "$0")/kernel-lib.sh"

# zeroing of several pages, and a holder that is not one, are complained of by the kernel's own driver and functions
stock_complaint='fsdev_dax_zero_page_range|fs_put_dax'

begin 10 20 21 22 23 24
run watch || fail "cannot watch the kernel"
# fsdev first, so that the kernel's driver gets what it leaves as well
drivers=fsdev
if modprobe fsdev_dax 2>/dev/null; then
	for id in 10 20 21 22 23 24; do echo "dax$id.0" >/sys/bus/dax/drivers/fsdev_dax/new_id; done
	drivers="fsdev fsdev_dax"
fi
requires "the kernel's fsdev_dax" test -d /sys/bus/dax/drivers/fsdev_dax || finish

table=''
# verdict S DRIVER SHORT WRONG: WRONG are the wrong answers, one a line, to the question S; SHORT matches each that fsdev_dax is
# known for, and is empty where it falls short of nothing
verdict() {
	local s=$1 driver=$2 short=$3 wrong=$4 line

	table+="$s|$driver|${wrong//$'\n'/; }"$'\n'
	if [ "$driver" = fsdev ] || [ -z "$short" ]; then
		is "$s: $driver answers right" "" "$wrong"
		return
	fi
	# docs/behaviours.md and this line are out of date where this fails
	ok "$s: $driver still falls short" test -n "$wrong"
	while read -r line; do
		[ -z "$line" ] || like "$s: $driver falls short in no more than is known" "$short" "$line"
	done <<<"$wrong"
}

# asked VERB ARGUMENT...: the wrong answers to a command of the module
asked() {
	run "$@" || { echo "the command '$*' failed" && return; }
	sed -nE 's/^not ok [0-9]+ - //p' "$control/report"
}

# differs NAME WANTED GOT: a wrong answer, where they differ
differs() {
	[ "$2" = "$3" ] || echo "$1: $3 in the place of $2"
}

# shaped RANGE...: dynamic device 10 in that shape, without a driver; the static ones lie in the same memory
shaped() {
	make_dynamic 10 0 2048
	ok "shape $*" shape dax10.0 "$@"
}

# bound DRIVER [ID]
bound() {
	is "$1 binds" bound "$(bind "dax${2-10}.0" "$1")"
}

after_case() {
	local id

	for id in 10 20 21 22 23 24; do
		[ ! -e "/sys/bus/dax/devices/dax$id.0/driver" ] || unbind "dax$id.0"
		[ ! -e "/sys/bus/dax/devices/dax$id.0" ] || run unmake "$id"
	done
}

# Pages are clean after device_dax, and nothing goes over those that the kernel has just initialised
case_s1_pages() {
	local driver

	shaped 8:64
	for driver in $drivers; do
		bound device_dax
		unbind dax10.0
		bound "$driver"
		verdict S1 "$driver" '' "$(asked folios-clean 10)"
		unbind dax10.0
		run plant
		bound "$driver"
		verdict "S1, no pass over new pages" "$driver" . "$(asked planted 10)"
		unbind dax10.0
	done
}

# A failing page is reported by its device offset, in any of three ranges
case_s2_offset() {
	local driver

	shaped 256:64 8:2 512:64
	for driver in $drivers; do
		bound "$driver"
		ok "$driver: claimed" run hold-direct 10
		verdict "S2, pages in the ranges" "$driver" '' "$(asked fail-pages 10)"
		verdict "S2, pages in the gaps" "$driver" '' "$(asked fail-holes 10)"
		run let-go 10
		verdict "S2, without a holder" "$driver" '' "$(asked fail-unheld 10)"
		unbind dax10.0
	done
}

# Padding in front of the data never reaches the holder
case_s3_padding() {
	local driver

	for driver in $drivers; do
		make_static 20 $((2048 + 64)) $((32768 - 128)) 2048 32768
		bound "$driver" 20
		ok "$driver: claimed" run hold-direct 20
		verdict "S3, pages of the data" "$driver" '' "$(asked fail-pages 20)"
		verdict "S3, padding" "$driver" 'padding' "$(asked fail-padding 20)"
		run let-go 20
		unbind dax20.0
		run unmake 20
	done
}

# Ranges that change after probe change nothing
case_s4_geometry() {
	local driver

	shaped 256:64 8:2 512:64
	for driver in $drivers; do
		bound "$driver"
		ok "$driver: claimed" run hold-direct 10
		run spoil-ranges 10
		verdict S4 "$driver" . "$(asked fail-pages 10)"
		run mend 10
		run let-go 10
		unbind dax10.0
	done
}

# A failing span is reported piece by piece
case_s5_spans() {
	local driver

	shaped 256:64 8:2 512:64
	for driver in $drivers; do
		bound "$driver"
		ok "$driver: claimed" run hold-direct 10
		verdict S5 "$driver" 'spans' "$(asked fail-spans 10)"
		run let-go 10
		unbind dax10.0
	done
}

# A static device that device_dax had loses its compound pages
case_s6_shift() {
	local driver

	for driver in $drivers; do
		make_static 21 4096 32768 2048 34816 $((2 * MIB))
		bound device_dax 21
		unbind dax21.0
		bound "$driver" 21
		verdict S6 "$driver" '' "$(differs vmemmap_shift "shift=0" "$(state 21 shift)"; asked folios-clean 21)"
		unbind dax21.0
		run unmake 21
	done
}

# A probe that fails leaves nothing behind, and the next one succeeds
case_s7_failed_probe() {
	local driver

	shaped 8:32 64:16
	for driver in $drivers; do
		run take $((base + 64 * MIB)) $((2 * MIB)) 10
		verdict "S7, a range is taken" "$driver" '' "$(differs "the error" "Device or resource busy" "$(bind dax10.0 "$driver")"
			differs "what is left" "$idle" "$(state 10)"
			differs "reserved memory" "" "$(grep -i dax10.0 /proc/iomem)")"
		run yield 10
		bound "$driver"
		unbind dax10.0
	done
}

# Address and count of every page, in ranges out of order; requests that cross a range or the end; requests outside
case_s8_s17_access() {
	local driver

	shaped 256:64 8:2 512:64
	for driver in $drivers; do
		bound "$driver"
		verdict "S8 and S17" "$driver" '^every range: |of no pages none|(is|are) refused$' "$(asked access 10)"
		unbind dax10.0
	done
}

# Data in front of its page map, or behind it
case_s9_pagemap() {
	make_static 22 2048 32768 4096 30720
	verdict "S9, page map starts after the data" fsdev '' "$(differs "the error" "Invalid argument" "$(bind dax22.0 fsdev)")"
	run unmake 22
	make_static 23 2048 32768 2048 30720
	verdict "S9, page map ends before the data" fsdev '' "$(differs "the error" "Invalid argument" "$(bind dax23.0 fsdev)")"
	run unmake 23
	skip "S9: fsdev_dax" "it goes through page structures that are not there before it looks"
}

# Release: who is not the holder, and who comes late
case_s12_release() {
	local driver

	shaped 8:64
	for driver in $drivers; do
		bound "$driver"
		if [ "$driver" = fsdev ]; then
			ok "the livepatch loads" modprobe fsdev_livepatch
			until [ "$(cat /sys/kernel/livepatch/fsdev_livepatch/transition 2>/dev/null || echo 0)" = 0 ]; do sleep 0.1; done
		fi
		verdict S12 "$driver" . "$(asked wrong-release 10)"
		unbind dax10.0
		if [ "$driver" = fsdev ]; then
			[ ! -e /sys/kernel/livepatch/fsdev_livepatch ] || echo 0 >/sys/kernel/livepatch/fsdev_livepatch/enabled
			until [ ! -e /sys/kernel/livepatch/fsdev_livepatch ]; do sleep 0.1; done
			ok "the livepatch goes" modprobe -r fsdev_livepatch
		fi
	done
}

# A static device's page map holds no operations of a driver that has left
case_s15_operations() {
	local driver

	for driver in $drivers; do
		make_static 20 2048 32768 2048 32768
		bound "$driver" 20
		unbind dax20.0
		verdict S15 "$driver" '' "$(differs "the page map" "ops=none owner=none" "$(state 20 ops owner)")"
		run unmake 20
	done
}

# A holder hears of the removal while the device is alive
case_s16_removal() {
	local driver

	shaped 8:64
	for driver in $drivers; do
		bound "$driver"
		ok "$driver: claimed" run hold-direct 10
		unbind dax10.0
		verdict S16 "$driver" '' "$(asked told-removal 10)"
		run let-go 10
	done
}

# Zeroing of any number of pages
case_s18_zero() {
	local driver

	shaped 256:64 8:2 512:64
	for driver in $drivers; do
		bound "$driver"
		verdict S18 "$driver" . "$(asked zero 10)"
		unbind dax10.0
	done
}

# Shapes that cannot be
case_s19_shapes() {
	local driver

	shaped 8:32 64:16
	for driver in $drivers; do
		run spoil-map 10
		verdict "S19, a second page map" "$driver" '' "$(differs "the error" "Invalid argument" "$(bind dax10.0 "$driver")")"
		run mend 10
	done
	ok "unmade" run unmake 10
	for driver in $drivers; do
		make_static 24 2048 16384 2048 32768
		run spoil-second-range 24
		verdict "S19, two ranges of a static device" "$driver" '' "$(differs "the error" "Invalid argument" "$(bind dax24.0 "$driver")")"
		run mend 24
		run unmake 24
	done
}

# shellcheck disable=SC2317  # called by the trap
show_table() {
	echo "# question | driver | wrong answers"
	sed 's/^/# /; s/|$/|none/; s/|/ | /g' <<<"${table%$'\n'}"
}
trap show_table EXIT
run_cases
