#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --cpus 1 --soft-reserved 256M
# kernels: 6.12 (the calls that are traced have been looked at there)
# Memory that other hosts write to: what is written back and invalidated, and in which order. The emulator's caches are coherent,
# so the kernel's calls are traced: wb (write back), inv (invalidate), nt (written past the caches), each with its bytes.
# shellcheck disable=SC2317  # cases are called by name
. "$(dirname -- "$0")/lib.sh"
. "$(dirname -- "$0")/tap.sh"
export PATH=$top/build:$PATH

dev=dax0.0 disk=/dev/fsdev0.0 mnt=/mnt/shared tracing=/sys/kernel/tracing
attribute=/sys/bus/dax/drivers/fsdev/shared
mkdir -p "$mnt"
[ -e "$tracing"/trace ] || mount -t tracefs tracefs "$tracing"
{
	echo 'p:wb arch_wb_cache_pmem at=%di:x64 size=%si:u64'
	echo 'p:inv arch_invalidate_pmem at=%di:x64 size=%si:u64'
	echo 'p:nt __memcpy_flushcache at=%di:x64 size=%dx:u64'
} >"$tracing"/kprobe_events
modprobe fsdev

# events COMMAND...: what happened meanwhile, one a line: "wb ADDRESS BYTES", "flush", "bio" for a bio that is complete
events() {
	local what

	: >"$tracing"/trace
	for what in kprobes block/block_bio_queue block/block_bio_complete; do echo 1 >"$tracing/events/$what/enable"; done
	"$@" >/dev/null 2>&1
	echo 0 >"$tracing"/events/enable
	sed -nE -e 's/.* (wb|inv|nt): .* at=(0x[0-9a-f]+) size=([0-9]+)$/\1 \2 \3/p' \
		-e 's/.* block_bio_queue: 259?[0-9]*,[0-9]+ [A-Z]*F[A-Z]* .*/flush/p' \
		-e 's/.* block_bio_queue: [0-9]+,[0-9]+ F[A-Z]* .*/flush/p' \
		-e 's/.* block_bio_complete: .*/bio/p' "$tracing"/trace
}

# kinds: their words and bytes alone, repeated ones once
kinds() {
	awk '{ print $1, $3 }' | sed 's/ $//' | uniq
}

shared() {
	give "$dev" none
	echo "${1-}$dev" >"$attribute"
	give "$dev" fsdev
}

filesystem() {
	mkfs.ext4 -q -F -b 4096 "$disk" && mount -o dax=always "$disk" "$mnt" && dax-file fill "$mnt/file" 0 $((4 * MIB)) 5
	sync -f "$mnt"
}

after_case() {
	! mountpoint -q "$mnt" || umount "$mnt"
}

case_switch() {
	local name

	shared
	is "the driver's list" "$dev" "$(cat "$attribute")"
	like "the log says so" "shared with other hosts" "$(dmesg | grep "fsdev $dev:" | tail -n 1)"
	is "list" 1 "$(fsdevctl list -n -o shared "$dev" | tr -d ' ')"
	is "in JSON" true "$(fsdevctl list --json "$dev" | jq '.[0].shared')"
	is "the disk is flushed" "write back" "$(cat /sys/block/fsdev0.0/queue/write_cache)"
	shared -
	is "not shared" 0 "$(fsdevctl list -n -o shared "$dev" | tr -d ' ')"
	is "the list is empty" "" "$(cat "$attribute")"
	refused "what is no name" sh -c "echo sda >$attribute"
	# it lists all that it takes
	name=0
	while echo "dax123456789.$name" 2>/dev/null >"$attribute"; do name=$((name + 1)); done
	ok "many names" [ "$name" -gt 100 ]
	is "all of them are listed" "$name dax123456789.$((name - 1))" "$(grep -c . "$attribute") $(tail -n 1 "$attribute")"
	while [ "$name" -gt 0 ]; do name=$((name - 1)) && echo "-dax123456789.$name" >"$attribute"; done
	is "the list is empty again" "" "$(cat "$attribute")"
	give "$dev" none
	fsdevctl enable "$dev" --shared >/dev/null 2>&1
	is "enable --shared" 1 "$(fsdevctl list -n -o shared "$dev" | tr -d ' ')"
	give "$dev" none
	fsdevctl enable "$dev" >/dev/null 2>&1
	is "enable without it" 0 "$(fsdevctl list -n -o shared "$dev" | tr -d ' ')"
	like "too late" "counts from the next time it is enabled" "$(fsdevctl enable "$dev" --shared 2>&1)"
}

