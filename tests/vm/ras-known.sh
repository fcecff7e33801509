#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --cpus 1 --nvdimm build/vm/ras-known-@KERNEL@:512M --qemu "-cpu Skylake-Server,-xsave,-pclmulqdq"
# Memory that the platform knows to be bad before the device is bound: a machine check in an unused NVDIMM goes to the
# NVDIMM bus alone. Binding takes it over, so that no file system steps on it. Then a page that a process has stored to fails
# under a file system, which writes it back: the kernel lives, and fsync says EIO once.
# shellcheck disable=SC2317  # make_fs is called by name
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/ras-lib.sh
. "$(dirname -- "$0")/ras-lib.sh"
# shellcheck source=tests/vm/kernel-lib.sh
. "$(dirname -- "$0")/kernel-lib.sh"

make_fs() {
	case $1 in
	xfs) mkfs.xfs -q -f -m rmapbt=1 "$disk" ;;
	ext4) mkfs.ext4 -q -F -b 4096 "$disk" ;;
	esac
}

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

# QEMU's bus cannot clear poison, and goes on calling the page bad
like "the bus still calls it bad" "^[0-9]+ [0-9]+$" "$(cat /sys/bus/nd/devices/region0/badblocks)"
give "$dev" none
ok "bound again" give "$dev" fsdev
is "what was repaired is good" "" "$(bad)"
is "and holds what was written" "8 good, 0 wrong, 0 lost" "$(ras-file check "$disk" $((3 * MIB)) 32768 1)"

modprobe fsdev_test
# A bus that has cleared a page forgets it; where the page then cannot be read, it is told so: else the next bind knew nothing
run platform-clears || tap_point 1 "the bus clears"
fsdev-node span "/dev/$dev" add-bad $((5 * MIB)) 4096 0 >/dev/null
run damage-at $((start + 5 * MIB)) || tap_point 1 "a page cannot be read"
refused "a page that is cleared and cannot be read stays bad" \
	dd if=/dev/zero of="$disk" bs=4k count=1 seek=$((5 * 256)) oflag=direct conv=notrunc
run mend-page
run platform-as-it-is
give "$dev" none
ok "bound once more" give "$dev" fsdev
is "it is bad still" "$((5 * MIB))+4096" "$(bad)"
ok "it is overwritten" dd if=/dev/zero of="$disk" bs=4k count=1 seek=$((5 * 256)) oflag=direct conv=notrunc
is "bad is then" "" "$(bad)"

# Write-back of a page that a process has stored to and that has failed: an emulated processor does not mind what address it
# flushes, so the addresses are looked at
for type in xfs ext4; do
	ok "$type: made" make_fs $type
	mount -o dax=always "$disk" /mnt
	dax-file fill /mnt/file 0 65536 1 >/dev/null
	# of the device, which the platform knows to be good
	failing=$((start + $(blocks /mnt/file 8192)))
	: >/tmp/dirty
	ras-file dirty /mnt/file 8192 >/tmp/dirty 2>&1 &
	until grep -q . /tmp/dirty; do sleep 0.05; done
	run flush-watch
	machine_check $failing
	kill -TERM $!
	wait $!
	is "$type: what fsync says, and a read" "stored;fsync EIO;fsync ok;fsync ok;read EIO" "$(paste -sd';' /tmp/dirty)"
	points "$type" flush-seen
	is "$type: overwritten" 4096 "$(ras-file write /mnt/file 8192 4096 1)"
	is "$type: all of it" "16 good, 0 wrong, 0 lost" "$(ras-file check /mnt/file 0 65536 1)"
	umount /mnt
	is "$type: bad is then" "" "$(bad)"
done
# More than a list of bad blocks holds, which is 128 MiB in pieces of 256 KiB; beside it pages that lie apart
give "$dev" device_dax
run platform-bad "/dev/$dev" $((start + 32 * MIB)) $((160 * MIB)) || tap_point 1 "the bus learns of more"
for ((n = 0; n < 100; n++)); do run platform-bad "/dev/$dev" $((start + 4 * MIB + n * 8192)) 512; done
ok "bound" give "$dev" fsdev
# up to four pages of them were repaired above, and are good
known=$(fsdev-node info "/dev/$dev" | sed 's/.* bad=//; s/\/.*//')
ok "all that the bus knows is bad: $known bytes" \
	test "$known" -ge $((160 * MIB + 96 * 4096)) -a "$known" -le $((160 * MIB + 100 * 4096))
give "$dev" none
finish
