#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --cpus 1 --nvdimm build/vm/ras-nvdimm-@KERNEL@:256M --qemu "-cpu Skylake-Server,-xsave,-pclmulqdq"
# Memory that the platform knows to be bad before the device is bound: a machine check in an unused NVDIMM goes to the
# NVDIMM bus alone. Binding takes it over, so that no file system steps on it.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/ras-lib.sh
. "$(dirname -- "$0")/ras-lib.sh"

namespace=$(ndctl create-namespace -f -e namespace0.0 -m devdax -M mem | sed -n 's/.*"dev":"\(namespace[^"]*\)".*/\1/p')
dev=$(ndctl list -Nn "$namespace" | sed -n 's/.*"chardev":"\([^",]*\).*/\1/p' | head -n 1)
like "a devdax namespace" "^dax" "$dev"
disk=/dev/fsdev${dev#dax}
start=$(($(cat "/sys/bus/dax/devices/$dev/resource")))
give "$dev" none
is "the bus knows of nothing bad" "" "$(cat /sys/bus/nd/devices/region0/badblocks)"
machine_check $((start + 3 * MIB + 8192))
like "a failure while the device has no driver: the bus knows" "^[0-9]+ [0-9]+$" "$(cat /sys/bus/nd/devices/region0/badblocks)"

ok "bound" give "$dev" fsdev
is "what the bus knows is bad" "$((3 * MIB + 8192))+4096" "$(bad)"
like "it is in the log" "known poison: device offset 0x302000, 4096 bytes" "$(dmesg)"
is "it cannot be read" "2 read, 1 EIO, 5 read" "$(ras-file read "$disk" $((3 * MIB)) 32768)"
is "until it is overwritten" 32768 "$(ras-file write "$disk" $((3 * MIB)) 32768 1)"
sync
is "bad is then" "" "$(bad)"
is "all of it" "8 good, 0 wrong, 0 lost" "$(ras-file check "$disk" $((3 * MIB)) 32768 1)"
give "$dev" none
finish
