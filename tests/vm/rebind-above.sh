#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --soft-reserved 128M --soft-reserved 64M --soft-reserved 64M --soft-reserved 64M
# A binding that has ended stays ended for what stands above the disk as well: overlayfs, loop devices, swap, a mount that only an open
# file or another mount namespace keeps, a frozen file system. The unbind waits for swap, and says so. Several devices at once: one
# that has to wait holds up no other.
# shellcheck disable=SC2016,SC2086,SC2119,SC2154,SC2206,SC2317 # another shell's; lists; of the library; called by name
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/removal-lib.sh
. "$(dirname -- "$0")/removal-lib.sh"
# shellcheck source=tests/vm/stack-lib.sh
. "$(dirname -- "$0")/stack-lib.sh"
# shellcheck source=tests/vm/rebind-lib.sh
. "$(dirname -- "$0")/rebind-lib.sh"

# taken: an unbind begins, in $taker
taken() {
	said_before=$(dmesg | wc -l)
	give $dev none >/tmp/taken 2>&1 &
	taker=$!
}

# blocked PATTERN: it says what it waits for, while it does
blocked() {
	until dmesg | tail -n +$((said_before + 1)) | grep -qE "unbind blocked: $1"; do
		kill -0 $taker || return 1
		sleep 0.1
	done
	kill -0 $taker
}

# unblocked: it ends, and says that it goes on
unblocked() {
	wait $taker
	is "$what: unbind ends then" none "$(driver_of $dev)"
	like "$what: the log says so" "unbind continues" "$(dmesg | tail -n +$((said_before + 1)))"
}

# over LOWER UPPER: an overlay
over() {
	mkdir -p "$2/up" "$2/work"
	mount -t overlay -o "lowerdir=$1,upperdir=$2/up,workdir=$2/work" over $over || fail "$what: mount"
}

# A file of the lower layer, and one of the upper
case_overlay() {
	begin "overlay, lower layer"
	small_ext4 $disk
	mounted
	over $mnt /dev/shm
	keep late $over/file r
	ended device_dax
	let_go
	umount $over
	umount $mnt

	begin "overlay, upper layer"
	small_ext4 $disk
	mounted
	mkdir -p /tmp/lower
	over /tmp/lower $mnt
	dax-file fill $over/file 0 $MIB 3
	is "$what: DAX there" yes "$(dax-file is-dax $mnt/up/file)"
	keep late $over/file w
	ended $others
	let_go
	umount $over
	umount $mnt
}

# Over a file, and with direct I/O over the disk
case_loop() {
	local over

	modprobe loop
	for over in file disk; do
		begin "loop device over the $over"
		if [ $over = file ]; then
			small_ext4 $disk
			mounted
			loop=$(losetup -f --show $file)
		else
			loop=$(losetup -f --show --direct-io=on $disk)
			is "$what: direct I/O" 1 "$(cat "/sys/block/${loop##*/}/loop/dio")"
		fi
		attempt=by_loop
		is "$what: in use" "done done " "$($attempt)"
		if [ $over = file ]; then ended device_dax; else ended $others; fi
		losetup -d "$loop"
		[ $over = disk ] || umount $mnt
	done
}

# Only an open file with a mapping keeps the mount
case_lazy() {
	begin "lazily unmounted"
	small_xfs -m rmapbt=1,reflink=0 $disk
	mounted
	keep late $file w
	ok "$what: umount -l" umount -l $mnt
	ended device_dax
	let_go
}

# Only another mount namespace has it, by a bind mount
case_namespace() {
	begin "mount namespace"
	small_ext4 $disk
	mounted
	within=(unshare --mount --propagation private sh -c 'mount --bind "$0" /mnt/over && exec "$@"' $mnt)
	keep late $over/file w
	within=()
	ok "$what: unmounted elsewhere" umount $mnt
	ended device_dax
	let_go
}

# swap_file: a new one
swap_file() {
	rm -f $mnt/swap
	dd if=/dev/zero of=$mnt/swap bs=1M count=12 status=none
	chmod 600 $mnt/swap
	mkswap $mnt/swap >/dev/null
	swapon $mnt/swap
}

# On the disk, and in a file of a file system on it: the kernel cannot let go of it
case_swap() {
	local where

	requires "a kernel with swap" test -e /proc/swaps || return
	for where in disk ext4; do
		begin "swap on $where"
		area=$disk
		if [ $where != disk ]; then
			small_ext4 $disk
			mounted
			refused "$what: the kernel takes no DAX file" swap_file
			umount $mnt
			mount -o dax=never $disk $mnt
			area=$mnt/swap
			ok "$what: swapon" swap_file
		fi
		[ $where != disk ] || { mkswap $area >/dev/null 2>&1 && ok "$what: swapon" swapon $area; }
		keep paged $((8 * MIB))
		is "$what: what was written to it comes back" same "$(ask)"
		taken
		ok "$what: unbind waits, and says for what" blocked "fsdev0.0 is in use as swap, waiting for swapoff"
		is "$what: meanwhile it comes back as before" same "$(ask)"
		ok "$what: swapoff" swapoff $area
		unblocked
		attempt=ask
		is "$what: nothing is lost" same "$(ask)"
		give $dev device_dax
		dax-file paint $node $size 1
		is "$what: with another driver neither" same "$(ask)"
		is "$what: whose memory has not changed" "0 pages differ" "$(dax-file painted $node $size 1)"
		give $dev none
		let_go
		[ $where = disk ] || umount $mnt
	done

	# It is not seen through device-mapper. What is still in the swap cache is the process's own.
	local errors='^(SIGBUS|same)$'
	begin "swap on device-mapper"
	dmsetup create old --table "0 $((size / 512)) linear $disk 0"
	mkswap /dev/mapper/old >/dev/null 2>&1
	ok "$what: swapon" swapon /dev/mapper/old
	keep paged $((8 * MIB))
	is "$what: what was written to it comes back" same "$(ask)"
	ended device_dax
	let_go
	ok "$what: swapoff" swapoff /dev/mapper/old
	dmsetup remove --retry old
}

# freeze TYPE: thawed afterwards, by a descriptor from before
freeze() {
	local thaw

	begin "frozen $1"
	case $1 in
	ext4) small_ext4 $disk ;;
	xfs) small_xfs -m rmapbt=1,reflink=0 $disk ;;
	esac
	mounted
	keep late $file r
	rm -f /tmp/thaw && mkfifo /tmp/thaw
	xfs_io -x -r $mnt </tmp/thaw >/tmp/thawed 2>&1 &
	thaw=$!
	exec 6>/tmp/thaw
	ok "$what: freeze" fsfreeze -f $mnt
	ended device_dax
	echo thaw >&6
	exec 6>&-
	wait $thaw
	let_go
	ok "$what: unmount" umount $mnt
	# XFS has thawed itself when it heard of the removal; a frozen file system survives its unmount
	refused "$what: it is gone" test -e "/sys/fs/$1/${disk##*/}"
}

