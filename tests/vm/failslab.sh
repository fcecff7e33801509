#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# debug: --soft-reserved 256M --append log_buf_len=4M
# On a kernel with fault injection: each allocation that the kernel makes for a bind, an unbind, a command of the node fails
# once, the device is whole each time, and nothing is lost. What `inject` does call by call of the driver this does for all
# below as well.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"

# the kernel's own complaint where it cannot add memory
# shellcheck disable=SC2034
stock_complaint='add_pages'
dev=dax0.0 faults=/sys/kernel/debug
for kind in failslab fail_page_alloc; do
	[ -d $faults/$kind ] || fail "this kernel has no $kind: see make test-debug"
	echo N >$faults/$kind/ignore-gfp-wait
	echo 0 >$faults/$kind/verbose
done
echo 0 >$faults/fail_page_alloc/min-order
shape $dev 0:16 64:16
give $dev fsdev || fail "cannot bind $dev"
give $dev none
mapfile -t told < <(fail-nth device $dev 2>&1)
printf '# %s\n' "${told[@]}"
# a step that has no allocation of its own cannot be refused
for step in bind unbind open own add-bad inject clear scrub read; do
	line=$(printf '%s\n' "${told[@]}" | grep "^$step:")
	like "$step: every answer is true" ' 0 wrong$' "$line"
	case $step in bind | unbind | open | own) like "$step: some were refused" ', [1-9][0-9]* refused' "$line" ;; esac
done
is "the device has its driver" fsdev "$(driver_of $dev)"
mkdir -p /mnt/failslab
mkfs.ext4 -q -F -b 4096 /dev/fsdev0.0
ok "it carries a file system" mount -o dax=always /dev/fsdev0.0 /mnt/failslab
dax-file fill /mnt/failslab/file 0 $MIB 1
is "with its data" "256 good, 0 wrong, 0 lost" "$(dax-file verify /mnt/failslab/file 0 $MIB 1)"
umount /mnt/failslab
ok "the module can go" rmmod fsdev
finish
