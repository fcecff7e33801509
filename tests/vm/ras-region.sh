#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --cpus 1 --nvdimm build/vm/ras-region-@KERNEL@:256M --qemu "-cpu Skylake-Server,-xsave,-pclmulqdq"
# A machine check while the NVDIMM region loses its driver, and this driver with it. The unbind waits for a page that is in a pipe,
# and the region's device_lock is held meanwhile. The NVDIMM bus hears of the machine check in the kernel's decode chain, and takes
# that lock there; so the unbind must not wait for the chain.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/ras-lib.sh
. "$(dirname -- "$0")/ras-lib.sh"

nd=/sys/bus/nd/drivers/nd_region
namespace=$(ndctl create-namespace -f -e namespace0.0 -m devdax -M mem | sed -n 's/.*"dev":"\(namespace[^"]*\)".*/\1/p')
dev=$(ndctl list -Nn "$namespace" | sed -n 's/.*"chardev":"\([^",]*\).*/\1/p' | head -n 1)
like "a devdax namespace" "^dax" "$dev"
disk=/dev/fsdev${dev#dax}
ok "bound" give "$dev" fsdev
failing=$(phys_of $((2 * MIB)))
mkfs.ext4 -q -F -b 4096 "$disk" || fail "mkfs"
mount -o dax=always "$disk" /mnt || fail "mount"
dax-file fill /mnt/file 0 65536 1 >/dev/null

: >/tmp/pins
dax-file pin /mnt/file 0 >/tmp/pins 2>&1 &
pinner=$!
until has_line '^ready' /tmp/pins; do sleep 0.05; done
echo region0 >$nd/unbind &
taker=$!
until dmesg | grep -q "unbind blocked: 1 pages still referenced"; do sleep 0.1; done
machine_check "$failing"
# the bus is in the chain, and waits
like "the bus waits for the region" 'nvdimm_region_notify|nd_device_notify' \
	"$(cat /proc/[0-9]*/stack 2>/dev/null | grep -E 'mce|nfit|nd_|nvdimm|mutex')"
kill -9 $pinner
wait $pinner 2>/dev/null
for _ in {1..200}; do kill -0 $taker 2>/dev/null || break; sleep 0.1; done
refused "the unbind ends" kill -0 $taker
is "the region has no driver" "" "$(ls -d $nd/region0 2>/dev/null)"
umount /mnt
ok "the region gets its driver again" eval "echo region0 >$nd/bind"
like "the bus knows of the failure" "^[0-9]+ [0-9]+$" "$(cat /sys/bus/nd/devices/region0/badblocks)"
finish
