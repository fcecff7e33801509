#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# In a guest of tests/fstests: gives two devices to a driver and runs the "check" of an xfstests on them.
#   fstests-guest.sh DIR FS DRIVER OUT CHECK-ARGS...
# Tests that have a line in OUT/done are left out.
. "$(dirname -- "$0")/lib.sh"

dir=$1 fs=$2 driver=$3 out=$4
shift 4
case $driver in
fsdev)
	for dev in dax0.0 dax1.0; do give $dev fsdev || fail "$dev does not go to fsdev"; done
	test=/dev/fsdev0.0 scratch=/dev/fsdev1.0
	;;
nd_pmem)
	test=/dev/pmem0 scratch=/dev/pmem1
	for _ in {1..50}; do [ ! -b "$scratch" ] || break; sleep 0.1; done
	;;
esac
if [ ! -b "$test" ] || [ ! -b "$scratch" ]; then fail "there are no $test and $scratch"; fi
for user in fsgqa fsgqa2 123456-fsgqa; do
	grep -q "^$user:" /etc/passwd || useradd --badname -m "$user" 2>/dev/null || useradd -m "$user" 2>/dev/null
done
mkdir -p /mnt/test /mnt/scratch "$out/results"
# dax=always is what makes it a test of DAX; xfstests asks for it by these options
case $fs in
xfs) mkfs=${FSTESTS_MKFS:--m rmapbt=1} ;;
ext4) mkfs=${FSTESTS_MKFS:--b 4096} ;;
esac
cat >/tmp/local.config <<-END
	export FSTYP=$fs
	export TEST_DEV=$test
	export TEST_DIR=/mnt/test
	export SCRATCH_DEV=$scratch
	export SCRATCH_MNT=/mnt/scratch
	export RESULT_BASE=/tmp/results
	export MKFS_OPTIONS="$mkfs"
	export MOUNT_OPTIONS="-o dax=always"
	export TEST_FS_MOUNT_OPTS="-o dax=always"
END
export HOST_OPTIONS=/tmp/local.config
# shellcheck disable=SC2086  # options
case $fs in
xfs) mkfs.xfs -q -f $mkfs $test ;;
ext4) mkfs.ext4 -q -F $mkfs $test ;;
esac || fail "mkfs.$fs"
cd "$dir" || fail "there is no $dir"
list=$(./check -n "$@" 2>/tmp/check.err | grep -oE '^(generic|shared|xfs|ext4|overlay)/[0-9]+' | grep -vxF -f <(cut -d' ' -f1 "$out/done"))
if [ -z "$list" ]; then
	cat /tmp/check.err >&2
	echo "nothing is left to run"
	exit 0
fi
# shellcheck disable=SC2086  # a list
./check $list
status=$?
# what failed leaves its output there
(cd /tmp/results && find . -name '*.out.bad' -o -name '*.full' -o -name '*.dmesg' -o -name '*.notrun' | cpio -pdm --quiet "$out/results") 2>/dev/null
exit $status
