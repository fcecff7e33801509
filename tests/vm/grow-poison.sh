#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --cpus 2 --soft-reserved 512M --append rcupdate.rcu_expedited=1 --append log_buf_len=4M
# Poison of memory that a device grows by: what is remembered is poisoned before the capacity shows. A growth that too much of
# its memory fails under is refused at once, gives nothing back that the kernel may be working on, and what has failed is
# poisoned for the next binding. And one address for a device that has grown behind its end.
# shellcheck disable=SC2317,SC2086  # ok calls functions, and no path here has blanks
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/kernel-lib.sh
. "$(dirname -- "$0")/kernel-lib.sh"
# shellcheck source=tests/vm/ras-lib.sh
. "$(dirname -- "$0")/ras-lib.sh"

dev=dax10.0 disk=/dev/fsdev10.0 node=/dev/dax10.0
attribute=/sys/bus/dax/drivers/fsdev/remembered_poison
grow=/sys/bus/dax/drivers/fsdev/grow
dmesg -n 1

# append OFFSET:LENGTH...: the bus gives the bound device these ranges, in MiB from the region's start
append() {
	local part from

	for part in "$@"; do
		from=$((base + ${part%:*} * MIB))
		printf '%x-%x' $from $((from + ${part#*:} * MIB - 1)) >/sys/bus/dax/devices/$dev/mapping || return
	done
}

# grows: "grown", or what is said
grows() {
	local out

	if out=$({ echo $dev >$grow; } 2>&1); then echo grown; else echo "${out##*: }"; fi
}

# remember MIB+PAGES...: from the memory's start
remember() {
	local what

	for what in "$@"; do printf '%#x+%#x\n' $((base + ${what%+*} * MIB)) $((${what#*+} * 4096)) >$attribute; done
}

# remembered: the same the other way round
remembered() {
	local line out=''

	while read -r line; do out+="${out:+ }$(((${line%+*} - base) / MIB))+$((${line#*+} / 4096))"; done <$attribute
	echo "$out"
}

# poisoned: as the driver has it, also before the block device's list has
poisoned() {
	fsdev-node bad $node 64 | while read -r offset len; do echo $((offset))+$((len)); done | paste -sd' '
}

# gate FUNCTION: a growth is held up there; its outcome is in /tmp/grows
gate() {
	run gate-sleep "fsdev:$1" any
	(grows >/tmp/grows) &
	growing=$!
	ok "a growth is held up in $1" run gate-wait
}

begin 10
make_dynamic 10 0 400
ok "64 MiB" shape $dev 0:64
is "bound" bound "$(bind $dev fsdev)"
fsdev-node listen $node watch 0 1 /tmp/read >/tmp/events 2>&1 &
watcher=$!
until grep -q . /tmp/events; do sleep 0.05; done

# remembered while it is bound: of what it has that waits for the next binding. 128 to 160 MiB is 64 to 96 MiB of the device
remember 63+512 130+2 159+512 300+1
ok "a range further on" append 128:32
gate disk_grow
is "remembered: the disk does not show it yet" $((64 * MIB)) "$(blockdev --getsize64 $disk)"
is "remembered: it is poisoned by then" "$((66 * MIB))+8192 $((95 * MIB))+$MIB" "$(poisoned)"
run gate-open
wait $growing
is "remembered: grown" grown "$(cat /tmp/grows)"
is "remembered: the disk" $((96 * MIB)) "$(blockdev --getsize64 $disk)"
is "remembered: what lies elsewhere is so still" "63+512 160+256 300+1" "$(remembered)"
refused "remembered: it is not read" dd if=$disk bs=4k skip=$((66 * 256 + 1)) count=1 iflag=direct of=/dev/null
ok "remembered: what lies between is" dd if=$disk bs=1M skip=67 count=28 iflag=direct of=/dev/null
is "remembered: the block device's list" "$((66 * 2048)) $((66 * 2048 + 15)) $((95 * 2048)) $((96 * 2048 - 1))" \
	"$(awk 'n++ && $1 == end { end += $2; next } { if (n > 1) printf "%d ", end - 1; printf "%d ", $1; end = $1 + $2 } END { print end - 1 }' \
		"/sys/block/${disk#/dev/}/badblocks")"
ok "remembered: it is overwritten" dd if=/dev/zero of=$disk bs=1M seek=64 count=32 oflag=direct conv=notrunc
is "remembered: nothing is poisoned then" "" "$(bad)"
touch /tmp/read /tmp/read.end
unbind $dev
wait $watcher
is "remembered: the events" "grown 0x4000000 0x6000000;failure 0x4200000 0x2000;failure 0x5f00000 0x100000" \
	"$(awk '$2 == "grown" || $2 == "failure" { print $2, $3, $4 }' /tmp/events | paste -sd';')"

while read -r line; do echo "-$line" >$attribute; done < <(cat $attribute)
is "nothing is remembered" "" "$(remembered)"

# a growth that is refused for another reason takes nothing over
ok "64 MiB" shape $dev 0:64
is "bound" bound "$(bind $dev fsdev)"
remember 130+1
append 128:32
run inject-begin
run inject-growth 10
run arm memremap_pages 1
is "no page structures: refused" "Cannot allocate memory" "$(grows)"
points "no page structures" disarm
run inject-end
is "no page structures: it is remembered still" "130+1" "$(remembered)"
is "no page structures: nothing is poisoned" "" "$(bad)"
is "tried again" grown "$(grows)"
is "tried again: it is poisoned" "$((66 * MIB))+4096" "$(bad)"
unbind $dev

# more ranges than the set has room for at first: each of them, and nothing between or in front
ok "64 MiB" shape $dev 0:64
is "bound" bound "$(bind $dev fsdev)"
for ((n = 0; n < 200; n++)); do printf '%#x+0x1000\n' $((base + 129 * MIB + n * 16384)) >$attribute; done
append 128:32
is "200 ranges: grown" grown "$(grows)"
is "200 ranges: each is poisoned" "200 819200 $((65 * MIB))" \
	"$(fsdev-node bad $node 256 | while read -r offset len; do echo $((offset)) $((len)); done | awk 'NR == 1 { first = $1 } { bytes += $2 } END { print NR, bytes, first }')"
ok "200 ranges: what there was is read" dd if=$disk bs=1M count=64 iflag=direct of=/dev/null
unbind $dev

# 20 pages fail before the memory belongs to the device, one of them under the hands of the kernel all the while
ok "64 MiB" shape $dev 0:64
is "bound" bound "$(bind $dev fsdev)"
dd if=/dev/urandom of=/dev/shm/start bs=1M count=8 status=none
dd if=/dev/shm/start of=$disk bs=1M oflag=direct status=none
append 128:32
gate failure_admit
for ((n = 0; n < 20; n++)); do
	echo $((base + 129 * MIB + n * 8192)) >/sys/devices/system/memory/hard_offline_page
done
mark_log
run gate-open
wait $growing
is "many pages fail: refused" "Input/output error" "$(cat /tmp/grows)"
like "many pages fail: the log" "too many of the new pages have failed" "$(said $dev)"
is "many pages fail: the disk" $((64 * MIB)) "$(blockdev --getsize64 $disk)"
is "many pages fail: none is of the device" "" "$(bad)"
ok "many pages fail: what there is" cmp -n $((8 * MIB)) /dev/shm/start $disk
like "many pages fail: the memory is kept" " : $dev" "$(grep "$(printf '%09x' $((base + 128 * MIB)))-" /proc/iomem)"
mark_log
is "tried again: refused" "Input/output error" "$(grows)"
like "tried again: the log" "memory that it was to grow by has failed; unbind it and bind it again" "$(said $dev)"
# the memory has page structures still
ok "another page of it fails" tee /sys/devices/system/memory/hard_offline_page <<<$((base + 150 * MIB))
unbind $dev
is "unbound: nothing is reserved" "" "$(grep " : $dev\$" /proc/iomem)"
is "bound again" bound "$(bind $dev fsdev)"
is "bound again: the disk" $((96 * MIB)) "$(blockdev --getsize64 $disk)"
# each by itself, and nothing that lies between
want=$(for ((n = 0; n < 20; n++)); do echo $((65 * MIB + n * 8192))+4096; done
	echo $((86 * MIB))+4096)
is "bound again: what had failed is poisoned" "$(paste -sd' ' <<<"$want")" "$(bad)"
ok "bound again: it is overwritten" dd if=/dev/zero of=$disk bs=1M seek=65 count=22 oflag=direct conv=notrunc
is "bound again: nothing is poisoned then" "" "$(bad)"
unbind $dev

# one address, where the new memory follows the old
ok "64 MiB" shape $dev 0:64
is "bound" bound "$(bind $dev fsdev)"
append 64:32
is "grown" grown "$(grows)"
points "grown behind its end" whole 10 96
append 128:32
is "grown" grown "$(grows)"
points "grown elsewhere" whole 10 -18
unbind $dev
run unmake 10
finish
