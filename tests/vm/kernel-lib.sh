# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# For scenarios that drive the module of tests/kernel: its commands and reports, and devices of its making.

control=/sys/kernel/debug/fsdev_test
log_mark=0

# run VERB ARGUMENT...: one command of the module.
run() {
	echo "$*" 2>/dev/null >$control/run
}

# points WHAT VERB ARGUMENT...: runs a command and makes its report ours. A failed point brings the next note along, which
# tells what was seen.
points() {
	local what=$1 lines line i n

	shift
	run "$@" || { tap_point 1 "$what: $*" "the command failed" && return; }
	mapfile -t lines <$control/report
	for ((i = 0; i < ${#lines[@]}; i++)); do
		line=${lines[i]}
		case $line in
		"ok "*) tap_point 0 "$what: ${line#* - }" ;;
		"not ok "*)
			for ((n = i; n < ${#lines[@]}; n++)); do [[ ${lines[n]} != '#'* ]] || break; done
			tap_point 1 "$what: ${line#* - }" "${lines[n]#\# }"
			;;
		esac
	done
}

# state ID FIELD...: what the module says of a device: all, or these fields of it.
state() {
	local line

	line=$(grep "^dax$1\.0 " $control/state)
	shift
	if [ $# = 0 ]; then echo "${line#* }"; else grep -oE "\\b($(IFS='|' && echo "$*"))=[^ ]*" <<<"$line" | paste -sd' '; fi
}

# What a device without a driver looks like: nothing of any driver is left on it.
# shellcheck disable=SC2034  # for the scenarios
idle="driver=none pgmap=none alive=no operations=none holder=none driver_data=none resources=none"
# shellcheck disable=SC2034
static_idle="driver=none pgmap=set ops=none owner=none shift=0 alive=no operations=none holder=none driver_data=none resources=none"

# begin ID...: takes the memory from the device that the kernel has made of it, loads the modules, and has the drivers know
# the devices that there will be. Nothing binds by itself.
begin() {
	local id driver

	base=$(region_start dax0.0)
	give dax0.0 none
	echo hmem.0 >/sys/bus/platform/drivers/hmem/unbind || fail "dax_hmem keeps the memory"
	echo 0 >/sys/bus/dax/drivers_autoprobe
	modprobe -a fsdev device_dax fsdev_test || fail "cannot load the modules"
	# these go through every page of a device, again and again: of their accesses fewer are watched for data races
	[ ! -d /sys/module/kcsan ] || echo 5000 >/sys/module/kcsan/parameters/skip_watch
	mkdir -p /run/lab
	for id in "$@"; do
		echo "$base" >"/run/lab/dax$id.0.start"
		# before the devices are there: an id that is new is offered to all that are
		for driver in fsdev device_dax; do echo "dax$id.0" >"/sys/bus/dax/drivers/$driver/new_id"; done
	done
}

# make_dynamic ID OFFSET LENGTH: a dynamic device without ranges, over this region, in MiB from the memory's start.
make_dynamic() {
	run make-dynamic "$1" $((base + $2 * MIB)) $(($3 * MIB)) $((2 * MIB))
}

# make_static ID OFFSET LENGTH MAP-OFFSET MAP-LENGTH [ALIGN]: a static device with a page map, in KiB.
make_static() {
	run make-static "$1" $((base + $2 * 1024)) $(($3 * 1024)) "${6-4096}" $((base + $4 * 1024)) $(($5 * 1024))
}

# bind DEV DRIVER: "bound", or the error of the bus.
bind() {
	local out

	if out=$({ echo "$1" >"/sys/bus/dax/drivers/$2/bind"; } 2>&1); then echo bound; else echo "${out##*: }"; fi
}

unbind() {
	echo "$1" >"/sys/bus/dax/devices/$1/driver/unbind"
}

# let_go ID: the holder gives its claim back, and the driver has seen that there is none any more, for which it looks once a second
let_go() {
	run let-go "$1" || return
	for _ in {1..50}; do
		case $(state "$1" driver operations) in "driver=none operations=set") sleep 0.1 ;; *) return 0 ;; esac
	done
	return 1
}

mark_log() {
	log_mark=$(dmesg | wc -l)
}

# said DEV: the driver's own lines about a device since the mark; those of the driver core are not its own.
said() {
	dmesg | tail -n +$((log_mark + 1)) | grep -F "fsdev $1:" | grep -v 'probe with driver'
}

# refuses WHAT ID ERROR PATTERN: the device does not bind, with that error and one line that says why.
refuses() {
	local lines before

	before=$(state "$2")
	mark_log
	is "$1: refused" "$3" "$(bind "dax$2.0" fsdev)"
	lines=$(said "dax$2.0")
	is "$1: one line in the log" 1 "$(grep -c . <<<"$lines")"
	like "$1: it says what is wrong" "$4" "$lines"
	is "$1: nothing is left" "$before" "$(state "$2")"
}
