# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Part of scenario ctl: listing, and changes of mode with each step made to fail.

dev=dax0.0 disk=/dev/fsdev0.0 bus=/sys/bus/dax
give $dev device_dax
is "list: daxctl's keys with daxctl's values" \
	"$(daxctl list -d $dev -M | jq -cS 'if type == "array" then .[0] else . end | {chardev, size, target_node, align, mode, mappings: [.mappings | sort_by(.page_offset)[] | {page_offset, start, end, size}]}')" \
	"$(fsdevctl list $dev --json | jq -cS '.[0] | {chardev, size, target_node, align, mode, mappings}')"
is "list: where it comes from" soft-reserved "$(lists $dev .kind)"
like "list: the table" "^$dev +0 +devdax +384 MiB +2 MiB +3 +0 +- +- +-$" "$(fsdevctl list)"
is "list: into a pipe that is closed early" "DEVICE 0" "$(fsdevctl list | head -n 1 | cut -d' ' -f1) ${PIPESTATUS[0]}"
gives "list: into a full disk" 1 "cannot write the output: No space left" sh -c "fsdevctl list >/dev/full"
like "list: in watch" "$dev.*devdax.*384" "$(TERM=linux script -qec "watch -t -n 0.5 -q 1 fsdevctl list" /dev/null </dev/null |
	tr -d '\r\n\033')"

gives "unknown device: none of those named is changed" 2 "there is no 'dax9.9': this machine has $dev" \
	fsdevctl enable $dev dax9.9
gives "mkfs in another mode" 1 "is in mode devdax and has to be in fsdev mode: fsdevctl enable $dev" \
	fsdevctl mkfs $dev --type xfs
gives "enable --dry-run" 0 "give it to driver fsdev" fsdevctl enable $dev --dry-run
sleep 1000 <>/dev/$dev &
holder=$!
gives "enable while a process has it" 3 "process $holder \(sleep\) has /dev/$dev open" fsdevctl enable $dev
is "it stays where it was" device_dax "$(driver_of $dev)"
kill $holder && wait $holder 2>/dev/null
gives "enable" 0 "$dev: fsdev, block device $disk" fsdevctl enable $dev
is "enable: the mode" "fsdev fsdev0.0" "$(lists $dev '"\(.mode) \(.blockdev)"')"
is "enable again, --json" "done false fsdev" "$(fsdevctl enable $dev --json 2>/dev/null | jq -r '"\(.outcome) \(.changed) \(.devices[0].mode_before)"')"
gives "enable again" 0 "is in mode fsdev already" fsdevctl enable /dev/$dev
gives "disable, by the name of its disk" 0 "$dev: devdax" fsdevctl disable $disk
is "disable: the mode" device_dax "$(driver_of $dev)"
is "disable: the driver has forgotten the device" "" "$(echo $dev >$bus/drivers/fsdev/bind 2>/dev/null && echo bound)"

# The change of mode is one transaction. strace has one call fail, or kills at it.
# failing NAME STATUS PATTERN WHAT...: `enable` with that injection
failing() {
	local name=$1 status=$2 pattern=$3

	shift 3
	gives "$name" "$status" "$pattern" strace -f -o /tmp/strace "$@" fsdevctl enable $dev
}
for from in devdax system-ram; do
	driver=device_dax
	if [ $from = system-ram ]; then
		driver=kmem
		gives "disable to system-ram" 0 "$dev: system-ram" fsdevctl disable $dev --mode system-ram
		is "it is memory now" 3 "$(memory_online)"
		is "list --json: it is memory now" "3 3 true" "$(lists $dev '"\(.online_memblocks) \(.total_memblocks) \(.movable)"')"
		# kernels whose driver knows by itself
		[ ! -e $bus/devices/$dev/state ] || is "its driver knows that" online_movable "$(cat $bus/devices/$dev/state)"
		block=$((($(region_start $dev) + 512 * MIB) / (128 * MIB)))
		failing "$from: a block cannot be offlined" 1 "memory block $block cannot be offlined: some of its pages" \
			-P /sys/devices/system/memory/memory$block/state --seccomp-bpf -e trace=write -e inject=write:error=EBUSY
		is "$from: all of it is memory again" 3 "$(memory_online)"
	fi
	failing "$from: the old driver does not let go" 1 "is in mode $from, as before" \
		-P $bus/devices/$dev/driver/unbind --seccomp-bpf -e trace=write -e inject=write:error=EPERM
	is "$from: stays" $driver "$(driver_of $dev)"
	failing "$from: the new driver refuses" 1 "driver fsdev refuses it: some of its memory is in use" \
		-P $bus/drivers/fsdev/bind --seccomp-bpf -e trace=write -e inject=write:error=EBUSY
	is "$from: is back" $driver "$(driver_of $dev)"
	is "$from: ... --json: what the process that did it said" "failed false 1 $from" "$(strace -f -o /tmp/strace \
		-P $bus/drivers/fsdev/bind --seccomp-bpf -e trace=write -e inject=write:error=EBUSY fsdevctl enable $dev --json 2>/dev/null |
		jq -r '"\(.outcome) \(.changed) \([.messages[]|select(contains("driver fsdev refuses it"))]|length) \(.devices[0].mode)"')"
	failing "$from: killed between the drivers" 1 "killed by signal 9" \
		-P $bus/drivers/fsdev/bind -e trace=openat -e inject=openat:signal=KILL
	is "$from: is back again" "$driver $from" "$(driver_of $dev) $(lists $dev .mode)"
