#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# stack: --soft-reserved 512M --soft-reserved 128M
# An out-of-tree file system (tests/fs), built against the public header alone: it owns /dev/daxX.Y without a block
# device, maps its files, hears of failures, and survives that the device goes.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/removal-lib.sh
. "$(dirname -- "$0")/removal-lib.sh"
# shellcheck source=tests/vm/stack-lib.sh
. "$(dirname -- "$0")/stack-lib.sh"

dev=dax0.0 node=/dev/dax0.0 disk=/dev/fsdev0.0 mnt=/mnt/fs
PATH=$top/build:$PATH
mkdir -p $mnt /mnt/second
# file1, the second of the files of 32 MiB, which begin at 2 MiB, lies over the boundary
ok "a device of two ranges" shape $dev 400:48 0:300
base=$(region_start $dev)
modprobe fsdev
insmod "build/module/$(uname -r)/fs/slotfs.ko" || fail "slotfs.ko"
like "the module keeps fsdev there" "slotfs" "$(lsmod | awk '$1 == "fsdev" { print $4 }')"

# not_mounted NAME ERROR DEVICE [OPTIONS]: the log says why
not_mounted() {
	local said

	said=$(mount -t slotfs ${4:+-o "$4"} "$3" $mnt 2>&1 && echo mounted)
	like "$1" "$2" "$said $(dmesg | grep slotfs: | tail -n 1)"
	! mountpoint -q $mnt || umount $mnt
}

not_mounted "without a driver" "cannot own $node: error -19" $node files=4
give $dev device_dax
not_mounted "under device_dax" "cannot own $node: error -95" $node files=4
give $dev fsdev
not_mounted "what holds no such file system" "no file system for $node: error -22" $node
not_mounted "more files than fit" "no file system for $node: error -(34|14|6)" $node files=11
not_mounted "no files" "files has to be from 1 to 64" $node files=0
not_mounted "another device" "cannot own /dev/null: error" /dev/null files=4
not_mounted "no device" "cannot own /nowhere: error -2" /nowhere files=4
ok "mount" mount -t slotfs -o files=4 $node $mnt
mountpoint -q $mnt || finish
is "four files" "file0 file1 file2 file3" "$(cd $mnt && echo *)"
refused "a second mount" mount -t slotfs $node /mnt/second
refused "XFS on the block device meanwhile" mount -t xfs -o dax=always $disk /mnt/second
refused "ext4, too" mount -t ext4 $disk /mnt/second
like "fsdevctl list names the mount" "$mnt" "$(fsdevctl list -n -o used-by)"
like "fsdevctl disable refuses, and names it" "in use: $node is mounted on $mnt \(slotfs\)" "$(fsdevctl disable $dev 2>&1)"
ok "so does a dry run" bash -c "! fsdevctl disable $dev --dry-run"
like "doctor finds nothing wrong with it" "ok *$dev: $mnt \(slotfs\) has it without the block device" "$(fsdevctl doctor --verbose 2>&1)"

for n in 0 1; do dax-file fill $mnt/file$n 0 $((32 * MIB)) $((n + 1)); done
for n in 0 1; do good "file$n: written half by a mapping, half by write()" $mnt/file$n $((32 * MIB)) $((n + 1)); done
is "read()" "$(dax-file pattern 1 $MIB | sha256sum)" "$(head -c $MIB $mnt/file0 | sha256sum)"
is "it is DAX" yes "$(dax-file is-dax $mnt/file1)"
is "file1, last page in front of the boundary" "$(printf %#x $((base + (400 + 48) * MIB - 4096)))" \
	"$(dax-file phys $mnt/file1 $((14 * MIB - 4096)))"
is "file1, first page behind it" "$(printf %#x "$base")" "$(dax-file phys $mnt/file1 $((14 * MIB)))"
umount $mnt
mount -t slotfs $node $mnt
huge "2 MiB mappings" "16 mapped, 0 split" $mnt/file1 $((32 * MIB)) r
refused "writing past a file's end" dd if=/dev/zero of=$mnt/file2 bs=1M count=1 seek=32 conv=notrunc
refused "cutting a file" truncate -s 1M $mnt/file2
refused "a new file" touch $mnt/new

