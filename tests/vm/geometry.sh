#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --cpus 2 --soft-reserved 1G --append rcupdate.rcu_expedited=1
# A device's ranges are written while it binds: what the driver has is whole, and what the bus had at one moment. At chosen
# moments of its reading first (tests/kernel/geometry.c), then with writers of `mapping` and `size` at full speed, beside a
# neighbour in the same region. ROUNDS of that.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/kernel-lib.sh
. "$(dirname -- "$0")/kernel-lib.sh"

rounds=${ROUNDS:-12}
neighbour=dax10.1
begin 10
# before it is there: an id that is new is offered to all devices
echo $neighbour >/sys/bus/dax/drivers/device_dax/new_id
make_dynamic 10 0 512
region=/sys/devices/platform/fsdev_test.10/dax_region
locks=y
case $(uname -r) in 6.1.*) locks='' ;; esac

# ends_as WHAT MIB: bound, with that capacity, all of it the device's
ends_as() {
	is "$1: bound" bound "$(bind dax10.0 fsdev)"
	is "$1: capacity" $(($2 * 2048)) "$(cat /sys/block/fsdev10.0/size)"
	is "$1: bus, driver, reservations" "all agree" "$(dax-ranges agree dax10.0)"
	points "$1" maps-agree 10
	[ -z "$locks" ] || points "$1" size-calls 10 "${3-3}"
	unbind dax10.0
	run size-back 10
}

ok "two ranges" shape dax10.0 8:32 64:16
run size-grow 10 999
ends_as "nothing changes" 48
for call in 1 2 3; do
	run size-grow 10 $call
	ends_as "a range grows at step $((2 * call - 1))" $((48 + (${locks:+1} + 0) * 2))
	run size-move 10 $call
	ends_as "the ranges move at step $((2 * call - 1))" 48
done
if [ -n "$locks" ]; then
	run size-grow 10 0
	refuses "the ranges change all the time" 10 "Device or resource busy" "ranges changed during each of [0-9]* reads"
	run size-back 10
fi
ends_as "and then do not" 48 0

# the neighbour lies between the ranges that the device gets
echo 0 >/sys/bus/dax/devices/dax10.0/size
echo 1 >$region/create
is "a neighbour" $neighbour "$(cat $region/create)"
for ((i = 0; i < 8; i++)); do
	printf '%x-%x' $((base + (i * 12 + 4) * MIB)) $((base + (i * 12 + 6) * MIB - 1)) >"/sys/bus/dax/devices/$neighbour/mapping"
done
is "the neighbour is bound" bound "$(bind $neighbour device_dax)"
reserved=$(grep -c " : $neighbour\$" /proc/iomem)
is "the neighbour's ranges are reserved" 8 "$reserved"

# beside WHAT WRITER...: ROUNDS of bind and unbind beside the writers
beside() {
	local what=$1 pids=() pid bound=0 other='' wrong='' said n

	shift
	for n in "$@"; do
		# shellcheck disable=SC2086  # a command and its arguments
		dax-ranges $n >"/tmp/writer-${n%% *}" 2>&1 &
		pids+=($!)
	done
	for ((n = 0; n < rounds; n++)); do
		said=$(bind dax10.0 fsdev)
		case $said in
		bound)
			bound=$((bound + 1))
			said=$(dax-ranges agree dax10.0)
			[ "$said" = "all agree" ] || wrong+="$said;"
			run maps-agree 10
			! grep -q '^not ok' $control/report || wrong+="$(grep -A1 '^not ok' $control/report);"
			unbind dax10.0
			;;
		# no range at that moment
		"No such device or address") ;;
		*) other+="$said;" ;;
		esac
	done
	for pid in "${pids[@]}"; do kill -TERM "$pid" && wait "$pid"; done
	for n in "$@"; do echo "# $what: ${n%% *}: $(cat "/tmp/writer-${n%% *}")"; done
	is "$what: $rounds times bound or without a range" "" "$other"
	like "$what: bound in some of them" '^[1-9]' "$bound"
	echo "# $what: bound $bound times"
	is "$what: each time all agree" "" "$wrong"
	echo 0 >/sys/bus/dax/devices/dax10.0/size
}

# The first range has another user: probe copies the ranges and is refused before it maps any, so that it runs often.
run take $((base + 8 * MIB)) $((2 * MIB)) 10
dax-ranges append dax10.0 $((base + 8 * MIB)) $((6 * MIB)) 24 >/tmp/writer &
writer=$!
bound=0
for ((n = 0; n < 10 * rounds; n++)); do ! echo dax10.0 2>/dev/null >/sys/bus/dax/drivers/fsdev/bind || bound=$((bound + 1)); done
kill -TERM $writer && wait $writer
echo "# the first range is taken: $((10 * rounds)) times, append: $(cat /tmp/writer)"
is "the first range is taken: never bound" 0 $bound
run yield 10
echo 0 >/sys/bus/dax/devices/dax10.0/size

beside "mapping is written" "append dax10.0 $((base + 8 * MIB)) $((6 * MIB)) 24"
beside "size is written" "resize dax10.0 $((64 * MIB)) $((6 * MIB))"
beside "both are written" "append dax10.0 $((base + 8 * MIB)) $((6 * MIB)) 24" "resize dax10.0 $((64 * MIB)) $((6 * MIB))"
is "the neighbour's ranges are reserved still" "$reserved" "$(grep -c " : $neighbour\$" /proc/iomem)"
unbind $neighbour
echo 0 >/sys/bus/dax/devices/$neighbour/size
is "nothing else is reserved" "" "$(grep dax10 /proc/iomem)"
ok "two ranges again" shape dax10.0 8:32 64:16
ends_as "after all" 48 0
run unmake 10
finish
