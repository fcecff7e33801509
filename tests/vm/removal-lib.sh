# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Processes that use a file system while its device goes, and a removal that must not have to wait.

names=() pids=()
# none_yet: begins anew
none_yet() {
	names=() pids=()
}

# start NAME COMMAND...: a process that says "ready" once it has what it wants, and whose last line tells how it ended
start() {
	local name=$1

	shift
	# what one of that name said before is not to be taken for its word
	: >"/tmp/$name"
	"$@" >"/tmp/$name" 2>&1 &
	names+=("$name") pids+=($!)
}

all_ready() {
	local name

	for name in "${names[@]}"; do until has_line '^(ready|[0-9]+)$' "/tmp/$name"; do sleep 0.2; done; done
}

# all_ended [NAME]: they go over their pages all the time, so they have met the removal by now, or never will. The one with
# that name may go on.
all_ended() {
	local n running

	for _ in {1..100}; do
		running=''
		for n in "${!pids[@]}"; do
			[ "${names[n]}" = "${1-}" ] || ! kill -0 "${pids[n]}" 2>/dev/null || running=y
		done
		[ -n "$running" ] || break
		sleep 0.1
	done
	kill -9 "${pids[@]}" 2>/dev/null
	wait "${pids[@]}" 2>/dev/null
}

# watch_walks: what the kernel goes over page by page when a holder hears of a removal
watch_walks() {
	echo 'p:walk mf_dax_kill_procs pages=%dx:u64' >/sys/kernel/tracing/kprobe_events
	echo 1 >/sys/kernel/tracing/events/kprobes/walk/enable
}

# walks: those that ask for more than any file here has
walks() {
	grep -E 'walk: .*pages=[0-9]{5,}' /sys/kernel/tracing/trace | head -n 3
}

# unwaited COMMAND...: takes a device away; fails where the driver says that it waits for pages or an unmount, or where the kernel
# begins a walk that does not end. A slow guest may say of other steps that they take more than a second.
unwaited() {
	local said pid waiting='unbind blocked: .*(still referenced|being unmounted)'

	said=$(dmesg | grep -cE "$waiting")
	# not into the caller's pipe, whose end would be waited for
	"$@" >/tmp/taken 2>&1 &
	pid=$!
	while kill -0 $pid 2>/dev/null; do
		sleep 0.2
		[ "$(dmesg | grep -cE "$waiting")" = "$said" ] || { dmesg | grep -E "$waiting" && return 1; }
		[ -z "$(walks)" ] || { walks && return 1; }
	done
	wait $pid || { cat /tmp/taken && return 1; }
}
