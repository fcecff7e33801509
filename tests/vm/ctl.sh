#!/usr/bin/env bash
# lab: --soft-reserved 1536M --nvdimm build/vm/ctl-@KERNEL@:512M
# fsdevctl on real devices: one of three ranges and an NVDIMM namespace. Every change of mode ends in the new mode or back in
# the old one, whichever step fails; nothing is taken from whoever uses it; bad input changes nothing.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
export PATH=$top/build:$PATH

dev=dax0.0 disk=/dev/fsdev0.0 mnt=/mnt/ctl bus=/sys/bus/dax
mkdir -p $mnt

# gives NAME STATUS PATTERN COMMAND...: the command ends with that status and says something that matches.
gives() {
	local name=$1 want=$2 pattern=$3 out status=0

	shift 3
	out=$("$@" 2>&1 </dev/null) || status=$?
	is "$name: status" "$want" "$status"
	like "$name: says so" "$pattern" "$out"
}

# lists JQ: what list --json says of the device of three ranges
lists() {
	fsdevctl list $dev --json | jq -r ".[0]|$1"
}

shape $dev 1024:128 0:384 512:256

# --- list
give $dev device_dax
is "list: daxctl's keys with daxctl's values" \
	"$(daxctl list -d $dev -M | jq -cS 'if type == "array" then .[0] else . end | {chardev, size, target_node, align, mode, mappings: [.mappings | sort_by(.page_offset)[] | {page_offset, start, end, size}]}')" \
	"$(fsdevctl list $dev --json | jq -cS '.[0] | {chardev, size, target_node, align, mode, mappings}')"
is "list: where it comes from" soft-reserved "$(lists .kind)"
like "list: the table" "^$dev +0 +devdax +768 MiB +2 MiB +3 +0 +- +- +-$" "$(fsdevctl list)"
is "list: goes into a pipe that is closed early" "DEVICE" "$(fsdevctl list | head -n 1 | cut -d' ' -f1)"

# --- bad input: one line, status 2, nothing changed
gives "no command" 2 "^usage" fsdevctl
gives "unknown command" 2 "no command 'grow'" fsdevctl grow
gives "unknown option" 2 "enable has no option '--fast': it knows --force, --dry-run" fsdevctl enable $dev --fast
gives "option without its value" 2 "--type needs a value: --type TYPE" fsdevctl mkfs $dev --type
gives "flag with a value" 2 "--force takes no value" fsdevctl enable $dev --force=yes
gives "no device" 2 "usage is: fsdevctl enable DEV" fsdevctl enable
gives "unknown device" 2 "there is no 'dax9.9': this machine has $dev" fsdevctl enable $dev dax9.9
gives "not even a device" 2 "there is no 'sda'" fsdevctl enable sda
gives "unknown mode" 2 "--mode 'ram': has to be" fsdevctl disable $dev --mode ram
gives "unknown type" 2 "--type 'btrfs': has to be xfs, ext4 or erofs" fsdevctl mkfs $dev --type btrfs
gives "erofs of nothing" 2 "--from DIR goes with" fsdevctl mkfs $dev --type erofs
gives "mkfs in another mode" 1 "is in mode devdax and has to be in fsdev mode: fsdevctl enable $dev" \
	fsdevctl mkfs $dev --type xfs
gives "help of a command" 0 "--dry-run +say what would be done" fsdevctl enable --help
is "nothing was changed" device_dax "$(driver_of $dev)"

