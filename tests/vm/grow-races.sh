#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --cpus 2 --soft-reserved 512M --append rcupdate.rcu_expedited=1 --append log_buf_len=4M
# A device grows on one processor while something else happens to it on the other: another growth, memory that fails in what it has
# and in what it gets, a file system that comes and goes, claims of the disk and of the DAX device, an unbind. Whichever comes
# first: it has grown, or is as it was, with the reason said; all that says how large it is agrees, and what it held is there.
# shellcheck disable=SC2317,SC2086  # no path here has blanks; ok calls functions, and others are called by name
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/kernel-lib.sh
. "$(dirname -- "$0")/kernel-lib.sh"

rounds=${ROUNDS:-8}
dev=dax10.0 disk=/dev/fsdev10.0 node=/dev/dax10.0 mnt=/mnt/races grow=/sys/bus/dax/drivers/fsdev/grow
mkdir -p $mnt
dmesg -n 1

# append OFFSET:LENGTH: the bus gives the bound device this range, in MiB from the region's start
append() {
	local from=$((base + ${1%:*} * MIB))

	printf '%x-%x' $from $((from + ${1#*:} * MIB - 1)) >/sys/bus/dax/devices/$dev/mapping
}

# grows: "grown", or what is said
grows() {
	local out

	if out=$({ echo $dev >$grow; } 2>&1); then echo grown; else echo "${out##*: }"; fi
}

# size: in MiB, where all that says so agrees
size() {
	local bytes info

	bytes=$(blockdev --getsize64 $disk)
	info=$(fsdev-node info $node | grep -oE '\bsize=[0-9]+')
	[ "$info" = "size=$bytes" ] && echo $((bytes / MIB)) || echo "$bytes $info"
}

# what goes on beside it
another() { grows >/tmp/another; }
fails_old() { for ((i = 0; i < 8; i++)); do fsdev-node span $node inject $((40 * MIB + i * 8192)) 4096 0; done >/dev/null; }
fails_new() { for ((i = 0; i < 8; i++)); do echo $((base + 200 * MIB + i * 8192)) 2>/dev/null >/sys/devices/system/memory/hard_offline_page; done; }
mounts() { for _ in 1 2 3; do mount -o dax=always $disk $mnt && umount $mnt; done; }
claims() { for _ in {1..10}; do ( exec 5<>$disk ) && blockdev --rereadpt $disk; done 2>/dev/null; }
holds() { for _ in 1 2 3 4 5; do run hold-direct 10 && run let-go 10; done; }
unbinds() { unbind $dev; }

# beside WHAT: so many growths, each beside that
beside() {
	local what=$1 n outcome grown=0 wrong='' was before

	for ((n = 0; n < rounds; n++)); do
		if [ "$(driver_of $dev)" != fsdev ] || [ "$(size)" -gt 300 ]; then
			[ "$(driver_of $dev)" = none ] || unbind $dev
			shape $dev 0:64 || break
			[ "$(bind $dev fsdev)" = bound ] || break
			dd if=/dev/shm/start of=$disk bs=1M oflag=direct status=none
			dd if=/dev/shm/data of=$disk bs=1M seek=52 oflag=direct status=none
			at=100
		fi
		before=$(size)
		append $at:30 || break
		at=$((at + 32))
		$what &
		[ $((n % 3)) != 1 ] || sleep 0.01
		grows >/tmp/grows
		wait $!
		outcome=$(cat /tmp/grows)
		was=$(driver_of $dev)
		[ "$was" = fsdev ] && was=$(size)
		case $outcome in
		grown) grown=$((grown + 1)) && [[ $was =~ ^(none|$((before + 30)))$ ]] ;;
		"Input/output error" | "Device or resource busy" | "No such device")
			[[ $was =~ ^(none|$before|$((before + 30)))$ ]] ;;
		*) false ;;
		esac || wrong+=" $before:$outcome:$was"
		[ "$was" != none ] || ! grep -q " : $dev\$" /proc/iomem || wrong+=" reserved"
		[ "$was" = none ] || cmp -sn $((8 * MIB)) -i 0:$((52 * MIB)) /dev/shm/data $disk || wrong+=" data"
		# what was refused is taken up now
		if [ "$was" = "$before" ] && [ "$(grows)" != grown ]; then unbind $dev; fi
	done
	is "beside $what: each round" "$rounds" "$n"
	is "beside $what: it has grown, or is as it was" "" "$wrong"
	echo "# beside $what: it had grown in $grown of $rounds"
}

begin 10
make_dynamic 10 0 480
ok "64 MiB" shape $dev 0:64
is "bound" bound "$(bind $dev fsdev)"
TEST_DIR=y TEST_DEV=y QA_CHECK_FS=y mkfs.xfs -q -f -m rmapbt=1,reflink=0 -d size=32m $disk
dd if=/dev/urandom of=/dev/shm/data bs=1M count=8 status=none
dd if=$disk of=/dev/shm/start bs=1M count=32 iflag=direct status=none
unbind $dev
for what in another fails_old fails_new mounts claims holds unbinds; do beside $what; done
[ "$(driver_of $dev)" = none ] || unbind $dev
# what had failed of memory that it did not grow by
while read -r line; do echo "-$line" >/sys/bus/dax/drivers/fsdev/remembered_poison; done < <(cat /sys/bus/dax/drivers/fsdev/remembered_poison)
is "nothing is reserved" "" "$(grep " : $dev\$" /proc/iomem)"
run unmake 10
finish
