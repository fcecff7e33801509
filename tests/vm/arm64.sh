#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# arm64: --cpus 1 --mem 1G --nvdimm build/aarch64/nvdimm-@KERNEL@:512M
# A guest of arm64, with pages of 4 or 16 KiB, from loading the module to removal under mounted file systems: a static device,
# which is what its emulator can give it. make test-arm64 runs it.
# shellcheck disable=SC2317,SC2086  # cases are called by name, and no path or number here has blanks
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"

mnt=/mnt/arm64
mkdir -p $mnt
page=$(getconf PAGESIZE)
bits=12
while ((1 << bits < page)); do bits=$((bits + 1)); done
echo "# $(uname -rm), pages of $page bytes"

ok "the module loads" modprobe fsdev
namespace=$(ndctl create-namespace -f -e namespace0.0 -m devdax -M mem)
dev=$(sed -n 's/.*"chardev":"\([^"]*\)".*/\1/p' <<<"$namespace")
like "a devdax namespace" "^dax[0-9]" "$dev"
[ -n "$dev" ] || finish
disk=/dev/fsdev${dev#dax} node=/dev/$dev
start=$(($(cat "/sys/bus/dax/devices/$dev/resource")))
size=$(cat "/sys/bus/dax/devices/$dev/size")
ok "it binds" give "$dev" fsdev

# info FIELD...: of the character device
info() {
	fsdev-node info "$node" | tr ' ' '\n' | grep -E "^($(IFS='|' && echo "$*"))=" | paste -sd' '
}

# make TYPE: a file system on the disk, mounted
make() {
	case $1 in
	xfs) mkfs.xfs -q -f -b size="$page" -m rmapbt=1,reflink=0 "$disk" && mount -o dax=always "$disk" $mnt ;;
	ext4) mkfs.ext4 -q -F -b "$page" "$disk" >/dev/null 2>&1 && mount -o dax=always "$disk" $mnt ;;
	esac
}

