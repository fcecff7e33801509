#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# stack: --cxl 256M --append pcie_ports=native
# kernels: 6.12 7 (6.1 makes no regions of volatile CXL memory)
# CXL memory that is lost under a mounted file system: its slot loses the power, and no driver hears of it. What is read is not what
# was written, until the removal; that ends, each process gets SIGBUS, and the kernel is whole.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/removal-lib.sh
. "$(dirname -- "$0")/removal-lib.sh"
# shellcheck source=tests/vm/stack-lib.sh
. "$(dirname -- "$0")/stack-lib.sh"
# shellcheck source=tests/vm/cxl-lib.sh
. "$(dirname -- "$0")/cxl-lib.sh"

# word PORT OFFSET: two bytes of its configuration space
word() {
	od -An -tu2 -j "$2" -N 2 "/sys/bus/pci/devices/$1/config" | tr -d ' '
}

# power_off PORT: what the slot's driver would write to its control register, with the power indicator and the power controller off.
# The emulator takes the device out at once.
power_off() {
	local at=$(($(word "$1" 52) & 255)) value

	while [ $(($(word "$1" $at) & 255)) != 16 ]; do
		[ $at != 0 ] || fail "no PCI Express capability: $1"
		at=$(($(word "$1" $at) >> 8))
	done
	value=$(($(word "$1" $((at + 24))) | 0x700))
	# shellcheck disable=SC2059  # it is the format
	printf "\\x$(printf %02x $((value & 255)))\\x$(printf %02x $((value >> 8)))" |
		dd of="/sys/bus/pci/devices/$1/config" bs=1 seek=$((at + 24)) conv=notrunc status=none
}

host=$(cxl list -M | jq -r 'if type == "array" then .[0] else . end | .host')
port=$(basename "$(dirname "$(readlink -f "/sys/bus/pci/devices/$host")")")
hotplug=/sys/bus/pci_express/drivers/pciehp

watch_walks
what="silent loss"
region "$what"
mounted "$what" xfs
in_use
for slot in "$hotplug/$port":pcie*; do slot=${slot##*/}; done
ok "$what: the slot's driver does not look" sh -c "echo $slot >$hotplug/unbind"
power_off "$port"
is "$what: what is read is not what was written" "0 good, 64 wrong, 0 lost" "$(dax-file verify $mnt/read 0 $len 1 | tail -n 1)"
# nothing tells that it is lost
ok "$what: a new file, synchronized" sh -c "echo new >$mnt/new && sync -f $mnt/new"
is "$what: the device has its driver" fsdev "$(driver_of "$dev")"
ok "$what: unbind" unwaited give "$dev" none
all_told "$what"
ok "$what: the memory device is removed" sh -c "echo 1 >/sys/bus/pci/devices/$host/remove"
refused "no memory device is left" compgen -G '/sys/bus/cxl/devices/mem*'
finish
