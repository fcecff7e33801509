# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Part of scenario ctl: file systems on a device, who uses it, and bad memory: injected, told by monitor as it comes, listed
# with the file it belongs to, found by scrub, repaired.
# shellcheck disable=SC2154  # top is of the scenario

dev=dax0.0 disk=/dev/fsdev0.0 mnt=/mnt/ctl
fsdevctl enable $dev 2>/dev/null
gives "errors: none" 0 "no bad memory is known" fsdevctl errors $dev
gives "inject: without a terminal" 2 "standard input is no terminal; give --yes" fsdevctl inject $dev 1M
gives "inject: asked, and the answer is no" 1 "nothing was changed" \
	sh -c "(sleep 1; echo n) | script -qec 'fsdevctl inject $dev 1M' /dev/null"
gives "inject --dry-run" 0 "nothing was changed" fsdevctl inject $dev 1M --dry-run
gives "inject past the end" 2 "lies past the end" fsdevctl inject $dev 384M --yes
gives "repair past the end" 2 "reaches past the end" fsdevctl repair $dev 383M+2M
gives "repair where nothing is bad" 0 "nothing in all is bad" fsdevctl repair $dev all
gives "scrub --dry-run" 0 "nothing was changed" fsdevctl scrub $dev --dry-run
gives "mkfs --dry-run" 0 "^mkfs.xfs .*rmapbt=1" fsdevctl mkfs $dev --type xfs --mount $mnt --dry-run
is "none of it has changed anything" "0 fsdev" \
	"$(blkid -p -o value -s TYPE $disk)$(lists $dev .bad_bytes) $(driver_of $dev)"

mkdir -p /tmp/tree && head -c 2M /dev/urandom >/tmp/tree/file && echo small >/tmp/tree/small
# bad_memory TYPE: a page of the file fails, is told, shown and repaired
bad_memory() {
	local at monitor start

	at=$(device_offset $mnt/file $((1 * MIB)))
	fsdevctl monitor $dev --json --files --count 2 >/tmp/events 2>/tmp/monitor &
	monitor=$!
	until grep -q watching /tmp/monitor; do sleep 0.1; done
	gives "$1: inject" 0 "has failed, as a test" fsdevctl inject $dev "$at" --yes
	gives "$1: errors --files" 5 "$(printf '%#x' "$at").*$mnt/file at byte 0x100000" fsdevctl errors $dev --files
	is "$1: errors --json" "$at 4096 $mnt/file 1048576" "$(fsdevctl errors $dev --files --json |
		jq -r '.[0]|"\(.offset) \(.length) \(.file) \(.file_offset)"')"
	start=$(fsdevctl errors $dev --json | jq '.[0].start')
	gives "$1: map shows it, and the file" 0 "device $(printf '%#x' "$at")\\+0x1000 .*$mnt/file" fsdevctl map $dev
	gives "$1: repair --dry-run" 0 "$mnt/file at byte 0x100000" fsdevctl repair $dev "$at" --dry-run
	if [ "$1" = xfs ]; then
		is "list counts it" 4096 "$(lists $dev .bad_bytes)"
		gives "scrub" 5 "4 KiB bad in 1 places" fsdevctl scrub $dev
		is "scrub --json" "found false 4096 0 $at" "$(fsdevctl scrub $dev --json | jq -r \
			'"\(.outcome) \(.changed) \(.devices[0]|"\(.bad_bytes) \(.found_bytes) \(.badblocks[0].offset * 512)")"')"
		is "repair --dry-run --json" "done false $at $mnt/file" "$(fsdevctl repair $dev "$at" --dry-run --json | jq -r \
			'"\(.outcome) \(.changed) \(.lost[0]|"\(.offset) \(.has[0].file)")"')"
		is "map --json" "$mnt/file" "$(fsdevctl map $dev --json | jq -r \
			--argjson at "$at" 'first(.pieces[]|select(.offset <= $at and .offset + .length > $at).file)')"
		gives "doctor: bad memory" 5 "$dev: 4096 bytes are bad: fsdevctl errors $dev --files" fsdevctl doctor
	fi
	gives "$1: repair" 0 "4 KiB repaired, 0 B bad" fsdevctl repair $dev "$at" --yes
	wait $monitor
	is "$1: monitor told both" "failure $at 4096
