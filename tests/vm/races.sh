#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# long: --soft-reserved 512M --append log_buf_len=1M
# Everything at once: the device is bound and unbound, ROUNDS times, while others open and read its disk, mount it, map files,
# fail pages, own and watch the device, read and write attributes, load and unload the module. None of them has to succeed; the
# kernel has to stay whole, nothing may hang, and the device has to work afterwards.
# shellcheck disable=SC2317,SC2086  # what goes on meanwhile is called by name, and no path here has blanks
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"

dev=dax0.0 disk=/dev/fsdev0.0 rounds=${ROUNDS:-25} mnt=/mnt/races
sysfs=/sys/bus/dax/devices/$dev drivers=/sys/bus/dax/drivers
mkdir -p $mnt /run/races
base=$(region_start $dev)
modprobe -a device_dax hwpoison_inject
shape $dev 0:128 200:200
give $dev fsdev
[ "$(driver_of $dev)" = fsdev ] || fail "cannot bind $dev"
mkfs.xfs -q -f -m rmapbt=1 $disk

# On a kernel with fault injection some of their allocations fail: one in a thousand, so that most programs still start.
failing=''
if [ -d /sys/kernel/debug/failslab ] && [ -d /sys/kernel/debug/fail_page_alloc ]; then
	failing=y
	for kind in failslab fail_page_alloc; do
		printf '%s\n' "Y task-filter" "N ignore-gfp-wait" "0 verbose" "-1 times" "10 interval" "1 probability" | while read -r value name; do
			echo "$value" >/sys/kernel/debug/$kind/"$name"
		done
	done
fi

# Those whose allocations fail live in a root of their own, in memory. The guest's is a share of the host: a request that
# fails half way leaves client and server with different minds of what is open (the server then answers EINVAL), and programs and
# modules are not found any more until the end.
root=''
build_root() {
	local program path

	root=/run/races-root
	mkdir -p $root/{dev,sys,proc,run,tmp,usr/{bin,sbin,lib,lib64}} $root$mnt
	for path in bin sbin lib lib64; do ln -s usr/$path $root/$path; done
	for program in bash dd find cat flock sleep mount umount dax-file fsdev-node; do
		path=$(command -v $program) || fail "no $program"
		cp -L "$path" $root/usr/bin/
		while read -r path; do mkdir -p "$root${path%/*}" && cp -Ln "$path" "$root$path"; done < <(ldd "$path" | grep -oE '/[^ ]+')
	done
	for path in dev sys proc run; do mount --rbind /$path $root/$path; done
}
[ -z "$failing" ] || build_root

# meanwhile NAME COMMAND...: again and again until the rounds are over; counts how often, and how often that went well
meanwhile() {
	local name=$1 n=0 good=0

	shift
	while [ -e /run/races/go ]; do
		# not the allocations of this loop, which would not come far; and not those of modprobe
		([ -z "$failing" ] || [ "$name" = module ] || echo 1 >/proc/self/make-it-fail; "$@") >/dev/null 2>&1 && good=$((good + 1))
		n=$((n + 1))
		echo "$n, $good well" >"/run/races/$name"
		# one processor per two of them at best: the binder has to come by
		sleep 0.0$((RANDOM % 5))
	done
}

