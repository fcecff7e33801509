# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# For scenarios in which memory fails: where it lies, machine checks, and what the device says is bad.
# shellcheck disable=SC2154  # dev and disk are of the scenario

# phys_of DEVICE-OFFSET: physical address on $dev, which may be a DAX device or a disk of nd_pmem.
phys_of() {
	local map start end first

	if [[ $dev == pmem* ]]; then
		echo $(($(cat "/sys/block/$dev/device/resource") + $1))
		return
	fi
	for map in "/sys/bus/dax/devices/$dev"/mapping[0-9]*; do
		start=$(($(cat "$map/start"))) end=$(($(cat "$map/end"))) first=$(($(cat "$map/page_offset") * 4096))
		(($1 >= first && $1 - first <= end - start)) && echo $((start + $1 - first)) && return
	done
	return 1
}

failures() {
	dmesg | grep -c 'Memory failure: .*\(recovery action\|outside kernel\)'
}

# check_at PHYSICAL: a machine check as the memory controller's patrol raises it; it does not wait
check_at() {
	printf 'mce 0 9 0xbd000000000000c0 0x5 %#x 0x8c\n' "$1" >/run/lab/monitor
}

# comes COMMAND...: waits until it succeeds; on nd_pmem for twenty seconds, as there it may never
comes() {
	local end=$((SECONDS + 20))

	until "$@"; do
		[[ $dev != pmem* ]] || ((SECONDS < end)) || return 1
		sleep 0.05
	done
}

more_failures() {
	[ "$(failures)" -gt "$1" ]
}

# machine_check PHYSICAL: ... until the kernel has handled it, and changed its mapping
machine_check() {
	local before

	before=$(failures)
	check_at "$1"
	comes more_failures "$before"
	# mce_work goes on for a moment; whatever is queued behind it has its turn after that
	sleep 0.3
}

# bad: the bad blocks of $disk as bytes: OFFSET+LENGTH...
bad() {
	awk '{ printf "%s%d+%d", n++ ? " " : "", $1 * 512, $2 * 512 }' "/sys/block/${disk##*/}/badblocks"
}

# blocks FILE OFFSET: device offset of a file's byte
blocks() {
	filefrag -b4096 -e "$1" | awk -v at=$(($2 / 4096)) '$1 ~ /^[0-9]+:$/ {
		sub(/\.\./, "", $2); sub(/:$/, "", $3); sub(/\.\./, "", $4)
		if (at >= $2 + 0 && at <= $3 + 0) printf "%d\n", ($4 + at - $2) * 4096
	}'
}

# held OUTPUT FILE...: a process that goes over a mapping of the file, once it has read all of it; $held are their ids
hold() {
	ras-file hold "$2" >"$1" 2>&1 &
	held+=" $!"
	until grep -q . "$1"; do sleep 0.05; done
}

# let_go: the processes end, by themselves or not
let_go() {
	local pid

	for pid in $held; do
		for _ in {1..40}; do kill -0 "$pid" 2>/dev/null || break; sleep 0.05; done
		kill -9 "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	held=''
}

# copies_of FILE OFFSET: a process with a private mapping of the file, two pages of which it has written, and its child
copies_of() {
	: >/tmp/copies
	ras-file private "$1" "$2" >/tmp/copies 2>&1 &
	copies_pid=$!
	until grep -qs . /tmp/copies; do sleep 0.05; done
}

# copies_kept WHAT NEXT: both have had what they wrote until now, and what they find in the page behind it
copies_kept() {
	kill -TERM "$copies_pid"
	wait "$copies_pid"
	is "$1: private copies are kept, and what is behind them is $2" \
		"ready;parent: 0 wrong;parent: $2;child: 0 wrong;child: $2" "$(paste -sd';' /tmp/copies)"
}