echo 1 >/proc/sys/vm/memory_failure_early_kill
mapping $mnt/file1 $mnt/file2
fails=$((20 * MIB + 8192))
like "a failing page" "^SIGBUS BUS_MCEERR_AR at offset $fails" "$(dax-file poison $mnt/file1 $fails)"
like "the file system knows whose it is" "slotfs: .*: file1 has lost bytes $fails to $((fails + 4095))" "$(dmesg | grep slotfs:)"
all_ended 2
like "who has that file mapped is told" "SIGBUS BUS_MCEERR_A[RO]" "$(met 1)"
is "who has another is not" ready "$(met 2)"
is "read() ends there" $fails "$(dd if=$mnt/file1 bs=4096 2>/dev/null | wc -c)"
dd if=/dev/zero of=$mnt/file1 bs=4096 seek=$((fails / 4096)) count=1 conv=notrunc,fsync 2>/dev/null
is "overwritten, it is whole again" $((32 * MIB)) "$(dd if=$mnt/file1 bs=1M 2>/dev/null | wc -c)"

mapping $mnt/file0 $mnt/file2
ok "unbind while it is mounted and mapped" give $dev none
like "the file system is told" "slotfs: the device goes, or its superblock has failed" "$(dmesg | grep slotfs:)"
all_ended
for n in 1 2; do like "process $n, which has a file mapped, is told" "SIGBUS" "$(met $n)"; done
refused "reading" cat $mnt/file0
refused "a new mapping" dax-file verify $mnt/file0 0 4096 1
like "fsdevctl list names it still" "$mnt" "$(fsdevctl list -n -o used-by)"
refused "fsdev does not take the device back while that is mounted" give $dev fsdev
like "and says who is in the way" "holder_ops \[slotfs\] has not let go of the DAX device since an earlier binding" "$(dmesg)"
ok "another driver takes it" give $dev device_dax
refused "nothing is reached through that" cat $mnt/file0
ok "unmount" umount $mnt
ok "then fsdev takes it" give $dev fsdev
ok "mount what is there" mount -t slotfs $node $mnt
good "it has its data" $mnt/file0 $((32 * MIB)) 1
umount $mnt
mkfs.xfs -q -f $disk
ok "unmounted, the device is for XFS" mount -o dax=always $disk $mnt
umount $mnt

# ended PID: within half a minute
# shellcheck disable=SC2317  # ok calls it
ended() {
	for _ in {1..300}; do
		kill -0 "$1" 2>/dev/null || return 0
		sleep 0.1
	done
	return 1
}

# meanwhile WHAT FILE: the device goes while a write to the file waits in the middle of a page fault, and the unbind with it. A claim
# of the device does not wait as well: sync(2) would wait for a mount that does.
meanwhile() {
	local taker mounter syncer writer

	rm -f /tmp/go
	: >/tmp/stuck
	dax-file stuck-write "$2" /tmp/go >/tmp/stuck 2>&1 &
	writer=$!
	until has_line '^ready' /tmp/stuck; do sleep 0.05; done
	dmesg -C
	give $dev none &
	taker=$!
	until dmesg | grep -qE "unbind blocked: (a read, write or notice|.* is claimed)"; do sleep 0.1; done
	mount -t slotfs $node /mnt/second 2>/tmp/second &
	mounter=$!
	ok "$1: a mount does not wait for the unbind" ended $mounter
	like "$1: the device is not there for it" "error -19" "$(cat /tmp/second) $(dmesg | grep slotfs: | tail -n 1)"
	sync &
	syncer=$!
	ok "$1: sync ends" ended $syncer
	ok "$1: and the unbind still waits" kill -0 $taker
	touch /tmp/go
	wait $writer $taker $mounter $syncer 2>/dev/null
	is "$1: it ends with the write" none "$(driver_of $dev)"
}

echo Y >/sys/module/fsdev/parameters/announce_first
mkfs.ext4 -q -F -b 4096 $disk
mount -o dax=always $disk $mnt
dax-file fill $mnt/file 0 $MIB 1
meanwhile "unbinding under ext4" $mnt/file
umount $mnt
give $dev fsdev
echo N >/sys/module/fsdev/parameters/announce_first
# the kernel's own fs_dax_get() waits for an unbind that a holder has yet to hear of
if grep -q ' fs_dax_get.*\[fsdev\]' /proc/kallsyms; then
	mount -t slotfs -o files=4 $node $mnt
	meanwhile "unbinding under slotfs" $mnt/file0
	umount $mnt
	# it looks once a second whether the holder has let go
	until give $dev fsdev; do sleep 0.5; done 2>/dev/null
fi

# --- several devices in one mount -----------------------------------------------------------------------------------------