# --- enable and disable
gives "enable --dry-run" 0 "give it to driver fsdev" fsdevctl enable $dev --dry-run
is "enable --dry-run: changes nothing" device_dax "$(driver_of $dev)"
sleep 1000 <>/dev/$dev &
holder=$!
gives "enable while a process has it" 3 "process $holder \(sleep\) has /dev/$dev open" fsdevctl enable $dev
is "it stays where it was" device_dax "$(driver_of $dev)"
kill $holder && wait $holder 2>/dev/null
gives "enable" 0 "$dev: fsdev, block device $disk" fsdevctl enable $dev
is "enable: the mode" "fsdev fsdev0.0" "$(lists '"\(.mode) \(.blockdev)"')"
gives "enable again" 0 "is in mode fsdev already" fsdevctl enable /dev/$dev
gives "disable, by the name of its disk" 0 "$dev: devdax" fsdevctl disable $disk
is "disable: the mode" device_dax "$(driver_of $dev)"
is "disable: the driver has forgotten the device" "" "$(echo $dev >$bus/drivers/fsdev/bind 2>/dev/null && echo bound)"

# --- the change of mode is one transaction. strace has one call fail, or kills at it.
# failing NAME STATUS PATTERN WHAT...: `enable` under strace with that injection
failing() {
	local name=$1 status=$2 pattern=$3

	shift 3
	gives "$name" "$status" "$pattern" strace -f -o /tmp/strace "$@" fsdevctl enable $dev
}
from=devdax driver=device_dax
for pass in devdax system-ram; do
	if [ $pass = system-ram ]; then
		from=system-ram driver=kmem
		gives "disable to system-ram" 0 "$dev: system-ram" fsdevctl disable $dev --mode system-ram
		is "it is memory now" 6 "$(grep -l '^online' /sys/devices/system/memory/memory*/state | while read -r s; do
			[ "$(cat "${s%state}valid_zones")" = Movable ] && echo x; done | wc -l)"
		block=$((($(region_start $dev) + 1024 * MIB) / (128 * MIB)))
		failing "$from: a block does not go off line" 1 "memory block $block does not go off line: some of its pages" \
			-P /sys/devices/system/memory/memory$block/state -e inject=write:error=EBUSY
		is "$from: all of it is memory again" 6 "$(grep -l '^online' /sys/devices/system/memory/memory*/state |
			while read -r s; do [ "$(cat "${s%state}valid_zones")" = Movable ] && echo x; done | wc -l)"
	fi
	failing "$from: the old driver does not let go" 1 "is in mode $from, as before" \
		-P $bus/devices/$dev/driver/unbind -e inject=write:error=EPERM
	is "$from: stays" $driver "$(driver_of $dev)"
	failing "$from: the new driver refuses" 1 "driver fsdev refuses it: some of its memory is in use" \
		-P $bus/drivers/fsdev/bind -e inject=write:error=EBUSY
	is "$from: is back" $driver "$(driver_of $dev)"
	failing "$from: killed between the drivers" 1 "killed by signal 9" \
		-P $bus/drivers/fsdev/bind -e inject=openat:signal=KILL
	is "$from: is back again" $driver "$(driver_of $dev)"
	is "$from: as it was before" $from "$(lists .mode)"
done
is "system-ram: all of it is memory" 6 "$(grep -l '^online' /sys/devices/system/memory/memory*/state |
	while read -r s; do [ "$(cat "${s%state}valid_zones")" = Movable ] && echo x; done | wc -l)"
gives "enable from system-ram" 0 "6 memory blocks are off line" fsdevctl enable $dev
is "it is fsdev" fsdev "$(driver_of $dev)"
fsdevctl disable $dev 2>/dev/null

# the parent is killed: the child ends what was begun. Both are: the next command knows what the mode was.
for whom in parent both; do
	strace -f -o /tmp/strace -P $bus/drivers/fsdev/bind -e inject=openat:delay_enter=3000000 \
		fsdevctl enable $dev >/dev/null 2>&1 &
	until [ "$(driver_of $dev)" = none ]; do sleep 0.1; done
	if [ $whom = parent ]; then kill -9 "$(pgrep -o -x fsdevctl)"; else pkill -9 -x fsdevctl; fi
	wait $! 2>/dev/null
	if [ $whom = parent ]; then
		until ! pgrep -x fsdevctl >/dev/null; do sleep 0.1; done
		is "killed, the parent alone: the new mode" fsdev "$(driver_of $dev)"
		is "killed, the parent alone: nothing is open" null "$(lists .interrupted)"
		fsdevctl disable $dev 2>/dev/null
	else
		is "killed, both: no mode" none "$(driver_of $dev)"
		is "killed, both: what it was is known" devdax "$(lists .interrupted)"
		gives "killed, both: list says so" 0 "a change of mode was cut off; it was in mode devdax" fsdevctl list
		gives "killed, both: the next one goes on" 0 "was in mode devdax before" fsdevctl enable $dev
		is "killed, both: nothing is open" "fsdev null" "$(lists '"\(.mode) \(.interrupted)"')"
	fi
