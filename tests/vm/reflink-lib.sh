# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Files that share blocks on a device of many ranges, with another device in the holes between them.
# shellcheck disable=SC2034,SC2154  # of the scenario, and for it

dev=dax10.0 disk=/dev/fsdev10.0 beside=/dev/fsdev10.1 node=/dev/dax10.0 mnt=/mnt/reflink
# longer than a range, so that it crosses an end wherever it lies
LEN=$((9 * MIB)) RANGE=$((8 * MIB)) RANGES=44 seed=0 page_count=0
mkdir -p $mnt
case $(uname -r) in
# what 6.1 says of a page that two files have read: upstream/dax-shared-read-fault.md
6.1.*) stock_complaint='WARNING: CPU: [0-9]+ PID: [0-9]+ at fs/dax.c:(380 dax_insert_entry|404 dax_disassociate_entry)' dedupes='' ;;
# what 7.x says of a page that is mapped while it is copied on write: upstream/dax-invalidate-mapped-warning.md
7.*) stock_complaint='WARNING: fs/dax.c:452 at dax_disassociate_entry' dedupes=y ;;
*) dedupes=y ;;
esac

# unshared FILE: no extent of it is shared
unshared() {
	! filefrag -v "$1" | grep -q shared
}

# crosses FILE: one of its extents lies across the end of a range
crosses() {
	filefrag -b4096 -e "$1" | awk -v range=$((RANGE / 4096)) '$1 ~ /^[0-9]+:$/ { gsub(/[.:]+/, " ")
		if (int($4 / range) != int($5 / range)) n++ } END { exit !n }'
}

# whole NAME FILE SEED [LEN]: the file has its data
whole() {
	is "$1" "$((${4-$LEN} / 4096)) good, 0 wrong, 0 lost" "$(dax-file verify "$2" 0 "${4-$LEN}" "$3" | tail -n 1)"
}

# untouched NAME: the device in the holes has not changed
untouched() {
	[ ! -e $beside ] || ok "$1: the device in the holes" cmp /dev/shm/beside $beside
}

# fill_file FILE: data of a seed of its own, $seed
fill_file() {
	seed=$((seed + 1))
	dax-file fill "$1" 0 $LEN $seed
}

# copies WHAT: a file is cloned, and the clone gets blocks of its own in each way there is
copies() {
	local what=$1 from=$mnt/from to=$mnt/to data

	fill_file $from
	data=$seed
	ok "$what: the source crosses" crosses $from

	cp --reflink=always $from $to
	ok "$what: unshare" xfs_io -c "funshare 0 $LEN" $to
	ok "$what: unshared" unshared $to
	ok "$what: the copy crosses" crosses $to
	whole "$what: unshare, clone" $to $data
	whole "$what: unshare, source" $from $data
	rm $to
	untouched "$what: unshare"

	cp --reflink=always $from $to
	dax-file pattern 99 $LEN >/dev/shm/new
	ok "$what: one write over all" dd if=/dev/shm/new of=$to bs=$LEN conv=notrunc status=none
	whole "$what: write, clone" $to 99
	whole "$what: write, source" $from $data
	rm $to

	cp --reflink=always $from $to
	{ head -c 1000 $from; tail -c +1001 /dev/shm/new | head -c $((LEN - 3000)); tail -c 2000 $from; } >/dev/shm/want
	ok "$what: a write that begins and ends inside a page" \
		xfs_io -c "pwrite -q -b $LEN -i /dev/shm/want -s 1000 1000 $((LEN - 3000))" $to
	ok "$what: unaligned write, clone" cmp /dev/shm/want $to
	whole "$what: unaligned write, source" $from $data
	rm $to
	untouched "$what: writes"

	cp --reflink=always $from $to
	dax-file fill $to 0 $LEN 98
	whole "$what: half by a mapping, clone" $to 98
	whole "$what: half by a mapping, source" $from $data
	rm $to

	cp --reflink=never $from $to
	sync
	if [ "$dedupes" ]; then
		ok "$what: dedupe of a copy" xfs_io -c "dedupe $from 0 0 $LEN" $to
		refused "$what: dedupe: shared now" unshared $to
		whole "$what: dedupe, copy" $to $data
	else
		like "$what: dedupe is refused" "not supported" "$(xfs_io -c "dedupe $from 0 0 $LEN" $to 2>&1)"
		ok "$what: dedupe: nothing is shared" unshared $to
	fi
	rm $to
	cp --reflink=never $from $to
	printf X | dd of=$to bs=1 seek=$((LEN - 5000)) conv=notrunc status=none
	sync
	xfs_io -c "dedupe $from 0 0 $LEN" $to >/dev/null 2>&1
	ok "$what: dedupe of what differs: not shared" unshared $to
	whole "$what: dedupe of what differs, source" $from $data
	rm $to $from
	untouched "$what: dedupe and mappings"
}

# clamped: the probe is there
# shellcheck disable=SC2317  # called by name
clamped() {
	run clamped
}

# hooked [N]: so many of XFS's functions are, of three
# shellcheck disable=SC2317  # called by name
hooked() {
	[ "$(grep -cE '^xfs_(reflink_end_cow|reflink_cancel_cow_range|file_remap_range) ' /sys/kernel/tracing/enabled_functions)" = "${1-3}" ]
}

# fresh NAME DISK [OPTION...]: XFS with reflink, mounted
fresh() {
	local what=$1 on=$2

	shift 2
	ok "$what: mkfs" mkfs.xfs -q -f -m rmapbt=1,reflink=1 -d agcount=2 -l size=64m,agnum=0 "$@" "$on"
	ok "$what: mount" mount -o dax=always "$on" $mnt
	mountpoint -q $mnt || finish
}

# many_ranges: makes the device of many ranges, with another one in every hole, and binds both
many_ranges() {
	local n parts=() holes=()

	begin 10
	make_dynamic 10 0 448
	echo "$base" >/run/lab/dax10.1.start
	echo dax10.1 >/sys/bus/dax/drivers/fsdev/new_id
	echo 1 >"$(readlink -f /sys/bus/dax/devices/dax10.0)/../dax_region/create"
	for ((n = 0; n < RANGES; n++)); do parts+=("$((10 * n + 2)):8") holes+=("$((10 * n)):2"); done
	ok "$RANGES ranges" shape dax10.0 "${parts[@]}"
	ok "another device in every hole" shape dax10.1 "${holes[@]}" $((10 * RANGES)):2
	is "bound" "bound bound" "$(bind $dev fsdev) $(bind dax10.1 fsdev)"
	dax-file pattern 7777 $((2 * (RANGES + 1) * MIB)) >/dev/shm/beside
	dd if=/dev/shm/beside of=$beside bs=1M oflag=direct status=none
	untouched "it is full of a pattern"
}