open_close() { exec 5<$disk && exec 5<&-; }
direct() { dd if=$disk of=/dev/null bs=64k count=16 iflag=direct; }
write_disk() { dd if=/dev/zero of=$disk bs=4k count=1 seek=$((100 << 8)) oflag=direct conv=notrunc,nocreat; }
use_mount() {
	# without memory it may fail with the file system in place
	mount -o dax=always $disk $mnt || { umount $mnt; return 1; }
	dax-file fill $mnt/file 0 65536 $RANDOM
	dax-file verify $mnt/file 0 65536 1
	umount $mnt || umount -l $mnt
}
# Not while the device is bound, see upstream/memory-failure-early-page.md; nor while another driver has it: from
# upstream/memory-failure-late-page.md only who uses ours is shielded.
page_fails() {
	{ flock -sn 9 && echo $(((base >> 12) + RANDOM % 32768)) >/sys/kernel/debug/hwpoison/corrupt-pfn; } 9>/run/lab/unsafe
}
# not those of the ranges: see upstream/dax-size-mapping-deadlock.md
read_attributes() {
	find -L $sysfs /sys/block/fsdev0.0 $drivers/fsdev -maxdepth 2 -type f ! -path '*/mapping[0-9]*' ! -name '*bind' -exec cat {} +
}
write_attributes() {
	# where that succeeds, too little is left for a file system
	if ((RANDOM % 40 == 0)); then
		echo 0 >$sysfs/size
		printf %x-%x $((base + (450 << 20))) $((base + (452 << 20) - 1)) >$sysfs/mapping
	fi
	echo $((2 << 20)) >$sysfs/align
	# This binds the device where it has no driver. Not without memory, as the kernel then leaves memory sections behind that keep
	# the device from ever being bound again; and not while pages fail.
	[ -z "$failing" ] || echo 0 >/proc/self/make-it-fail
	{ flock 9 && echo dax7.$((RANDOM % 9)) >$drivers/fsdev/new_id; } 9>/run/lab/unsafe
	echo dax7.$((RANDOM % 9)) >$drivers/fsdev/remove_id
}
module() { rmmod fsdev || modprobe fsdev; }
# not mapped: see upstream/device-dax-open-race.md
open_dax() { fsdev-node info /dev/$dev; }
own() { fsdev-node try /dev/$dev w own; }
watch() { fsdev-node try /dev/$dev r watch; }

touch /run/races/go
pids=()
actors=(open_close direct write_disk use_mount page_fails read_attributes write_attributes module open_dax own watch)
# for those in another root
export PATH=$PATH:/usr/bin:/usr/sbin dev disk mnt base sysfs drivers failing
export -f meanwhile "${actors[@]}"
for name in "${actors[@]}"; do
	if [ -n "$root" ] && [ $name != module ]; then
		chroot $root bash -c "meanwhile $name $name" &
	else
		meanwhile $name $name &
	fi
	pids+=($!)
done
bound=0
for ((round = 0; round < rounds; round++)); do
	driver=fsdev
	# its size is taken from it now and then
	[ "$(cat $sysfs/size)" = $((328 * MIB)) ] || shape $dev 0:128 200:200 >/dev/null 2>&1
	((RANDOM % 5)) || driver=device_dax
	exec 8>/run/lab/unsafe
	flock 8
	give $dev $driver 2>/dev/null && bound=$((bound + 1))
	[ $driver != fsdev ] || flock -u 8
	sleep 0.$((RANDOM % 3))
	give $dev none 2>/dev/null
	exec 8>&-
done
rm /run/races/go
wait "${pids[@]}"
if [ -n "$failing" ]; then for kind in failslab fail_page_alloc; do echo 0 >/sys/kernel/debug/$kind/probability; done; fi
for name in /run/races/*; do echo "# ${name##*/}: $(cat "$name")"; done
is "everybody has come by again and again" "" "$(cd /run/races && for name in "${actors[@]}"; do grep -qsE '^([2-9]|..+),' $name || echo $name; done)"
is "$rounds rounds have ended" "$rounds" "$round"
like "the device was bound in some of them" '^[1-9]' "$bound"
# one that has shut down does not even say that it is mounted
while grep -q " $root$mnt " /proc/mounts; do umount $root$mnt; done
ok "the device has its ranges again" shape $dev 0:128 200:200
ok "the device binds" give $dev fsdev
mkfs.xfs -q -f -m rmapbt=1 $disk
ok "and carries a file system" mount -o dax=always $disk $mnt
dax-file fill $mnt/file 0 $((4 * MIB)) 1
is "with its data" "1024 good, 0 wrong, 0 lost" "$(dax-file verify $mnt/file 0 $((4 * MIB)) 1)"
umount $mnt
ok "the module can go" rmmod fsdev
finish
