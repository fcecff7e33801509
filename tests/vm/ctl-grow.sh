#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --cpus 1 --soft-reserved 1G
# fsdevctl grow: more memory for a device while a file system is mounted from it, with every byte verified; growth that fails at
# each of its steps (by strace), and what is left; what a growth does to the configuration.
# shellcheck disable=SC2317,SC2086  # cases are called by name, and no path here has blanks
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/ctl-lib.sh
. "$(dirname -- "$0")/ctl-lib.sh"

dev=dax0.0 disk=/dev/fsdev0.0 bus=/sys/bus/dax mnt=/mnt/grow
attr=$bus/drivers/fsdev/grow
mkdir -p $mnt
base=$(region_start $dev)
modprobe fsdev

# mib: the disk's size
mib() {
	echo $(($(blockdev --getsize64 $disk) / MIB))
}

# at FROM LENGTH: a range as the tool writes it, from MiB
at() {
	printf '%#x-%#x' $((base + $1 * MIB)) $((base + ($1 + $2) * MIB - 1))
}

# begin RANGE...: the device in fsdev mode, with these ranges
begin() {
	shape $dev "$@" && give $dev fsdev
}

# has_attr: this driver grows a bound device
has_attr() {
	[ -e $attr ]
}

after_case() {
	mountpoint -q $mnt && umount $mnt
	rm -rf /etc/fsdev.d
	give $dev none
}

case_older_driver() {
	if has_attr; then
		skip "refused by an older driver" "this one grows bound devices"
		return
	fi
	begin 0:384
	gives "refused, with a sentence" 1 "cannot grow a bound device.*nothing was changed" fsdevctl grow $dev --size +64M
	is "and nothing is changed" "1 384" "$(lists $dev '.mappings|length') $(mib)"
}

case_sizes() {
	requires "a driver that grows bound devices" has_attr || return
	begin 0:384
	gives "dry run" 0 "append $(at 384 64) \(64 MiB\) to its ranges" fsdevctl grow $dev --size +64M --dry-run
	is "dry run: changes nothing" "384 1" "$(mib) $(lists $dev '.mappings|length')"
	gives "--size" 0 "/dev/fsdev0.0 has grown from 384 MiB to 448 MiB" fsdevctl grow $dev --size +64M
	is "--size: disk, list and ranges" "448 469762048 2" "$(mib) $(lists $dev .size) $(lists $dev '.mappings|length')"
	gives "--range" 0 "512 MiB" fsdevctl grow $dev --range "$(at 512 64)"
	is "--range: is the third" $((base + 512 * MIB)) "$(lists $dev '.mappings[2].start')"
	gives "--range that has an owner" 2 "is not free: $dev has memory in it" fsdevctl grow $dev --range "$(at 510 4)"
	gives "more than is free" 1 "has only 512 MiB free, and 514 MiB is more" fsdevctl grow $dev --size +514M
	is "--json" "[512,1024,[64,448]]" "$(fsdevctl grow $dev --all --json 2>/dev/null |
		jq -c "[.size_before/$MIB, .size/$MIB, [.mappings[].size/$MIB]]")"
	is "--all: all of the region" 1024 "$(mib)"
	gives "--all again: so it is already" 0 "has no free memory" fsdevctl grow $dev --all
	gives "to less: says how" 1 "the bus takes no range back" fsdevctl grow $dev --size -64M
	for each in 383 447 511 1023; do
		ok "the disk can be written and read, from MiB $each on" eval "yes $each | head -c $MIB >/tmp/one &&
			dd if=/tmp/one of=$disk bs=1M count=1 seek=$each oflag=direct && dd if=$disk bs=1M count=1 skip=$each iflag=direct | cmp - /tmp/one"
	done
	give $dev device_dax && give $dev fsdev
	is "it stays so over another driver" "1024 5" "$(mib) $(lists $dev '.mappings|length')"
}

