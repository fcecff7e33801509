#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# The cases of ras.sh on disks of the kernel's nd_pmem, each on its own: tests/vm/nd-pmem.sh CASE... in the guest that
# tests/nd-pmem boots. Says what is seen, and after each case that it has ended: what it does not say, the kernel has not
# survived.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"

# which disk a case has is the same in each boot
all=(mapped late unmapped reading writing huge metadata unbinding)
for ((n = 0; n < ${#all[@]}; n++)); do
	[[ " $* " == *" ${all[n]} "* ]] || continue
	# from 7.x on the disks are made in the background
	for _ in {1..300}; do [ -b /dev/pmem$n ] && break; sleep 0.1; done
	[ -b /dev/pmem$n ] || fail "there is no /dev/pmem$n"
	echo "# case: ${all[n]}"
	bash "$(dirname -- "$0")/ras.sh" pmem$n "${all[n]}" 2>&1 | grep --line-buffered -E '^(# seen|FAILED)'
	echo "# ended: ${all[n]}"
done
