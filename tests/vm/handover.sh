#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --cpus 1 --soft-reserved 512M --append rcupdate.rcu_expedited=1
# One device goes from driver to driver, in any order and a thousand times, and nothing is lost on the way: memory,
# resources, nodes, minor numbers, references to modules. Loading the module takes no device.
# shellcheck disable=SC2317  # cases are called by name
. "$(dirname -- "$0")/lib.sh"
. "$(dirname -- "$0")/tap.sh"

dev=dax0.0 rounds=${ROUNDS-1000} seed=${SEED-1}
drivers=/sys/bus/dax/drivers
# kmem needs whole memory blocks, and gives them back only if they are offline
shape $dev 0:128
echo offline >/sys/devices/system/memory/auto_online_blocks
# device_dax of 6.1 takes every device without a driver
modprobe fsdev
modprobe device_dax
modprobe fsdev_dax
# the last is the kernel's own, or fsdev under that name
others="device_dax kmem fsdev_dax"

before_case() {
	give $dev none
	now=none
}

snapshot() {
	echo "iomem $(sha256sum </proc/iomem)"
	echo "nodes $(find /dev -name 'dax*' -o -name 'fsdev*' | sort | xargs)"
	echo "disks $(find /sys/block -name 'fsdev*' | wc -l)"
	echo "refs $(awk '$1 ~ /^(fsdev|device_dax|fsdev_dax)$/ { print $1, $3 }' /proc/modules | sort | xargs)"
	echo "modules' memory $(awk '$1 == "fsdev" { print $2 }' /proc/modules)"
}

# in_use: kilobytes of memory that is in use for good
in_use() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	awk '/^(SUnreclaim|VmallocUsed|Percpu|KernelStack):/ { n += $2 } END { print n }' /proc/meminfo
}

# round DRIVER|none: no program is started, so that a thousand of them take a minute
round() {
	if [ "$now" != none ]; then
		echo "$dev" >"$drivers/$now/unbind" || return
		[ -e "$drivers/$now/$dev" ] && return 1
	fi
	now=none
	[ "$1" = none ] && return
	echo "$dev" >"$drivers/$1/bind" && [ -e "$drivers/$1/$dev" ] && now=$1
}

# What is allocated once, on the first use of each path, is there before the count begins; and what KASAN keeps of all that is
# freed, which stops growing after some 250 rounds.
times=1
case $(uname -r) in *-kasan) times=50 ;; esac
# shellcheck disable=SC2317  # called by ok
warm() {
	local i

	for ((i = 0; i < times; i++)); do
		for driver in fsdev $others fsdev $others none; do round "$driver" || return; done
	done
}

# Loading a driver's module takes no device
case_loading() {
	local module

	for module in $others fsdev; do modprobe -r "$module"; done
	is "nothing is loaded" "" "$(awk '$1 ~ /^(fsdev|device_dax|kmem|fsdev_dax)$/ { print $1 }' /proc/modules)"
	modprobe fsdev
	is "loading fsdev takes no device" none "$(driver_of "$dev")"
	# these take every device without a driver, depending on the kernel
	modprobe -a device_dax kmem
	give "$dev" none
	modprobe fsdev_dax
	is "loading fsdev_dax takes no device" none "$(driver_of "$dev")"
}

# Each driver takes the device, and has it alone
case_alone() {
	local driver

	for driver in fsdev $others; do
		ok "$driver takes it" give "$dev" "$driver"
		is "$driver has it alone" 1 "$(find "$drivers"/*/ -name "$dev" | wc -l)"
		refused "$driver has it, and fsdev does not get it" sh -c "echo $dev >$drivers/fsdev/bind"
	done
}

# A thousand hand-overs in a random order
case_random_order() {
	local before used after grown list lost=0 pick i

	# each knows the device from here on
	for driver in fsdev $others; do ok "$driver takes it" give "$dev" "$driver"; done
	give "$dev" none
	ok "warm up" warm
	before=$(snapshot) used=$(in_use)
	RANDOM=$seed
	list="fsdev fsdev $others none"
	read -ra list <<<"$list"
	for ((i = 0; i < rounds; i++)); do
		pick=${list[RANDOM % ${#list[@]}]}
		[ "$pick" = "$now" ] || round "$pick" || lost=$((lost + 1))
	done
	is "$rounds hand-overs from seed $seed, none lost" 0 "$lost"
	round none
	after=$(snapshot)
	is "nothing is left behind" "$before" "$after"
	grown=$(($(in_use) - used))
	echo "# kernel memory grew by $grown KiB over $rounds hand-overs"
	ok "a leak of a page in each would be $((rounds * 4)) KiB; less than half of that" test "$grown" -lt $((rounds * 2))
}

# The node that device_dax has had open, once that has been unloaded: the operations of the mapping that it gave the node are gone
case_node() {
	ok "to device_dax" give "$dev" device_dax
	ok "its node opens" sh -c ": </dev/$dev"
	give "$dev" none
	ok "device_dax is unloaded" modprobe -r device_dax
	ok "to fsdev" give "$dev" fsdev
	ok "its node opens" sh -c ": </dev/$dev"
	give "$dev" none
	modprobe device_dax
}

# The module goes and comes
case_unload() {
	own_fsdev_dax || ok "the module of the other name can go" rmmod fsdev_dax
	ok "the module can go" rmmod fsdev
	ok "the module can come again" modprobe fsdev
	is "the module has no device" none "$(driver_of "$dev")"
}

run_cases
