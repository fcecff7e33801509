# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What the scenarios of fsdevctl share.
# shellcheck disable=SC2154  # top is of the scenario
export PATH=$top/build:$PATH

# gives NAME STATUS PATTERN COMMAND...: the command ends with that status and says something that matches.
gives() {
	local name=$1 want=$2 pattern=$3 out status=0

	shift 3
	out=$("$@" 2>&1 </dev/null) || status=$?
	if [ "$status" = "$want" ]; then
		like "$name" "$pattern" "$out"
	else
		tap_point 1 "$name" "wanted: status $want
got:    $status: $out"
	fi
}

# whole: what hangs on the tool alone, and not on the kernel, is tried on one of them, a stock one; or everywhere with WHOLE=y.
whole() {
	[[ $(uname -r) == 6.12*-amd64 || -n ${WHOLE-} ]]
}

# lists DEV JQ: what list --json says of a device
lists() {
	fsdevctl list "$1" --json | jq -r ".[0]|$2"
}

# device_offset FILE BYTE: where a file's byte lies in the device
device_offset() {
	filefrag -b4096 -e "$1" | awk -v page=$(($2 / 4096)) \
		'$1 ~ /^[0-9]+:$/ { gsub(/[.:]/, " "); if (page >= $2 && page <= $3) print ($4 + page - $2) * 4096 }'
}

# memory_online: how many blocks are ordinary memory that can be given back
memory_online() {
	local state zones n=0

	while read -r state; do
		read -r zones <"${state%state}valid_zones"
		[ "$zones" != Movable ] || n=$((n + 1))
	done < <(grep -l '^online' /sys/devices/system/memory/memory*/state)
	echo $n
}
