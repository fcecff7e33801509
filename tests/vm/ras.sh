#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --cpus 1 --soft-reserved 512M --append log_buf_len=4M --qemu "-cpu Skylake-Server,-xsave,-pclmulqdq"
# Real machine checks, raised by the emulated memory controller: in a mapped page of a file, in every range, in a page that
# is not mapped, under a running read() and write(), under a mapping of 2 MiB, twice in one page, in the file system's own
# blocks, and in a device that is being unbound. What is bad is fenced, and repaired by writing.
#   tests/vm/ras.sh [pmem0 [CASE...]]    the same on a disk of nd_pmem: says what happens and judges nothing; see tests/nd-pmem
# shellcheck disable=SC2086,SC2317  # names without blanks; some functions are called by others
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/ras-lib.sh
. "$(dirname -- "$0")/ras-lib.sh"

dev=${1-dax0.0} mnt=/mnt/ras held=''
disk=/dev/fsdev0.0
[ $# = 0 ] || { shift && disk=/dev/$dev; }
only=" $* "
mkdir -p $mnt
# what a fault on a bad page is: 6.1 knows no better
case $(uname -r) in 6.1.*) fault="SIGBUS ADRERR at" flsb=0 ;; *) fault="SIGBUS AR at" flsb=12 ;; esac

# here NAME: is this case wanted?
here() {
	[ "$only" = "  " ] || [[ $only == *" $1 "* ]]
}

# seen NAME WANTED GOT: a test point on fsdev, a line elsewhere
seen() {
	if [[ $dev == dax* ]]; then is "$@"; else echo "# seen: $1: $3"; fi
}

# done_by NAME COMMAND...: the same for a command that has to succeed
done_by() {
	local name=$1 status=0

	if [[ $dev == dax* ]]; then ok "$@" && return; fi
	shift
	"$@" >/dev/null 2>&1 || status=$?
	echo "# seen: $name: $([ $status = 0 ] && echo worked || echo "failed, status $status")"
}

# lines_of PATTERN FILE N: has the file so many lines with it?
lines_of() {
	[ "$(grep -c "$1" "$2")" -ge "$3" ]
}

# leave, come_back: the device goes from its driver, and to it again
leave() {
	if [[ $dev == dax* ]]; then give $dev none; else echo "$namespace" >/sys/bus/nd/drivers/nd_pmem/unbind; fi
}

come_back() {
	if [[ $dev == dax* ]]; then give $dev fsdev && return; fi
	echo "$namespace" >/sys/bus/nd/drivers/nd_pmem/bind && comes test -b $disk
}
[[ $dev == dax* ]] || namespace=$(basename "$(readlink -f /sys/block/$dev/device)")

fresh() {
	mkfs.xfs -q -f -m rmapbt=1,reflink=0 -d su=2m,sw=1,agcount=2 -l size=64m,su=4k $disk || fail "mkfs"
	mount -o dax=always $disk $mnt || fail "mount"
}

# file NAME KIB [SEED]: a file with its pattern
file() {
	dax-file fill "$mnt/$1" 0 $(($2 * 1024)) "${3-1}" || fail "fill $1"
}

if [[ $dev == dax* ]]; then
	# boundaries at 64 and 320 MiB of the device
	ok "three ranges" shape $dev 0:64 128:256 448:64
	ok "bound" give $dev fsdev
fi
fresh
is "nothing is bad" "" "$(bad)"

# who maps a page that fails, but has not met it, hears of it only if the administrator wants that
echo 1 >/proc/sys/vm/memory_failure_early_kill

