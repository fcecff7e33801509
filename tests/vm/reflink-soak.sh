#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# long: --cpus 2 --soft-reserved 512M --append log_buf_len=4M
# Random rounds over files that share blocks: two processes clone, unshare, deduplicate, overwrite and map two files each, over
# the ends of ranges and beside poison, with a copy in memory of what every byte has to be. Another device fills the holes
# between the ranges and is compared after each round. The round's seed is printed; the same SEED and ROUNDS do the same.
# `tests/long reflink-soak 6.12 1000` runs it for longer.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/kernel-lib.sh
. "$(dirname -- "$0")/kernel-lib.sh"
# shellcheck source=tests/vm/stack-lib.sh
. "$(dirname -- "$0")/stack-lib.sh"
# shellcheck source=tests/vm/reflink-lib.sh
. "$(dirname -- "$0")/reflink-lib.sh"

rounds=${ROUNDS:-12} seed=${SEED:-$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')} operations=${OPERATIONS:-40}
echo "# ROUNDS=$rounds SEED=$seed"
RANDOM=$seed
copies=/dev/shm/copies
mkdir -p $copies
failed='' pages=0 poisoned=0 most=0 lost=0
declare -A done_of=()

# poison PAGE: a device page that cannot be read any more, and that the driver knows of
poison() {
	[ -n "$1" ] || return
	fsdev-node span $node add-bad $(($1 * 4096)) 4096 0 >/dev/null
	run hide 10 "$1"
	pages=$((pages + 1)) poisoned=$((poisoned + 1))
}

# place FILE PAGE: which page of the device
place() {
	local byte

	byte=$(at "$1" $(($2 * 4096)))
	[ -z "$byte" ] || echo $((byte / 4096))
}

# is_free PAGE: XFS has not taken that page of the device for itself, as for its own list of free blocks
is_free() {
	[ -n "$1" ] && xfs_io -r -c "fsmap -d $(($1 * 8)) $(($1 * 8 + 7))" $mnt | grep -q 'free space'
}

# pages of files, and of free room
spoil() {
	local n

	pages=0
	for ((n = RANDOM % 4; n > 0; n--)); do poison "$(place $mnt/$((RANDOM % 2))-$((RANDOM % 2)) $((RANDOM % 2304)))"; done
	((RANDOM % 2)) || return
	xfs_io -f -c "falloc 0 4m" $mnt/room && sync
	local places=()
	for ((n = RANDOM % 6; n > 0; n--)); do places+=("$(place $mnt/room $((RANDOM % 1024)))"); done
	rm $mnt/room
	sync
	for n in "${places[@]}"; do ! is_free "$n" || poison "$n"; done
}

# what a process has said: how often it has done what
counted() {
	local name number

	while read -r name number; do
		done_of[$name]=$((${done_of[$name]:-0} + number))
		[ "$name" != lost ] || lost=$((lost + number))
	done < <(tail -n 1 "$1" | xargs -n 2)
}

work() {
	local pair watch pids=() seeds=()

	for pair in 0 1; do seeds+=($((RANDOM * 32768 + RANDOM))); done
	for pair in 0 1; do
		sharer $mnt/$pair-0 $mnt/$pair-1 $copies/$pair "${seeds[pair]}" "$operations" >/tmp/sharer.$pair 2>&1 &
		pids+=($!)
	done
	# what hangs has to be seen: where each task is
	(sleep 120; echo w >/proc/sysrq-trigger; echo t >/proc/sysrq-trigger; kill "${pids[@]}") &
	watch=$!
	for pair in 0 1; do
		if wait "${pids[pair]}"; then counted /tmp/sharer.$pair; else failed="round $round, pair $pair: $(cat /tmp/sharer.$pair)"; fi
	done
	kill $watch
}

# remount: on 6.1 each file gets a new inode then: one that has shared blocks is no DAX file any more when it is read from the
# disk, and XFS shuts down when a page of it fails: upstream/xfs-notify-cached-file.md
remount() {
	local file

	umount $mnt && mount -o dax=always $disk $mnt || return
	kernel_is 6.1 || return 0
	for file in "$mnt"/?-?; do
		cp --reflink=never "$file" $mnt/new && mv $mnt/new "$file" || return
	done
}

many_ranges
fresh disk $disk -d su=2m,sw=1
for ((round = 1; round <= rounds; round++)); do
	((round == 1)) || spoil
	# each poisoned page can be in all four files, and can have been read from two of them
	most=$((most + 4 * pages))
	work
	cmp -s /dev/shm/beside $beside || failed+=" round $round: the device in the holes has changed"
	[ -z "$failed" ] || break
	if ((pages)); then fsdev-node span $node clear 0 "$(blockdev --getsize64 $disk)" 1 >/dev/null; fi
	if ((RANDOM % 4 == 0)); then
		remount || failed="round $round: remount"
	fi
	for file in "$mnt"/?-?; do
		[ "$(dax-file is-dax "$file")" = yes ] || failed+=" round $round: $file is no DAX file"
	done
	[ $((round % 5)) != 0 ] || echo "# $round rounds, $poisoned poisoned pages"
done
is "every byte is what it has to be" "" "$failed"
# what was done before, and where the blocks are now
[ -z "$failed" ] || { tail -n 60 $copies/?.log; filefrag -v $mnt/?-?; } | sed 's/^/#   /'
[ -z "$failed" ] || echo "# replay: tests/long reflink-soak $(uname -r | cut -d. -f1,2) $rounds $seed"
ok "no more is lost than was poisoned" [ "$lost" -le "$most" ]
ok "unmount" umount $mnt
for name in "${!done_of[@]}"; do echo "# $name: ${done_of[$name]}"; done
finish
