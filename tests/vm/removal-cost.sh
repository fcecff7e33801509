#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --icount --cpus 1 --soft-reserved 512M
# What unbinding costs under a file system with one file mapped, in instructions of the unbinding task. The limit is 1.1 times what it
# was before file systems that share blocks were supported, and before page faults in progress were waited for: 4.2 million, half of
# them for 131,072 page structures.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"

dev=dax0.0 disk=/dev/fsdev0.0 mnt=/mnt/cost limit=4600000
# 6.1, whose XFS takes longer to end: a tenth more than the 4.65 million that were measured
case $(uname -r) in 6.1.*) limit=5100000 ;; esac
mkdir -p $mnt
ok "a device of 512 MiB" shape $dev 0:512

# cost: unbinds, and says what that took
cost() {
	# shellcheck disable=SC2016  # the inner shell's own
	sh -c 'echo "$0" >"/sys/bus/dax/devices/$0/driver/unbind"; read -r n rest <"/proc/$$/schedstat"; echo "$n"' $dev
}

# one_file TYPE MKFS...
one_file() {
	local type=$1 holder n

	shift
	give $dev fsdev
	"$@" $disk
	ok "$type: mount" mount -o dax=always $disk $mnt
	dax-file fill $mnt/file 0 $((4 * MIB)) 1
	sync
	: >/tmp/hold
	dax-file hold $mnt/file >/tmp/hold &
	holder=$!
	until has_line '^ready' /tmp/hold; do sleep 0.1; done
	n=$(cost)
	wait $holder
	echo "# $type, one file mapped: $n instructions"
	ok "$type: an unbind costs no more than $limit instructions" test "$n" -le $limit
	is "$type: unbound" none "$(driver_of $dev)"
	umount $mnt
}

one_file ext4 mkfs.ext4 -q -F -b 4096
# shares blocks, so that its mappings are clamped
one_file xfs mkfs.xfs -q -f -m reflink=1
one_file "xfs, no shared blocks" mkfs.xfs -q -f -m reflink=0
finish
