#!/usr/bin/env bash
# lab: --icount --soft-reserved 5G --pmem 512M
# What an access and a failure cost in guest instructions, against nd_pmem in the same boot and against one range: so that a
# change that makes them dearer is seen at once. `make bench` has all the rest.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"

COUNTS="1 1024" DRIVERS=fsdev "$top/bench/guest" access failure >/tmp/measured || fail "bench/guest failed: $(tail -n 3 /tmp/measured)"

# cost METRIC DRIVER X
cost() {
	awk -v line="$1 $2 $3" '$1 " " $2 " " $3 == line { print $4 }' /tmp/measured
}

# at_most WHAT VALUE FACTOR REFERENCE
at_most() {
	awk "BEGIN { exit !(${2:-0} > 0 && ${2:-0} <= $3 * ${4:-0}) }"
	tap_point $? "$1" "$2 is more than $3 times $4"
}

for way in page.seq page.random run.seq run.random; do
	at_most "access.$way: one range, not dearer than nd_pmem" "$(cost access.$way fsdev 1)" 1.00 "$(cost access.$way nd_pmem 1)"
	at_most "access.$way: 1,024 ranges" "$(cost access.$way fsdev 1024)" 1.12 "$(cost access.$way fsdev 1)"
done
at_most "page failure: 1,024 ranges" "$(cost failure fsdev 1024)" 1.40 "$(cost failure fsdev 1)"
finish
