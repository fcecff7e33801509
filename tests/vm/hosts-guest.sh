#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# One of the two hosts of tests/suites/hosts: hosts-guest.sh A|B. They tell each other how far they are by files in a folder
# that both see; nothing else is between them but the memory.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/ctl-lib.sh
. "$(dirname -- "$0")/ctl-lib.sh"
# shellcheck source=tests/vm/removal-lib.sh
. "$(dirname -- "$0")/removal-lib.sh"
# shellcheck source=tests/vm/stack-lib.sh
. "$(dirname -- "$0")/stack-lib.sh"

me=$1 mail=/mnt/mail mnt=/mnt/image
mkdir -p $mail $mnt
hostname "$me"
mount -t 9p -o trans=virtio,version=9p2000.L,cache=none mail $mail || fail "no mail folder"
# a process that has a failing page mapped is signalled even if another process used it
echo 1 >/proc/sys/vm/memory_failure_early_kill

post() { : >"$mail/$me-$1"; }
wait_for() { there "$mail/$1"; }

# first FILTER: of the one object in a listing, which comes in a list or alone
first() { jq -r "if type == \"array\" then .[0] else . end | $1"; }

# folder: files that are published, new ones each time
folder() {
	mkdir -p /tmp/src
	dax-file pattern $RANDOM $((16 * MIB)) >/tmp/src/model
	dax-file pattern $RANDOM $((8 * MIB)) >/tmp/src/other
}

sums() { (cd "$1" && sha256sum model other); }
published() { fsdevctl attach "$dev" $mnt --check | sed -n 's/.*generation \([0-9]*\) is published.*/\1/p'; }

# publish_and_stop: the image has been written, and nothing says yet that it is there
publish_and_stop() {
	mkdir -p /tmp/slow
	printf '#!/bin/sh\n/usr/bin/mkfs.erofs "$@" || exit\n: >/tmp/slow/stopped\nkill -STOP $$\n' >/tmp/slow/mkfs.erofs
	chmod +x /tmp/slow/mkfs.erofs
	rm -f /tmp/slow/stopped
	PATH=/tmp/slow:$PATH fsdevctl publish /tmp/src "$dev" >/tmp/published 2>&1 &
	publisher=$!
	there /tmp/slow/stopped
}

# map_both: attaches, and has both files mapped by a process each
map_both() {
	local before

	echo 3 >/proc/sys/vm/drop_caches
	before=$(awk '/^Cached:/ { print $2 }' /proc/meminfo)
	ok "$me: attach, which verifies and mounts with DAX" fsdevctl attach "$dev" $mnt
	mountpoint -q $mnt || finish
	mapping $mnt/model $mnt/other
	is "$me: both files are mapped" "ready ready" "$(met 1) $(met 2)"
	is "$me: they are DAX" "yes yes" "$(dax-file is-dax $mnt/model) $(dax-file is-dax $mnt/other)"
	echo 3 >/proc/sys/vm/drop_caches
	ok "$me: and no copy of their 24 MiB is in this host's page cache" \
		test $(($(awk '/^Cached:/ { print $2 }' /proc/meminfo) - before)) -lt 8192
}

# still_mapped WHAT NAME...: nothing has come between the processes and their files
still_mapped() {
	local name

	for name in "${@:2}"; do is "$me: $1: process $name goes on" ready "$(met "$name")"; done
}

region=$(ndctl list -R | first .dev)
[ "$(ndctl list -N | jq -r 'if type == "array" then .[] else . end | .mode')" = devdax ] ||
	ndctl create-namespace -f -e "namespace${region#region}.0" -m devdax -M mem >/dev/null
dev=$(fsdevctl list --json | jq -r '.[0].chardev')
ok "$me: enable" fsdevctl enable "$dev"

if [ "$me" = A ]; then
	if [ -e $mail/../sums ]; then
		ok "A: after a boot, the image of the last time attaches" fsdevctl attach "$dev" $mnt
		is "A: and is what it was" "$(cat $mail/../sums)" "$(sums $mnt)"
		ok "A: detach" fsdevctl attach "$dev" $mnt --detach
	fi
	folder
	ok "A: publish" fsdevctl publish /tmp/src "$dev"
	sums /tmp/src >$mail/sums
	post published
	map_both
	post mapped
	wait_for measured
	is "A: what it reads is what was written" "$(cat $mail/sums)" "$(sums $mnt)"
	wait_for B-failed
	still_mapped "a page has failed on the other host" 1 2
	is "A: all of it reads as before" "$(cat $mail/sums)" "$(sums $mnt)"

	# a newer generation while both have the older
	before=$(published)
	folder
	sums /tmp/src >$mail/sums-newer
	publish_and_stop
	post publishing
	wait_for B-refused
	pkill -CONT -f /tmp/slow/mkfs.erofs
	wait $publisher
	is "A: publishes a newer generation, undisturbed" "0 $((before + 1))" "$? $(published)"
	is "A: the older one's data stays" "$(cat $mail/sums)" "$(sums $mnt)"
	still_mapped "a newer generation" 1 2
	post newer
	wait_for B-newer
	all_ended ""
	ok "A: attaches the newer one" fsdevctl attach "$dev" $mnt
	is "A: and has its data" "$(cat $mail/sums-newer)" "$(sums $mnt)"
	folder
	quiet_log
	echo "1..$tap_count"
	# and now this host dies in the middle of publishing
	publish_and_stop
	post dying
	sleep infinity
