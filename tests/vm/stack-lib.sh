# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What the scenarios of file systems and volumes share.
# shellcheck disable=SC2154  # of the scenario

# huge NAME PATTERN FILE LEN r|w: how many faults of 2 MiB were answered with a mapping, and how many were split; the kernel's
# tracepoint tells
huge() {
	local trace=/sys/kernel/tracing

	: >$trace/trace
	echo 1 >$trace/events/fs_dax/dax_pmd_fault_done/enable
	dax-file touch "$3" 0 "$4" "$5"
	echo 0 >$trace/events/fs_dax/dax_pmd_fault_done/enable
	like "$1" "^$2\$" "$(awk '/dax_pmd_fault_done/ { if (/NOPAGE/) n++; else if (/FALLBACK/) s++ }
		END { printf "%d mapped, %d split", n, s }' $trace/trace)"
}

# good NAME FILE LEN SEED: the file has its data
good() {
	is "$1" "$(($3 / 4096)) good, 0 wrong, 0 lost" "$(dax-file verify "$2" 0 "$3" "$4" | tail -n 1)"
}

# at FILE OFFSET: where on its block device a file has an offset
at() {
	filefrag -b4096 -e "$1" | awk -v page=$(($2 / 4096)) \
		'$1 ~ /^[0-9]+:$/ { gsub(/[.:]+/, " "); if (page >= $2 && page <= $3) print ($4 + page - $2) * 4096 }'
}

# mapping FILE...: a process on each that goes over a mapping of it; they are named 1, 2, ...
mapping() {
	local file n=0

	none_yet
	for file; do start $((++n)) dax-file hold "$file"; done
	all_ready
}

# met N: what that process has met; it has ended
met() {
	tail -n 1 "/tmp/$1"
}

# where_failed: the last failure that the driver reported, as "device offset"
where_failed() {
	dmesg | sed -n 's/.*fsdev \(dax[0-9.]*\): memory failure at .*: device offset \(0x[0-9a-f]*\),.*/\1 \2/p' | tail -n 1
}

# there PATH: waits until it is
there() {
	until [ -e "$1" ]; do sleep 0.1; done
}

# does_dax DISK: what the disk's queue says
does_dax() {
	local major minor

	read -r major minor < <(stat -Lc '%Hr %Lr' "$1")
	cat "/sys/dev/block/$major:$minor/queue/dax"
}

# partition N START SECTORS: an entry of the table of partitions in the first sector, in the PC's form
partition() {
	local number bytes='\0\0\0\0\x83\0\0\0'

	for number in "$2" "$3"; do
		bytes+=$(printf '\\x%02x\\x%02x\\x%02x\\x%02x' $((number & 255)) $((number >> 8 & 255)) $((number >> 16 & 255)) $((number >> 24)))
	done
	# shellcheck disable=SC2059  # it is the format
	printf "$bytes" | dd of=/dev/fsdev0.0 bs=1 seek=$((446 + ($1 - 1) * 16)) conv=notrunc,fsync 2>/dev/null
}

# blkpg 1|2 START MIB: has the kernel add or delete partition 1 without a table, as addpart and delpart do, which the lab has not
blkpg() {
	# shellcheck disable=SC2016  # they are perl's
	perl -e 'open(my $disk, "<", shift) or die; my ($op, $from, $mib) = @ARGV;
		my $part = pack("q q i x128 x4", $from << 20, $mib << 20, 1);
		ioctl($disk, 0x1269, pack("i i i x4 P", $op, 0, length($part), $part)) or die "BLKPG: $!\n"' "$disk" "$@"
}
