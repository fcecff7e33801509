# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Part of scenario ctl: images in memory that hosts share: published, verified, attached; cut short, altered, too large,
# published while attached, and cut off at every step of publishing: the generation before stays readable.

dev=dax0.0 disk=/dev/fsdev0.0 mnt=/mnt/ctl
# tree N: the files of generation N
tree() {
	head -c 3M /dev/urandom >/tmp/tree/weights
	echo "$1" >/tmp/tree/number
}

rm -rf /tmp/tree && mkdir /tmp/tree
shape $dev 0:64
fsdevctl enable $dev 2>/dev/null
umount $mnt 2>/dev/null
gives "attach: nothing there" 1 "nothing whole is published" fsdevctl attach $dev $mnt
gives "publish: no folder" 2 "no folder" fsdevctl publish /nowhere $dev
mkfs.ext4 -q -F $disk
gives "publish: over a file system" 1 "there is ext4 on it already" fsdevctl publish /tmp/tree $dev
tree 1
gives "publish --dry-run" 0 "generation 1 would be written at 0x200000.*nothing was changed" \
	fsdevctl publish /tmp/tree $dev --force --dry-run
gives "publish" 0 "generation 1, 3" fsdevctl publish /tmp/tree $dev --force
gives "attach --dry-run" 0 "generation 1 is good and would be mounted; nothing was changed" \
	fsdevctl attach $dev $mnt --dry-run
refused "attach --dry-run: mounts nothing" mountpoint -q $mnt
gives "mkfs: over published images" 1 "there is published images on it already" fsdevctl mkfs $dev --type ext4
gives "attach" 0 "generation 1 on $mnt" fsdevctl attach $dev $mnt
is "the files" "$(sha256sum </tmp/tree/weights)" "$(sha256sum <$mnt/weights)"
is "DAX" yes "$(dax-file is-dax $mnt/weights)"
like "no setuid and no devices out of shared memory" "ro,nosuid,nodev" "$(findmnt -no OPTIONS $mnt)"
gives "attach again" 0 "attached already" fsdevctl attach $dev $mnt
gives "check: nothing newer" 0 "1 is published, 1 is attached" fsdevctl attach $dev $mnt --check

tree 2
gives "publish while the one before is attached" 0 "generation 2" fsdevctl publish /tmp/tree $dev
gives "check: something newer" 5 "2 is published, 1 is attached" fsdevctl attach $dev $mnt --check
is "the one before is as it was" 1 "$(cat $mnt/number)"
gives "publish over what is attached" 3 "generation 1, which the new one would overwrite, is still attached" \
	fsdevctl publish /tmp/tree $dev
exec 5<$mnt/number
gives "attach the newer one while files are open" 3 "files of it are open" fsdevctl attach $dev $mnt
exec 5<&-
gives "attach the newer one" 0 "generation 2 on $mnt" fsdevctl attach $dev $mnt
is "the newer one's files" "2 $(sha256sum </tmp/tree/weights)" "$(cat $mnt/number) $(sha256sum <$mnt/weights)"
gives "detach --dry-run" 0 "would be unmounted from $mnt; nothing was changed" fsdevctl attach $dev $mnt --detach --dry-run
gives "detach and check" 2 "exclude each other" fsdevctl attach $dev $mnt --detach --check
ok "... neither has unmounted it" mountpoint -q $mnt
is "attach --check --json" "false true" "$(fsdevctl attach $dev $mnt --check --json | jq -r '"\(.changed) \(.attached == .published)"')"
gives "detach" 0 "" fsdevctl attach $dev $mnt --detach

# the device leaves under what is attached, and does not come back, or does
for back in no yes; do
	fsdevctl attach $dev $mnt >/dev/null
	fsdevctl disable $dev --force 2>/dev/null
	[ $back = no ] || fsdevctl enable $dev 2>/dev/null
	gives "the device has left, back: $back: detach --dry-run" 0 "(fsdev0.0-gen2|generation 2) would be unmounted from $mnt" \
		fsdevctl attach $dev $mnt --detach --dry-run
	gives "the device has left, back: $back: detach" 0 "" fsdevctl attach $dev $mnt --detach
	refused "the device has left, back: $back: nothing is mounted" mountpoint -q $mnt
	is "the device has left, back: $back: nor made of it" "" "$(ls -d /dev/mapper/fsdev0.0-gen* 2>/dev/null)"
	fsdevctl enable $dev 2>/dev/null
done

if ! whole; then
	fsdevctl disable $dev 2>/dev/null
	return
fi