# grows_mounted TYPE: what is written before and after is whole
grows_mounted() {
	local before

	begin 0:256 512:64
	gives "$1: made" 0 "its files are DAX" fsdevctl mkfs $dev --type "$1" --mount $mnt --force
	dax-file fill $mnt/old 0 $((16 * MIB)) 1
	before=$(df -B1 --output=size $mnt | tail -n 1)
	gives "$1: --fs" 0 "$1 on $mnt has grown" fsdevctl grow $dev --all --fs
	is "$1: the disk has all of the region" 1024 "$(mib)"
	is "$1: the file system has more than 500 MiB more" yes \
		"$([ $(($(df -B1 --output=size $mnt | tail -n 1) - before)) -gt $((500 * MIB)) ] && echo yes)"
	dax-file fill $mnt/new 0 $((320 * MIB)) 2
	is "$1: what was there" "4096 good, 0 wrong, 0 lost" "$(dax-file verify $mnt/old 0 $((16 * MIB)) 1)"
	is "$1: what came after, over the old end" "81920 good, 0 wrong, 0 lost" "$(dax-file verify $mnt/new 0 $((320 * MIB)) 2)"
	umount $mnt
	give $dev none && give $dev fsdev
	ok "$1: bound anew and mounted" mount -o dax=always $disk $mnt
	is "$1: bound anew: what was there" "4096 good, 0 wrong, 0 lost" "$(dax-file verify $mnt/old 0 $((16 * MIB)) 1)"
	is "$1: bound anew: what came after" "81920 good, 0 wrong, 0 lost" "$(dax-file verify $mnt/new 0 $((320 * MIB)) 2)"
}

case_xfs() {
	requires "a driver that grows bound devices" has_attr || return
	grows_mounted xfs
}

case_ext4() {
	requires "a driver that grows bound devices" has_attr || return
	grows_mounted ext4
}

# failing NAME PATTERN WHAT...: a growth by two pieces, with that injection
failing() {
	local name=$1 status=$2 pattern=$3

	shift 3
	gives "$name" "$status" "$pattern" strace -f -o /tmp/strace --seccomp-bpf -e trace=write "$@" fsdevctl grow $dev --size +640M
}

case_half_way() {
	requires "a driver that grows bound devices" has_attr || return
	begin 0:128 512:128
	failing "the first range is refused" 1 "is as it was; nothing was changed" -P $bus/devices/$dev/mapping -e inject=write:error=ENOMEM:when=1
	is "the first range: nothing is changed" "256 2" "$(mib) $(lists $dev '.mappings|length')"
	failing "the second range is refused" 4 "$(at 128 384) \(384 MiB\) is one of its ranges on the bus, and no capacity" \
		-P $bus/devices/$dev/mapping -e inject=write:error=ENOMEM:when=2
	is "the second range: no capacity" "256 3" "$(mib) $(lists $dev '.mappings|length')"
	gives "what is left is taken up" 0 "$dev: 640 MiB, 384 MiB more" fsdevctl grow $dev
	give $dev none
	begin 0:128 512:128
	failing "the driver refuses" 4 "the driver does not take it up: some of the memory is in use" -P $attr -e inject=write:error=EBUSY
	is "the driver refuses: no capacity" "256 4" "$(mib) $(lists $dev '.mappings|length')"
	give $dev none && give $dev fsdev
	is "the next binding takes it up" 896 "$(mib)"
	gives "then there is nothing left" 2 "there is nothing to take up" fsdevctl grow $dev
}

case_configured() {
	requires "a driver that grows bound devices" has_attr || return
	begin 0:128
	gives "a section" 0 "" fsdevctl config add --device $dev --name data
	gives "it names a size" 0 "is not about it any more; change a line there to: size = 0xc000000" fsdevctl grow $dev --size +64M
	rm /etc/fsdev.d/data.conf
	fsdevctl config add --device $dev --name data >/dev/null
	gives "--persist" 0 "now says size = 0x10000000" fsdevctl grow $dev --size +64M --persist
	gives "--persist: the section is about it" 0 "$dev \(fsdev now\): \[data\]" fsdevctl config check
}

run_cases
