#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --cpus 1 --soft-reserved 512M --append log_buf_len=4M
# A page of a file fails under each file system: every process that maps it gets SIGBUS, the rest of the file is served, and
# overwriting repairs it. And a thousand random pages of one file, all of which are repaired.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/ras-lib.sh
. "$(dirname -- "$0")/ras-lib.sh"

PATH=$top/build:$PATH
dev=dax0.0 disk=/dev/fsdev0.0 mnt=/mnt/ras held=''
mkdir -p $mnt
dmesg -n 1
# what 6.1 says of a page that two files have read: upstream/dax-shared-read-fault.md
case $(uname -r) in
6.1.*) stock_complaint='WARNING: CPU: [0-9]+ PID: [0-9]+ at fs/dax.c:(380 dax_insert_entry|404 dax_disassociate_entry)' ;;
esac
# boundaries at 16 and 32 MiB of the device
ok "three ranges" shape $dev 0:16 24:16 48:464
ok "bound" give $dev fsdev

# under NAME FILE OFFSET OTHER...: three processes map the page, in FILE or in another that shares it
under() {
	local name=$1 file=$2 offset=$3 at said other

	shift 3
	at=$(blocks "$file" "$offset")
	copies_of "$file" "$offset"
	hold /tmp/1 "$file"
	hold /tmp/2 "${1-$file}"
	said=$(ras-file poison "$file" "$offset")
	let_go
	like "$name: the process that meets it" "^SIGBUS (AR|AO) at $offset lsb 12$" "$said"
	for other in /tmp/1 /tmp/2; do
		like "$name: another that maps it" "^SIGBUS (AO|AR|ADRERR) at $offset lsb (0|12)$" "$(tail -n 1 $other)"
	done
	is "$name: bad is" "$at+4096" "$(bad)"
	is "$name: reported as" "$(printf 'device offset %#x, 4096 bytes' "$at")" \
		"$(dmesg | grep 'fsdev.*memory failure' | tail -n 1 | grep -o 'device offset.*')"
	is "$name: who has written a private mapping goes on" ready "$(cat /tmp/copies)"
	like "$name: mapped anew" "^SIGBUS (AR|ADRERR) at $offset" "$(ras-file touch "$file" "$offset")"
	is "$name: read()" "$((offset / 4096)) read, 1 EIO, $((255 - offset / 4096)) read" "$(ras-file read "$file" 0 $MIB)"
	# 6.1 takes what is mapped for dirty, so that fsync() says once that it is lost: here, and not in what comes next
	if kernel_is 6.1; then xfs_io -c fsync "$file" >/dev/null 2>&1; fi
}

# again NAME FILE SEED
again() {
	is "$1: bad is then" "" "$(bad)"
	is "$1: all of it" "256 good, 0 wrong, 0 lost" "$(ras-file check "$2" 0 $MIB "$3")"
	is "$1: mapped" read "$(ras-file touch "$2" 20480)"
}

# tool: what fsdevctl makes of a page of $mnt/file
tool() {
	local at

	at=$(blocks $mnt/file 40960)
	like "fsdevctl inject" "the page at $(printf %#x "$at") has failed, as a test" "$(fsdevctl inject $dev "$at" --yes 2>&1)"
	is "fsdevctl errors" "\"offset\":$at \"length\":4096 \"kind\":\"file\" \"file\":\"$mnt/file\" \"file_offset\":40960" \
		"$(fsdevctl errors $dev --files --json | tr -d ' \t' | sed 's/[\]//g' | tr , '\n' | grep -oE '"(offset|length|kind|file|file_offset)":[^}]*' | paste -sd' ')"
	like "fsdevctl scrub" "4.* bad in 1 places, 0.* found now" "$(fsdevctl scrub $dev --quiet 2>&1)"
	like "fsdevctl repair" "repaired, 0.* bad" "$(fsdevctl repair $dev "$at+4K" --yes 2>&1)"
	is "fsdevctl repair: zeros are left" "255 good, 1 wrong, 0 lost" "$(ras-file check $mnt/file 0 $MIB 1)"
	is "fsdevctl errors, then" "fsdevctl: $dev: no bad memory is known" "$(fsdevctl errors $dev 2>&1)"
	ras-file write $mnt/file 40960 4096 1 >/dev/null
}

