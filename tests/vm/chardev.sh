#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --soft-reserved 1G --append log_buf_len=4M
# The character device in fsdev mode: what it tells, to whom it obeys, who may own the device, and what owner and watchers
# hear of failures and removal, whatever becomes of device and driver while they have it open.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"

dev=dax0.0 node=/dev/dax0.0 disk=/dev/fsdev0.0 mnt=/mnt/chardev tmp=/run/chardev
mkdir -p $mnt $tmp
# a loop that waits for something gives up after this many tenths of a second
patience=150

# wait_line FILE PATTERN: until a process has said it
wait_line() {
	local n

	for ((n = 0; n < patience; n++)); do
		has_line "$2" "$tmp/$1" && return
		sleep 0.1
	done
	cat "$tmp/$1"
	return 1
}

# listen NAME HOW QUEUE PORTION [PROGRAM]: a process that owns or watches; it reads when $tmp/NAME.go exists, from the start
# unless $hold_back is set, and ends when $tmp/NAME.go.end does.
listen() {
	local program=${5-fsdev-node}

	rm -f "$tmp/$1" "$tmp/$1.go" "$tmp/$1.go.end"
	[ -n "${hold_back-}" ] || : >"$tmp/$1.go"
	"$program" listen $node "$2" "$3" "$4" "$tmp/$1.go" >"$tmp/$1" 2>&1 &
	pid[$1]=$!
	wait_line "$1" "^$2, room"
}
declare -A pid

# bye NAME...: the processes close their descriptors
bye() {
	local name

	for name in "$@"; do
		touch "$tmp/$name.go" "$tmp/$name.go.end"
		kill "${pid[$name]}" 2>/dev/null
		wait "${pid[$name]}" 2>/dev/null
	done
}

# said NAME: what a process has read
said() {
	tail -n +2 "$tmp/$1"
}

info() {
	fsdev-node info $node | grep -oE "\b($(IFS='|' && echo "$*"))=[^ ]*" | paste -sd' '
}

references() {
	cat /sys/module/fsdev/refcnt
}

shape $dev 0:256 512:256 300:128
base=$(region_start $dev)
size=$((640 * MIB))

# --- what is there before, and a descriptor of another driver ---------------------------------------------------------

give $dev device_dax
exec 5<>$node
mark=$(dmesg | wc -l)
refused "a descriptor of device_dax is open: fsdev does not take the device" give $dev fsdev
like "... and says why" "$dev: $node is still open from its time with another driver" "$(dmesg | tail -n +$((mark + 1)))"
exec 5<&-
ok "it is closed: fsdev takes it" give $dev fsdev

# --- who may open it, and what it tells -------------------------------------------------------------------------------

is "the node is root's alone" "600 0:0" "$(stat -c '%a %u:%g' $node)"
is "information" "version=4 flags=0 size=$size bad=0/0 events=0 ranges=3 align=2097152 page=4096 holder=none" \
	"$(info version flags size bad events ranges align page holder)"
is "the block device is open nowhere" openers=0 "$(info openers)"
exec 6<"/dev/fsdev${dev#dax}"
is "it is open once, by a process" openers=1 "$(info openers)"
exec 6<&-
is "nothing reserved is set" "" "$(fsdev-node info $node | grep reserved)"
is "ranges" "$(printf '%#x %#x %#x\n' 0 $((256 * MIB)) "$base" \
	$((256 * MIB)) $((256 * MIB)) $((base + 512 * MIB)) $((512 * MIB)) $((128 * MIB)) $((base + 300 * MIB)) && echo 3 of 3)" \
	"$(fsdev-node ranges $node 0 8)"
is "one range of them" "$(printf '%#x %#x %#x\n' $((256 * MIB)) $((256 * MIB)) $((base + 512 * MIB)) && echo 1 of 3)" \
	"$(fsdev-node ranges $node 1 1)"
