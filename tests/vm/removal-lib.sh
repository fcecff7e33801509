# shellcheck shell=bash
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
	"$@" >"/tmp/$name" 2>&1 &
	names+=("$name") pids+=($!)
}

all_ready() {
	local name

	for name in "${names[@]}"; do until grep -qE '^(ready|[0-9]+)$' "/tmp/$name"; do sleep 0.05; done; done
}

# They go over their pages all the time, so they have met the removal by now, or never will.
all_ended() {
	local pid

	for _ in {1..100}; do
		pid=$(jobs -rp)
		[ -n "$pid" ] || break
		sleep 0.1
	done
	kill -9 "${pids[@]}" 2>/dev/null
	wait "${pids[@]}" 2>/dev/null
}

# unwaited COMMAND...: takes a device away; fails where the driver says that it waits for somebody
unwaited() {
	local said pid

	said=$(dmesg | grep -c 'removal waits')
	"$@" &
	pid=$!
	while kill -0 $pid 2>/dev/null; do
		[ "$(dmesg | grep -c 'removal waits')" = "$said" ] || { dmesg | grep 'removal waits' && return 1; }
		sleep 0.1
	done
	wait $pid
}