done
fsdevctl disable $dev 2>/dev/null

modprobe -r fsdev
mount -t tmpfs tmpfs "/usr/lib/modules/$(uname -r)/updates"
gives "no module" 1 "no module fsdev for the running kernel.*in mode devdax, as before|module fsdev does not load" \
	fsdevctl enable $dev
gives "doctor: no module" 5 "PROBLEM +there is no module fsdev|built for kernel" fsdevctl doctor
umount "/usr/lib/modules/$(uname -r)/updates"
is "no module: the mode" device_dax "$(driver_of $dev)"

# --- mkfs, and who uses it
fsdevctl enable $dev 2>/dev/null
mkdir -p /tmp/tree && head -c 5M /dev/urandom >/tmp/tree/big && echo small >/tmp/tree/small
gives "mkfs --dry-run" 0 "^mkfs.xfs .*rmapbt=1" fsdevctl mkfs $dev --type xfs --mount $mnt --dry-run
is "mkfs --dry-run: changes nothing" "" "$(blkid -p -o value -s TYPE $disk)"
for type in xfs ext4; do
	gives "$type: mkfs" 0 "its files are DAX, 2 MiB mappings work" fsdevctl mkfs $dev --type $type --mount $mnt --force
	dax-file fill $mnt/file 0 $((4 * MIB)) 1
	is "$type: it is DAX" yes "$(dax-file is-dax $mnt/file)"
	is "$type: list says where" "$mnt" "$(lists '.users[]|select(.kind=="mount").mountpoint')"
	gives "$type: disable names the mount" 3 "$disk is mounted on $mnt \($type\)" fsdevctl disable $dev
	gives "$type: mkfs does too" 3 "in use: $disk is mounted on $mnt" fsdevctl mkfs $dev --type $type --force
	is "$type: it stays" fsdev "$(driver_of $dev)"
	sync
	like "$type: map draws it" "in memory order:" "$(fsdevctl map $dev)"
	like "$type: map knows the file" "4 MiB +$mnt/file at byte 0|MiB +$mnt/file at byte" "$(fsdevctl map $dev)"
	umount $mnt
done
like "map: the hole" "hole +$(printf '%#x-%#x' $(($(region_start $dev) + 384 * MIB)) $(($(region_start $dev) + 512 * MIB - 1)))  128 MiB" \
	"$(fsdevctl map $dev)"
ok "map --svg" fsdevctl map $dev --svg /tmp/map.svg
is "map --svg: a band for each range" 3 "$(grep -c '<polygon' /tmp/map.svg)"
gives "mkfs over a file system" 1 "there is ext4 on it already; --force" fsdevctl mkfs $dev --type xfs
gives "erofs: mkfs" 0 "erofs, its files are DAX" \
	fsdevctl mkfs $dev --type erofs --from /tmp/tree --mount $mnt --force
is "erofs: the files" "$(sha256sum </tmp/tree/big)" "$(sha256sum <$mnt/big)"
is "erofs: DAX" yes "$(dax-file is-dax $mnt/big)"
like "erofs: map knows the file" "$mnt/big at byte 0" "$(fsdevctl map $dev)"
umount $mnt