case_block() {
	is "capacity" "$size" "$(blockdev --getsize64 "$disk")"
	dax-file pattern 3 $((4 * MIB)) >/run/pattern
	ok "blocks are written" dd if=/run/pattern of="$disk" bs=1M seek=8 oflag=direct conv=notrunc status=none
	is "and read" "$(sha256sum </run/pattern)" "$(dd if="$disk" bs=1M skip=8 count=4 iflag=direct status=none | sha256sum)"
	is "a part of a page is written" 0 "$(dd if=/dev/zero of="$disk" bs=512 seek=$((8 * 2048 + 3)) count=1 oflag=direct conv=notrunc status=none; echo $?)"
	is "and nothing else" "$({ head -c 1536 /run/pattern; head -c 512 /dev/zero; tail -c +2049 /run/pattern; } | sha256sum)" \
		"$(dd if="$disk" bs=1M skip=8 count=4 iflag=direct status=none | sha256sum)"
	is "a write cache" "write back" "$(cat "/sys/block/${disk##*/}/queue/write_cache")"
}

case_chardev() {
	is "information" "size=$size ranges=1 page=$page holder=none" "$(info size ranges page holder)"
	is "the range" "$(printf '%#x %#x %#x\n' 0 "$size" "$start" && echo 1 of 1)" "$(fsdev-node ranges "$node" 0 8)"
	is "scrub is refused, as no read of failed memory could be survived" EOPNOTSUPP "$(fsdev-node span "$node" scrub 0 "$size" 0 2>&1 | grep -oE 'EOPNOTSUPP|EINVAL|ok' | head -n 1)"
	ok "a page is said to be bad" fsdev-node span "$node" add-bad "$page" "$page" 0
	is "and is listed" "$((page / 512 + 0)) $((page / 512))" "$(cat "/sys/block/${disk##*/}/badblocks")"
	refused "it is not read" dd if="$disk" of=/dev/null bs="$page" skip=1 count=1 iflag=direct status=none
	ok "it is written" dd if=/dev/zero of="$disk" bs="$page" seek=1 count=1 oflag=direct conv=notrunc status=none
	is "and good" "" "$(cat "/sys/block/${disk##*/}/badblocks")"
}

# files TYPE: data through a mapping, a failing page, its repair
files() {
	local at

	ok "made and mounted" make "$1"
	mountpoint -q $mnt || return
	dax-file fill $mnt/file 0 $((4 * MIB)) 5
	is "DAX" yes "$(dax-file is-dax $mnt/file)"
	is "its data" "1024 good, 0 wrong, 0 lost" "$(dax-file verify $mnt/file 0 $((4 * MIB)) 5)"
	at=$(($(dax-file phys $mnt/file $((2 * page)))))
	is "its pages are the device's" y "$( ((at >= start && at < start + size)) && echo y)"
	is "a failing page" "SIGBUS BUS_MCEERR_AR at offset $((2 * page)) lsb $bits" "$(dax-file poison $mnt/file $((2 * page)))"
	is "it is reported by its device offset" "$(printf %#x $((at - start)))" \
		"$(dmesg | sed -n "s/.*fsdev $dev: memory failure at .*: device offset \\(0x[0-9a-f]*\\),.*/\\1/p" | tail -n 1)"
	is "and listed" "$(((at - start) / 512)) $((page / 512))" "$(cat "/sys/block/${disk##*/}/badblocks")"
	is "it is lost" "$((1024 - page / 4096)) good, 0 wrong, $((page / 4096)) lost" "$(dax-file verify $mnt/file 0 $((4 * MIB)) 5 | tail -n 1)"
	ok "it is overwritten" dd if=/dev/zero of=$mnt/file bs="$page" seek=2 count=1 conv=notrunc oflag=direct status=none
	is "it is good again" "" "$(cat "/sys/block/${disk##*/}/badblocks")"
	dax-file fill $mnt/file 0 $((4 * MIB)) 6
	is "with its data" "1024 good, 0 wrong, 0 lost" "$(dax-file verify $mnt/file 0 $((4 * MIB)) 6)"
	sync $mnt/file
}

# leaves TYPE: the device goes under the mounted file system, with the file mapped
leaves() {
	local kind pids=()

	mountpoint -q $mnt || return
	for kind in hold hold-write; do
		dax-file $kind $mnt/file >/run/$kind 2>&1 &
		pids+=($!)
		until grep -qE '^(ready|[0-9]+)$' /run/$kind; do sleep 0.2; done
	done
	ok "the device is unbound under it" give "$dev" none
	wait "${pids[@]}"
	for kind in hold hold-write; do like "$kind is told" "SIGBUS" "$(tail -n 1 /run/$kind)"; done
	refused "a file is not read any more" dd if=$mnt/file of=/dev/null bs="$page" count=1 iflag=direct status=none
	umount $mnt
	ok "bound again" give "$dev" fsdev
	ok "and mounted" mount -o dax=always "$disk" $mnt
	is "what fsync has acknowledged is there" "1024 good, 0 wrong, 0 lost" "$(dax-file verify $mnt/file 0 $((4 * MIB)) 6)"
	umount $mnt
}

case_xfs() {
	files xfs
	leaves xfs
}

case_ext4() {
	files ext4
	leaves ext4
}

case_tool() {
	command -v fsdevctl >/dev/null || { skip "the tool" "it is not built for this machine" && return; }
	like "list" "^$dev .*fsdev" "$(fsdevctl list)"
	like "errors" "." "$(fsdevctl errors "$dev" 2>&1)"
	like "scrub refuses" "fsdevctl" "$(fsdevctl scrub "$dev" 2>&1)"
	ok "disable" fsdevctl disable "$dev"
	is "it has its old driver" device_dax "$(driver_of "$dev")"
	ok "enable" fsdevctl enable "$dev"
	is "and this one again" fsdev "$(driver_of "$dev")"
}

case_unload() {
	ok "unbound" give "$dev" none
	ok "unloaded" rmmod fsdev
}

run_cases
