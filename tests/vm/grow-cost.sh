#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --icount --cpus 1 --soft-reserved 3500M
# What a growth costs, in instructions of the task, beside a binding of as much memory: at most 1.2 times that, whatever the device
# had before.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"

dev=dax0.0 disk=/dev/fsdev0.0 drivers=/sys/bus/dax/drivers/fsdev
base=$(region_start $dev)
modprobe fsdev
give $dev none
echo $dev >$drivers/new_id 2>/dev/null
give $dev none

# cost FILE: writes the device's name there, and says what that took
cost() {
	# shellcheck disable=SC2016  # the inner shell's own
	sh -c 'echo "$0" >"$1" || exit; read -r n rest <"/proc/$$/schedstat"; echo "$n"' $dev "$drivers/$1"
}

# append OFFSET:LENGTH...: the bus gives the bound device these ranges, in MiB from the region's start
append() {
	local part from

	for part in "$@"; do
		from=$((base + ${part%:*} * MIB))
		printf '%x-%x' $from $((from + ${part#*:} * MIB - 1)) >/sys/bus/dax/devices/$dev/mapping || return
	done
}

# grown NAME MIB RANGE...: a device of these ranges and that much memory grows by 1 GiB
grown() {
	local name=$1 mib=$2 took

	shift 2
	shape $dev "$@"
	echo $dev >$drivers/bind
	append 2400:1024
	took=$(cost grow)
	is "$name: the disk" $(((mib + 1024) * MIB)) "$(blockdev --getsize64 $disk)"
	echo "# $name grows by 1 GiB: $took instructions, $((took * 1000 / bound)) thousandths of a binding"
	ok "$name: at most 1.2 times what a binding of 1 GiB costs" test $((took * 10)) -le $((bound * 12))
	give $dev none
}

# the second one: the first loads and allocates what stays
for _ in 1 2; do
	shape $dev 2400:1024
	bound=$(cost bind)
	give $dev none
done
echo "# a binding of 1 GiB: $bound instructions"
like "a binding is counted" '^[0-9]{7,9}$' "$bound"
grown "64 MiB" 64 0:64
grown "2 GiB" 2048 0:2048
mapfile -t many < <(for ((n = 0; n < 256; n++)); do echo $((n * 8)):4; done)
grown "1 GiB in 256 ranges" 1024 "${many[@]}"
finish