cleared $at 4096" "$(jq -r '"\(.event) \(.offset) \(.length)"' /tmp/events)"
	is "$1: monitor knows the address and the file" "$start $mnt/file" "$(head -n 1 /tmp/events | jq -r '"\(.start) \(.has[0].file)"')"
}

for type in xfs ext4 erofs; do
	from=() large=', 2 MiB mappings work' path=$PATH
	# as a user's shell has it: programs of the system are found all the same
	[ $type != ext4 ] || path=$top/build
	[ $type != erofs ] || from=(--from /tmp/tree) large=''
	gives "$type: mkfs" 0 "$type, its files are DAX$large" \
		env PATH="$path" fsdevctl mkfs $dev --type $type --mount $mnt --force "${from[@]}"
	[ $type = erofs ] || dax-file fill $mnt/file 0 $((4 * MIB)) 1
	sync
	is "$type: it is DAX" yes "$(dax-file is-dax $mnt/file)"
	is "$type: list says where" "$mnt" "$(lists $dev '.users[]|select(.kind=="mount").mountpoint')"
	gives "$type: disable names the mount" 3 "$disk is mounted on $mnt \($type\)" fsdevctl disable $dev
	gives "$type: mkfs does too" 3 "in use: $disk is mounted on $mnt" \
		fsdevctl mkfs $dev --type $type --force "${from[@]}"
	is "$type: it stays" fsdev "$(driver_of $dev)"
	if [ $type = xfs ] || whole; then bad_memory $type; fi
	if [ $type = erofs ]; then
		gives "$type: selftest in a file" 1 "cannot be made: Read-only file system" fsdevctl selftest $mnt/trial --yes
	elif [ $type = xfs ] || whole; then
		gives "$type: selftest in a file --dry-run" 0 "a page of it on $dev fails.*nothing was changed" \
			sh -c "fsdevctl selftest $mnt/trial --dry-run | paste -sd' '"
		gives "$type: selftest in a file" 0 "^0 steps failed" fsdevctl selftest $mnt/trial --yes --report /tmp/report
		is "$type: selftest in a file: each step" 11 "$(grep -c '^ok ' /tmp/report)"
		gives "$type: selftest in a file: one that is there" 2 "is there already" fsdevctl selftest $mnt/file --yes
		gives "$type: selftest in a file: msync fails" 5 "^FAILED +mapping: what is stored is in the file" \
			strace -f -o /tmp/strace -e trace=msync -e inject=msync:error=EIO fsdevctl selftest $mnt/trial --yes
		is "$type: selftest in a file: nothing is left of it" "0 file" "$(lists $dev .bad_bytes) $(ls -I lost+found $mnt)"
	fi
	if [ $type = xfs ]; then
		gives "all of it is good" 0 "no errors found" fsdevctl scrub $dev
		gives "--force says what happens, and does it" 0 "file systems on it shut down" fsdevctl disable $dev --force
		is "--force: the mode" device_dax "$(driver_of $dev)"
		umount $mnt
		fsdevctl enable $dev 2>/dev/null
	else
		umount $mnt
	fi
done
gives "mkfs over a file system" 1 "there is erofs on it already; --force" fsdevctl mkfs $dev --type xfs
is "mkfs over a file system, --json" "failed false true" "$(fsdevctl mkfs $dev --type xfs --json 2>/dev/null |
	jq -r '"\(.outcome) \(.changed) \(.error|contains("there is erofs on it already"))"')"
