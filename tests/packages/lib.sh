# shellcheck shell=bash
# What the guests of the packages' test share; $top is theirs.
# shellcheck disable=SC2034,SC2154

# shellcheck source=tests/vm/tap.sh
. "$top/tests/vm/tap.sh"
version=$(cat "$top/VERSION")
release=$(uname -r)
dev=dax0.0 disk=/dev/fsdev0.0 mnt=/mnt/packages
mkdir -p $mnt

# The lab puts this tree's modules in place; here they come from packages.
alone() {
	umount "/usr/lib/modules/$release/updates" 2>/dev/null
	mkdir -p /var/lib/dkms
	# the index of manual pages, which an emulated machine is long at
	rm -f /var/lib/man-db/auto-update
	depmod
	# DKMS builds for every kernel that has headers; here there is one
	for other in /usr/lib/modules/*; do
		[ "${other##*/}" = "$release" ] || mount -t tmpfs tmpfs "$other"
	done
}

debs() {
	ls "$top/build/deb/$1"/*.deb
}