if here mapped; then
	file mapped 1024
	at=$(blocks $mnt/mapped 20480)
	hold /tmp/1 $mnt/mapped
	hold /tmp/2 $mnt/mapped
	machine_check "$(phys_of "$at")"
	let_go
	seen "mapped page: the process" "SIGBUS AO at 20480 lsb 12" "$(tail -n 1 /tmp/1)"
	seen "mapped page: another process" "SIGBUS AO at 20480 lsb 12" "$(tail -n 1 /tmp/2)"
	seen "mapped page: bad is" "$at+4096" "$(bad)"
	seen "mapped page: mapped anew" "$fault 20480 lsb $flsb" "$(ras-file touch $mnt/mapped 20480)"
	seen "mapped page: its neighbour" "read" "$(ras-file touch $mnt/mapped 16384)"
	seen "mapped page: read() of each page" "5 read, 1 EIO, 250 read" "$(ras-file read $mnt/mapped 0 $MIB)"
	seen "mapped page: read() of all" EIO "$(ras-file read-all $mnt/mapped 0 $MIB)"
	seen "mapped page: the block device, directly" "5 read, 1 EIO, 250 read" \
		"$(ras-file read $disk $((at - 20480)) $MIB)"
	seen "mapped page: write() of a part" EFAULT "$(ras-file write $mnt/mapped 20580 100 9)"
	seen "mapped page: overwritten" 12288 "$(ras-file write $mnt/mapped 16384 12288 1)"
	seen "mapped page: bad is then" "" "$(bad)"
	seen "mapped page: the file" "256 good, 0 wrong, 0 lost" "$(ras-file check $mnt/mapped 0 $MIB 1)"
	seen "mapped page: mapped again" read "$(ras-file touch $mnt/mapped 20480)"
fi

if here late; then
	echo 0 >/proc/sys/vm/memory_failure_early_kill
	file late 64 8
	at=$(blocks $mnt/late 8192)
	hold /tmp/1 $mnt/late
	machine_check "$(phys_of "$at")"
	let_go
	seen "mapped page, signals only to who meets it: the process" "${fault% at} at 8192 lsb $flsb" "$(tail -n 1 /tmp/1)"
	seen "mapped page, signals only to who meets it: overwritten" 4096 "$(ras-file write $mnt/late 8192 4096 8)"
	seen "mapped page, signals only to who meets it: bad is then" "" "$(bad)"
	echo 1 >/proc/sys/vm/memory_failure_early_kill
fi

if here ranges && [[ $dev == dax* ]]; then
	fallocate -l 280M $mnt/big
	for device_offset in $((64 * MIB)) $((320 * MIB + 8192)); do
		at=$(dax-file where $mnt/big $device_offset)
		machine_check "$(phys_of $device_offset)"
		is "range at $device_offset: bad is" "$device_offset+4096" "$(bad)"
		like "range at $device_offset: reported as" "$(printf 'device offset %#x, 4096 bytes' $device_offset)" \
			"$(dmesg | grep 'fsdev.*memory failure' | tail -n 1)"
		is "range at $device_offset: overwritten" 4096 "$(ras-file write $mnt/big "$at" 4096 2)"
		is "range at $device_offset: bad is then" "" "$(bad)"
	done
	rm $mnt/big
fi

if here unmapped; then
	file unmapped 64 3
	at=$(blocks $mnt/unmapped 8192)
	umount $mnt
	mount -o dax=always $disk $mnt
	machine_check "$(phys_of "$at")"
	seen "page not mapped: bad is" "$at+4096" "$(bad)"
	machine_check "$(phys_of "$at")"
	seen "the same page twice: bad is" "$at+4096" "$(bad)"
	seen "page not mapped: read()" "2 read, 1 EIO, 13 read" "$(ras-file read $mnt/unmapped 0 65536)"
	seen "page not mapped: mapped" "$fault 8192 lsb $flsb" "$(ras-file touch $mnt/unmapped 8192)"
	seen "page not mapped: overwritten" 65536 "$(ras-file write $mnt/unmapped 0 65536 3)"
	seen "page not mapped: the file" "16 good, 0 wrong, 0 lost" "$(ras-file check $mnt/unmapped 0 65536 3)"
	seen "page not mapped: bad is then" "" "$(bad)"
fi

if here reading; then
	file reading 64 4
	at=$(blocks $mnt/reading 4096)
	ras-file loop-read $mnt/reading 4096 4 >/tmp/read 2>&1 &
	reader=$!
	comes grep -q all /tmp/read
	machine_check "$(phys_of "$at")"
	comes grep -q EIO /tmp/read
	seen "during read(): overwritten meanwhile" 4096 "$(ras-file write $mnt/reading 4096 4096 4)"
	comes lines_of all /tmp/read 2
	kill $reader
	wait $reader
	# a copy that had begun is short, and EFAULT if it is nothing at all: so says the DAX core
	seen "during read(): what the reader had" "ready all EIO all 0 torn" \
		"$(paste -sd' ' /tmp/read | sed -E 's/all (EFAULT|part) EIO/all EIO/')"
