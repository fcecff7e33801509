#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# In one of two guests that share the memory of an NVDIMM while both run, as two hosts do: hosts.sh first|second
# One publishes, both map the same files, a newer version comes while the older is in use. They tell each other how far they
# are in the fourth page of the memory, which images leave alone.
set -u
top=$(cd -- "$(dirname -- "$0")/../.." && pwd -P)
# shellcheck source=tests/packages/lib.sh
. "$top/tests/packages/lib.sh"
export PATH=$top/build:$top/build/vm:$PATH

step() {
	printf '%-4096s' "$1" | dd of="$disk" bs=4096 seek=3 conv=notrunc oflag=direct status=none
}

await() {
	until [ "$(dd if="$disk" bs=4096 skip=3 count=1 iflag=direct status=none | tr -d ' \0')" = "$1" ]; do sleep 0.2; done
}

# tree N: the files of version N, with their checksum
tree() {
	mkdir -p /tmp/tree
	head -c 3M /dev/urandom >/tmp/tree/weights
	sha256sum </tmp/tree/weights >/tmp/tree/sum
	echo "$1" >/tmp/tree/number
}

# has N: what is mapped from the memory is version N, whole
has() {
	is "$role host: version $1, by DAX" "yes $1 $(cat $mnt/sum)" \
		"$(dax-file is-dax $mnt/weights) $(cat $mnt/number) $(sha256sum <$mnt/weights)"
}

role=$1
if [ "$role" = first ]; then
	region=$(ndctl list -R | jq -r 'if type == "array" then .[0] else . end | .dev')
	ndctl create-namespace -f -e "namespace${region#region}.0" -m devdax -M mem >/dev/null
fi
dev=$(fsdevctl list --json | jq -r '.[0].chardev')
disk=/dev/fsdev${dev#dax}
ok "$role host: enable" fsdevctl enable "$dev"
if [ "$role" = first ]; then
	tree 1
	ok "first host: publish" fsdevctl publish /tmp/tree "$dev" --force
	step 1
	ok "first host: attach" fsdevctl attach "$dev" $mnt
	await 2
	tree 2
	ok "first host: publish while the second has the one before" fsdevctl publish /tmp/tree "$dev"
	step 3
	has 1
	await 4
	ok "first host: attach the newer one" fsdevctl attach "$dev" $mnt
	has 2
	step 5
else
	await 1
	ok "second host: attach" fsdevctl attach "$dev" $mnt
	has 1
	step 2
	await 3
	has 1
	fsdevctl attach "$dev" $mnt --check >/dev/null
	is "second host: sees that there is a newer one" 5 $?
	ok "second host: attach the newer one" fsdevctl attach "$dev" $mnt
	has 2
	step 4
	await 5
fi
ok "$role host: detach" fsdevctl attach "$dev" $mnt --detach
ok "$role host: disable" fsdevctl disable "$dev"
finish