# A file system that is frozen while its device goes
case_frozen() {
	freeze ext4
	freeze xfs
}

# use N: a process has a file on that device mapped, and reads commands
use() {
	rm -f /tmp/in$1 && mkfifo /tmp/in$1
	: >/tmp/late$1
	dax-file late /mnt/n$1/file w </tmp/in$1 >/tmp/late$1 2>&1 &
	users[$1]=$!
	exec {fd}>/tmp/in$1
	in[$1]=$fd
	until has_line ready /tmp/late$1; do sleep 0.1; done
}

# asked N: what that process meets
asked() {
	local lines

	lines=$(wc -l </tmp/late$1)
	echo go >&"${in[$1]}"
	until [ "$(wc -l </tmp/late$1)" -gt "$lines" ]; do sleep 0.05; done
	tail -n 1 /tmp/late$1
}

# Four devices go at once, each mounted and mapped; one has to wait for a page in a pipe
case_several() {
	local n pinner takers=() users=() in=() fd

	what="several at once"
	for n in 0 1 2 3; do
		ok "$what: dax$n.0" give dax$n.0 fsdev
		mkdir -p /mnt/n$n
		case $n in
		0 | 3) mkfs.ext4 -q -F -b 4096 /dev/fsdev$n.0 ;;
		1) small_xfs -m rmapbt=1,reflink=0 /dev/fsdev$n.0 ;;
		2) small_xfs -m reflink=1 /dev/fsdev$n.0 ;;
		esac
		mount -o dax=always /dev/fsdev$n.0 /mnt/n$n || fail "$what: mount $n"
		dax-file fill /mnt/n$n/file 0 $MIB 1
		use $n
	done
	: >/tmp/pin
	dax-file pin /mnt/n3/file 4096 >/tmp/pin &
	pinner=$!
	until has_line ready /tmp/pin; do sleep 0.1; done
	for n in 3 2 1 0; do
		give dax$n.0 none &
		takers[n]=$!
	done
	wait ${takers[0]} ${takers[1]} ${takers[2]}
	is "$what: three are unbound" "none none none" "$(for n in 0 1 2; do driver_of dax$n.0; done | paste -sd' ')"
	ok "$what: the fourth waits, and has held up no other" kill -0 ${takers[3]}
	until dmesg | grep -q 'dax3.0: unbind blocked: 1 pages still referenced' || ! kill -0 ${takers[3]}; do sleep 0.1; done
	kill -9 $pinner
	wait ${takers[3]}
	is "$what: it ends with its process" none "$(driver_of dax3.0)"
	for n in 0 1 2 3; do
		ok "$what: dax$n.0 to device_dax" give dax$n.0 device_dax
		dax-file paint /dev/dax$n.0 $size $n
		like "$what: nothing of dax$n.0 is reached" "$errors" "$(asked $n)"
	done
	for n in 0 1 2 3; do
		is "$what: nothing has changed on dax$n.0" "0 pages differ" "$(dax-file painted /dev/dax$n.0 $size $n)"
		fd=${in[n]}
		exec {fd}>&-
	done
	wait "${users[@]}"
	for n in 0 1 2 3; do
		umount /mnt/n$n
		give dax$n.0 none
	done
}

rebind_start
run_cases
