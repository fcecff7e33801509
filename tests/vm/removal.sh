#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --soft-reserved 1G
# Unbinding under a mounted file system with processes that have files of every kind mapped, and others that write: who has
# a mapping gets SIGBUS, the kernel stays whole, and the device can be bound again with what fsync had acknowledged still
# there. With holes, pages that files share, 2 MiB pages, a thousand files in core, and pages that the kernel itself has.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/removal-lib.sh
. "$(dirname -- "$0")/removal-lib.sh"
# shellcheck source=tests/vm/ras-lib.sh
. "$(dirname -- "$0")/ras-lib.sh"
# shellcheck source=tests/vm/kernel-lib.sh
. "$(dirname -- "$0")/kernel-lib.sh"

# Two files that have a page in common, both mapped: 6.1 takes its own state for wrong then, removal or not (since 6.2 it
# counts them).
# shellcheck disable=SC2034  # for quiet_log
case $(uname -r) in 6.1.*) stock_complaint='fs/dax\.c:[0-9]+ dax_(insert|disassociate)_entry' ;; esac

dev=dax0.0 disk=/dev/fsdev0.0 mnt=/mnt/removal events=/sys/kernel/tracing/events/fs_dax
mkdir -p $mnt
shape $dev 0:400 512:200
give $dev fsdev

modprobe fsdev_test || fail "cannot load fsdev_test"
watch_walks

# under TYPE MKFS...: the scenario for one file system
under() {
	local type=$1 last begin shared=''

	shift
	"$@" $disk >/tmp/mkfs 2>&1 || cat /tmp/mkfs
	ok "$type: mount" mount -o dax=always $disk $mnt
	dax-file fill $mnt/file 0 $((4 * MIB)) 3
	dax-file fill $mnt/held 0 $((4 * MIB)) 4
	dax-file fill $mnt/dirty 0 $((4 * MIB)) 5
	truncate -s 4M $mnt/hole
	case $type in xfs*) xfs_io -fc 'extsize 2m' $mnt/huge ;; esac
	fallocate -l 8M $mnt/huge
	is "$type: the file is mapped with DAX" yes "$(dax-file is-dax $mnt/held)"
	[ "$type" != xfs-reflink ] || for shared in one two; do cp --reflink=always $mnt/held $mnt/shared-$shared; done
	none_yet
	if [ "$type" = xfs ]; then
		start many dax-file many $mnt 1000
		all_ready
	fi
	sync
	echo >/sys/kernel/tracing/trace
	echo 1 >$events/dax_pmd_fault_done/enable
	start huge dax-file hold-write $mnt/huge
	all_ready
	echo 0 >$events/dax_pmd_fault_done/enable
	case $(uname -r)-$type in
	# it does not say which blocks are shared where they are read, so that none is mapped by 2 MiB
	6.1.*-xfs-reflink) like "$type: 2 MiB are split" "dax_pmd_fault_done.*FALLBACK" "$(cat /sys/kernel/tracing/trace)" ;;
	*) like "$type: 2 MiB are mapped at once" "dax_pmd_fault_done.*NOPAGE" "$(cat /sys/kernel/tracing/trace)" ;;
	esac
	start reader dax-file hold $mnt/held
	start writer dax-file hold-write $mnt/dirty
	start hole dax-file hold-hole $mnt/hole
	if [ -n "$shared" ]; then
		start shared-one dax-file hold $mnt/shared-one
		start shared-two dax-file hold $mnt/shared-two
	fi
	start log dax-file log $mnt/log sync
	start copy sh -c "echo ready; while dd if=/dev/zero of=$mnt/copy bs=1M count=8 conv=notrunc; do sleep 0.3; done"
	start disk sh -c "echo ready; while dd if=$disk of=/dev/null bs=1M count=16 iflag=direct; do sleep 0.3; done"
	all_ready
	begin=$(cut -d' ' -f1 /proc/uptime)
	ok "$type: unbind" unwaited give $dev none
	is "$type: the kernel goes over no more pages than a file has" "" "$(walks)"
	echo "# $type: unbinding took $(awk -v a="$begin" '{ print $1 - a }' /proc/uptime) s of the guest's time"
	# a hole needs no memory of the device, see below
	all_ended "$([ "$type" != ext4 ] || echo hole)"
	for name in huge reader writer ${shared:+shared-one shared-two}; do
		like "$type: who has $name mapped is told" "SIGBUS BUS_ADRERR" "$(tail -n 1 "/tmp/$name")"
	done
	if [ "$type" = ext4 ]; then
		# ext4 that has shut down goes on mapping zeros, which are not the device's, where there is no block
		like "$type: who has a hole mapped is told, or goes on reading zeros" "^(SIGBUS BUS_ADRERR|ready)" "$(tail -n 1 /tmp/hole)"
	else
		like "$type: who has a hole mapped is told" "SIGBUS BUS_ADRERR" "$(tail -n 1 /tmp/hole)"
	fi
	[ "$type" != xfs ] || is "$type: who has a thousand files mapped is told of each" "SIGBUS in each of 1000" "$(tail -n 1 /tmp/many)"
	like "$type: who writes and syncs gets an error" "^ended .*(error|ile system|Structure|No such)" "$(tail -n 1 /tmp/log)"
	last=$(grep -xE '[0-9]+' /tmp/log | tail -n 1)
	refused "$type: a new mapping finds nothing" dax-file verify $mnt/file 0 4096 3
	ok "$type: unmount" umount $mnt
	ok "$type: bind again" give $dev fsdev
	ok "$type: mount again" mount -o dax=always $disk $mnt
	is "$type: the data is there" "1024 good, 0 wrong, 0 lost" "$(dax-file verify $mnt/file 0 $((4 * MIB)) 3)"
	is "$type: and what the process had" "1024 good, 0 wrong, 0 lost" \
		"$(dax-file verify $mnt/held 0 $((4 * MIB)) 4)"
	is "$type: and what one wrote meanwhile" "1024 good, 0 wrong, 0 lost" \
		"$(dax-file verify $mnt/dirty 0 $((4 * MIB)) 5)"
	like "$type: and all $last entries that fsync acknowledged" " there, 0 missing$" "$(dax-file check-log $mnt/log "$last")"
	umount $mnt
}

