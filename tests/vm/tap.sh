# shellcheck shell=bash
# Test points of a scenario in a guest: each prints one line of TAP. `finish` has to be the last call.

tap_count=0 tap_failed=0

# tap_point RESULT NAME [WHY]
tap_point() {
	tap_count=$((tap_count + 1))
	if [ "$1" = 0 ]; then
		echo "ok $tap_count - $2"
	else
		tap_failed=$((tap_failed + 1))
		echo "not ok $tap_count - $2"
		[ -z "${3-}" ] || echo "# ${3//$'\n'/$'\n'# }"
		# enough is known of a mutant
		[ -z "${FSDEV_BAIL-}" ] || { echo "1..$tap_count" && exit 1; }
	fi
	return 0
}

# is NAME WANTED GOT: the two have to be equal.
is() {
	if [ "$2" = "$3" ]; then tap_point 0 "$1"; else tap_point 1 "$1" "wanted: $2
got:    $3"; fi
}

# matches PATTERN TEXT: an extended regular expression that has to match one line of it. Starts no program.
matches() {
	local line

	while IFS= read -r line; do
		[[ ! $line =~ $1 ]] || return 0
	done <<<"$2"
	return 1
}

# has_line PATTERN FILE: the same for what a file holds by now
has_line() {
	local line

	while IFS= read -r line || [ -n "$line" ]; do
		[[ ! $line =~ $1 ]] || return 0
	done <"$2"
	return 1
}

# like NAME PATTERN GOT: an extended regular expression that has to match.
like() {
	if matches "$2" "$3"; then tap_point 0 "$1"; else tap_point 1 "$1" "wanted: $2
got:    $3"; fi
}

# ok NAME COMMAND...: the command has to succeed.
ok() {
	local name=$1 out

	shift
	if out=$("$@" 2>&1); then tap_point 0 "$name"; else tap_point 1 "$name" "failed: $*
$out"; fi
}

# refused NAME COMMAND...: the command has to fail.
refused() {
	local name=$1 out

	shift
	if out=$("$@" 2>&1); then tap_point 1 "$name" "succeeded: $*
$out"; else tap_point 0 "$name"; fi
}

# skip NAME WHY
skip() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1 # SKIP $2"
}

# quiet_log: the kernel has complained about nothing since it booted. Part of every scenario. One that uses something that a
# stock kernel complains of by itself says so in $stock_complaint, with the reason beside it.
quiet_log() {
	local bad

	bad=$(dmesg | grep -E 'WARNING:|BUG:|Oops|general protection|INFO: task|possible circular|sleeping function|UBSAN:|ODEBUG:' |
		grep -v 'BUG: KCSAN:' | grep -vE "${stock_complaint:-^\$}")
	is "the kernel log holds no complaint" "" "$bad"
	[ ! -e /proc/lockdep_stats ] || lockdep_watches
	[ ! -e /sys/kernel/debug/kcsan ] || no_data_race
	[ ! -e /sys/kernel/debug/kmemleak ] || no_leak
}

# A real machine check ends lockdep: the kernel trusts its own memory no more.
lockdep_watches() {
	local machine_check=$((1 << 4))

	if (($(cat /proc/sys/kernel/tainted) & machine_check)); then
		echo "# lockdep has ended with the first machine check"
	else
		is "lockdep still watches" 1 "$(sed -n 's/^ *debug_locks: *//p' /proc/lockdep_stats)"
	fi
}

# An instrumented kernel that watches for data races reports those of its own as well: what counts has a function of ours in it.
no_data_race() {
	local reports

	reports=$(dmesg | sed 's/^\[[^]]*\] //; s/\r//' | awk '/^=======/ { if (on && text ~ /\[fsdev/) print text; on = 0; text = ""; next }
		/^BUG: KCSAN/ { on = 1; all++ } on { text = text $0 "\n" } END { print "# " all + 0 " data races were reported" }')
	echo "${reports##*$'\n'}"
	echo "# KCSAN has watched $(sed -n 's/^setup_watchpoints: *//p' /sys/kernel/debug/kcsan) accesses"
	is "KCSAN still watches" 1 "$(sed -n 's/^enabled: *//p' /sys/kernel/debug/kcsan)"
	is "none of the data races is ours" "" "$(grep -v '^# ' <<<"$reports")"
}

# What is young may still be on its way: what is lost is found by the second look, when it is older than five seconds.
no_leak() {
	local lost

	for _ in 1 2; do
		# refused when kmemleak has given up
		ok "kmemleak looks" eval 'echo scan >/sys/kernel/debug/kmemleak'
		sleep 6
	done
	lost=$(awk '/^unreferenced/ { if (text ~ /\[fsdev/) print text; text = "" } { text = text $0 "\n" }
		END { if (text ~ /\[fsdev/) print text }' /sys/kernel/debug/kmemleak)
	is "kmemleak finds nothing of ours" "" "$lost"
}

finish() {
	quiet_log
	echo "1..$tap_count"
	exit $((tap_failed != 0))
}
