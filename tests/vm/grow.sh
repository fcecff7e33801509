#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --cpus 2 --soft-reserved 1G --append rcupdate.rcu_expedited=1 --append log_buf_len=4M
# A bound device grows by ranges that the bus has given it, under a mounted XFS and ext4: with another device's memory between
# what it had and what it gets. What is refused leaves it as it was. Memory that fails on the way, in the new range, and behind a
# file system that has not grown. Growth beside an unbind, and many growths.
# shellcheck disable=SC2119  # let_go is that of ras-lib.sh
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/kernel-lib.sh
. "$(dirname -- "$0")/kernel-lib.sh"
# shellcheck source=tests/vm/ras-lib.sh
. "$(dirname -- "$0")/ras-lib.sh"

PATH=$top/build:$PATH
dev=dax10.0 disk=/dev/fsdev10.0 beside=/dev/fsdev10.1 node=/dev/dax10.0 mnt=/mnt/grow held=''
grow=/sys/bus/dax/drivers/fsdev/grow
mkdir -p $mnt
dmesg -n 1
case $(uname -r) in
# what 6.1 says of a page that two files have read: upstream/dax-shared-read-fault.md
6.1.*) stock_complaint='WARNING: CPU: [0-9]+ PID: [0-9]+ at fs/dax.c:(380 dax_insert_entry|404 dax_disassociate_entry)' ;;
# what 7.x says of a page that is mapped while it is copied on write: upstream/dax-invalidate-mapped-warning.md
7.*) stock_complaint='WARNING: fs/dax.c:452 at dax_disassociate_entry' ;;
esac

