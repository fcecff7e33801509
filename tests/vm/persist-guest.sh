#!/usr/bin/env bash
# One boot of tests/suites/persist: persist-guest.sh NUMBER. The first makes the namespace and the file system; each later
# one finds what all earlier ones have written, takes it through the modes, and adds a file of its own.
. "$(dirname -- "$0")/lib.sh"
. "$(dirname -- "$0")/tap.sh"

boot=$1 mnt=/mnt/persist
mkdir -p $mnt

# attr KEY: of the one namespace
attr() { ndctl list -NX | jq -r ".[0].$1"; }

# device: the DAX device of the namespace, given to fsdev
device() {
	dev=$(ndctl list -NX | jq -r '.[0].daxregion.devices[0].chardev // .[0].chardev')
	disk=/dev/fsdev${dev#dax}
	ok "boot $boot: $dev to fsdev" give "$dev" fsdev
}

# all_there WHERE: every file of the boots so far
all_there() {
	local n

	for ((n = 1; n <= $2; n++)); do
		is "boot $boot: $1: the file of boot $n" "512 good, 0 wrong, 0 lost" \
			"$(dax-file verify $mnt/file$n 0 $((2 * MIB)) "$n" | tail -n 1)"
	done
}

if [ "$boot" = 1 ]; then
	ok "boot 1: a devdax namespace" ndctl create-namespace -f -e namespace0.0 -m devdax -M dev
	device
	mkfs.xfs -q -f -m rmapbt=1,reflink=0 "$disk"
else
	is "boot $boot: the namespace is there" devdax "$(attr mode)"
	device
fi
ok "boot $boot: mount" mount -o dax=always "$disk" $mnt
all_there "after the boot" $((boot - 1))
dax-file fill "$mnt/file$boot" 0 $((2 * MIB)) "$boot"
umount $mnt

if [ "$boot" != 1 ]; then
	ok "boot $boot: device_dax" give "$dev" device_dax
	is "boot $boot: its first bytes are the file system's" XFSB "$(dax-file cat "/dev/$dev" 0 4)"
	# the same memory under the kernel's own driver: data begins at the same place, as the page structures take as much
	ok "boot $boot: the namespace becomes fsdax" ndctl create-namespace -f -e namespace0.0 -m fsdax -M dev
	ok "boot $boot: nd_pmem mounts the file system" mount -o dax=always /dev/pmem0 $mnt
	all_there "under nd_pmem" "$boot"
	dax-file fill "$mnt/file$boot" 0 $((2 * MIB)) "$boot"
	umount $mnt
	ok "boot $boot: and devdax again" ndctl create-namespace -f -e namespace0.0 -m devdax -M dev
	device
	ok "boot $boot: mount again" mount -o dax=always "$disk" $mnt
	all_there "after all modes" "$boot"
	# not unmounted: the next boot finds a file system that was in use
	sync
fi
finish
