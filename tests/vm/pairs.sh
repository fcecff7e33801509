#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# debug: --soft-reserved 512M
# On a kernel that watches for data races: whatever can go on at a device goes on beside each of the others, and beside itself,
# one on each processor and without a pause, so that what two of them touch is touched by both at once.
# shellcheck disable=SC2317,SC2086  # what goes on is called by name, and no path here has blanks
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"

dev=dax0.0 disk=/dev/fsdev0.0 mnt=/mnt/pairs
mkdir -p $mnt
base=$(region_start $dev)
modprobe hwpoison_inject
shape $dev 0:128 200:200
give $dev fsdev
# the pages that fail are behind the file system
mkfs.ext4 -q -F -b 4096 $disk 64M
ok "mount" mount -o dax=always $disk $mnt
dax-file fill $mnt/file 0 $((4 * MIB)) 1

# more accesses than elsewhere
[ ! -d /sys/module/kcsan ] || echo 20 >/sys/module/kcsan/parameters/skip_watch

times() {
	local n

	for ((n = 0; n < $1; n++)); do "${@:2}"; done
}

behind=$((100 << 8))
reads() { times 3 dd if=$disk of=/dev/null bs=4k count=400 skip=$behind iflag=direct; }
writes() { times 3 dd if=/dev/zero of=$disk bs=4k count=200 seek=$behind oflag=direct conv=notrunc,nocreat; }
maps() { times 5 dax-file verify $mnt/file 0 $((4 * MIB)) 1; }
copies() { times 5 dd if=$mnt/file of=$mnt/file bs=64k conv=notrunc; }
fails() { times 30 page_fails; }
page_fails() { echo $(((base >> 12) + behind + RANDOM % 200)) >/sys/kernel/debug/hwpoison/corrupt-pfn; }
looks() {
	times 5 fsdev-node info /dev/$dev
	times 5 fsdev-node try /dev/$dev r watch
	times 3 find -L /sys/bus/dax/devices/$dev /sys/block/fsdev0.0 -maxdepth 1 -type f ! -name '*bind' -exec cat {} +
}

# where nothing has failed yet each works by itself
for one in reads writes maps copies; do ok "$one, alone" $one; done
ok "looks, alone" fsdev-node info /dev/$dev

all=(reads writes maps copies fails looks)
for ((one = 0; one < ${#all[@]}; one++)); do
	for ((other = one; other < ${#all[@]}; other++)); do
		${all[one]} >/dev/null 2>&1 &
		${all[other]} >/dev/null 2>&1
		wait
	done
done
like "pages have failed" ' events=[1-9]' "$(fsdev-node info /dev/$dev)"
is "the file is as it was" "1024 good, 0 wrong, 0 lost" "$(dax-file verify $mnt/file 0 $((4 * MIB)) 1)"
ok "unmount" umount $mnt
give $dev none
ok "the module can go" rmmod fsdev
finish