case_blocks() {
	local one other

	shared
	one=$(events dd "if=$disk" of=/dev/null bs=64k count=1 skip=3 iflag=direct)
	is "read: written back, invalidated, then complete" "wb 65536
inv 65536
bio" "$(kinds <<<"$one")"
	other=$(events dd "if=$disk" of=/dev/null bs=64k count=1 skip=5 iflag=direct)
	is "read: of those addresses" $((2 << 16)) \
		$(($(awk '$1 == "inv" { print $2 }' <<<"$other") - $(awk '$1 == "inv" { print $2 }' <<<"$one")))
	one=$(events dd if=/dev/zero "of=$disk" bs=64k count=1 seek=3 oflag=direct conv=notrunc)
	is "write: past the caches, before it is complete" "65536 bio" \
		"$(awk '$1 == "nt" { n += $3 } END { printf "%d ", n }' <<<"$one")$(tail -n 1 <<<"$one")"
	is "write: nothing is invalidated" 0 "$(grep -c inv <<<"$one")"
}

case_call() {
	local one

	shared
	one=$(events fsdev-node span "/dev/$dev" invalidate 0 $((128 << 10)) 0)
	is "the call: all of it, written back before it is invalidated" "wb 65536
inv 65536
wb 65536
inv 65536" "$(awk '{ print $1, $3 }' <<<"$one")"
	# but for a poisoned page in the middle of it
	fsdev-node span "/dev/$dev" add-bad $((32 << 10)) 4096 0 >/dev/null
	one=$(events fsdev-node span "/dev/$dev" invalidate 0 $((64 << 10)) 0)
	is "poison: left out" "wb 32768
inv 32768
wb 28672
inv 28672" "$(awk '{ print $1, $3 }' <<<"$one")"
	is "poison: what is behind it is done" $((36 << 10)) \
		$(($(awk '$1 == "inv" { print $2 }' <<<"$one" | tail -n 1) - $(awk '$1 == "inv" { print $2 }' <<<"$one" | head -n 1)))
	one=$(events dd "if=$disk" of=/dev/null bs=64k count=1 iflag=direct)
	is "poison: left out before blocks are read" "wb 32768
inv 32768
wb 28672
inv 28672" "$(awk '$1 ~ /^(wb|inv)$/ { print $1, $3 }' <<<"$one" | head -n 4)"
	like "past the end" ERANGE "$(fsdev-node span "/dev/$dev" invalidate 0 $((1 << 40)) 0 2>&1)"
}

# The kernel's function takes 32 bits of a length, and does not give the processor up.
case_long_read() {
	local one

	shared
	ok "a file system" filesystem
	one=$(events dd "if=$mnt/file" of=/dev/null bs=4M)
	ok "read(): all of the file is invalidated" [ "$(awk '$1 == "inv" { n += $3 } END { print n + 0 }' <<<"$one")" -ge $((4 << 20)) ]
	is "read(): a MiB at most at once" 1048576 "$(awk '$1 == "inv" { print $3 }' <<<"$one" | sort -n | tail -n 1)"
}

# A part of a line that is written by itself would take the rest of it along.
case_node() {
	shared
	is "write() of the node: invalidated, then stored" "wb 3
inv 3
nt 3" "$(events dd if=/dev/zero of="/dev/$dev" bs=1 count=1 seek=4097 conv=notrunc | kinds | sed 's/ 1$/ 3/')"
}

# What a mapping has stored does not come out of the caches after the next host has begun.
case_unbind() {
	local one

	shared
	one=$(events give "$dev" none)
	is "unbind: all of it, written back" $((256 << 20)) "$(awk '$1 == "wb" { n += $3 } END { print n }' <<<"$one")"
	is "unbind: and invalidated" $((256 << 20)) "$(awk '$1 == "inv" { n += $3 } END { print n }' <<<"$one")"
}

# No instruction is spent on that elsewhere.
case_not_shared() {
	shared -
	is "blocks" "bio" "$(events dd "if=$disk" of=/dev/null bs=64k count=1 iflag=direct | kinds)"
	is "blocks: written" "bio" "$(events dd if=/dev/zero "of=$disk" bs=64k count=1 oflag=direct conv=notrunc | kinds)"
	ok "a file system" filesystem
	is "msync" 0 "$(events xfs_io -c "mmap 0 64k" -c "mwrite 0 4k" -c "msync -s 0 64k" "$mnt/file" | grep -cE 'wb|inv|nt')"
	is "read()" 0 "$(events dd "if=$mnt/file" of=/dev/null bs=64k count=2 | grep -cE 'wb|inv')"
}

run_cases
