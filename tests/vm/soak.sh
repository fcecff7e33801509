#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# long: --soft-reserved 1G --soft-reserved 1G --append log_buf_len=1M
# Random rounds over two devices, each with a file system and a copy in memory of what every byte of its files has to be:
# work on the files, remounts, the device going to another driver and back, with a file system on it or not, failing pages,
# other file systems. The round's seed is printed; the same SEED and ROUNDS do the same. At the end nothing has grown.
# `make soak ROUNDS=1000` runs it for longer.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"

rounds=${ROUNDS:-12} seed=${SEED:-$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')} operations=${OPERATIONS:-60}
echo "# ROUNDS=$rounds SEED=$seed"
RANDOM=$seed
declare -A type mounted
copies=/dev/shm/copies
mkdir -p $copies
failed='' failures=0 rebinds=0 violent=0

# wrong WHAT: ends the rounds
wrong() {
	failed="round $round: $*"
}

mount_point() {
	echo "/mnt/soak$1"
}

# fresh N: an empty file system of a kind that chance decides, and no copies
fresh() {
	local n=$1 disk=/dev/fsdev$1.0

	rm -f $copies/"$n"-*
	if ((RANDOM % 2)); then
		type[$n]=xfs
		mkfs.xfs -q -f -m rmapbt=1,reflink=$((RANDOM % 2)) "$disk" || wrong "mkfs.xfs on device $n"
	else
		type[$n]=ext4
		mkfs.ext4 -q -F -b 4096 "$disk" || wrong "mkfs.ext4 on device $n"
	fi
	bring "$n"
}

bring() {
	mount -o dax=always "/dev/fsdev$1.0" "$(mount_point "$1")" || wrong "mount of device $1"
	mounted[$1]=y
}

leave() {
	[ -z "${mounted[$1]-}" ] || umount "$(mount_point "$1")" || wrong "unmount of device $1"
	mounted[$1]=''
}

work() {
	local n=$1 file=$((RANDOM % 2)) out

	out=$(exercise "$(mount_point "$n")/file$file" "$copies/$n-$file" $((RANDOM * 32768 + RANDOM)) "$operations" 2>&1) ||
		wrong "${type[$n]} on device $n, file $file: $out"
}

# other load beside: names, not contents
crowd() {
	local at i

	at=$(mount_point "$1")/crowd
	mkdir -p "$at"
	for i in 1 2 3 4 5; do
		echo "$i" >"$at/$((RANDOM % 20))"
		mv -f "$at/$((RANDOM % 20))" "$at/$((RANDOM % 20))" 2>/dev/null
		rm -f "$at/$((RANDOM % 20))"
	done
}

# The device goes from under a mounted file system, which has synced what counts.
take_away() {
	local n=$1

	sync
	give "dax$n.0" none || wrong "unbind of device $n under ${type[$n]}"
	violent=$((violent + 1))
	umount "$(mount_point "$n")" || wrong "unmount of device $n after it went"
	give "dax$n.0" fsdev || wrong "bind of device $n"
	bring "$n"
}

rebind() {
	local n=$1

	leave "$n"
	rebinds=$((rebinds + 1))
	if ((RANDOM % 4 == 0)); then give "dax$n.0" device_dax || wrong "device $n to device_dax"; fi
	give "dax$n.0" fsdev || wrong "bind of device $n"
	bring "$n"
}

# A page of a file fails; the file system is made anew afterwards, as a page that failed is not trusted.
page_fails() {
	local n=$1 at out

	at=$(mount_point "$n")/failing
	dax-file fill "$at" 0 65536 9
	out=$(dax-file poison "$at" $((RANDOM % 16 * 4096)))
	[[ $out == SIGBUS* ]] || wrong "a failing page of device $n: $out"
	failures=$((failures + 1))
	leave "$n"
	if ! give "dax$n.0" none || ! give "dax$n.0" fsdev; then wrong "bind of device $n after a failure"; fi
	fresh "$n"
}

# how much there is of what must not grow: KiB of slab that cannot be had back, open files, block devices, DAX devices
levels() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	awk '/^SUnreclaim/ { print $2 }' /proc/meminfo
	awk '{ print $1 }' /proc/sys/fs/file-nr
	find /sys/dev/block/ | wc -l
	find /sys/bus/dax/devices/ | wc -l
	awk '/^VmallocUsed/ { print $2 }' /proc/meminfo
}

for n in 0 1; do
	mkdir -p "$(mount_point $n)"
	shape "dax$n.0" 0:320 $((448 + n * 2)):160
	give "dax$n.0" fsdev || fail "cannot bind dax$n.0"
	round=0 fresh $n
done
minors=$(stat -c '%t:%T' /dev/fsdev0.0 /dev/fsdev1.0)
early=$((rounds > 2 ? rounds / 10 + 2 : rounds))
for ((round = 1; round <= rounds; round++)); do
	n=$((RANDOM % 2))
	work $n
	case $((RANDOM % 10)) in
	0 | 1) crowd $n ;;
	2 | 3) leave $n && bring $n ;;
	4 | 5) rebind $n ;;
	6 | 7) take_away $n ;;
	8) page_fails $n ;;
	9) work $((1 - n)) ;;
	esac
	[ -z "$failed" ] || break
	[ $round != $early ] || mapfile -t before < <(levels)
	[ $((round % 100)) != 0 ] || echo "# $round rounds, $failures failures, $rebinds rebinds, $violent from under a mount"
done
is "every byte is what it has to be" "" "$failed"
[ -z "$failed" ] || echo "# replay: make soak ROUNDS=$rounds SEED=$seed"
mapfile -t after < <(levels)
echo "# levels at round $early: ${before[*]}; at the end: ${after[*]}"
# each processor counts up to 32 open files for itself
is "open files, block devices and DAX devices are as many as at the beginning" \
	"1 ${before[2]} ${before[3]}" "$((after[1] < before[1] + 100)) ${after[2]} ${after[3]}"
is "memory of the kernel has not grown" 1 "$((after[0] < before[0] + 4096 && after[4] < before[4] + 4096))"
for n in 0 1; do leave $n; done
is "the disks have the numbers they had" "$minors" "$(stat -c '%t:%T' /dev/fsdev0.0 /dev/fsdev1.0)"
ok "the module can go" rmmod fsdev
echo "# $((round - 1)) rounds, $failures failures, $rebinds rebinds, $violent from under a mount"
finish