# private TYPE COMMAND...: what a process has written to a private mapping is its own memory, and survives the device
private() {
	local type=$1

	shift
	"$@" >/tmp/mkfs 2>&1 || cat /tmp/mkfs
	ok "$type, copies: mount" mount -t "${type%-*}" -o dax=always $disk $mnt
	[ "$type" = erofs ] || dax-file fill $mnt/file 0 $MIB 7
	is "$type, copies: the file is mapped with DAX" yes "$(dax-file is-dax $mnt/file)"
	copies_of $mnt/file 20480
	ok "$type, copies: unbind" unwaited give $dev none
	copies_kept "$type" "SIGBUS at 28672"
	umount $mnt
	ok "$type, copies: bind again" give $dev fsdev
}

# shellcheck disable=SC2317  # called by name
erofs_image() {
	mkdir -p /tmp/tree && dax-file fill /tmp/tree/file 0 "$MIB" 7 &&
		mkfs.erofs -b4096 -E noinline_data /tmp/image /tmp/tree &&
		dd if=/tmp/image of="$disk" bs=1M oflag=direct conv=notrunc
}

# pinned: a page that the kernel itself has, in a pipe, makes the removal wait and say so; ending the process ends the wait
pinned() {
	local pinner unbinder

	mkfs.ext4 -q -F -b 4096 $disk && mount -o dax=always $disk $mnt
	dax-file fill $mnt/file 0 $((4 * MIB)) 6
	dax-file pin $mnt/file 0 >/tmp/pin &
	pinner=$!
	until grep -q ready /tmp/pin; do sleep 0.05; done
	give $dev none &
	unbinder=$!
	until dmesg | grep -q 'unbind blocked: 1 pages still referenced' || ! kill -0 $unbinder; do sleep 0.2; done
	ok "a page in the kernel's hands: removal says that it waits" kill -0 $unbinder
	kill -9 $pinner
	wait $unbinder
	is "and ends with the process" 0 $?
	like "which the log says too" "unbind continues" "$(dmesg | grep -F 'unbind continues')"
	umount $mnt
	ok "and the device binds again" give $dev fsdev
	ok "with its file system" mount -o dax=always $disk $mnt
	is "and its data" "1024 good, 0 wrong, 0 lost" "$(dax-file verify $mnt/file 0 $((4 * MIB)) 6)"
	umount $mnt
}