# append OFFSET:LENGTH...: the bus gives the bound device these ranges, in MiB from the region's start
append() {
	local part from

	for part in "$@"; do
		from=$((base + ${part%:*} * MIB))
		printf '%x-%x' $from $((from + ${part#*:} * MIB - 1)) >/sys/bus/dax/devices/$dev/mapping || return
	done
}

# grows [DEV]: "grown", or what is said
grows() {
	local out

	if out=$({ echo "${1-$dev}" >$grow; } 2>&1); then echo grown; else echo "${out##*: }"; fi
}

# knows WHAT MIB RANGES: all that says how large the device is agrees
knows() {
	local info

	is "$1: the disk" $(($2 * MIB)) "$(blockdev --getsize64 $disk)"
	info=$(fsdev-node info $node)
	is "$1: the character device" "size=$(($2 * MIB)) ranges=$3" "$(grep -oE '\b(size|ranges)=[0-9]+' <<<"$info" | paste -sd' ')"
	is "$1: its ranges" "$3" "$(fsdev-node ranges $node 0 100 | grep -vc ' of ')"
	is "$1: its end" $(($2 * MIB)) "$((($2 - 1) * MIB + $(dd if=$disk bs=1M skip=$(($2 - 1)) iflag=direct status=none | wc -c)))"
}

# whole NAME FILE SEED MIB [OFFSET]: a part of the file has its data
whole() {
	is "$1" "$(($4 * 256)) good, 0 wrong, 0 lost" "$(dax-file verify "$2" "${5-0}" $(($4 * MIB)) "$3" | tail -n 1)"
}

untouched() {
	ok "$1: the device between the ranges" cmp /dev/shm/beside $beside
}

# first_behind FILE MIB: offset in the file of a page that lies behind that much of the device
first_behind() {
	filefrag -b4096 -e "$1" | awk -v from=$(($2 * 256)) '$1 ~ /^[0-9]+:$/ { gsub(/[.:]+/, " ")
		if ($5 - 1 > from) { at = $4 > from ? $2 : $2 + from - $4; print (at + 1) * 4096; exit } }'
}

# crossing FILE MIB: one of its extents lies across that place of the device
# shellcheck disable=SC2317  # ok calls it
crossing() {
	filefrag -b4096 -e "$1" | awk -v at=$(($2 * 256)) '$1 ~ /^[0-9]+:$/ { gsub(/[.:]+/, " ")
		if ($4 < at && $5 >= at) n++ } END { exit !n }'
}

# begins WHAT: the device has its first 320 MiB, is bound, and a watcher listens
begins() {
	ok "$1: 320 MiB" shape $dev 0:320
	is "$1: bound" bound "$(bind $dev fsdev)"
	rm -f /tmp/read /tmp/read.end
	fsdev-node listen $node watch 0 1 /tmp/read >/tmp/events 2>&1 &
	watcher=$!
	until grep -q . /tmp/events; do sleep 0.05; done
}

# ends WHAT: unbound; what the watcher has seen is in /tmp/events
ends() {
	touch /tmp/read /tmp/read.end
	unbind $dev
	wait $watcher
}

begin 10 11
make_dynamic 10 0 900
echo "$base" >/run/lab/dax10.1.start
echo dax10.1 >/sys/bus/dax/drivers/fsdev/new_id
echo 1 >"$(readlink -f /sys/bus/dax/devices/$dev)/../dax_region/create"
ok "another device" shape dax10.1 320:16
is "it is bound" bound "$(bind dax10.1 fsdev)"
dax-file pattern 7777 $((16 * MIB)) >/dev/shm/beside
dd if=/dev/shm/beside of=$beside bs=1M oflag=direct status=none

# XFS
begins xfs
ok "xfs: mkfs" mkfs.xfs -q -f -m rmapbt=1,reflink=1 -d agsize=200m -l size=64m,agnum=0 $disk
ok "xfs: mount" mount -o dax=always $disk $mnt
mountpoint -q $mnt || finish
dax-file fill $mnt/old 0 $((16 * MIB)) 1
is "nothing to grow by" grown "$(grows)"
knows "nothing to grow by" 320 1
ok "a range behind the other device" append 336:256
is "a range that is not taken up yet" $((320 * MIB)) "$(blockdev --getsize64 $disk)"
is "a range that is not taken up yet: nothing is read there" 0 "$(dd if=$disk bs=4k skip=$((320 * 256)) count=1 iflag=direct 2>/dev/null | wc -c)"
ras-file hold $mnt/old >/tmp/old 2>&1 &
held=" $!"
until grep -q . /tmp/old; do sleep 0.05; done
mark_log
is "xfs: grows" grown "$(grows)"
like "xfs: the log" "grown by 256 MiB to 576 MiB in 2 ranges" "$(said $dev)"
is "xfs: the disk" $((576 * MIB)) "$(blockdev --getsize64 $disk)"
whole "xfs: what there was" $mnt/old 1 16
is "xfs: who has a file mapped goes on" "" "$(grep SIG /tmp/old)"
let_go
untouched "xfs: grown"

# behind what the file system has; it must not hear of that
at=$((320 * MIB + 300 * 4096))
is "a page behind the file system fails" "ok, 4096 bytes" "$(fsdev-node span $node inject $at 4096 0)"
is "a page behind the file system: bad is" "$at+4096" "$(bad)"
at=$((570 * MIB))
is "another one" "ok, 4096 bytes" "$(fsdev-node span $node inject $at 4096 0)"
ok "a page behind the file system: it goes on" touch $mnt/on
sync
ok "xfs: xfs_growfs" xfs_growfs -d $mnt
size=$(($(stat -fc %S $mnt) * $(stat -fc %b $mnt) / MIB))
ok "xfs: it has most of 576 MiB" test "$size" -gt 480
is "xfs: the pages are overwritten" "" "$(for at in $((320 * 256 + 300)) $((570 * 256)); do
	dd if=/dev/zero of=$disk bs=4k seek=$at count=1 oflag=direct conv=notrunc 2>&1 | grep -i error; done)"
is "xfs: bad is then" "" "$(bad)"
# what is written of it begins in the old memory and ends in the new
fallocate -l 280M $mnt/new
at=$(first_behind $mnt/new 320)
like "xfs: the new file lies in the new memory" '^[0-9]+$' "$at"
from=$((at / MIB * MIB - 8 * MIB))
dax-file fill $mnt/new $from $((24 * MIB)) 2
whole "xfs: what there is now" $mnt/new 2 24 $from
untouched "xfs: the new memory is written"
# its superblock says so as well
umount $mnt
mount -o dax=always $disk $mnt
where=$(blocks $mnt/new "$at")
ok "xfs: it lies behind the old end" test "$where" -ge $((320 * MIB))
hold /tmp/new $mnt/new
like "xfs: a page of the new memory fails: the process that meets it" "^SIGBUS (AR|AO) at $at lsb (12|21)$" "$(ras-file poison $mnt/new "$at")"
let_go
like "xfs: another that maps it" "^SIGBUS (AO|AR|ADRERR) at $at lsb (0|12|21)$" "$(tail -n 1 /tmp/new)"
is "xfs: bad is" "$where+4096" "$(bad)"
# 6.1 takes what is mapped for dirty, so that fsync() says once that it is lost: here, and not in what comes next
if kernel_is 6.1; then xfs_io -c fsync $mnt/new >/dev/null 2>&1; fi
like "xfs: mapped anew" "^SIGBUS (AR|ADRERR) at $at" "$(ras-file touch $mnt/new "$at")"
whole "xfs: the other file" $mnt/old 1 16
is "xfs: overwritten" 4096 "$(ras-file write $mnt/new "$at" 4096 2)"
is "xfs: bad is then" "" "$(bad)"
whole "xfs: the file" $mnt/new 2 24 $from