fi

wait_for A-published
map_both
post mapped
wait_for measured
is "B: what it reads is what was written" "$(cat $mail/sums)" "$(sums $mnt)"
wait_for A-mapped
like "B: a page fails here: who meets it" "^SIGBUS (AR|AO) at 8192 lsb 12$" "$(ras-file poison $mnt/other 8192)"
all_ended 1
like "B: who has that file mapped is told" "SIGBUS BUS_MCEERR_A[RO] at offset 8192" "$(met 2)"
is "B: who has another goes on" ready "$(met 1)"
is "B: and reads it whole" "$(grep model $mail/sums)" "$(cd $mnt && sha256sum model)"
gives "B: the device lists the page" 5 "\"length\":4096" fsdevctl errors "$dev" --json
post failed

wait_for A-publishing
before=$(published)
gives "B: publishing while the other host does" 3 "host A .* is publishing" fsdevctl publish /tmp "$dev"
is "B: the generation before is the newest still" "$before" "$(published)"
post refused
wait_for A-newer
gives "B: notices that there is a newer generation" 5 "generation $((before + 1)) is published, $before is attached" \
	fsdevctl attach "$dev" $mnt --check
ok "B: attaches it in the place of the older" fsdevctl attach "$dev" $mnt
is "B: and has its data" "$(cat $mail/sums-newer)" "$(sums $mnt)"
post newer

wait_for dead
is "B: the other host has died while publishing: the generation before is the newest" $((before + 1)) "$(published)"
is "B: and its data is there" "$(cat $mail/sums-newer)" "$(sums $mnt)"
ok "B: detach" fsdevctl attach "$dev" $mnt --detach
ok "B: attach" fsdevctl attach "$dev" $mnt
is "B: which verifies and finds it whole" "$(cat $mail/sums-newer)" "$(sums $mnt)"
folder
gives "B: publishing, with that host's claim there" 3 "host A .* is publishing; if it is dead, give --force" \
	fsdevctl publish /tmp/src "$dev"
gives "B: publishing all the same" 0 "generation $((before + 2))" fsdevctl publish /tmp/src "$dev" --force
ok "B: attach what it has published" fsdevctl attach "$dev" $mnt
is "B: and has its data" "$(sums /tmp/src)" "$(sums $mnt)"

# spoiled WHAT GENERATION DD-WORDS...: what is attached is changed from its middle on, and published anew
spoiled() {
	local what=$1 generation=$2 start length

	read -r _ length _ _ start < <(dmsetup table "fsdev${dev#dax}-gen$generation")
	ok "B: $what: detach" fsdevctl attach "$dev" $mnt --detach
	dd of="/dev/fsdev${dev#dax}" bs=4096 seek=$(((start + length / 2) / 8)) conv=notrunc oflag=direct "${@:3}" 2>/dev/null
	gives "B: $what: is not attached" 1 "generation $generation is not what was published: its checksum differs" \
		fsdevctl attach "$dev" $mnt
	refused "B: $what: nothing is mounted" mountpoint -q $mnt
	ok "B: $what: is published anew" fsdevctl publish /tmp/src "$dev"
	ok "B: $what: and that is attached" fsdevctl attach "$dev" $mnt
	is "B: $what: with its data" "$(sums /tmp/src)" "$(sums $mnt)"
}

spoiled "an altered image" $((before + 2)) if=/dev/urandom count=1
# of 24 MiB
spoiled "an image cut short" $((before + 3)) if=/dev/zero count=3072
sums $mnt >$mail/../sums
head -c 48M /dev/zero | tr '\0' x >/tmp/src/large
gives "B: a folder larger than the room there is" 1 "the folder is larger than the room there is.*the one before is as it was" \
	fsdevctl publish /tmp/src "$dev"
is "B: leaves the generation before" $((before + 4)) "$(published)"
is "B: with its data" "$(cat $mail/../sums)" "$(sums $mnt)"
ok "B: detach" fsdevctl attach "$dev" $mnt --detach
ok "B: disable" fsdevctl disable "$dev"
finish