# --- others that use it
mkfs.ext4 -q -F -b 4096 $disk
unshare -m sh -c "mount -o dax=always $disk $mnt && echo mounted && sleep 1000" >/tmp/unshared &
until grep -q mounted /tmp/unshared; do sleep 0.1; done
gives "mounted in another namespace" 3 "mounted on $mnt \(ext4\) in the mount namespace of process" fsdevctl disable $dev
# shellcheck disable=SC2046
kill $! $(pgrep -x sleep) 2>/dev/null
wait $! 2>/dev/null
until ! grep -q "$disk " /proc/*/mountinfo 2>/dev/null; do sleep 0.1; done
dmsetup create ctl --table "0 $(blockdev --getsz $disk) linear $disk 0"
gives "a mapped device" 3 "/dev/mapper/ctl is made of $disk" fsdevctl disable $dev
dmsetup remove --retry ctl
mount $disk $mnt
gives "doctor: a mount without DAX" 5 "$mnt is mounted without dax=always" fsdevctl doctor
gives "--force says what happens, and does it" 0 "file systems on it shut down.*" fsdevctl disable $dev --force
is "--force: the mode" device_dax "$(driver_of $dev)"
umount $mnt
fsdevctl enable $dev 2>/dev/null

# --- configuration
conf=/etc/fsdev.d
mkdir -p $conf
low=$(printf '%#x' "$(region_start $dev)")
gives "config: nothing" 0 "has no section" fsdevctl config check
printf '[weights]\naddress = %s\nsize = 768M\n' "$low" >$conf/10.conf
gives "config check" 0 "$dev \(fsdev now\): \[weights\] in $conf/10.conf:1: fsdev" fsdevctl config check
fsdevctl disable $dev 2>/dev/null
gives "config apply --dry-run" 0 "give it to driver fsdev" fsdevctl config apply --dry-run
is "config apply --dry-run: changes nothing" device_dax "$(driver_of $dev)"
printf '[a]\ncolour = red\n[b]\n[c]\nsize = 1Q\nsize\n' >$conf/20.conf
gives "config with mistakes" 2 "$conf/20.conf:2: there is no key 'colour': the keys are nvdimm-uuid" fsdevctl config apply
gives "config with mistakes: all are told" 2 "$conf/20.conf:5: size '1Q' is no number" fsdevctl config check
is "config with mistakes: nothing is changed" device_dax "$(driver_of $dev)"
printf '[other]\naddress = 0x1000\n' >$conf/20.conf
gives "config check: a section about nothing" 5 "\[other\] in $conf/20.conf:1 is about no device" fsdevctl config check
rm $conf/20.conf
gives "config apply" 0 "$dev: fsdev, by \[weights\]" fsdevctl config apply
is "config apply: the mode" fsdev "$(driver_of $dev)"
is "config link" "FSDEV_NAME=weights" "$(fsdevctl config link --device $dev)"

# --- an NVDIMM namespace, known by its UUID
region=$(ndctl list -R | jq -r 'if type == "array" then .[0] else . end | .dev')
uuid=$(ndctl create-namespace -f -e "namespace${region#region}.0" -m devdax | jq -r .uuid)
nv=$(fsdevctl list --json | jq -r ".[]|select(.uuid==\"$uuid\").chardev")
like "nvdimm: known by its UUID" "^dax" "$nv"
printf '[pmem]\nnvdimm-uuid = %s\n' "${uuid^^}" >$conf/20.conf
gives "nvdimm: config check" 0 "$nv \(.* now\): \[pmem\]" fsdevctl config check
gives "nvdimm: config apply" 0 "$nv: fsdev, by \[pmem\]" fsdevctl config apply
gives "nvdimm: mkfs" 0 "its files are DAX, 2 MiB mappings work" fsdevctl mkfs "$nv" --type xfs --force
gives "nvdimm: disable" 0 "$nv: devdax" fsdevctl disable "$nv"

fsdevctl disable $dev 2>/dev/null
like "doctor: nothing is wrong" "no problem was found" "$(fsdevctl doctor 2>&1)"
finish
