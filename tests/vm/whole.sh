#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# long: --cpus 2 --soft-reserved 256M --append log_buf_len=4M
# kernels: 6.12 7 (6.1 does not make a file DAX again that has been cloned)
# Random rounds over two devices, each in the holes of the other, against a model that knows for every byte what it has to be and
# who may see it: files that share blocks are written, mapped, cloned, truncated; pages fail and are repaired; a device goes from
# under its file system, has another user, comes back. Processes keep their mappings and descriptors through all of it, and mounts
# of bindings that have ended stay for a while (tests/vm/whole.c). The same SEED and ROUNDS do the same.
# `make whole ROUNDS=1000` runs it for longer.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/kernel-lib.sh
. "$(dirname -- "$0")/kernel-lib.sh"
# shellcheck source=tests/vm/reflink-lib.sh
. "$(dirname -- "$0")/reflink-lib.sh"

rounds=${ROUNDS:-12} seed=${SEED:-$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')} operations=${OPERATIONS:-25}
out=/dev/shm/whole.out
echo "# ROUNDS=$rounds SEED=$seed"

# shape_both: ranges of 2 to 6 MiB in turn, PERIODS times
shape_both() {
	local n first=() second=()

	for ((n = 0; n < $1 * 24; n += 24)); do
		first+=("$n:4" "$((n + 6)):2" "$((n + 12)):6")
		second+=("$((n + 4)):2" "$((n + 8)):4" "$((n + 18)):6")
	done
	ok "a device of ${#first[@]} ranges" shape dax10.0 "${first[@]}"
	ok "another one in its holes" shape dax10.1 "${second[@]}"
}

# sound DEV: what is on the device then is a file system without a fault, or none
sound() {
	local disk=/dev/fsdev${1#dax}

	ok "$1: bound" give "$1" fsdev
	case $(blkid -p -o value -s TYPE "$disk") in
	xfs) ok "$1: XFS is whole" xfs_repair -n "$disk" ;;
	ext4) ok "$1: ext4 is whole" e2fsck -fn "$disk" ;;
	*) echo "# $1 has no file system" ;;
	esac
}

begin 10
make_dynamic 10 0 96
echo "$base" >/run/lab/dax10.1.start
for driver in fsdev device_dax; do echo dax10.1 >/sys/bus/dax/drivers/$driver/new_id; done
echo 1 >"$(readlink -f /sys/bus/dax/devices/dax10.0)/../dax_region/create"
shape_both 4
: >$out
"$top/build/vm/whole" run "$seed" "$rounds" "$operations" dax10.0 dax10.1 > >(tee $out | sed -u 's/^/# /') 2>&1 &
pid=$!
# what is stuck may not end when it is killed
while kill -0 $pid 2>/dev/null && ! grep -q ^stuck $out; do sleep 0.5; done
is "every byte is what it has to be" "" "$(grep -E '^(wrong|stuck|whole: [^0-9])' $out)"
if grep -qE '^whole: [0-9]' $out; then
	sound dax10.0
	sound dax10.1
else
	ok "it has come to its end" false
	echo "# replay: make whole KERNEL=$(uname -r | cut -d. -f1,2) ROUNDS=$rounds SEED=$seed"
fi
finish