other=/dev/dax1.0
give dax1.0 fsdev
not_mounted "one device twice" "cannot own $node: error -16" $node "files=2,more=$node"
not_mounted "a second that is not there" "cannot own /nowhere: error -2" $node files=2,more=/nowhere
ok "two devices: mount" mount -t slotfs -o files=2,more=$other $node $mnt
is "the files of both" "file0 file1 file2 file3" "$(cd $mnt && echo *)"
for n in 0 1 2 3; do dax-file fill $mnt/file$n 0 $((32 * MIB)) $((n + 1)); done
is "file2 is the second's first" "$(printf %#x $(($(region_start dax1.0) + 2 * MIB)))" "$(dax-file phys $mnt/file2 0)"
for each in $dev dax1.0; do refused "$each is held" fsdevctl disable "$each"; done
mapping $mnt/file0 $mnt/file2
dmesg -C
dax-file poison $mnt/file2 8192 >/dev/null
like "a page of the second fails: the file" "slotfs: .*: file2 has lost bytes 8192 to 12287" "$(dmesg)"
all_ended 1
is "a file of the first goes on" ready "$(met 1)"
like "the file's process is told" "SIGBUS" "$(met 2)"
dd if=/dev/zero of=$mnt/file2 bs=4096 seek=2 count=1 conv=notrunc,fsync 2>/dev/null
mapping $mnt/file0 $mnt/file3
ok "the second is unbound" give dax1.0 none
like "its files are shut down" "slotfs: the device goes, .*: file2 to file3 are shut down" "$(dmesg)"
is "those of the first are not" "" "$(dmesg | grep 'shut down' | grep file0)"
all_ended 1
like "its mapping ends" "SIGBUS" "$(met 2)"
is "that of the first does not" ready "$(met 1)"
refused "its files cannot be read" cat $mnt/file3
good "those of the first can" $mnt/file0 $((32 * MIB)) 1
ok "and written" dd if=/dev/zero of=$mnt/file1 bs=4096 count=1 conv=notrunc,fsync
refused "it does not come back under the mount" give dax1.0 fsdev
umount $mnt
# fsdev looks once a second whether the holder has let go
until give dax1.0 fsdev; do sleep 0.5; done 2>/dev/null
not_mounted "the first without the second" "no file system for $node: error -22" $node
not_mounted "the second in front of the first" "no file system for $other: error -22" $other more=$node
ok "both again" mount -t slotfs -o more=$other $node $mnt
good "with the second's data" $mnt/file3 $((32 * MIB)) 4
umount $mnt
give dax1.0 none

# --- a client of one large piece, and one that is unloaded without letting go ---------------------------------------------

client=build/module/$(uname -r)/fs/slotclient.ko
# client_is_refused WHAT ERROR [OPTION...]
client_is_refused() {
	like "$1" "$2" "$(insmod "$client" path=$node "${@:3}" 2>&1)"
}
client_is_refused "two ranges are not one piece" "Invalid cross-device link"
like "the log says so" "2 ranges that are not one piece" "$(dmesg)"
ok "the refused client has let go" mount -t slotfs -o files=4 $node $mnt
umount $mnt
ok "one range" shape $dev 0:128
client_is_refused "without a driver it is not there" "No such device"
give $dev fsdev
printf '\x78\x56\x34\x12\0\0\0\0' | dd of=$node bs=8 seek=$((128 * MIB / 8 - 1)) conv=notrunc 2>/dev/null
ok "one range is one piece" insmod "$client" path=$node
like "it reads the device's last word" "slotclient: $((128 * MIB)) bytes, the last word is 0x12345678" "$(dmesg)"
refused "it holds the device" mount -t slotfs -o files=2 $node $mnt
like "fsdevctl list knows of a holder" "unknown" "$(fsdevctl list -n -o used-by)"
refused "fsdevctl disable refuses" fsdevctl disable $dev
ok "it lets go" rmmod slotclient
for life in bound unbound; do
	ok "$life: a client that will not let go" insmod "$client" path=$node keep=1
	[ $life = bound ] || give $dev none
	dmesg -C
	ok "$life: it is unloaded" rmmod slotclient
	like "$life: the device is released for it" "module slotclient is unloaded and has not let go of the DAX device" "$(dmesg)"
	is "$life: with one line" 1 "$(dmesg | grep -c slotclient)"
	[ $life = bound ] || ok "$life: fsdev takes the device" give $dev fsdev
	fsdev-node inject $node 8192 4096 >/dev/null
	ok "$life: another holder gets it" mount -t slotfs -o files=2 $node $mnt
	umount $mnt
done

ok "the module can go" rmmod slotfs
ok "and fsdev" rmmod fsdev
finish
