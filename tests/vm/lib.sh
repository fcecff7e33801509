# shellcheck shell=bash
# What the demo and the scenarios share in a guest: making DAX devices, changing their driver, mounting.

top=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
export PATH=$top/build/vm:$PATH
MIB=$((1 << 20))

fail() {
	printf 'FAILED: %s\n' "$*"
	exit 1
}

# soft_reserved N: physical address at which the N-th soft-reserved region starts, from 1.
soft_reserved() {
	local hex

	hex=$(grep -i 'soft reserved' /proc/iomem | sed -n "$1s/ *\([0-9a-f]*\)-.*/\1/p")
	[ -n "$hex" ] || fail "this guest has no soft-reserved region $1: boot it with --soft-reserved"
	echo $((16#$hex))
}

# driver_of DEV: which driver has it, or "none".
driver_of() {
	local link=/sys/bus/dax/devices/$1/driver

	if [ -e "$link" ]; then basename "$(readlink -f "$link")"; else echo none; fi
}

# give DEV DRIVER: takes the device from its driver, if any, and gives it to another; fails where that does not bind.
give() {
	local drivers=/sys/bus/dax/drivers

	[ "$(driver_of "$1")" = none ] || echo "$1" >"/sys/bus/dax/devices/$1/driver/unbind" || return
	[ "$2" = none ] && return
	modprobe "$2" || return
	[ "$(driver_of "$1")" = "$2" ] && return
	# the id stays with the driver, so a second time only the binding is left to do
	echo "$1" 2>/dev/null >"$drivers/$2/new_id" || true
	[ "$(driver_of "$1")" = "$2" ] || echo "$1" 2>/dev/null >"$drivers/$2/bind"
	[ "$(driver_of "$1")" = "$2" ]
}

# take_id DEV DRIVER: makes the driver forget the device.
take_id() {
	echo "$1" 2>/dev/null >"/sys/bus/dax/drivers/$2/remove_id" || true
}

# shape DEV BASE OFFSET:LENGTH...: gives a dynamic device these ranges, in MiB from BASE.
shape() {
	local dev=/sys/bus/dax/devices/$1 base=$2 part from

	shift 2
	give "${dev##*/}" none || return
	echo 0 >"$dev/size" || return
	for part in "$@"; do
		from=$((base + ${part%:*} * MIB))
		printf '%x-%x' $from $((from + ${part#*:} * MIB - 1)) >"$dev/mapping" || return
	done
}