is "no room for any" "0 of 3" "$(fsdev-node ranges $node 0 0)"
is "a 32-bit program sees the same layout" "$(fsdev-node layout)" "$(fsdev-node32 layout)"
is "... the same information" "$(fsdev-node info $node)" "$(fsdev-node32 info $node)"
is "... and the same ranges" "$(fsdev-node ranges $node 0 8)" "$(fsdev-node32 ranges $node 0 8)"

# as WHO COMMAND...: as root without a capability, or as root of a user namespace
as() {
	case $1 in
	powerless) setpriv --inh-caps=-all --bounding-set=-all "${@:2}" ;;
	namespace) unshare --user --map-root-user "${@:2}" ;;
	esac
}

like "another user cannot open it" "Permission denied" \
	"$(setpriv --reuid=65534 --clear-groups head -c 0 $node 2>&1; setpriv --reuid=65534 --clear-groups cat $node 2>&1)"
for who in powerless namespace; do
	is "$who: watch" EPERM "$(as $who fsdev-node try $node w watch)"
	is "$who: inject" EPERM "$(as $who fsdev-node try $node w inject)"
	is "$who: clear" EPERM "$(as $who fsdev-node try $node w clear)"
	is "$who: add bad" EPERM "$(as $who fsdev-node try $node w add-bad)"
	is "$who: scrub" EPERM "$(as $who fsdev-node try $node w scrub)"
	is "$who: own, which the node's permission is enough for" ok "$(as $who fsdev-node try $node w own)"
	is "$who: no physical addresses" "0xffffffffffffffff" \
		"$(as $who fsdev-node ranges $node 0 8 | awk '!/of/ { print $3 }' | sort -u)"
done
is "nothing of that has failed a page" "events=0" "$(info events)"

# --- bad input --------------------------------------------------------------------------------------------------------

wanted="info to nowhere: EFAULT
info to a hole: EFAULT
ranges from nowhere: EFAULT
ranges with flags: EINVAL
ranges with reserved: EINVAL
ranges into a hole: EFAULT
ranges into the end of the address space: EFAULT
no ranges: ok
ranges after the last: ok
ranges after the last: 0 of 3
bad from nowhere: EFAULT
bad with flags: EINVAL
bad with reserved: EINVAL
bad from an odd offset: EINVAL
no bad: ok
bad after the end: ok
bad after the end: 0
own with flags: EINVAL
own with events: EINVAL
own with reserved: EINVAL
own with a huge queue: EINVAL
own from nowhere: EFAULT
own, descriptor for reading: EBADF
watch with flags: EINVAL
read before anything is listened to: ok
watch with the largest queue: ok
watch again: EALREADY
own after it: ok
own again: EALREADY
inject with flags: EINVAL
inject with reserved: EINVAL
inject with done: EINVAL
inject nothing: EINVAL
inject half a page: EINVAL
inject at an odd offset: EINVAL
inject after the end: ERANGE
inject over the end: ERANGE
inject over the end of numbers: EINVAL
inject, descriptor for reading: EBADF
read less than an event: EINVAL
read when there is nothing: EAGAIN
inject a page: ok
read into a hole: EFAULT
read: ok
the event is still there: failure 0x2000
write: EINVAL
seek: ESPIPE
pread when there is no event: EAGAIN
mmap: ENODEV
an unknown command: ENOTTY
a known command of another size: ENOTTY
a command of others: ENOTTY"
is "each wrong argument has its answer" "$wanted" "$(fsdev-node refuse $node 2>&1)"
is "from a 32-bit program too" "$wanted" "$(fsdev-node32 refuse $node 2>&1)"
is "no owner is left" "holder=none" "$(info holder)"
give $dev none
give $dev fsdev

# --- bad memory -------------------------------------------------------------------------------------------------------

