#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --cpus 1 --soft-reserved 1G
# read() and write() of /dev/daxX.Y in fsdev mode: over the ends of ranges, to the end of the device, over poison, for root
# alone, and only while the device has no holder.
# shellcheck disable=SC2317  # some functions are called by name
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/kernel-lib.sh
. "$(dirname -- "$0")/kernel-lib.sh"

dev=dax10.0 node=/dev/dax10.0 disk=/dev/fsdev10.0 mnt=/mnt/data tmp=/run/data
mkdir -p $mnt $tmp

# put OFFSET LEN [OPTION...]: writes the file "bytes"; "ok", or the error
put() {
	local out

	if out=$(dd if=$tmp/bytes of=$node bs="$2" count=1 seek="$1" oflag=seek_bytes conv=notrunc "${@:3}" 2>&1); then
		echo ok
	else
		out=${out%%$'\n'*} && echo "${out##*: }"
	fi
}

# get OFFSET LEN FILE: one read(); how many bytes came, or the error
get() {
	local out

	if out=$(dd if=$node of="$3" bs="$2" count=1 skip="$1" iflag=skip_bytes 2>&1); then
		stat -c %s "$3"
	else
		out=${out%%$'\n'*} && echo "${out##*: }"
	fi
}

# both: whether writing and reading are possible; the same answer for both
both() {
	local to from

	to=$(put 0 4096) from=$(get 0 4096 $tmp/none)
	[ "$from" != 4096 ] || from=ok
	if [ "$to" = "$from" ]; then echo "$to"; else echo "write: $to, read: $from"; fi
}

powerless() {
	setpriv --inh-caps=-all --bounding-set=-all "$@"
}

begin 10
make_dynamic 10 0 1024
ok "three ranges" shape $dev 512:256 8:384 800:128
size=$((768 * MIB))
is "to fsdev" bound "$(bind $dev fsdev)"
dd if=/dev/urandom of=$tmp/bytes bs=1M count=2 status=none

# --- data ---------------------------------------------------------------------------------------------------------------

at=$((256 * MIB - 5001))
is "written over the end of a range, at odd offsets" ok "$(put $at 10007)"
is "read over it" 10007 "$(get $at 10007 $tmp/back)"
is "it is the same" "$(head -c 10007 $tmp/bytes | sha256sum)" "$(sha256sum <$tmp/back)"
is "the block device has it" "$(head -c 10007 $tmp/bytes | sha256sum)" \
	"$(dd if=$disk bs=4096 skip=$((256 * 256 - 2)) count=4 iflag=direct status=none | tail -c +$((2 * 4096 - 5001 + 1)) | head -c 10007 | sha256sum)"
is "2 MiB in one write()" ok "$(put $((640 * MIB - MIB)) $((2 * MIB)) conv=fsync,notrunc)"
is "2 MiB in one read()" $((2 * MIB)) "$(get $((640 * MIB - MIB)) $((2 * MIB)) $tmp/back)"
ok "they are the same" cmp $tmp/bytes $tmp/back
is "up to the end of the device" 1000 "$(get $((size - 1000)) 4096 $tmp/back)"
is "and no further" 0 "$(get $size 4096 $tmp/back)"
is "writing ends there" "No space left on device" "$(put $((size - 1000)) 4096)"
is "what there was room for is written" "$(head -c 1000 $tmp/bytes | sha256sum)" "$(tail -c 1000 $node | sha256sum)"
is "a position behind the end is none" 0 "$(dd if=$node bs=4096 count=1 skip=$((size + 4096)) iflag=skip_bytes 2>/dev/null | wc -c)"

# --- who may ------------------------------------------------------------------------------------------------------------

ok "root without a capability can open it" powerless test -r $node
like "but not read it" "Operation not permitted" "$(powerless head -c 16 $node 2>&1)"
like "nor write it" "Operation not permitted" "$(powerless dd if=/dev/zero of=$node bs=16 count=1 2>&1)"
like "root of a user namespace neither" "Operation not permitted" "$(unshare --user --map-root-user head -c 16 $node 2>&1)"
is "nothing was written" "$(dd if=$disk bs=4096 count=1 iflag=direct status=none | head -c 16 | xxd -p)" "$(head -c 16 $node | xxd -p)"

# --- poison -------------------------------------------------------------------------------------------------------------

bad=$((300 * MIB))
fsdev-node inject $node $bad 4096 >/dev/null
is "reading ends in front of poison" 8192 "$(get $((bad - 8192)) 65536 $tmp/back)"
is "reading poison" "Input/output error" "$(get $((bad + 100)) 8 $tmp/back)"
is "behind it" 8192 "$(get $((bad + 4096)) 8192 $tmp/back)"
is "a part of it cannot be written" "Input/output error" "$(put $((bad + 100)) 100)"
like "it stays poisoned" "bad=4096/1" "$(fsdev-node info $node)"
is "all of it can" ok "$(put $((bad - 100)) 8192)"
like "and is good then" "bad=0/0" "$(fsdev-node info $node)"
is "it reads" 8192 "$(get $((bad - 100)) 8192 $tmp/back)"
ok "as it was written" cmp -n 8192 $tmp/bytes $tmp/back

# --- only without a holder ----------------------------------------------------------------------------------------------

is "without a holder" ok "$(both)"
ok "a holder without the block device" run hold-direct 10
is "under it" "Device or resource busy" "$(both)"
ok "it lets go" run let-go 10
is "without it" ok "$(both)"
mkfs.xfs -q -f -m rmapbt=1,reflink=0 $disk || fail "mkfs.xfs"
mount -o dax=always $disk $mnt || fail "mount"
is "under XFS" "Device or resource busy" "$(both)"
umount $mnt
is "after it" ok "$(both)"
mkfs.ext4 -q -F -b 4096 $disk 16M || fail "mkfs.ext4"
mount $disk $mnt || fail "mount"
is "under ext4 without DAX" "Device or resource busy" "$(both)"
umount $mnt
dmsetup create over --table "0 2048 linear $disk 0" || fail "dmsetup"
is "under device-mapper" "Device or resource busy" "$(both)"
dmsetup remove over
exec 7<$disk
is "with the block device open, which claims nothing" ok "$(both)"
exec 7<&-
ok "reading and writing hold nothing" run hold-direct 10
ok "so that a holder gets the device" run let-go 10
points "and the disk" exclude-direct 10

# --- the device goes ----------------------------------------------------------------------------------------------------

exec 7<>$node
unbind $dev
like "after the unbind nothing is read" "No such device" "$(head -c 1 <&7 2>&1)"
like "nor written" "No such device" "$(printf 1 2>&1 >&7)"
is "to fsdev again" bound "$(bind $dev fsdev)"
like "nor when the device is back" "No such device" "$(head -c 1 <&7 2>&1)"
exec 7<&-
is "a new descriptor reads what is there" ok "$(both)"
unbind $dev
ok "unmade" run unmake 10
finish
