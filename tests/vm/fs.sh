#!/usr/bin/env bash
# lab: --soft-reserved 512M
# A file system of somebody else's (tests/fs), built against the public header alone: it owns /dev/daxX.Y without a block
# device, maps its files, hears of failures, and survives that the device goes.
. "$(dirname -- "$0")/lib.sh"
. "$(dirname -- "$0")/tap.sh"

dev=dax0.0 node=/dev/dax0.0 disk=/dev/fsdev0.0 mnt=/mnt/fs trace=/sys/kernel/tracing
mkdir -p $mnt
# the second of the files of 32 MiB, which begin at 2 MiB, lies over the boundary
ok "a device of two ranges" shape $dev 400:48 0:300
base=$(region_start $dev)
modprobe slotfs
like "the module that uses fsdev's functions keeps it there" "slotfs" "$(awk '$1 == "fsdev" { print $4 }' /proc/modules)"
refused "without a driver it does not mount" mount -t slotfs -o files=4 $node $mnt
give $dev device_dax
refused "under device_dax neither" mount -t slotfs -o files=4 $node $mnt
give $dev fsdev
refused "what holds no such file system" mount -t slotfs $node $mnt
refused "more files than fit" mount -t slotfs -o files=11 $node $mnt
refused "no files" mount -t slotfs -o files=0 $node $mnt
refused "a device that is none" mount -t slotfs -o files=4 /dev/null $mnt
ok "mount" mount -t slotfs -o files=4 $node $mnt
is "four files" "file0 file1 file2 file3" "$(cd $mnt && echo *)"
mkdir -p /mnt/second
refused "a second mount of it" mount -t slotfs $node /mnt/second

for n in 0 1; do dax-file fill $mnt/file$n 0 $((32 * MIB)) $((n + 1)); done
for n in 0 1; do
	is "file$n: written half by mapping, half by write()" "8192 good, 0 wrong, 0 lost" \
		"$(dax-file verify $mnt/file$n 0 $((32 * MIB)) $((n + 1)))"
done
is "it is DAX" yes "$(dax-file is-dax $mnt/file1)"
is "file1, last page in front of the boundary" "$(printf %#x $((base + (400 + 48) * MIB - 4096)))" \
	"$(dax-file phys $mnt/file1 $((14 * MIB - 4096)))"
is "file1, first page behind it" "$(printf %#x "$base")" "$(dax-file phys $mnt/file1 $((14 * MIB)))"
echo >$trace/trace
echo 1 >$trace/events/fs_dax/dax_pmd_fault_done/enable
dax-file touch $mnt/file1 0 $((32 * MIB)) r
echo 0 >$trace/events/fs_dax/dax_pmd_fault_done/enable
is "it is mapped by 2 MiB" 16 "$(grep -c 'dax_pmd_fault_done.*NOPAGE' $trace/trace)"
refused "writing past a file's end" dd if=/dev/zero of=$mnt/file2 bs=1M count=1 seek=32 conv=notrunc
refused "cutting a file" truncate -s 1M $mnt/file2

echo 1 >/proc/sys/vm/memory_failure_early_kill
dax-file hold $mnt/file1 >/tmp/hold.1 2>&1 &
hold1=$!
dax-file hold $mnt/file2 >/tmp/hold.2 2>&1 &
hold2=$!
until grep -q ready /tmp/hold.1 && grep -q ready /tmp/hold.2; do sleep 0.1; done
at=$((20 * MIB + 8192))
like "a failing page" "^SIGBUS BUS_MCEERR_AR" "$(dax-file poison $mnt/file1 $at)"
like "the file system knows whose it is" "slotfs: .*: file1 has lost bytes $at to $((at + 4095))" "$(dmesg)"
for _ in {1..100}; do kill -0 "$hold1" 2>/dev/null || break; sleep 0.1; done
like "who has that file mapped is told" "SIGBUS BUS_MCEERR_AR" "$(cat /tmp/hold.1)"
ok "who has another is not" kill -0 "$hold2"

ok "unbind while it is mounted and mapped" give $dev none
like "the file system is told" "slotfs: the device has been taken away" "$(dmesg)"
for _ in {1..100}; do kill -0 "$hold2" 2>/dev/null || break; sleep 0.1; done
kill -9 "$hold1" "$hold2" 2>/dev/null
like "who has a file mapped is told" "SIGBUS" "$(grep SIGBUS /tmp/hold.2)"
refused "reading" cat $mnt/file0
refused "a new mapping" dax-file verify $mnt/file0 0 4096 1
give $dev fsdev
refused "the old mount stays shut down when the device is back" cat $mnt/file0
ok "unmount" umount $mnt
ok "mount what is there" mount -t slotfs $node $mnt
is "with its data" "8192 good, 0 wrong, 0 lost" "$(dax-file verify $mnt/file0 0 $((32 * MIB)) 1)"
mkfs.xfs -q -f $disk
mount -o dax=always $disk /mnt/second 2>/dev/null
is "meanwhile XFS does not get DAX on the block device" 0 "$(grep -c ' xfs .*dax=always' /proc/mounts)"
umount /mnt/second 2>/dev/null
umount $mnt
ok "the module can go" modprobe -r slotfs
finish