fi

if here writing; then
	file writing 64 5
	at=$(blocks $mnt/writing 4096)
	ras-file loop-write $mnt/writing 4096 5 >/tmp/write 2>&1 &
	writer=$!
	comes grep -q all /tmp/write
	machine_check "$(phys_of "$at")"
	# it repairs the page itself, by going on
	for _ in {1..100}; do [ -n "$(bad)" ] || break; sleep 0.1; done
	kill $writer
	wait $writer
	# as with read(), one that had begun may be short
	seen "during write(): what the writer had" "ready all 0 torn" \
		"$(paste -sd' ' /tmp/write | sed -E 's/all (EFAULT|part) all/all/')"
	seen "during write(): bad is" "" "$(bad)"
	seen "during write(): the file" "16 good, 0 wrong, 0 lost" "$(ras-file check $mnt/writing 0 65536 5)"
fi

if here huge; then
	fallocate -l 4M $mnt/huge
	dax-file fill $mnt/huge 0 $((4 * MIB)) 6
	at=$(blocks $mnt/huge $((2 * MIB + 20480)))
	hold /tmp/1 $mnt/huge
	machine_check "$(phys_of "$at")"
	let_go
	seen "mapping of 2 MiB: the process" "SIGBUS AO at $((2 * MIB + 20480)) lsb 21" "$(tail -n 1 /tmp/1)"
	seen "mapping of 2 MiB: bad is" "$at+4096" "$(bad)"
	seen "mapping of 2 MiB: a neighbour" read "$(ras-file touch $mnt/huge $((2 * MIB)))"
	seen "mapping of 2 MiB: overwritten" 8192 "$(ras-file write $mnt/huge $((2 * MIB + 20480)) 8192 6)"
	seen "mapping of 2 MiB: the file" "1024 good, 0 wrong, 0 lost" "$(ras-file check $mnt/huge 0 $((4 * MIB)) 6)"
	seen "mapping of 2 MiB: bad is then" "" "$(bad)"
fi

if here metadata; then
	# the second allocation group begins with a copy of the superblock
	at=$(xfs_db -r -c 'sb 0' -c 'print agblocks blocksize' $disk | awk '{ n = n ? n * $3 : $3 } END { print n }')
	machine_check "$(phys_of "$at")"
	seen "file system's own block: bad is" "$at+4096" "$(bad)"
	seen "file system's own block: it" "shut down" \
		"$({ touch $mnt/new && sync -f $mnt/new; } 2>/dev/null && echo "goes on" || echo "shut down")"
	umount $mnt
	fresh
	seen "file system's own block: made anew, bad is" "" "$(bad)"
fi

if here unbinding; then
	file held 1024 7
	offset=$(blocks $mnt/held 8192)
	at=$(phys_of "$offset")
	for moment in before during after; do
		hold /tmp/1 $mnt/held
		[ $moment = before ] && machine_check "$at"
		[ $moment = during ] && check_at "$at"
		done_by "failing $moment unbinding: unbound" leave
		[ $moment = after ] && machine_check "$at"
		let_go
		if [[ $dev == dax* ]]; then
			like "failing $moment unbinding: the process" "^SIGBUS (AO|AR|ADRERR) at" "$(tail -n 1 /tmp/1)"
		else
			seen "failing $moment unbinding: the process" "" "$(tail -n 1 /tmp/1)"
		fi
		umount $mnt
		done_by "failing $moment unbinding: bound" come_back
		seen "failing $moment unbinding: nothing is bad in the new life" "" "$(bad)"
		done_by "failing $moment unbinding: it can be written" \
			dd if=/dev/zero of=$disk bs=4k count=2 seek=$((offset / 4096)) oflag=direct conv=notrunc
		mount -o dax=always $disk $mnt
	done
fi
umount $mnt
if [[ $dev == dax* ]] && here node; then
	machine_check "$(phys_of 40960)"
	is "the node of a device without a holder: read() of each page" "2 read, 1 EIO, 5 read" "$(ras-file read /dev/$dev 32768 32768)"
	is "the node: read() of all" 8192 "$(ras-file read-all /dev/$dev 32768 32768)"
	is "the node: overwritten" 4096 "$(ras-file write /dev/$dev 40960 4096 9)"
	is "the node: bad is then" "" "$(bad)"
fi
finish
