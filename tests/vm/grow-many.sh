#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# long: --cpus 2 --soft-reserved 4400M --append rcupdate.rcu_expedited=1 --append log_buf_len=4M
# A device of one range grows to 1,024 more, one at a time, and holds what was written after each; it is found whole when it is
# bound again. Then ROUNDS times: bound, grown three times, one of which fails, and unbound, with the kernel's memory flat.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/kernel-lib.sh
. "$(dirname -- "$0")/kernel-lib.sh"

rounds=${ROUNDS:-1000} ranges=${RANGES:-1024}
dev=dax10.0 disk=/dev/fsdev10.0 node=/dev/dax10.0 grow=/sys/bus/dax/drivers/fsdev/grow
dmesg -n 1

# append OFFSET:LENGTH: the bus gives the bound device this range, in MiB from the region's start
append() {
	local from=$((base + ${1%:*} * MIB))

	printf '%x-%x' $from $((from + ${1#*:} * MIB - 1)) >/sys/bus/dax/devices/$dev/mapping
}

# grows: no program is started for it
grows() {
	{ echo $dev >$grow; } 2>/dev/null
}

# mark N: the first page of the Nth range says which one it is
mark() {
	printf '%-4096d' "$1" | dd of=$disk bs=4k count=1 seek=$(($1 * 512)) oflag=direct conv=notrunc iflag=fullblock status=none
}

marks() {
	local n wrong=''

	for ((n = 0; n <= ranges; n++)); do
		[ "$(dd if=$disk bs=4k count=1 skip=$((n * 512)) iflag=direct status=none | tr -d ' ')" = $n ] || wrong+=" $n"
	done
	is "$1: each range has its own" "" "$wrong"
}

# settle: what the processors and the kernel's caches keep goes back
settle() {
	for _ in 1 2; do
		echo 2 >/proc/sys/vm/drop_caches
		sleep 0.5
	done
	run give-back
}

# objects: how many of each kind of kmalloc()ed object there are
objects() {
	awk '/^kmalloc-[^c]/ { print $1, $2 }' /proc/slabinfo
}

# pages: how many the kernel can say the use of, free ones too, in KiB. One that is lost is in none of these counts.
pages() {
	cat /proc/sys/vm/stat_refresh
	awk '$1 == "count:" || $1 ~ /^nr_(free|file|anon|page_table)_pages$/ || $1 ~ /^nr_slab_/ { n += $2 }
		$1 == "nr_kernel_stack" { n += $2 / 4 } END { print int(n * 4) }' /proc/vmstat <(grep -w count: /proc/zoneinfo)
}

begin 10
make_dynamic 10 0 4300
ok "one range" shape $dev 0:2
is "bound" bound "$(bind $dev fsdev)"
mark 0
for ((n = 1; n <= ranges; n++)); do
	append $((n * 4)):2 || break
	grows || break
	mark $n
done
is "growths by one range" $((ranges + 1)) $n
is "its ranges" $((ranges + 1)) "$(fsdev-node ranges $node 0 2000 | grep -vc ' of ')"
is "its size" $(((ranges + 1) * 2 * MIB)) "$(blockdev --getsize64 $disk)"
marks "grown"
points "grown" maps-agree 10
unbind $dev
is "bound again" bound "$(bind $dev fsdev)"
is "bound again: its size" $(((ranges + 1) * 2 * MIB)) "$(blockdev --getsize64 $disk)"
marks "bound again"
unbind $dev

# cycle: bound, grown by what is free, refused what another has, grown again, unbound
cycle() {
	shape $dev 0:16 && echo $dev >/sys/bus/dax/drivers/fsdev/bind || return
	append 32:16 && grows || return
	append 64:16 && run take $((base + 64 * MIB)) $((2 * MIB)) 10 && ! grows && run yield 10 || return
	append 96:2 && grows || return
	unbind $dev
}

n=0 warm=$((rounds / 10 + 1))
while ((n < warm)) && cycle; do n=$((n + 1)); done
settle
before=$(objects) free=$(pages)
while ((n < rounds)) && cycle; do n=$((n + 1)); done
settle
is "rounds" "$rounds" $n
echo "# $((free - $(pages))) KiB in $((rounds - warm)) rounds"
ok "no page is lost" test $((free - $(pages))) -lt $(((rounds - warm) * 2 + 1024))
is "no object is lost" "" "$(awk -v more=$(((rounds - warm) / 2)) 'NR == FNR { was[$1] = $2; next } $2 - was[$1] >= more { print $1, was[$1], $2 }' \
	<(echo "$before") <(objects))"
run unmake 10
finish
