#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# One boot of tests/suites/persist: persist-guest.sh NUMBER. The first makes the namespace and the file system; each later
# one finds what all earlier ones have written, takes it through the modes, and adds a file of its own.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/stack-lib.sh
. "$(dirname -- "$0")/stack-lib.sh"

boot=$1 mnt=/mnt/persist
mkdir -p $mnt

# first FILTER: of the one object in a listing, which comes in a list or alone
first() { jq -r "if type == \"array\" then .[0] else . end | $1"; }

# namespace: the one on the NVDIMM, with what it was made to be; or the one that is still to be made
namespace() {
	local region

	region=$(ndctl list -R | first .dev)
	echo "namespace${region#region}.0"
}

# device: the DAX device of the namespace, given to fsdev
device() {
	dev=$(ndctl list -NX | first '.daxregion.devices[0].chardev // .chardev')
	disk=/dev/fsdev${dev#dax}
	ok "boot $boot: $dev to fsdev" give "$dev" fsdev
}

# mounted NAME DISK
mounted() {
	ok "boot $boot: $1" mount -o dax=always "$2" $mnt
	mountpoint -q $mnt || finish
}

# all_there WHEN LAST: every file of the boots so far
all_there() {
	local n

	for ((n = 1; n <= $2; n++)); do good "boot $boot: $1: the file of boot $n" $mnt/file$n $((2 * MIB)) "$n"; done
}

if [ "$boot" = 1 ]; then
	ok "boot 1: a devdax namespace" ndctl create-namespace -f -e "$(namespace)" -m devdax -M dev
	device
	mkfs.xfs -q -f -m rmapbt=1,reflink=0 "$disk"
else
	is "boot $boot: the namespace is there" devdax "$(ndctl list -NX | first .mode)"
	device
fi
mounted "mount" "$disk"
all_there "after the boot" $((boot - 1))
dax-file fill "$mnt/file$boot" 0 $((2 * MIB)) "$boot"

if [ "$boot" != 1 ]; then
	umount $mnt
	ok "boot $boot: to device_dax" give "$dev" device_dax
	is "boot $boot: its first bytes are the file system's" XFSB "$(dax-file cat "/dev/$dev" 0 4)"
	# the same memory under the kernel's own driver: the data begins at the same place, as the page structures take as much
	ok "boot $boot: the namespace becomes fsdax" ndctl create-namespace -f -e "$(namespace)" -m fsdax -M dev
	mounted "nd_pmem mounts the file system" "/dev/$(ndctl list -N | first .blockdev)"
	all_there "under nd_pmem" "$boot"
	dax-file fill "$mnt/by-nd_pmem" 0 $MIB "$boot"
	umount $mnt
	ok "boot $boot: and devdax again" ndctl create-namespace -f -e "$(namespace)" -m devdax -M dev
	device
	mounted "mount again" "$disk"
	all_there "after all modes" "$boot"
	good "boot $boot: what was written under nd_pmem" $mnt/by-nd_pmem $MIB "$boot"
fi
# not unmounted: the next boot finds a file system that was in use
sync
finish