# an image that mounts, and is no DAX: its files are compressed
mkdir -p /tmp/packing
# shellcheck disable=SC2016  # its own words
printf '#!/bin/sh\nexec /usr/bin/mkfs.erofs -zlz4 "$@"\n' >/tmp/packing/mkfs.erofs
chmod +x /tmp/packing/mkfs.erofs
fsdevctl attach $dev $mnt >/dev/null
mkdir -p /tmp/packed && head -c 3M /dev/zero >/tmp/packed/weights
(PATH=/tmp/packing:$PATH fsdevctl publish /tmp/packed $dev) >/dev/null 2>&1
gives "a newer one that does not work" 1 "its files are not DAX" fsdevctl attach $dev $mnt
is "the older one stays" 2 "$(cat $mnt/number)"
is "nothing else is left mounted" 1 "$(findmnt -rno TARGET -t erofs | wc -l)"
ok "nor made" test ! -e /dev/mapper/fsdev0.0-gen3
fsdevctl attach $dev $mnt --detach
tree 4
fsdevctl publish /tmp/tree $dev >/dev/null

# publishing NAME: fsdevctl publish with that mkfs.erofs; the claim afterwards is in $claim
publishing() {
	local status=0

	(PATH=/tmp/$1:$PATH "${@:2}" fsdevctl publish /tmp/tree $dev) 2>&1 || status=$?
	echo "status $status"
	dd if=$disk bs=4096 skip=2 count=1 iflag=direct status=none | tr -d '\0' | head -c 8
}

# the memory does not keep what is written to it: a byte of a file differs from the folder's when mkfs.erofs has ended
mkdir -p /tmp/faulty /tmp/killed /tmp/failing
# shellcheck disable=SC2016  # its own words
printf '#!/bin/sh\n/usr/bin/mkfs.erofs "$@" && printf x | dd of=$6 bs=1 seek=1M conv=notrunc,fsync status=none\n' >/tmp/faulty/mkfs.erofs
# shellcheck disable=SC2016
printf '#!/bin/sh\nkill -$SIGNAL $PPID\nexec sleep 20\n' >/tmp/killed/mkfs.erofs
printf '#!/bin/sh\nexit 1\n' >/tmp/failing/mkfs.erofs
chmod +x /tmp/{faulty,killed,failing}/mkfs.erofs
like "a fault while it is written" "generation 5 was not published: the folder was changed meanwhile, or the memory does not keep.*the one before is as it was" \
	"$(publishing faulty)"
gives "it is not there" 0 "generation 4 on $mnt" fsdevctl attach $dev $mnt
fsdevctl attach $dev $mnt --detach
is "nothing is left of it" "" "$(ls -d /dev/mapper/fsdev0.0-gen* 2>/dev/null)"

# no claim is left to other hosts
for signal in TERM INT HUP; do
	export SIGNAL=$signal
	is "SIG$signal while it is written" "fsdevctl: $dev: generation 5 was not published: interrupted; the one before is as it was
status 1" "$(publishing killed)"
done
is "nothing is left of these" "" "$(ls -d /dev/mapper/fsdev0.0-gen* 2>/dev/null)"
is "mkfs.erofs fails" "fsdevctl: $dev: generation 5 was not published: the program above failed; the one before is as it was
status 1" "$(publishing failing)"
# the reads of the disk are: two headers, the claim, and once more, again after it was written, then the headers
is "a header cannot be read any more" "fsdevctl: $dev: header 0 cannot be read (Input/output error), and may be of the newest generation: --force writes it anew, over the image that it was of
status 1" "$(publishing none strace -f -e trace=pread64 -o /tmp/strace -P $disk -e inject=pread64:error=EIO:when=6)"

# signed: by whom is asked with --key only
openssl genpkey -algorithm ed25519 -out /tmp/key 2>/dev/null
openssl pkey -in /tmp/key -pubout -out /tmp/key.pub
openssl genpkey -algorithm ed25519 -out /tmp/other 2>/dev/null
openssl pkey -in /tmp/other -pubout -out /tmp/other.pub
gives "not signed" 1 "generation 4 is not signed" fsdevctl attach $dev $mnt --key /tmp/key.pub
refused "not signed: not mounted" mountpoint -q $mnt
gives "publish --sign" 0 "generation 5" fsdevctl publish /tmp/tree $dev --sign /tmp/key
gives "signed by another" 1 "generation 5 is not signed by the owner of /tmp/other.pub" \
	fsdevctl attach $dev $mnt --key /tmp/other.pub
gives "signed" 0 "generation 5 on $mnt" fsdevctl attach $dev $mnt --key /tmp/key.pub
fsdevctl attach $dev $mnt --detach
gives "signed, not asked" 0 "generation 5 on $mnt" fsdevctl attach $dev $mnt
gives "attached already, signed" 0 "generation 5 is attached already" fsdevctl attach $dev $mnt --key /tmp/key.pub
gives "attached already, signed by another" 1 "not signed by the owner.*generation 5 is attached there all the same" \
	bash -c "fsdevctl attach $dev $mnt --key /tmp/other.pub 2>&1 | paste -sd' '; exit \${PIPESTATUS[0]}"