listen ras watch 0 8
is "nothing is bad" "" "$(fsdev-node bad $node 4)"
is "five pages become bad" "ok, 20480 bytes" "$(fsdev-node span $node add-bad $((256 * MIB - 8192)) 20480 0)"
fsdev-node span $node add-bad 4096 4096 0 >/dev/null
fsdev-node32 span $node inject $((600 * MIB)) 4096 0 >/dev/null
wanted="0x1000 0x1000
0xfffe000 0x5000
0x25800000 0x1000"
is "they are listed" "$wanted" "$(fsdev-node bad $node 4)"
is "one at a time" "$wanted" "$(fsdev-node bad $node 1)"
is "to a 32-bit program" "$wanted" "$(fsdev-node32 bad $node 2)"
is "information: bad" "bad=28672/3" "$(info bad)"
is "scrubbing finds no more" "ok, 1048576 bytes" "$(fsdev-node span $node scrub 0 1048576 0)"
is "clearing without holding" "ok, 4096 bytes" "$(fsdev-node span $node clear 0 16384 0)"
is "clearing in part, as root without a capability that owns" "ok, 8192 bytes" \
	"$(as powerless fsdev-node own-span $node clear $((256 * MIB - 4096)) 8192 0)"
is "what is left" "0xfffe000 0x1000
0x10001000 0x2000
0x25800000 0x1000" "$(fsdev-node bad $node 4)"
listen owner own 0 8
is "clearing what another descriptor holds" "EBUSY, 0 bytes" "$(fsdev-node span $node clear 0 $size 0)"
is "... meaning it" "ok, 16384 bytes" "$(fsdev-node span $node clear 0 $size 1)"
bye owner
is "nothing is bad again" "bad=0/0" "$(info bad)"
ok "the watcher has heard of the last" wait_line ras " cleared 0x25800000 0x1000 0\$"
is "what it has heard" "failure 0xfffe000 0x5000 0x4
failure 0x1000 0x1000 0x4
failure 0x25800000 0x1000 0x2
cleared 0x1000 0x1000 0
cleared 0xffff000 0x1000 0
cleared 0x10000000 0x1000 0
cleared 0xfffe000 0x1000 0
cleared 0x10001000 0x1000 0
cleared 0x10002000 0x1000 0
cleared 0x25800000 0x1000 0" "$(said ras | cut -d' ' -f2-)"
bye ras
give $dev none
give $dev fsdev

# --- who owns it ------------------------------------------------------------------------------------------------------

mkfs.xfs -q -f -m rmapbt=1,reflink=0 $disk
listen owner own 0 8
is "an owner" "own, room for 256, after 0" "$(head -n 1 $tmp/owner)"
is "others see it" "holder=owner" "$(info holder)"
is "a second owner" EBUSY "$(fsdev-node try $node w own)"
is "a second owner from a 32-bit program" EBUSY "$(fsdev-node32 try $node w own)"
refused "XFS on a device with an owner" mount -o dax=always $disk $mnt
refused "XFS without DAX" mount -o dax=never $disk $mnt
refused "mkfs on a device with an owner" mkfs.xfs -q -f $disk
refused "device-mapper on a device with an owner" dmsetup create other --table "0 $((size / 512)) linear $disk 0"
is "the owner can use the block device" 4096 "$(dd if=$disk bs=4096 count=1 iflag=direct status=none | wc -c)"
bye owner
is "the descriptor is closed: the device is free" "holder=none" "$(info holder)"
ok "XFS mounts" mount -o dax=always $disk $mnt
is "others see it" "holder=kernel" "$(info holder)"
is "an owner beside XFS" EBUSY "$(fsdev-node try $node w own)"
listen watcher watch 0 8
like "watching beside XFS" "^watch, room" "$(head -n 1 $tmp/watcher)"

# --- failures of a mounted file system's memory -----------------------------------------------------------------------