fsdevctl inject $dev 0 --yes >/dev/null
gives "mkfs over a bad page" 1 "what would be lost is unknown; .*--force goes on" fsdevctl mkfs $dev --type ext4
fsdevctl repair $dev 0 --yes >/dev/null
is "mkfs over what was repaired, --json" "done true ext4 fsdev0.0 label-j true" "$(fsdevctl mkfs $dev --type ext4 --label label-j --force --json 2>/dev/null |
	jq -r '"\(.outcome) \(.changed) \(.type) \(.blockdev) \(.label) \(.messages|any(contains("its files are DAX")))"')"
gives "what is said for the next boot" 0 "^and in /etc/fstab: UUID=[0-9a-f-]+ $mnt ext4 noatime,dax=always,nofail 0 0$" fsdevctl mkfs $dev --type ext4 --mount $mnt --force
umount $mnt
like "map: the hole" "hole +$(printf '%#x-%#x' $(($(region_start $dev) + 128 * MIB)) $(($(region_start $dev) + 256 * MIB - 1)))  128 MiB" \
	"$(fsdevctl map $dev)"
ok "map --svg" fsdevctl map $dev --svg /tmp/map.svg
is "map --svg: a band for each range" 3 "$(grep -c '<polygon' /tmp/map.svg)"

# --- others that use it; docs/examples/owner.c is one
owner /dev/$dev >/tmp/owner 2>&1 &
until grep -q "^own" /tmp/owner; do sleep 0.1; done
fsdevctl inject $dev 2M --yes >/dev/null
fsdevctl repair $dev 2M --yes >/dev/null
gives "an owner" 3 "process $! \(owner\) has /dev/$dev open" fsdevctl disable $dev
gives "an owner: --force" 0 "$dev: devdax" fsdevctl disable $dev --force
wait $!
is "the owner was told of all of it" "own /dev/$dev: 402653184 bytes in 3 ranges
lost 4096 bytes at 2097152
4096 bytes at 2097152 are good again
the device goes" "$(sed 's/^[0-9]*: //' /tmp/owner)"
fsdevctl enable $dev 2>/dev/null
mkfs.ext4 -q -F -b 4096 $disk
unshare -m sh -c "mount -o dax=always $disk $mnt && echo mounted && exec sleep 1000" >/tmp/unshared &
until grep -q mounted /tmp/unshared; do sleep 0.1; done
gives "mounted in another namespace" 3 "mounted on $mnt \(ext4\) in the mount namespace of process" fsdevctl disable $dev
kill $!
wait $! 2>/dev/null
until ! grep -q "$disk " /proc/*/mountinfo 2>/dev/null; do sleep 0.1; done
dmsetup create ctl --table "0 $(blockdev --getsz $disk) linear $disk 0"
gives "a mapped device" 3 "/dev/mapper/ctl is made of $disk" fsdevctl disable $dev
dmsetup remove --retry ctl
mount $disk $mnt
cp /etc/fstab /tmp/fstab 2>/dev/null
printf 'UUID=%s %s ext4 dax=always,nofail 0 0\n' "$(blkid -p -o value -s UUID $disk)" $mnt >/etc/fstab
gives "doctor: mounted at boot, and no section" 5 "PROBLEM +$dev: /etc/fstab mounts it on $mnt, and no section" fsdevctl doctor
is "doctor --json" "found true" "$(fsdevctl doctor --json 2>/dev/null | jq -r '"\(.outcome) \([.checks[]|select(.good|not).text]|any(contains("/etc/fstab mounts it")))"')"
if [ -e /tmp/fstab ]; then mv /tmp/fstab /etc/fstab; else rm /etc/fstab; fi
gives "selftest in a file that is not DAX" 5 "^FAILED +the file is DAX: mount with -o dax=always" fsdevctl selftest $mnt/trial --yes
gives "doctor: a mount without DAX" 5 "$mnt is mounted without dax=always" fsdevctl doctor
umount $mnt