done
is "system-ram: all of it is memory" 3 "$(memory_online)"
gives "enable from system-ram" 0 "3 memory blocks are offline" fsdevctl enable $dev
is "it is fsdev" fsdev "$(driver_of $dev)"
is "disable --json" "done true devdax fsdev null" "$(fsdevctl disable $dev --json 2>/dev/null |
	jq -r '"\(.outcome) \(.changed) \(.devices[0]|"\(.mode) \(.mode_before) \(.blockdev)")"')"
fsdevctl disable $dev 2>/dev/null

if whole; then
	# the parent is killed: the child ends what was begun. Both are: the next command knows what the mode was.
	for whom in parent both; do
		rm -f /tmp/strace
		strace -f -e trace=openat -o /tmp/strace -P $bus/drivers/fsdev/bind -e inject=openat:signal=STOP \
			fsdevctl enable $dev >/dev/null 2>&1 &
		until grep -qs 'stopped by SIGSTOP' /tmp/strace; do sleep 0.1; done
		child=$(pgrep -n -x fsdevctl)
		[ $whom = parent ] || kill -9 "$(pgrep -o -x fsdevctl)" "$child"
		[ $whom = both ] || { kill -9 "$(pgrep -o -x fsdevctl)" && kill -CONT "$child"; }
		wait $! 2>/dev/null
		until ! pgrep -x fsdevctl >/dev/null; do sleep 0.1; done
		if [ $whom = parent ]; then
			is "killed, the parent alone: the new mode" "fsdev null" \
				"$(driver_of $dev) $(lists $dev .interrupted)"
			fsdevctl disable $dev 2>/dev/null
		else
			is "killed, both: no mode, and what it was is known" "none devdax" \
				"$(driver_of $dev) $(lists $dev .interrupted)"
			gives "killed, both: list says so" 0 "a change of mode was cut off; it was in mode devdax" fsdevctl list
			gives "killed, both: the next one goes on" 0 "was in mode devdax before" fsdevctl enable $dev
			is "killed, both: nothing is open" "fsdev null" "$(lists $dev '"\(.mode) \(.interrupted)"')"
		fi
	done
	fsdevctl disable $dev 2>/dev/null
fi

modprobe -r fsdev
mount -t tmpfs tmpfs "/usr/lib/modules/$(uname -r)/updates"
gives "no module" 1 "no module fsdev for the running kernel.*in mode devdax, as before|module fsdev does not load" \
	fsdevctl enable $dev
gives "doctor: no module" 5 "PROBLEM +there is no module fsdev for kernel $(uname -r | sed 's/+/\\+/g'): " fsdevctl doctor
: >"/usr/lib/modules/$(uname -r)/updates/fsdev.ko"
gives "doctor: a module that is none" 5 "PROBLEM +/[^ ]*/updates/fsdev.ko is damaged: " fsdevctl doctor
umount "/usr/lib/modules/$(uname -r)/updates"
is "no module: the mode" device_dax "$(driver_of $dev)"
