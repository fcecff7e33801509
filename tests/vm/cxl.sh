#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# stack: --cxl 512M
# kernels: 6.12 7 (6.1 makes no regions of volatile CXL memory)
# CXL memory as QEMU emulates it: a volatile type-3 device becomes a region, the region a DAX device, and that a file system.
# The region and then the memory device go away under the mounted file system. Every access is emulated: little data. 6.1
# cannot make a region of volatile memory.
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

# goes NAME COMMAND...: what removes the memory, and what its users get
goes() {
	local name=$1

	shift
	in_use
	ok "$name: $*" unwaited "$@"
	refused "$name: the DAX device is gone" test -e "/sys/bus/dax/devices/$dev"
	all_told "$name"
}

watch_walks
region "first region"
is "first region: its size" $((512 * MIB)) "$(blockdev --getsize64 "$disk")"
mounted "first region" xfs
start=$(($(cat "/sys/bus/dax/devices/$dev/mapping0/start")))
is "it lies where the CXL window has it" "$(printf %#x $((start + $(at $mnt/read 0))))" "$(dax-file phys $mnt/read 0)"
is "a failing page" "SIGBUS BUS_MCEERR_AR at offset 8192 lsb 12" "$(dax-file poison $mnt/written 8192)"
good "leaves the other file alone" $mnt/read $len 1
ok "is overwritten" dd if=/dev/zero of=$mnt/written bs=4k seek=2 count=1 conv=notrunc oflag=direct
is "and good again" "" "$(cat "/sys/block/${disk##*/}/badblocks")"
goes "region removed" cxl destroy-region -f region0

region "second region"
is "second region: its size" $((512 * MIB)) "$(blockdev --getsize64 "$disk")"
mounted "second region" ext4
host=$(cxl list -M | jq -r 'if type == "array" then .[0] else . end | .host')
goes "memory device removed" sh -c "echo 1 >/sys/bus/pci/devices/$host/remove"
refused "no memory device is left" compgen -G '/sys/bus/cxl/devices/mem*'
finish