# neighbours: two 2 MiB entries side by side, a page in the middle of each in a pipe. The first is let go while the removal
# is between looking at its entry and whatever it looks at next; the second later. fsdev_test holds the removal there, if it
# looks into the middle of an entry (tests/kernel/drop.c).
neighbours() {
	local one two unbinder

	mkfs.xfs -q -f -d su=2m,sw=1 -m rmapbt=1,reflink=0 $disk && mount -o dax=always $disk $mnt
	xfs_io -fc 'extsize 2m' $mnt/huge && fallocate -l 8M $mnt/huge
	echo >/sys/kernel/tracing/trace
	echo 1 >$events/dax_pmd_fault_done/enable
	dax-file touch $mnt/huge 0 $((4 * MIB)) w
	echo 0 >$events/dax_pmd_fault_done/enable
	is "neighbours: 2 MiB are mapped at once, twice" 2 "$(grep -c 'dax_pmd_fault_done.*WRITE.*NOPAGE' /sys/kernel/tracing/trace)"
	dax-file pin $mnt/huge $((5 << 12)) >/tmp/one &
	one=$!
	dax-file pin $mnt/huge $((2 * MIB + (5 << 12))) >/tmp/two &
	two=$!
	until grep -q ready /tmp/one && grep -q ready /tmp/two; do sleep 0.05; done
	ok "neighbours: a look into an entry would be seen" run drop-watch
	dmesg -C
	(printf revoker >/proc/self/comm; give $dev none) &
	unbinder=$!
	until dmesg | grep -q 'unbind blocked: .*still referenced' || run drop-held; do kill -0 $unbinder || break; sleep 0.1; done
	ok "neighbours: removal waits" kill -0 $unbinder
	kill -9 $one && wait $one
	run drop-go
	# a pass or two over what is left
	sleep 0.5
	refused "neighbours: it has looked at each entry whole" run drop-held
	ok "neighbours: and still does for the second one" kill -0 $unbinder
	kill -9 $two && wait $two
	wait $unbinder
	is "neighbours: and ends with that" 0 $?
	run drop-unwatch
	umount $mnt
	ok "neighbours: the device binds again" give $dev fsdev
}

# order: what came first when the device went, the disk's end or the announcement to XFS. Without files there is no walk.
order() {
	local event probes=/sys/kernel/tracing/kprobe_events

	mkfs.xfs -q -f -m rmapbt=1 $disk && mount -o dax=always $disk $mnt
	echo 'p:announced xfs_dax_notify_failure' >>$probes
	echo 'p:deleted del_gendisk' >>$probes
	for event in announced deleted; do echo 1 >/sys/kernel/tracing/events/kprobes/$event/enable; done
	echo >/sys/kernel/tracing/trace
	give $dev none
	umount $mnt
	for event in announced deleted; do echo 0 >/sys/kernel/tracing/events/kprobes/$event/enable; done
	grep -oE ' (announced|deleted): ' /sys/kernel/tracing/trace | tr -d ' :' | paste -sd' '
	for event in announced deleted; do echo -:$event >>$probes; done
	give $dev fsdev
}

under xfs mkfs.xfs -q -f -d su=2m,sw=1 -m rmapbt=1,reflink=0
under xfs-reflink mkfs.xfs -q -f -d su=2m,sw=1 -m rmapbt=1,reflink=1
under ext4 mkfs.ext4 -q -F -b 4096 -E stride=512,stripe-width=512
private xfs mkfs.xfs -q -f -m rmapbt=1,reflink=1 $disk
private ext4 mkfs.ext4 -q -F -b 4096 $disk
private erofs erofs_image
pinned
neighbours

parameter=/sys/module/fsdev/parameters/announce_first
is "the disk goes before XFS is told" "deleted announced" "$(order)"
like "which the log says" "deleting the disk before its holder is notified of removal" "$(dmesg | grep announce_first)"
echo Y >$parameter
is "with announce_first it is the other way round" "announced deleted" "$(order)"
echo N >$parameter
finish