# an extent that goes on from the old memory in the new: another device's memory follows the old one's end
ok "xfs: a file lies across" crossing $mnt/new 320
xfs_io -f -c "reflink $mnt/new $from 0 $((16 * MIB))" $mnt/clone >/dev/null
ok "xfs: the clone lies across" crossing $mnt/clone 320
ok "xfs: the clone is unshared" xfs_io -c "funshare 0 $((16 * MIB))" $mnt/clone
ok "xfs: the clone has the data" cmp -n $((16 * MIB)) -i $from:0 $mnt/new $mnt/clone
whole "xfs: and the file" $mnt/new 2 24 $from
untouched "xfs: a clone"

# a second time, by a range that follows in memory, and one that lies in front
ok "a range that follows, and one further on" append 592:16 640:16
is "xfs: grows again" grown "$(grows)"
is "xfs: the disk" $((608 * MIB)) "$(blockdev --getsize64 $disk)"
ok "xfs: xfs_growfs again" xfs_growfs -d $mnt
dax-file fill $mnt/third 0 $((16 * MIB)) 3
whole "xfs: a third file" $mnt/third 3 16
whole "xfs: the second file" $mnt/new 2 24 $from
untouched "xfs: grown twice"

# with a page in the new memory mapped
hold /tmp/new $mnt/new
ends
let_go
like "xfs: unbound, who had the new memory mapped" "^SIGBUS" "$(tail -n 1 /tmp/new)"
umount $mnt
is "xfs: the events" "grown 0x14000000 0x24000000;grown 0x24000000 0x26000000" \
	"$(awk '$2 == "grown" { print $2, $3, $4 }' /tmp/events | paste -sd';')"
is "xfs: bound again" bound "$(bind $dev fsdev)"
knows "xfs: bound again" 608 3
ok "xfs: mounted again" mount -o dax=always $disk $mnt
whole "xfs: bound again, the second file" $mnt/new 2 24 $from
whole "xfs: bound again, the third file" $mnt/third 3 16
umount $mnt
ok "xfs: it is whole" xfs_repair -n $disk
unbind $dev

# ext4, which does not hold the DAX device, and what is refused
begins ext4
ok "ext4: mkfs" mkfs.ext4 -q -F -b 4096 $disk
ok "ext4: mount" mount -o dax=always $disk $mnt
fallocate -l 200M $mnt/old
dax-file fill $mnt/old 0 $((16 * MIB)) 4
iomem=$(grep " : $dev\$" /proc/iomem)

# refusal WHAT ERROR PATTERN: it does not grow, and is as it was
refusal() {
	mark_log
	is "$1: refused" "$2" "$(grows)"
	like "$1: the log" "$3" "$(said $dev)"
	is "$1: one line" 1 "$(said $dev | grep -c .)"
	is "$1: the bus" $((400 * MIB)) "$(cat /sys/bus/dax/devices/$dev/size)"
	is "$1: the disk" $((320 * MIB)) "$(blockdev --getsize64 $disk)"
	is "$1: what is reserved" "$iomem" "$(grep " : $dev\$" /proc/iomem)"
	whole "$1: the file" $mnt/old 4 16
}

