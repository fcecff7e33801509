#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --cpus 1 --soft-reserved 256M --pmem 256M
# What monitoring and databases ask of a disk: statistics, I/O that does not wait, very large I/O. Beside a disk of nd_pmem.
# shellcheck disable=SC2317  # cases are called by name
. "$(dirname -- "$0")/lib.sh"
. "$(dirname -- "$0")/tap.sh"

dev=dax0.0 disk=fsdev0.0 tracing=/sys/kernel/tracing
[ -e "$tracing"/trace ] || mount -t tracefs tracefs "$tracing"
give "$dev" fsdev
pmem=$(set -- /sys/bus/nd/devices/namespace*.0 && ls "$1/block")

# counts DISK: reads, sectors read, writes, sectors written, I/O in flight
counts() {
	awk '{ print $1, $3, $5, $7, $9 }' "/sys/block/$1/stat"
}

# used DISK: the same after some use
used() {
	dd if=/dev/zero of="/dev/$1" bs=64k count=16 oflag=direct 2>/dev/null
	dd if="/dev/$1" of=/dev/null bs=4k count=8 iflag=direct 2>/dev/null
	xfs_io -c fsync "/dev/$1"
	counts "$1"
}

case_statistics() {
	is "off, as with nd_pmem" "0 0" "$(cat /sys/block/{"$disk","$pmem"}/queue/iostats | paste -sd' ')"
	is "nothing is counted" "$(counts "$disk")" "$(used "$disk")"
	echo 1 >"/sys/block/$disk/queue/iostats"
	echo 1 >"/sys/block/$pmem/queue/iostats"
	is "on" "8 64 16 2048 0" "$(used "$disk")"
	is "nd_pmem counts the same" "8 64 16 2048 0" "$(used "$pmem" | awk '{ $3 = 16; print }')"
	like "what is in progress took time" "^[1-9]" "$(awk '{ print $10 + $11 + 1 }' "/sys/block/$disk/stat")"
	echo 0 >"/sys/block/$disk/queue/iostats"
	is "off again" "8 64 16 2048 0" "$(used "$disk")"
}

case_rotation() {
	is "lsblk's view" "0 0" "$(lsblk -dno ROTA,RO "/dev/$disk" | awk '{ print $1, $2 }')"
}

# nowait OFFSET: a write that must not wait
nowait() {
	xfs_io -d -c "pwrite -N -V 1 $1 4k" "/dev/$disk" 2>&1
}

case_does_not_wait() {
	like "a write" "wrote 4096/4096" "$(nowait 0)"
	fsdev-node span "/dev/$dev" inject $((1 << 20)) 4096 0 >/dev/null
	like "over poison, which is repaired" "Resource temporarily unavailable" "$(nowait 1m)"
	like "beside it" "wrote 4096/4096" "$(nowait 8k)"
	refused "poison stays" dd "if=/dev/$disk" of=/dev/null bs=4k skip=256 count=1 iflag=direct
	like "with leave to wait" "wrote 4096/4096" "$(xfs_io -d -c "pwrite 1m 4k" "/dev/$disk" 2>&1)"
	ok "it is repaired" dd "if=/dev/$disk" of=/dev/null bs=4k skip=256 count=1 iflag=direct
}

# One bio of 64 MiB, from huge pages. Where the kernel preempts what runs in it there is nothing to do.
case_large() {
	local size=$((64 << 20))

	echo 40 >/proc/sys/vm/nr_hugepages
	echo 'p:resched __cond_resched' >"$tracing/kprobe_events"
	echo 1 >"$tracing/events/kprobes/resched/enable"
	echo 1 >"$tracing/events/block/block_bio_queue/enable"
	echo 1 >"$tracing/events/block/block_bio_complete/enable"
	: >"$tracing/trace"
	ok "written" fio --name=large "--filename=/dev/$disk" --rw=write --bs=64m --size=64m --direct=1 --iomem=mmaphuge \
		--ioengine=psync --verify=crc32c --do_verify=0 --randseed=5 --verify_state_save=0
	echo 0 >"$tracing/events/enable"
	awk -v size=$((size / 512)) '
		/block_bio_queue/ && $0 ~ "\\+ " size " " { inside = 1; bios++; task = $1 }
		/block_bio_complete/ && $0 ~ "\\+ 0|" size { inside = 0 }
		inside && $1 == task && /resched:/ { n++ }
		END { print bios + 0, n + 0 }' "$tracing/trace" >/tmp/large
	grep -hE 'block_bio|resched' "$tracing/trace" | awk '{ $1 = $2 = $3 = $4 = ""; print }' | uniq -c | tail -n 8 >/tmp/large.trace
	echo >"$tracing/kprobe_events"
	like "in one piece" "^1 " "$(cat /tmp/large; cat /tmp/large.trace)"
	if grep -q '(\(none\|voluntary\))' /sys/kernel/debug/sched/preempt; then
		like "the processor was offered in it, each MiB" "^1 (6[3-9]|[7-9][0-9])$" "$(cat /tmp/large)"
	else
		skip "the processor is offered in it" "needs a kernel that does not preempt by itself"
	fi
	ok "it is what was written" fio --name=large "--filename=/dev/$disk" --rw=read --bs=64m --size=64m --direct=1 --iomem=mmaphuge \
		--ioengine=psync --verify=crc32c --randseed=5 --verify_state_save=0
	echo 0 >/proc/sys/vm/nr_hugepages
}

run_cases
