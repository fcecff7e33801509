#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# long: --icount --cpus 1 --soft-reserved 512M
# What unbinding costs, in instructions of the unbinding task: under a file system with one file mapped; and with pages in pipes and
# many files in core, where it has to end within two seconds of the guest's clock after the pages have been let go.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"

dev=dax0.0 disk=/dev/fsdev0.0 mnt=/mnt/cost
mkdir -p $mnt
shape $dev 0:512

# until_ready FILE
until_ready() {
	until has_line '^ready' "$1"; do sleep 0.1; done
}

# cost WHAT: unbinds, and says what that took
cost() {
	# shellcheck disable=SC2016  # the inner shell's own
	sh -c 'echo "$2" >"/sys/bus/dax/devices/$2/driver/unbind"; read -r n rest <"/proc/$$/schedstat"; echo "# $1: $n instructions"' - "$1" $dev
}

one_file() {
	local holder

	give $dev fsdev
	case $1 in
	ext4) mkfs.ext4 -q -F -b 4096 $disk ;;
	xfs) mkfs.xfs -q -f $disk ;;
	esac
	mount -o dax=always $disk $mnt
	dax-file fill $mnt/file 0 $((4 * MIB)) 1
	sync
	dax-file hold $mnt/file >/tmp/hold &
	holder=$!
	until_ready /tmp/hold
	cost "$1, one file mapped"
	wait $holder
	is "$1: unbound" none "$(driver_of $dev)"
	umount $mnt
}

# pins FILES PAGES
pins() {
	local pinner taker begin took

	give $dev fsdev
	mkfs.ext4 -q -F -b 4096 -N 100000 $disk
	mount -o dax=always $disk $mnt
	dax-file fill $mnt/file 0 $((64 * MIB)) 1
	mkdir $mnt/files
	(cd $mnt/files && seq 1 "$1" | xargs -n 2000 touch)
	sync
	: >/tmp/pins
	dax-file pin-many $mnt/file "$2" >/tmp/pins &
	pinner=$!
	until_ready /tmp/pins
	cost "$1 files, $2 pages in pipes, five seconds" &
	taker=$!
	sleep 5
	ok "$1 files, $2 pages: it waits" kill -0 $taker
	begin=$(date +%s%N)
	kill -9 $pinner
	wait $taker
	took=$((($(date +%s%N) - begin) / 1000000))
	echo "# $1 files, $2 pages: unbound $took ms after they were let go"
	ok "$1 files, $2 pages: unbound within two seconds" test $took -lt 2000
	umount $mnt
}

for fs in ext4 xfs; do one_file $fs; done
pins 50000 16384
pins 50000 4096
pins 10000 16384
finish