# another layout: the byte of the version, in the header of slot 1
dd if=$disk of=/tmp/header bs=4096 skip=1 count=1 iflag=direct status=none
printf '\3' | dd of=/tmp/header bs=1 seek=8 conv=notrunc status=none
dd if=/tmp/header of=$disk bs=4096 seek=1 oflag=direct conv=notrunc status=none
gives "attach: another layout" 1 "its images have layout 3, and this fsdevctl has layout 2" fsdevctl attach $dev $mnt
gives "publish: another layout" 1 "its images have layout 3.*--force" fsdevctl publish /tmp/tree $dev
# which generation 5 may have been, too: what is attached is not overwritten
gives "publish --force: another layout, attached" 3 "generation 5, which the new one would overwrite, is still attached" \
	fsdevctl publish /tmp/tree $dev --force
fsdevctl attach $dev $mnt --detach
gives "mkfs: another layout" 1 "published images.* on it already" fsdevctl mkfs $dev --type ext4
tree 2
gives "publish --force: another layout" 0 "generation 5" fsdevctl publish /tmp/tree $dev --force
tree 2
gives "and the next" 0 "generation 6" fsdevctl publish /tmp/tree $dev

# the host dies: at the call that writes the claim, wipes the header, after the image, and at the header
tree 3
for call in 1 2 3; do
	(strace -f -e trace=pwrite64 -o /tmp/strace -P $disk -e "inject=pwrite64:signal=KILL:when=$call" fsdevctl publish /tmp/tree $dev --force \
		) >/dev/null 2>&1
	gives "died at write $call: the one before" 0 "generation 6 on $mnt" fsdevctl attach $dev $mnt
	is "died at write $call: its files" 2 "$(cat $mnt/number)"
	fsdevctl attach $dev $mnt --detach
done
# and while the image is written, of which a device stays
mkdir -p /tmp/dying
# shellcheck disable=SC2016  # its own parent
printf '#!/bin/sh\nkill -KILL $PPID\n' >/tmp/dying/mkfs.erofs
chmod +x /tmp/dying/mkfs.erofs
(PATH=/tmp/dying:$PATH fsdevctl publish /tmp/tree $dev) >/dev/null 2>&1
ok "died while the image was written: its device is there" test -e /dev/mapper/fsdev0.0-gen7
gives "died while the image was written: the one before" 0 "generation 6 on $mnt" fsdevctl attach $dev $mnt
fsdevctl attach $dev $mnt --detach
gives "publish after that" 0 "generation 7" fsdevctl publish /tmp/tree $dev

# another host was publishing: its claim has another boot id
printf 'FSDEVCLM\7\0\0\0\0\0\0\0another-boot-id' | dd of=$disk bs=8192 seek=1 conv=notrunc,fsync status=none
printf 'elsewhere' | dd of=$disk bs=1 seek=$((8192 + 64)) conv=notrunc,fsync status=none
gives "another host is publishing" 3 "host elsewhere \(process 7\) is publishing; if it is dead, give --force" \
	fsdevctl publish /tmp/tree $dev
tree 4
gives "and is dead" 0 "generation 8" fsdevctl publish /tmp/tree $dev --force

# altered and cut short: generation 8 lies in slot 0, whose area begins at 2 MiB
dd if=/dev/urandom of=$disk bs=4096 seek=$(((2 * MIB + 2 * MIB) / 4096)) count=1 conv=notrunc,fsync oflag=direct status=none
gives "altered" 1 "generation 8 is not what was published: its checksum differs" fsdevctl attach $dev $mnt
dd if=/dev/urandom of=$disk bs=4096 count=1 conv=notrunc,fsync oflag=direct status=none
gives "a header that is no header: the other counts" 0 "generation 7 on $mnt" fsdevctl attach $dev $mnt
fsdevctl attach $dev $mnt --detach
head -c 33M /dev/zero | tr '\0' x >/tmp/tree/large
gives "larger than there is room" 1 "the folder is larger than the room there is" fsdevctl publish /tmp/tree $dev
rm /tmp/tree/large
gives "the one before is still there" 0 "generation 7 on $mnt" fsdevctl attach $dev $mnt
gives "disable while attached" 3 "/dev/mapper/fsdev0.0-gen7 is made of $disk" fsdevctl disable $dev
fsdevctl attach $dev $mnt --detach
fsdevctl disable $dev 2>/dev/null
