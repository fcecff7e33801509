#!/usr/bin/env bash
# lab: --soft-reserved 1G
# fsdevctl and bad memory: injected, told by monitor as it comes, listed with the file it belongs to on XFS, ext4 and EROFS,
# found by scrub, repaired.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
export PATH=$top/build:$PATH

dev=dax0.0 mnt=/mnt/errors

# gives NAME STATUS PATTERN COMMAND...: the command ends with that status and says something that matches.
gives() {
	local name=$1 want=$2 pattern=$3 out status=0

	shift 3
	out=$("$@" 2>&1 </dev/null) || status=$?
	is "$name: status" "$want" "$status"
	like "$name: says so" "$pattern" "$out"
}

# device_offset FILE BYTE: where a file's byte lies in the device
device_offset() {
	filefrag -b4096 -e "$1" | awk -v page=$(($2 / 4096)) \
		'$1 ~ /^[0-9]+:$/ { gsub(/[.:]/, " "); if (page >= $2 && page <= $3) print ($4 + page - $2) * 4096 }'
}

shape $dev 512:128 0:400
fsdevctl enable $dev 2>/dev/null
gives "errors: none" 0 "no bad memory is known" fsdevctl errors $dev
gives "inject: nobody to ask" 2 "there is nobody to ask; give --yes" fsdevctl inject $dev 1M
gives "inject --dry-run" 0 "nothing was changed" fsdevctl inject $dev 1M --dry-run
gives "inject past the end" 2 "lies past the end" fsdevctl inject $dev 528M --yes
gives "inject nowhere" 2 "is no device offset" fsdevctl inject $dev here --yes
gives "repair what is no range" 2 "is no range" fsdevctl repair $dev 5-4
gives "repair past the end" 2 "reaches past the end" fsdevctl repair $dev 527M+2M
gives "repair where nothing is bad" 0 "nothing in all is bad" fsdevctl repair $dev all
gives "monitor --count" 2 "has to be a number" fsdevctl monitor --count none

mkdir -p /tmp/tree && head -c 5M /dev/urandom >/tmp/tree/file
for type in xfs ext4 erofs; do
	from=()
	[ $type != erofs ] || from=(--from /tmp/tree)
	gives "$type: mkfs" 0 "its files are DAX" fsdevctl mkfs $dev --type $type --mount $mnt --force "${from[@]}"
	[ $type = erofs ] || dax-file fill $mnt/file 0 $((4 * MIB)) 1
	sync
	at=$(device_offset $mnt/file $((1 * MIB)))
	fsdevctl monitor $dev --json --count 2 >/tmp/events 2>/tmp/monitor &
	monitor=$!
	until grep -q watching /tmp/monitor; do sleep 0.1; done
	gives "$type: inject" 0 "has failed, as a test" fsdevctl inject $dev "$at" --yes
	gives "$type: errors --files" 5 "$(printf '%#x' "$at").*$mnt/file at byte 0x100000" fsdevctl errors $dev --files
	is "$type: errors --json" "$at 4096 $mnt/file 1048576" "$(fsdevctl errors $dev --files --json |
		jq -r '.[0]|"\(.offset) \(.length) \(.file) \(.file_offset)"')"
	is "$type: list counts it" 4096 "$(fsdevctl list $dev --json | jq '.[0].bad_bytes')"
	like "$type: map shows it" "device $(printf '%#x' "$at")\\+0x1000 .*$mnt/file" "$(fsdevctl map $dev)"
	gives "$type: scrub" 5 "4 KiB bad in 1 places" fsdevctl scrub $dev
	gives "$type: repair --dry-run" 0 "$mnt/file at byte 0x100000" fsdevctl repair $dev "$at" --dry-run
	gives "$type: repair" 0 "4 KiB good again, 0 B bad" fsdevctl repair $dev "$at" --yes
	gives "$type: it is good" 0 "all of it can be read" fsdevctl scrub $dev
	wait $monitor
	is "$type: monitor told both" "failure $at 4096
cleared $at 4096" "$(jq -r '"\(.event) \(.offset) \(.length)"' /tmp/events)"
	umount $mnt
done
fsdevctl disable $dev 2>/dev/null
finish