for reflink in 0 1; do
	mkfs.xfs -q -f -m rmapbt=1,reflink=$reflink $disk || fail "mkfs.xfs"
	mount -o dax=always $disk $mnt || fail "mount"
	dax-file fill $mnt/file 0 $MIB 1
	dax-file fill $mnt/other 0 $MIB 2
	under "xfs, reflink=$reflink" $mnt/file 20480
	is "xfs, reflink=$reflink: another file" "256 good, 0 wrong, 0 lost" "$(ras-file check $mnt/other 0 $MIB 2)"
	is "xfs, reflink=$reflink: overwritten" 4096 "$(ras-file write $mnt/file 20480 4096 1)"
	again "xfs, reflink=$reflink" $mnt/file 1
	copies_kept "xfs, reflink=$reflink" "the next page is read"
	[ $reflink = 1 ] || tool
	if [ $reflink = 1 ]; then
		cp --reflink=always $mnt/file $mnt/copy
		# a page that two files share is unmapped only from processes that are signalled
		echo 1 >/proc/sys/vm/memory_failure_early_kill
		under "xfs, a shared page" $mnt/file 40960 $mnt/copy
		echo 0 >/proc/sys/vm/memory_failure_early_kill
		like "xfs, a shared page: in the other file" "^SIGBUS (AR|ADRERR) at 40960" "$(ras-file touch $mnt/copy 40960)"
		rm $mnt/copy
		is "xfs, a shared page: overwritten" 4096 "$(ras-file write $mnt/file 40960 4096 1)"
		again "xfs, a shared page" $mnt/file 1
		copies_kept "xfs, a shared page" "the next page is read"
	fi
	umount $mnt
done

mkfs.ext4 -q -F -b 4096 $disk || fail "mkfs.ext4"
mount -o dax=always $disk $mnt || fail "mount"
dax-file fill $mnt/file 0 $MIB 3
under ext4 $mnt/file 20480
is "ext4: zeroed and overwritten in part" 100 \
	"$(fallocate -z -o 20480 -l 4096 $mnt/file && ras-file write $mnt/file 20480 100 3)"
is "ext4: bad is then" "" "$(bad)"
is "ext4: written" 4096 "$(ras-file write $mnt/file 20480 4096 3)"
again ext4 $mnt/file 3
copies_kept ext4 "the next page is read"
# ext4 does not hold the DAX device: it hears of nothing, and who has the page mapped loses it all the same
hold /tmp/known $mnt/file
at=$(blocks $mnt/file 40960)
is "ext4, a page that is known to be bad" "ok, 4096 bytes" "$(fsdev-node span /dev/$dev add-bad "$at" 4096 0)"
for _ in {1..60}; do ! grep -q SIGBUS /tmp/known || break; sleep 0.05; done
like "ext4, a page that is known to be bad: who has it mapped" "SIGBUS (AR|ADRERR) at 40960" "$(paste -sd' ' /tmp/known)"
let_go
is "ext4, a page that is known to be bad: is not cleared under the mount" "EBUSY, 0 bytes" \
	"$(fsdev-node span /dev/$dev clear "$at" 4096 0)"
is "ext4, a page that is known to be bad: overwritten" 4096 "$(ras-file write $mnt/file 40960 4096 3)"
again "ext4, a page that was known to be bad" $mnt/file 3
umount $mnt

mkdir -p /tmp/tree
dax-file fill /tmp/tree/file 0 $MIB 4
mkfs.erofs -b4096 -E noinline_data /tmp/image /tmp/tree >/tmp/mkfs 2>&1 || cat /tmp/mkfs
dd if=/tmp/image of=$disk bs=1M oflag=direct conv=notrunc 2>/dev/null
if mount -t erofs -o dax=always $disk $mnt; then
	is "erofs: DAX" yes "$(dax-file is-dax $mnt/file)"
	at=$(blocks $mnt/file 20480)
	under erofs $mnt/file 20480
	# it is read-only: its block is written from outside
	ok "erofs: restored" dd if=/tmp/image of=$disk bs=4k skip=$((at / 4096)) seek=$((at / 4096)) count=1 oflag=direct conv=notrunc
	again erofs $mnt/file 4
	copies_kept erofs "the next page is read"
	umount $mnt
	mount -t erofs -o dax=always $disk $mnt
	again "erofs, mounted again" $mnt/file 4
	umount $mnt
else
	tap_point 1 "erofs mounts with DAX"
fi

# a thousand random pages of a file that lies in all ranges
mkfs.xfs -q -f -m rmapbt=1,reflink=0 $disk
mount -o dax=always $disk $mnt
fallocate -l 48M $mnt/big
dax-file fill $mnt/big 0 $((48 * MIB)) 5
is "a thousand pages of a file" "1000 failed, 1000 signals" "$(ras-file poison-many $mnt/big 1000 1 /tmp/list)"
for at in 0 $((48 * MIB - 4096)); do echo "# its byte $at is at device offset $(blocks $mnt/big $at)"; done
is "a thousand pages: just these are lost" "$(cat /tmp/list)" "$(ras-file lost $mnt/big)"
is "a thousand pages: overwritten" 1000 "$(ras-file rewrite $mnt/big /tmp/list 5)"
is "a thousand pages: bad is then" "" "$(bad)"
is "a thousand pages: the file" "12288 good, 0 wrong, 0 lost" "$(ras-file check $mnt/big 0 $((48 * MIB)) 5)"
umount $mnt
finish
