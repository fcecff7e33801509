# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# The checks of a scenario: each prints one line of TAP. `finish` has to be the last call, or `run_cases` where the scenario is
# made of cases: functions case_NAME, each of which passes when it is the only one that runs. CASES="NAME ..." runs some of
# them, REPEAT=N each of them N times.

tap_count=0 tap_failed=0 tap_case=''

# tap_point RESULT NAME [WHY]: one check
tap_point() {
	local name=${tap_case:+$tap_case: }$2

	tap_count=$((tap_count + 1))
	if [ "$1" = 0 ]; then
		echo "ok $tap_count - $name"
	else
		tap_failed=$((tap_failed + 1))
		echo "not ok $tap_count - $name"
		tap_where
		[ -z "${3-}" ] || echo "# ${3//$'\n'/$'\n'# }"
		# enough is known of a mutant
		[ -z "${FSDEV_BAIL-}" ] || { echo "1..$tap_count" && exit 1; }
	fi
	return 0
}

# tap_where: the line that asked, and those that led to it
tap_where() {
	local tap_frame tap_at='' tap_from

	for ((tap_frame = 1; tap_frame < ${#FUNCNAME[@]}; tap_frame++)); do
		tap_from=${BASH_SOURCE[tap_frame]#"$PWD/"}
		# this file's own, and what the case was begun by
		if [ "${tap_from##*/}" = tap.sh ]; then
			if [ -z "$tap_at" ]; then continue; else break; fi
		fi
		tap_at+="${tap_at:+, called from }$tap_from:${BASH_LINENO[tap_frame - 1]}"
	done
	echo "# at $tap_at"
}

# run_cases: the cases in the order in which they stand. before_case and after_case, where there are such functions, run around
# each; what every case needs is done there. Ends the scenario.
run_cases() {
	# named so that a case that sets a variable does not meet them
	local tap_one tap_all tap_turn tap_turns=${REPEAT:-1}

	tap_all=$(sed -nE 's/^case_([a-z0-9_]+)\(\).*/\1/p' "$0")
	for tap_one in ${CASES-}; do
		grep -qxF -- "$tap_one" <<<"$tap_all" || tap_point 1 "there is no case '$tap_one'" "there are: ${tap_all//$'\n'/ }"
	done
	for tap_one in $tap_all; do
		[[ -z ${CASES-} || " $CASES " == *" $tap_one "* ]] || continue
		for ((tap_turn = 1; tap_turn <= tap_turns; tap_turn++)); do
			tap_case=$tap_one
			((tap_turns == 1)) || tap_case+=" ($tap_turn of $tap_turns)"
			! declare -F before_case >/dev/null || before_case
			"case_$tap_one"
			! declare -F after_case >/dev/null || after_case
			tap_case=''
		done
	done
	finish
}

# requires WHAT COMMAND...: where the command fails, the case (or the scenario) cannot run here, and is skipped with "needs WHAT":
#	requires "a kernel with ..." test -e /sys/... || return		# in a case; "|| finish" in a scenario
requires() {
	local what=$1

	shift
	! "$@" >/dev/null 2>&1 || return 0
	skip "$(if [ -n "$tap_case" ]; then echo "all of it"; else basename "$0" .sh; fi)" "needs $what"
	return 1
}

# kernel_is SERIES...: the guest runs a kernel of one of them
kernel_is() {
	local series release

	release=$(uname -r)
	for series; do [[ $release != "$series".* ]] || return 0; done
	return 1
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
	echo "ok $tap_count - ${tap_case:+$tap_case: }$1 # SKIP $2"
}

# quiet_log: the kernel has complained about nothing since it booted. Part of every scenario. One that uses something that a
# stock kernel complains of by itself says so in $stock_complaint, with the reason beside it. What the kernel says of the emulated
# processor is no complaint.
quiet_log() {
	local bad

	bad=$(dmesg | grep -E 'WARNING:|BUG:|Oops|general protection|INFO: task|possible circular|sleeping function|UBSAN:|ODEBUG:' |
		grep -vE 'BUG: KCSAN:|RETBleed: WARNING|Spectre V2 : WARNING' | grep -vE "${stock_complaint:-^\$}")
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