ok "two ranges, of which another has the second" append 336:64 416:16
run take $((base + 416 * MIB)) $((2 * MIB)) 10
refusal "memory that is taken" "Device or resource busy" "mapping2: .* is in use by another driver"
run yield 10
run inject-begin
run inject-growth 10
run arm memremap_pages 1
refusal "no page structures" "Cannot allocate memory" "cannot map "
points "no page structures" disarm
run inject-end
# a page fails when the memory has page structures and is not yet the device's
run gate-sleep fsdev:failure_admit any
(grows >/tmp/grows) &
ok "a growth is held up" run gate-wait
at=$((336 * MIB + 5 * 4096))
echo $((base + at)) >/sys/devices/system/memory/hard_offline_page
is "what fails meanwhile: bad is" "" "$(bad)"
is "what fails meanwhile: the disk" $((320 * MIB)) "$(blockdev --getsize64 $disk)"
run gate-open
wait $!
is "ext4: grows" grown "$(cat /tmp/grows)"
at=$((320 * MIB + 5 * 4096))
is "what failed meanwhile: bad is" "$at+4096" "$(bad)"
refused "what failed meanwhile: it is not read" dd if=$disk bs=4k skip=$((at / 4096)) count=1 iflag=direct of=/dev/null
ok "what failed meanwhile: it is overwritten" dd if=/dev/zero bs=4k seek=$((at / 4096)) count=1 oflag=direct of=$disk conv=notrunc
is "what failed meanwhile: bad is then" "" "$(bad)"
is "ext4: the disk" $((400 * MIB)) "$(blockdev --getsize64 $disk)"
ok "ext4: resize2fs" resize2fs $disk
fallocate -l 150M $mnt/new
at=$(first_behind $mnt/new 320)
like "ext4: the new file lies in the new memory" '^[0-9]+$' "$at"
from=$((at / MIB * MIB - 8 * MIB))
[ $from -ge 0 ] || from=0
dax-file fill $mnt/new $from $((24 * MIB)) 5
whole "ext4: what there is now" $mnt/new 5 24 $from
whole "ext4: what there was" $mnt/old 4 16
where=$(blocks $mnt/new "$at")
hold /tmp/new $mnt/new
# of a page in an entry of 2 MiB 7.x says where that begins
like "ext4: a page of the new memory fails: the process that meets it" \
	"^SIGBUS (AR|AO) at ($at lsb (12|21)|$((at / MIB / 2 * 2 * MIB)) lsb 21)$" "$(ras-file poison $mnt/new "$at")"
let_go
is "ext4: bad is" "$where+4096" "$(bad)"
is "ext4: overwritten" 4096 "$(ras-file write $mnt/new "$at" 4096 5)"
is "ext4: bad is then" "" "$(bad)"
untouched ext4
umount $mnt
ok "ext4: it is whole" e2fsck -fn $disk
ends
is "ext4: the events" "grown 0x14000000 0x19000000;failure 0x14005000 0x1000" \
	"$(awk '$2 == "grown" || $2 == "failure" { print $2, $3, $4 }' /tmp/events | head -n 2 | paste -sd';')"

# bounds that memory cannot be mapped at, and a holder that does not learn of a size
ok "a range" shape $dev 0:64
is "bound" bound "$(bind $dev fsdev)"
printf '%x-%x' $((base + 401 * MIB)) $((base + 403 * MIB - 1)) >/sys/bus/dax/devices/$dev/mapping
mark_log
is "a range that is not aligned: refused" "Invalid argument" "$(grows)"
like "a range that is not aligned: the log" "mapping1: .* is not in units of 2 MiB" "$(said $dev)"
is "a range that is not aligned: the disk" $((64 * MIB)) "$(blockdev --getsize64 $disk)"
unbind $dev
ok "a range" shape $dev 0:64
is "bound" bound "$(bind $dev fsdev)"
append 400:2
ok "it is held" run hold-direct 10
mark_log
is "held via fs_dax_get(): refused" "Device or resource busy" "$(grows)"
like "held via fs_dax_get(): the log" "held via fs_dax_get" "$(said $dev)"
run let-go 10
for _ in {1..50}; do unbind $dev && break; sleep 0.1; done
is "not bound: refused" "No such device" "$(grows)"
is "no device: refused" "No such device" "$(grows dax99.0)"

