#!/usr/bin/env bash
# lab: --cpus 1 --soft-reserved 768M
# The block device of a device with ranges that have holes and lie out of order: what is written is found where the
# geometry says, by the block device and by the physical address, and what was refused changed nothing.
. "$(dirname -- "$0")/lib.sh"
. "$(dirname -- "$0")/tap.sh"

dev=dax0.0 disk=/dev/fsdev0.0 sysfs=/sys/bus/dax/devices/dax0.0
base=$(region_start $dev)
file=/tmp/data

# sum OFFSET LENGTH [FLAGS]: of a stretch of the block device, in KiB
sum() {
	dd if=$disk bs=4k skip=$(($1 / 4)) count=$(($2 / 4)) iflag="${3:-fullblock}" 2>/dev/null | sha256sum
}

ok "three ranges" shape $dev 256:64 0:2 512:128
give $dev fsdev
is "bound" fsdev "$(driver_of $dev)"
is "capacity is the sum of the ranges" $((194 * MIB)) "$(blockdev --getsize64 $disk)"
is "node belongs to root alone" "600 0 0" "$(stat -c '%a %u %g' $disk)"
is "queue does DAX" 1 "$(cat /sys/block/fsdev0.0/queue/dax)"
is "logical block size" 512 "$(cat /sys/block/fsdev0.0/queue/logical_block_size)"
is "physical block size" 4096 "$(cat /sys/block/fsdev0.0/queue/physical_block_size)"
is "memory that forgets has no write cache" "write through" "$(cat /sys/block/fsdev0.0/queue/write_cache)"
like "the log says what was bound" "fsdev dax0.0: 194 MiB in 3 ranges" "$(dmesg)"

# direct and buffered, in one piece over both boundaries (64 and 66 MiB), and in odd pieces
dax-file pattern 1 $((4 * MIB)) >$file
want=$(sha256sum <$file)
dd if=$file of=$disk bs=4M seek=$((63 * MIB)) oflag=direct,seek_bytes conv=notrunc 2>/dev/null
is "direct write over two boundaries, direct read" "$want" "$(sum $((63 << 10)) $((4 << 10)) direct)"
is "... buffered read" "$want" "$(sum $((63 << 10)) $((4 << 10)))"
dax-file pattern 2 $((256 << 10)) >$file
want=$(sha256sum <$file)
at=$((64 * MIB - 99999))
dd if=$file of=$disk bs=12345 seek=$at oflag=seek_bytes conv=notrunc,fsync 2>/dev/null
echo 3 >/proc/sys/vm/drop_caches
is "buffered write in odd pieces" "$want" \
	"$(dd if=$disk iflag=skip_bytes,count_bytes,fullblock skip=$at count=$((256 << 10)) bs=1M 2>/dev/null | sha256sum)"
dax-file pattern 3 512 >$file
dd if=$file of=$disk bs=512 seek=$(((64 << 20) / 512 - 1)) oflag=direct conv=notrunc 2>/dev/null
is "one sector just before a boundary" "$(sha256sum <$file)" \
	"$(dd if=$disk bs=512 skip=$(((64 << 20) / 512 - 1)) count=1 iflag=direct 2>/dev/null | sha256sum)"

is "reading past the end gives nothing" 0 "$(dd if=$disk bs=4k skip=$((194 << 8)) count=1 iflag=direct 2>/dev/null | wc -c)"
refused "writing past the end" dd if=/dev/zero of=$disk bs=4k seek=$((194 << 8)) count=1 oflag=direct
refused "discard, which memory does not know" blkdiscard -f $disk

# the same bytes by physical address: through device_dax, in which the ranges lie in the same order
dax-file pattern 4 $((4 * MIB)) >$file
want=$(sha256sum <$file)
dd if=$file of=$disk bs=1M seek=64 oflag=direct conv=notrunc 2>/dev/null
refused "resizing a device in use" sh -c "echo 0 >$sysfs/size"
is "after that refusal it is as large as before" $((194 * MIB)) "$(cat $sysfs/size)"
ok "to device_dax" give $dev device_dax
for mib in 64 66; do
	is "device offset $mib MiB is at its physical address" \
		"$(printf %#x $((base + (mib < 66 ? mib - 64 : mib - 66 + 512) * MIB)))" \
		"$(dax-file phys /dev/$dev $((mib * MIB)))"
	is "the data at $mib MiB" "$(dd if=$file bs=1M skip=$((mib - 64)) count=2 2>/dev/null | sha256sum)" \
		"$(dax-file cat /dev/$dev $((mib * MIB)) $((2 * MIB)) | sha256sum)"
done
is "the block device is gone" no "$([ -e $disk ] && echo yes || echo no)"
ok "and back" give $dev fsdev
is "with the data" "$want" "$(sum $((64 << 10)) $((4 << 10)) direct)"

ok "no driver" give $dev none
echo 0 >$sysfs/size
refused "a device without memory" sh -c "echo $dev >/sys/bus/dax/drivers/fsdev/bind"
is "stays without a driver" none "$(driver_of $dev)"
refused "a device that does not exist" sh -c "echo dax7.7 >/sys/bus/dax/drivers/fsdev/bind"
finish
