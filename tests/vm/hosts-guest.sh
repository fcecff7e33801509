#!/usr/bin/env bash
# One of the two hosts of tests/suites/hosts: hosts-guest.sh A|B. They tell each other how far they are by files in a folder
# that both see; nothing else is between them but the memory.
. "$(dirname -- "$0")/lib.sh"
. "$(dirname -- "$0")/tap.sh"

export PATH=$top/build:$PATH
me=$1 mail=/mnt/mail mnt=/mnt/image
mkdir -p $mail $mnt
mount -t 9p -o trans=virtio,version=9p2000.L,cache=none mail $mail || fail "no mail folder"

post() { touch "$mail/$me-$1"; }
wait_for() { until [ -e "$mail/$1" ]; do sleep 0.3; done; }

# namespace: the devdax namespace on the shared memory, made if this host is the first that sees it
namespace() {
	[ "$(ndctl list -N | jq -r '[.[] | select(.mode == "devdax")] | length')" = 1 ] ||
		ndctl create-namespace -f -e namespace0.0 -m devdax -M mem >/dev/null
	ndctl list -NX | jq -r '.[0].daxregion.devices[0].chardev // .[0].chardev'
}

# folder SEED: the files that are published
folder() {
	mkdir -p /tmp/src
	dax-file pattern "$1" $((16 * MIB)) >/tmp/src/model
	dax-file pattern 8 $((8 * MIB)) >/tmp/src/other
}

sums() { (cd "$1" && sha256sum model other); }
generation() { fsdevctl attach "$dev" $mnt --check | sed -n 's/.*generation \([0-9]*\) is published.*/\1/p'; }

# cut_off: a publication that dies in the middle; while it is under way nobody else may publish
cut_off() {
	local before publisher writer

	before=$(generation)
	fsdevctl publish /tmp/src "$dev" >/tmp/cut-off 2>&1 &
	publisher=$!
	until writer=$(pgrep -x mkfs.erofs) || ! kill -0 $publisher 2>/dev/null; do :; done
	kill -STOP "$writer" $publisher
	refused "A: the device published twice at once" fsdevctl publish /tmp/src "$dev"
	kill -9 "$writer" $publisher
	wait $publisher 2>/dev/null
	dmsetup ls >/tmp/left
	is "A: after a publisher's death the generation before is the newest" "$before" "$(generation)"
}

# bad_input: images that are not what was published, or do not fit
bad_input() {
	local newest=$1 area

	# an area for every second generation, of which the first begins at 2 MiB
	area=$(($(blockdev --getsize64 "$disk") / MIB - 2))
	area=$((area / 4))
	area=$((area * 2 * MIB))

	truncate -s 300M /tmp/src/large
	refused "A: a folder that is larger than the room for it" fsdevctl publish /tmp/src "$dev"
	rm /tmp/src/large
	is "A: leaves the newest generation as it was" "$newest" "$(generation)"
	ok "A: which still attaches" fsdevctl attach "$dev" $mnt
	is "A: with its data" "$(sums /tmp/src)" "$(sums $mnt)"
	ok "A: detach" fsdevctl attach "$dev" $mnt --detach
	printf 'altered' | dd of="$disk" bs=1 seek=$((6 * MIB + newest % 2 * area)) conv=notrunc,fsync 2>/dev/null
	refused "A: an image that was altered is not attached" fsdevctl attach "$dev" $mnt
	ok "A: published anew" fsdevctl publish /tmp/src "$dev"
	dd if=/dev/zero of="$disk" bs=1M seek=$((10 + (newest + 1) % 2 * area / MIB)) count=100 oflag=direct conv=notrunc 2>/dev/null
	refused "A: an image that was cut short is not attached" fsdevctl attach "$dev" $mnt
	ok "A: published once more" fsdevctl publish /tmp/src "$dev"
	ok "A: attaches" fsdevctl attach "$dev" $mnt
	is "A: and is what was published" "$(sums /tmp/src)" "$(sums $mnt)"
	fsdevctl attach "$dev" $mnt --detach >/dev/null
}

dev=$(namespace)
like "$me: a DAX device on the shared memory" "^dax" "$dev"
disk=/dev/fsdev${dev#dax}
ok "$me: to fsdev" give "$dev" fsdev

if [ "$me" = A ]; then
	if [ -e build/hosts/sums ]; then
		ok "A: after a boot, the image of the last time attaches" fsdevctl attach "$dev" $mnt
		is "A: and is what it was" "$(cat build/hosts/sums)" "$(sums $mnt)"
		ok "A: detach" fsdevctl attach "$dev" $mnt --detach
	fi
	folder $RANDOM
	ok "A: publish" fsdevctl publish /tmp/src "$dev"
	cut_off
	bad_input "$(generation)"
	sums /tmp/src >$mail/sums
	cp $mail/sums build/hosts/sums
	post published
fi
wait_for A-published
cached() { echo 3 >/proc/sys/vm/drop_caches; awk '/^Cached:/ { print $2 }' /proc/meminfo; }
before=$(cached)
ok "$me: attach, which verifies and mounts with DAX" fsdevctl attach "$dev" $mnt
dax-file hold $mnt/model >/tmp/model 2>&1 &
model=$!
dax-file hold $mnt/other >/tmp/other 2>&1 &
other=$!
until grep -q ready /tmp/model && grep -q ready /tmp/other; do kill -0 $model $other || break; sleep 0.3; done
is "$me: both files are mapped" "ready ready" "$(cat /tmp/model /tmp/other | xargs)"
ok "$me: and no copy of them is in this host's page cache" test $(($(cached) - before)) -lt 8192
post mapped
wait_for measured
is "$me: what it reads is what was written" "$(cat $mail/sums)" "$(sums $mnt)"

if [ "$me" = B ]; then
	wait_for A-mapped
	like "B: a page fails here" "^SIGBUS BUS_MCEERR_AR" "$(dax-file poison $mnt/other 8192)"
	ok "B: who has another file mapped goes on" kill -0 $model
	is "B: and reads it whole" "$(grep model $mail/sums)" "$(cd $mnt && sha256sum model)"
	post failed
	wait_for A-checked
	# a newer generation while the older is attached here
	wait_for A-newer
	like "B: notices that there is a newer generation" "generation $(cat $mail/newer) is published, [0-9]+ is attached" \
		"$(fsdevctl attach "$dev" $mnt --check)"
	kill $model $other 2>/dev/null
	wait $model $other 2>/dev/null
	ok "B: attaches it in the place of the older" fsdevctl attach "$dev" $mnt
	is "B: and has its data" "$(cat $mail/sums-newer)" "$(sums $mnt)"
else
	wait_for B-failed
	ok "A: nobody here has noticed" kill -0 $model $other
	is "A: all of it reads as before" "$(cat $mail/sums)" "$(sums $mnt)"
	post checked
	folder $RANDOM
	ok "A: publishes a newer generation while both have the older" fsdevctl publish /tmp/src "$dev"
	is "A: whose data stays" "$(cat $mail/sums)" "$(sums $mnt)"
	sums /tmp/src >$mail/sums-newer
	cp $mail/sums-newer build/hosts/sums
	generation >$mail/newer
	post newer
	kill $model $other 2>/dev/null
	wait $model $other 2>/dev/null
fi
fsdevctl attach "$dev" $mnt --detach >/dev/null
finish