# beside an unbind, in either order
bound=0 grown=0
for ((n = 0; n < 12; n++)); do
	shape $dev 0:64 || break
	[ "$(bind $dev fsdev)" != bound ] || bound=$((bound + 1))
	append 400:128 530:8
	grows >/tmp/grows &
	[ $((n % 2)) = 0 ] || sleep 0.0$((n % 4))
	unbind $dev
	wait $!
	case $(cat /tmp/grows) in grown) grown=$((grown + 1)) ;; *) is "beside an unbind: refused" "No such device" "$(cat /tmp/grows)" ;; esac
	is "beside an unbind: nothing is reserved" "" "$(grep " : $dev\$" /proc/iomem)"
	is "beside an unbind: no driver" none "$(driver_of $dev)"
done
is "beside an unbind: bound each time" 12 $bound
echo "# it had grown in $grown of 12"

# many
ok "a range" shape $dev 0:64
is "bound" bound "$(bind $dev fsdev)"
dd if=/dev/urandom of=/dev/shm/start bs=1M count=16 status=none
dd if=/dev/shm/start of=$disk bs=1M oflag=direct status=none
for ((n = 0; n < 50; n++)); do
	append $((400 + n * 4)):2 || break
	[ "$(grows)" = grown ] || break
done
is "many growths" 50 $n
knows "many growths" 164 51
ok "many growths: what there was" cmp -n $((16 * MIB)) /dev/shm/start $disk
dax-file pattern 9 $((100 * MIB)) >/dev/shm/rest
dd if=/dev/shm/rest of=$disk bs=1M seek=64 oflag=direct status=none
unbind $dev
is "bound" bound "$(bind $dev fsdev)"
ok "many growths: the rest" cmp -n $((100 * MIB)) -i 0:$((64 * MIB)) /dev/shm/rest $disk
untouched "many growths"
points "many growths" maps-agree 10
unbind $dev

# bound anew with a file system that has not grown: the disk is larger than it from the start
ok "smaller than its disk: the device" shape $dev 0:320
is "smaller than its disk: bound" bound "$(bind $dev fsdev)"
ok "smaller than its disk: made" mkfs.xfs -q -f -m rmapbt=1,reflink=0 -d size=$((310 * MIB)),agcount=2 $disk
ok "smaller than its disk: mount" mount -o dax=always $disk $mnt
end=$(xfs_info $mnt | awk -F'[=, ]+' '/^meta-data/ { for (i = 1; i < NF; i++) { if ($i == "agcount") n = $(i + 1); if ($i == "agsize") b = $(i + 1) } }
	END { print n * b * 4096 }')
like "smaller than its disk: it ends before" '^3[0-9]{8}$' "$end"
is "smaller than its disk: a page behind it fails" "ok, 4096 bytes" "$(fsdev-node span $node inject $((end + MIB)) 4096 0)"
ok "smaller than its disk: it goes on" touch $mnt/on
# of files in several allocation groups the one that lies last, and what is free behind it
last=''
for n in 0 1 2 3; do
	mkdir $mnt/$n
	dax-file fill $mnt/$n/file 0 65536 $n
	sync
	[ -n "$last" ] && (($(blocks $mnt/$n/file 61440) < $(blocks "$last" 61440))) || last=$mnt/$n/file
done
where=$(blocks "$last" 61440)
hold /tmp/last "$last"
mark_log
fsdev-node span $node add-bad "$where" $((end + 4096 - where)) 0 >/dev/null
like "smaller than its disk: pages across its end" "known poison: device offset $(printf %#x "$where"), $((end + 4096 - where)) bytes" "$(said $dev)"
let_go
like "smaller than its disk: it is told of those that it has" "^SIGBUS (AO|AR|ADRERR) at 61440 lsb (0|12)$" "$(tail -n 1 /tmp/last)"
umount $mnt
is "smaller than its disk: overwritten" "" "$(dd if=/dev/zero of=$disk bs=4k seek=$((where / 4096)) count=$(((end + 4096 - where) / 4096)) oflag=direct conv=notrunc 2>&1 | grep -i error)"
unbind $dev

# a static device has the memory that it was made with
make_static 11 $((904 << 10)) 32768 $((904 << 10)) 32768
is "static: bound" bound "$(bind dax11.0 fsdev)"
mark_log
is "static: refused" "Operation not supported" "$(grows dax11.0)"
like "static: the log" "a static device has the memory that it was made with" "$(said dax11.0)"
unbind dax11.0
run unmake 11
unbind dax10.1
run unmake 10
finish
