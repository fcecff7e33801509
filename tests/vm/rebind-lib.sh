# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What is left of a binding that has ended must not reach the memory of the device's next user, whichever driver that has. The
# scenarios say what is left; here is who has the device then, and what they compare.
# shellcheck disable=SC2086,SC2154,SC2317  # lists; what coproc sets; functions that are called by name

dev=dax0.0 node=/dev/dax0.0 disk=/dev/fsdev0.0 mnt=/mnt/old over=/mnt/over
file=$mnt/file pattern=/dev/shm/pattern
# kmem wants a whole memory block; file systems and patterns lie in the first part of it
device_mib=128 size=$((48 * MIB))
# what each of several attempts ended with
errors='^((SIGBUS|E[A-Z]+) ?)+$'
# the device that XFS names when it shuts down, where that has to be seen
told=''
# words in front of the process that has something of the device
within=()

# small_xfs OPTION... DISK: smaller than mkfs.xfs makes one otherwise
small_xfs() {
	TEST_DIR=y TEST_DEV=y QA_CHECK_FS=y mkfs.xfs -q -f -d size=$size "$@"
}

small_ext4() {
	mkfs.ext4 -q -F -b 4096 "$1" $((size / 4096))
}

# keep COMMAND ARGUMENT...: a process that has something of the device, and tries to use it when it is told
keep() {
	local answer

	coproc late { exec "${within[@]}" dax-file "$@" 2>&1; }
	read -r answer <&"${late[0]}"
	is "$what: in use" ready "$answer"
	attempt=ask
}

# ask: what it meets
ask() {
	local answer=''

	echo go >&"${late[1]}"
	read -r -t 60 answer <&"${late[0]}"
	echo "$answer"
}

let_go() {
	eval "exec ${late[1]}>&-"
	wait "$late_PID" 2>/dev/null
}

# by_loop: what reading and writing past the page cache of a loop device meets
by_loop() {
	local how

	for how in "if=$loop of=/dev/null iflag=direct" "if=/dev/zero of=$loop oflag=direct conv=notrunc"; do
		if dd $how bs=4096 skip=16 count=1 status=none 2>/dev/null; then echo -n "done "; else echo -n "EIO "; fi
	done
}

# not_reached WHERE: what is left of the binding that has ended meets nothing but errors
not_reached() {
	like "$what, $1: nothing is reached" "$errors" "$($attempt)"
}

# online STATE: the memory that kmem has
online() {
	local block

	for block in /sys/devices/system/memory/memory*; do
		case $1-$(cat "$block/state")-$(cat "$block/valid_zones") in
		online-offline-*) echo online_movable >"$block/state" ;;
		offline-online-Movable) echo offline >"$block/state" ;;
		esac
	done
}

# with_DRIVER: the next user has that driver, and memory full of a pattern, which stays as it is
with_device_dax() {
	dax-file paint "$node" "$size" 1
	not_reached device_dax
	is "$what, device_dax: nothing has changed" "0 pages differ" "$(dax-file painted $node $size 1)"
}

with_fsdev() {
	dd if=$pattern of=$disk bs=1M oflag=direct conv=notrunc status=none
	not_reached fsdev
	# read as device_dax does it, which costs least
	give $dev device_dax
	is "$what, fsdev: nothing has changed" "0 pages differ" "$(dax-file painted $node $size 2)"
}

# it has been painted as device_dax's
with_fsdev_dax() {
	not_reached fsdev_dax
	give $dev device_dax
	is "$what, fsdev_dax: nothing has changed" "0 pages differ" "$(dax-file painted $node $size 1)"
}

with_kmem() {
	online online
	not_reached kmem
	online offline
}

# bound_again DRIVER...: each of these drivers has it in turn
bound_again() {
	local driver

	for driver; do
		ok "$what: to $driver" give $dev "$driver"
		"with_$driver"
		ok "$what: from $driver" give $dev none
	done
}

# ended DRIVER...: the device goes; then each of these drivers has it
ended() {
	local before

	before=$(dmesg | wc -l)
	ok "$what: unbind" unwaited give $dev none
	[ -z "$told" ] || like "$what: the file system has been told" "XFS \($told\): .*[Ss]hut(ting)? ?down" "$(dmesg | tail -n +$((before + 1)))"
	told=''
	not_reached "without a driver"
	bound_again "$@"
}

begin() {
	what=$1
	give $dev fsdev || fail "$what"
	dd if=/dev/zero of=$disk bs=4k count=64 oflag=direct conv=notrunc status=none
}

# mounted [TYPE DISK]: and a file that is mapped
mounted() {
	mount ${1:+-t $1} -o dax=always "${2-$disk}" $mnt || fail "$what: mount"
	[ -e $file ] || dax-file fill $file 0 $MIB 1
	is "$what: DAX" yes "$(dax-file is-dax $file)"
}

# rebind_start: the device, and what the next user's memory will be full of
rebind_start() {
	mkdir -p $mnt $over
	watch_walks
	echo offline >/sys/devices/system/memory/auto_online_blocks
	ok "a device of $device_mib MiB" shape $dev "0:$device_mib"
	dax-file pattern 2 $size >$pattern
	# shellcheck disable=SC2034  # for the scenarios
	others="device_dax fsdev"
	every="device_dax kmem fsdev"
	# shellcheck disable=SC2034  # for the scenarios
	! own_fsdev_dax || every="device_dax fsdev_dax kmem fsdev"
}