fallocate -l 500M $mnt/file
n=0
# a place in the second range, and one in the third
for range in "257 511" "513 639"; do
	# shellcheck disable=SC2086  # two words
	for at in $(seq $range); do
		offset=$((at * MIB + 5 * 4096))
		where=$(dax-file where $mnt/file $offset) && break
	done
	dax-file fill $mnt/file "$where" 8192 1
	like "a page of the file at device offset $offset fails" "SIGBUS BUS_MCEERR_AR at offset $where " \
		"$(dax-file poison $mnt/file "$where" 2>&1)"
	n=$((n + 1))
	ok "the watcher hears of it" wait_line watcher "^$n failure $(printf %#x "$offset") 0x1000 0x[23]\$"
done
is "it has heard of nothing else" 2 "$(said watcher | wc -l)"
is "information: events" "events=2" "$(info events)"
listen late watch 0 1
is "who comes later is told where it came in" "watch, room for 256, after 2" "$(head -n 1 $tmp/late)"
is "removal under XFS, a watcher, and one that came later" 0 "$(give $dev none; echo $?)"
ok "the watcher reads to the end" wait_line watcher "^info"
is "what it read" "3 removal 0 $(printf %#x $size) 0
end POLLHUP POLLERR
info ENODEV, ranges ENODEV, own EBADF, inject EBADF" "$(said watcher | tail -n +3)"
ok "the later one too" wait_line late "^info"
like "what that read" "^3 removal 0 $(printf %#x $size) 0 end POLLHUP POLLERR" "$(said late | paste -sd' ')"
umount $mnt
like "they hold the module" "^[1-9]" "$(references)"
refused "the module stays" modprobe -r fsdev
bye watcher late
is "closed" 0 "$(references)"
ok "the module can go" modprobe -r fsdev
ok "and come back" give $dev fsdev
# ext4 holds the block device only
mkfs.ext4 -q -F -b 4096 $disk 16M
ok "ext4 mounts" mount -o dax=always $disk $mnt
is "an owner beside ext4" EBUSY "$(fsdev-node try $node w own)"
umount $mnt
listen owner own 0 8
refused "ext4 on a device with an owner" mount -o dax=always $disk $mnt

# --- an owner's failures, a full queue, and removal -------------------------------------------------------------------

is "a failure over the boundary of two ranges" "ok, 8192 bytes" \
	"$(fsdev-node inject $node $((256 * MIB - 4096)) 8192)"
ok "the owner hears of it" wait_line owner "^2 "
is "what it hears" "1 failure 0xffff000 0x1000 0x2
2 failure 0x10000000 0x1000 0x2" "$(said owner)"
hold_back=y listen slow watch 4 3
hold_back=y listen brim watch 4 1
fsdev-node32 inject $node $((MIB)) $((4 * 4096)) >/dev/null
: >$tmp/brim.go
ok "a queue that was just full has lost nothing" wait_line brim "^6 failure"
fsdev-node inject $node $((2 * MIB)) $((3 * 4096)) >/dev/null
: >$tmp/slow.go
ok "a queue that was too small says so" wait_line slow "^9 lost 0 0x3 0\$"
fsdev-node inject $node $((3 * MIB)) 4096 >/dev/null
ok "and goes on" wait_line slow "^10 failure 0x300000 0x1000 0x2\$"
is "all that it reads" "3 failure 4 failure 5 failure 6 failure 9 lost 10 failure" \
	"$(said slow | awk '{ print $1, $2 }' | paste -sd' ')"
ok "the other goes on reading" wait_line brim "^10 failure"
is "all that this one reads" "3 4 5 6 7 8 9 10" "$(said brim | awk '{ print $1 }' | paste -sd' ')"
hold_back=y listen full watch 2 8
fsdev-node inject $node $((4 * MIB)) $((5 * 4096)) >/dev/null
bye owner
listen both both 0 8 fsdev-node32
like "a watcher becomes the owner, in a 32-bit program" "^both, room" "$(head -n 1 $tmp/both)"
is "it owns" "holder=owner" "$(info holder)"
is "unbind with owner and watchers" 0 "$(give $dev none; echo $?)"
ok "the owner reads to the end" wait_line both "^info"
is "what it read" "16 removal 0 $(printf %#x $size) 0
end POLLHUP POLLERR
info ENODEV, ranges ENODEV, own EALREADY, inject ENODEV" "$(said both)"
: >$tmp/full.go
ok "a full queue has room for the removal" wait_line full "^end"
is "what that read" "11 failure, 12 failure, 15 lost, 16 removal" \
	"$(said full | awk '/^[0-9]/ { print $1, $2 }' | paste -sd, | sed 's/,/, /g')"

