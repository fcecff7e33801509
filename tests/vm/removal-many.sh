#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# long: --icount --cpus 1 --soft-reserved 512M
# What unbinding costs with pages in pipes and many files in core, in instructions of the unbinding task. It has to end within two
# seconds of the guest's clock after the pages have been let go, and what each page and each file more costs is bounded.
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

# cost: unbinds, and says what that took
cost() {
	# shellcheck disable=SC2016  # the inner shell's own
	sh -c 'echo "$0" >"/sys/bus/dax/devices/$0/driver/unbind"; read -r n rest <"/proc/$$/schedstat"; echo "$n"' $dev
}

# pins FILES PAGES: the instructions are in /tmp/FILES-PAGES
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
	cost >"/tmp/$1-$2" &
	taker=$!
	sleep 5
	ok "$1 files, $2 pages: it waits" kill -0 $taker
	begin=$(date +%s%N)
	kill -9 $pinner
	wait $taker
	took=$((($(date +%s%N) - begin) / 1000000))
	echo "# $1 files, $2 pages in pipes, five seconds: $(cat "/tmp/$1-$2") instructions"
	echo "# $1 files, $2 pages: unbound $took ms after they were let go"
	ok "$1 files, $2 pages: unbound within two seconds" test $took -lt 2000
	umount $mnt
}

# slope WHAT LIMIT MORE LESS COUNT: what each of so many costs that the first has more
slope() {
	local each=$((($(cat "/tmp/$3") - $(cat "/tmp/$4")) / $5))

	echo "# $1 more: $each instructions"
	ok "$1 more costs no more than $2 instructions" test $each -le "$2"
}

pins 50000 16384
pins 50000 4096
pins 10000 16384
# not a file for each page, nor a page for each file
slope "each page" 10000 50000-16384 50000-4096 12288
slope "each file" 6000 50000-16384 10000-16384 40000
finish
