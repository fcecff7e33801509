# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What the demo and the scenarios share in a guest: making DAX devices, changing their driver, mounting.

top=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
# no locale: a dozen files for each program that starts
programs=$top/build/vm
# a guest of another machine has its own
[ "$HOSTTYPE" = x86_64 ] || programs=$top/build/$HOSTTYPE/vm:$top/build/$HOSTTYPE
export PATH=$programs:$PATH LC_ALL=C
MIB=$((1 << 20))

fail() {
	printf 'FAILED: %s\n' "$*"
	exit 1
}

# region_start DEV: physical address at which the region of a dynamic device starts, which is where the device lies as the
# kernel made it; remembered, as the device may be given another shape later.
region_start() {
	local known=/run/lab/$1.start

	[ -e "$known" ] || cat "/sys/bus/dax/devices/$1/mapping0/start" >"$known" ||
		fail "this guest has no $1: boot it with --soft-reserved"
	echo $(($(cat "$known")))
}

# driver_of DEV: which driver has it, or "none". No program is started for it: it is asked for all the time.
driver_of() {
	local driver

	for driver in /sys/bus/dax/drivers/*; do
		[ -e "$driver/$1" ] && echo "${driver##*/}" && return
	done
	echo none
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

# own_fsdev_dax: whether the kernel has a driver fsdev_dax of its own; elsewhere that module is ours.
own_fsdev_dax() {
	[[ $(modinfo -F filename fsdev_dax 2>/dev/null) == */kernel/* ]]
}

# take_id DEV DRIVER: makes the driver forget the device.
take_id() {
	echo "$1" 2>/dev/null >"/sys/bus/dax/drivers/$2/remove_id" || true
}

# xfs_does_realtime: XFS is built with real-time volumes
xfs_does_realtime() {
	modprobe xfs 2>/dev/null || true
	grep -q ' xfs_rtmount_init\>' /proc/kallsyms
}

# shape DEV OFFSET:LENGTH...: gives a dynamic device these ranges, in MiB from its region's start.
shape() {
	local dev=/sys/bus/dax/devices/$1 base part from

	base=$(region_start "$1")
	shift
	give "${dev##*/}" none || return
	echo 0 >"$dev/size" || return
	for part in "$@"; do
		from=$((base + ${part%:*} * MIB))
		printf '%x-%x' $from $((from + ${part#*:} * MIB - 1)) >"$dev/mapping" || return
	done
}
