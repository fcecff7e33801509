#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --cpus 1 --soft-reserved 256M --append rcupdate.rcu_expedited=1 --append log_buf_len=4M
# Every call of a growth that can fail does so once. Each time the device is as it was for its users, nothing is left, the same
# growth succeeds afterwards, and so does the next binding. Which calls there are is counted while the device grows.
# shellcheck disable=SC2317,SC2086  # ok calls functions, and no path here has blanks
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/kernel-lib.sh
. "$(dirname -- "$0")/kernel-lib.sh"

dev=dax10.0 disk=/dev/fsdev10.0 grow=/sys/bus/dax/drivers/fsdev/grow
dmesg -n 1

# ready: bound with 32 MiB, and two ranges more on the bus
ready() {
	local at

	shape $dev 0:32 && [ "$(bind $dev fsdev)" = bound ] || return
	for at in 48 80; do
		printf '%x-%x' $((base + at * MIB)) $((base + (at + 16) * MIB - 1)) >/sys/bus/dax/devices/$dev/mapping || return
	done
}

# grows: "grown", or what is said
grows() {
	local out

	if out=$({ echo $dev >$grow; } 2>&1); then echo grown; else echo "${out##*: }"; fi
}

# world: all that a growth leaves in the system's sight
world() {
	blockdev --getsize64 $disk
	grep " : $dev\$" /proc/iomem
	fsdev-node info /dev/$dev
	fsdev-node ranges /dev/$dev 0 100
	state 10
}

# fails VERB CALL N: the growth fails at that call
fails() {
	local verb=$1 call=$2 n=$3 error what="$2 call $3" before

	[ "$verb" = arm ] || what+=" inside the kernel"
	ok "$what: bound" ready
	before=$(world)
	run "$verb" "$call" "$n" || { tap_point 1 "$what: armed" "no such function here" && return; }
	error=$(grows)
	points "$what" disarm
	like "$what: refused" "^(Cannot allocate memory|Device or resource busy)\$" "$error"
	is "$what: it is as it was" "$before" "$(world)"
	ok "$what: it can be written" dd if=/dev/shm/start of=$disk bs=1M oflag=direct status=none
	is "$what: grows then" grown "$(grows)"
	is "$what: the disk" $((64 * MIB)) "$(blockdev --getsize64 $disk)"
	ok "$what: the new memory can be written" dd if=/dev/shm/start of=$disk bs=1M seek=56 oflag=direct status=none
	ok "$what: what there was" cmp -n $((8 * MIB)) /dev/shm/start $disk
	unbind $dev
	is "$what: nothing is reserved" "" "$(grep " : $dev\$" /proc/iomem)"
}

begin 10
make_dynamic 10 0 128
dd if=/dev/urandom of=/dev/shm/start bs=1M count=8 status=none
run inject-begin || fail "cannot inject"
ok "bound" ready
run inject-growth 10
run count
is "grows" grown "$(grows)"
run calls
mapfile -t calls < <(sed -n 's/^# //p' $control/report)
unbind $dev
echo "# ${calls[*]}"
like "a growth allocates, reserves and maps" "alloc.*__devm_request_region 2.*memremap_pages 1" "${calls[*]}"
for line in "${calls[@]}"; do
	for ((n = 1; n <= ${line#* }; n++)); do fails arm "${line% *}" $n; done
done
for call in percpu_ref_init arch_add_memory; do fails arm-inside $call 1; done
fails arm-inside arch_add_memory 2
run inject-end
run unmake 10
finish
