#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# One of the two hosts of tests/suites/fs-hosts: fs-hosts-guest.sh A|B. A makes the file system and writes, B reads. They tell each
# other how far they are by files in a folder that both see; nothing else is between them but the memory.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/removal-lib.sh
. "$(dirname -- "$0")/removal-lib.sh"
# shellcheck source=tests/vm/stack-lib.sh
. "$(dirname -- "$0")/stack-lib.sh"

me=$1 mail=/mnt/mail mnt=/mnt/fs size=$((32 * MIB))
mkdir -p $mail $mnt
mount -t 9p -o trans=virtio,version=9p2000.L,cache=none mail $mail || fail "no mail folder"
# a process that has a failing page mapped is signalled even if another process used it
echo 1 >/proc/sys/vm/memory_failure_early_kill

post() { : >"$mail/$me-$1"; }
# wait_for SIGN: of the other, or until that has ended without it
wait_for() {
	until [ -e "$mail/$1" ]; do
		! compgen -G "$mail/*.status" >/dev/null || fail "$me: the other has ended before $1"
		sleep 0.2
	done
}

[ "$(ndctl list -N | jq -r 'if type == "array" then .[] else . end | .mode')" = devdax ] ||
	ndctl create-namespace -f -e namespace0.0 -m devdax -M mem >/dev/null
dev=$(basename "$(echo /sys/bus/dax/devices/*)")
node=/dev/$dev
ok "$me: to fsdev" give "$dev" fsdev
insmod "build/module/$(uname -r)/fs/slotfs.ko" || fail "slotfs.ko"

if [ "$me" = A ]; then
	ok "A: mount" mount -t slotfs -o files=3 "$node" $mnt
	mountpoint -q $mnt || fail "not mounted"
	for n in 0 1; do dax-file fill $mnt/file$n 0 $size $((n + 1)); done
	sync -f $mnt
	mapping $mnt/file0 $mnt/file1
	post mounted
	wait_for B-mapped
	dax-file fill $mnt/file2 0 $size 7
	sync -f $mnt
	post written
	wait_for B-failed
	for n in 1 2; do is "A: a page has failed on the other host: process $n goes on" ready "$(met $n)"; done
	good "A: the file reads as before" $mnt/file1 $size 2
	post read
	wait_for B-gone
	for n in 1 2; do is "A: the other host has unbound it: process $n goes on" ready "$(met $n)"; done
	for n in 0 1; do good "A: file$n has its data" $mnt/file$n $size $((n + 1)); done
	kill "${pids[@]}"
	wait "${pids[@]}" 2>/dev/null
else
	ok "B: mount what is there, while the other host has it mounted" mount -t slotfs "$node" $mnt
	mountpoint -q $mnt || fail "not mounted"
	is "B: the other's files" "file0 file1 file2" "$(cd $mnt && echo *)"
	for n in 0 1; do good "B: file$n is as the other wrote it" $mnt/file$n $size $((n + 1)); done
	mapping $mnt/file0 $mnt/file1
	is "B: file2 is zero yet" 0 "$(od -An -tu8 -N8 $mnt/file2 | tr -d ' ')"
	post mapped
	wait_for A-written
	good "B: what the other writes while both have it mounted" $mnt/file2 $size 7
	like "B: a page fails here" "^SIGBUS BUS_MCEERR_AR at offset 8192" "$(dax-file poison $mnt/file1 8192)"
	all_ended 1
	like "B: who has that file mapped is told" "SIGBUS BUS_MCEERR_A[RO]" "$(met 2)"
	is "B: who has another goes on" ready "$(met 1)"
	is "B: read() ends there" 8192 "$(dd if=$mnt/file1 bs=4096 2>/dev/null | wc -c)"
	post failed
	wait_for A-read
	mapping $mnt/file0
	ok "B: unbound under its mount" give "$dev" none
	all_ended
	like "B: its mapping ends" SIGBUS "$(met 1)"
	post gone
fi
umount $mnt
ok "$me: the module can go" rmmod slotfs
finish