# --- descriptors that outlive the device ------------------------------------------------------------------------------

ok "device_dax takes the device, with old descriptors open" give $dev device_dax
is "they do not reach it" ENXIO "$(fsdev-node try $node w own | sed 's/open: //')"
ok "fsdev takes it back" give $dev fsdev
is "new descriptors work" "events=0 holder=none" "$(info events holder)"
listen next own 0 8
like "a new owner, while the old one is there" "^own, room" "$(head -n 1 $tmp/next)"
bye both
is "the old one has gone: the new one stays" "holder=owner" "$(info holder)"
is "and excludes" EBUSY "$(fsdev-node try $node w own)"
fsdev-node inject $node 0 4096 >/dev/null
ok "and hears" wait_line next "^1 failure 0 0x1000 0x2\$"
bye next slow brim full
is "all are closed" "0 holder=none" "$(references) $(info holder)"

# --- the example of the documentation ---------------------------------------------------------------------------------

owner $node >$tmp/example 2>&1 &
example=$!
ok "the example runs" wait_line example "^own"
fsdev-node inject $node $((5 * MIB)) 4096 >/dev/null
give $dev none
wait $example
is "the example ends well" 0 $?
is "what it says" "own $node: $size bytes in 3 ranges
bad: 4096 bytes at 0
2: lost 4096 bytes at $((5 * MIB))
3: the device goes" "$(cat $tmp/example)"

# --- anything at all --------------------------------------------------------------------------------------------------

give $dev fsdev
fsdev-fuzz $node 12000 1 >$tmp/fuzz 2>&1 &
fuzz=$!
until grep -qs begins $tmp/fuzz || ! kill -0 $fuzz; do sleep 0.1; done
fsdev-node refuse $node >/dev/null 2>&1
binds=0
while kill -0 $fuzz 2>/dev/null; do
	give $dev none || break
	sleep 0.2
	give $dev fsdev || break
	binds=$((binds + 1))
	sleep 0.5
done
wait $fuzz
is "random calls from four threads" 0 $?
like "they had been carried out and refused" "^[0-9]{3,} calls were carried out, [0-9]{3,} refused" "$(tail -n 1 $tmp/fuzz)"
ok "with binding and unbinding meanwhile" test $binds -ge 2
echo "# $(tail -n 1 $tmp/fuzz), $binds binds"
is "nothing is left open" "0 holder=none" "$(references) $(info holder)"
# what was bad is not any more
give $dev none
give $dev fsdev
ok "a file system works after it" mkfs.xfs -q -f -m rmapbt=1 $disk

# --- a process without the capability asks for many ranges: each question is a line in the audit log --------------------------

give $dev none
# shellcheck disable=SC2046  # one word for each range
shape $dev $(for n in {0..39}; do echo $((n * 4)):2; done)
give $dev fsdev
trace=/sys/kernel/tracing
echo 'p:asked capable cap=%di:u32' >$trace/kprobe_events
echo 'cap == 21' >$trace/events/kprobes/asked/filter
: >$trace/trace
echo 1 >$trace/events/kprobes/asked/enable
is "many ranges" 40 "$(fsdev-node ranges $node 0 64 | grep -vc of)"
echo 0 >$trace/events/kprobes/asked/enable
is "the capability is asked for once" 1 "$(grep -c '^ *fsdev-node.*asked:' $trace/trace)"
echo >$trace/kprobe_events
ok "the module can go" sh -c "echo $dev >/sys/bus/dax/drivers/fsdev/unbind && modprobe -r fsdev"
finish
