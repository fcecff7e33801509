# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What every script of the lab needs: where things lie, and how an error is said.

# shellcheck disable=SC2034  # used by the scripts that read this file
lab_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
top_dir=$(dirname -- "$lab_dir")
FSDEV_LAB=${FSDEV_LAB:-/var/cache/fsdev-lab}
root=$FSDEV_LAB/root
cross=$FSDEV_LAB/cross
arm64=$FSDEV_LAB/arm64
# the series of kernels, of which lab/kernels is the one list
lab_series=$(grep -vE '^(#|$)' "$lab_dir/kernels" | paste -sd' ')
# series for which the module is only built, where the archives have their headers
lab_compile_only="6.18 7.2"

# die MESSAGE: one line that says what is wrong and what would be right; exit 2, as for any use that cannot work.
die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 2
}

# stamp_of FILE...: changes with their contents, but for the line that says their licence
stamp_of() {
	sed '/^# SPDX-License-Identifier: /d' "$@" | sha256sum | cut -d' ' -f1
}

# lab_stamp: what the lab was made from, beside the kernels; another answer means that the lab is out of date.
lab_stamp() {
	stamp_of "$lab_dir/packages" "$lab_dir/make"
}

# lab_ready: it was made from this recipe, and has each kernel of the list.
lab_ready() {
	local one

	[ "$(cat "$FSDEV_LAB/stamp" 2>/dev/null)" = "$(lab_stamp)" ] || return
	for one in $lab_series; do [ -s "$FSDEV_LAB/kernels/$one" ] || return; done
}

# need_lab: stops unless `make lab` has been run to its end for this tree's recipe.
need_lab() {
	[ "$(id -u)" = 0 ] || die "needs root (mounts, chroot): run it as root"
	lab_ready || die "there is no finished lab in $FSDEV_LAB: run 'make lab' first"
}

# cross_ready: lab/cross has made the second root file system from this recipe.
cross_stamp() {
	stamp_of "$lab_dir/packages.cross" "$lab_dir/kernels.cross" "$lab_dir/cross"
}

cross_ready() {
	[ "$(cat "$cross/stamp" 2>/dev/null)" = "$(cross_stamp)" ]
}

# the kernels of lab/kernels.cross that guests of arm64 have
arm64_kernels=$(grep -E '^[^#]* arm64' "$lab_dir/kernels.cross" | tr ' ' '-' | paste -sd' ')

# arm64_ready: lab/arm64 has made its emulator and the guests' root from this recipe.
arm64_stamp() {
	echo "$(stamp_of "$lab_dir/packages.arm64" "$lab_dir/arm64") $(cross_stamp)"
}

arm64_ready() {
	[ "$(cat "$arm64/stamp" 2>/dev/null)" = "$(arm64_stamp)" ]
}

# release_of SERIES: the full release of the lab's kernel of that series, such as 6.12 -> 6.12.94+deb13-amd64; of an
# instrumented one that tests/debug/kernel has made, such as 6.12-kasan; or of one that lab/cross has, such as 7-arm64.
release_of() {
	if [[ $1 == *-* ]] && [ -f "$FSDEV_LAB/debug/$1/release" ]; then cat "$FSDEV_LAB/debug/$1/release" && return; fi
	if [ -f "$cross/kernels/$1" ]; then cat "$cross/kernels/$1" && return; fi
	[ -f "$FSDEV_LAB/kernels/$1" ] ||
		die "there is no kernel '$1': the lab has $lab_series"
	cat "$FSDEV_LAB/kernels/$1"
}

# boot_stamp: what the initramfs of every kernel was made from.
boot_stamp() {
	stamp_of "$lab_dir/init" "$lab_dir/initramfs" "$FSDEV_LAB/stamp"
}

# boot_stamp_arm64: the same of those of arm64.
boot_stamp_arm64() {
	stamp_of "$lab_dir/init" "$lab_dir/initramfs.arm64" "$arm64/stamp"
}
