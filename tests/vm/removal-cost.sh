#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --icount --cpus 1 --soft-reserved 512M
# What unbinding costs under a file system with one file mapped, in instructions of the unbinding task: the least of three, as an
# interrupt counts for the task that it meets. The limit is 1.1 times what this script finds with tree 3ee51ee, before file systems
# that share blocks were supported and page faults in progress were waited for. Half of it is for 131,072 page structures.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"

dev=dax0.0 disk=/dev/fsdev0.0 mnt=/mnt/cost ext4=4320000 xfs=4320000
# whose XFS takes longer to end
case $(uname -r) in 6.1.*) ext4=4170000 xfs=4420000 ;; esac
mkdir -p $mnt
ok "a device of 512 MiB" shape $dev 0:512

# cost: unbinds, and says what that took
cost() {
	# shellcheck disable=SC2016  # the inner shell's own
	sh -c 'echo "$0" >"/sys/bus/dax/devices/$0/driver/unbind"; read -r n rest <"/proc/$$/schedstat"; echo "$n"' $dev
}

# mapped_once MKFS...: a file system with one file that is mapped; what unbinding the device under it costs
mapped_once() {
	local holder

	give $dev fsdev
	"$@" $disk >/dev/null
	mount -o dax=always $disk $mnt || { echo 0; return; }
	dax-file fill $mnt/file 0 $((4 * MIB)) 1 >/dev/null
	sync
	: >/tmp/hold
	dax-file hold $mnt/file >/tmp/hold &
	holder=$!
	until has_line '^ready' /tmp/hold; do sleep 0.1; done
	cost
	wait $holder
	umount $mnt
}

# one_file TYPE LIMIT MKFS...
one_file() {
	local type=$1 limit=$2 n

	shift 2
	n=$(for _ in 1 2 3; do mapped_once "$@"; done | sort -n | head -n 1)
	echo "# $type, one file mapped: $n instructions"
	ok "$type: an unbind costs no more than $limit instructions" test "$n" -gt 1000000 -a "$n" -le "$limit"
	is "$type: unbound" none "$(driver_of $dev)"
}

one_file ext4 $ext4 mkfs.ext4 -q -F -b 4096
# shares blocks, so that its mappings are clamped
one_file xfs $xfs mkfs.xfs -q -f -m reflink=1
one_file "xfs, no shared blocks" $xfs mkfs.xfs -q -f -m reflink=0
finish
