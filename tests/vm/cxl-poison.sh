#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# stack: --cxl 512M --cxl 256M --cxl 256M --cxl 256M --cxl-pmem 256M
# kernels: 6.12 7 (6.1 makes no regions of volatile CXL memory)
# Poison that CXL memory devices list: it is bad in the right pages of regions over two and four devices, in granules of 256 bytes and
# 4 KiB, of two regions over the same device, and of persistent memory. What was repaired stays good, though the device lists it.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/ctl-lib.sh
. "$(dirname -- "$0")/ctl-lib.sh"

# what the devices list: SERIAL ADDRESS LENGTH, in the device's own addresses
listed="1 0x100000 64
2 0x200040 64
2 0x400000 8192
3 0x300100 64
4 0x500fc0 128
5 0x8000100 4096"
listed_by() { awk -v serial="$1" '$1 == serial { print $2, $3 }' <<<"$listed"; }

# memory_device SERIAL: its name
memory_device() { cxl list -M | jq -r ".[]|select(.serial == $1).memdev"; }

# is_listed SERIAL ADDRESS LENGTH: QEMU's device has it in its list from now on
is_listed() {
	printf 'qmp {"execute": "cxl-inject-poison", "arguments": {"path": "/machine/peripheral/cxl-mem%d", "start": %d, "length": %d}}\n' \
		$(($1 - 1)) $(($2)) $(($3)) >/run/lab/monitor
}

# bad_pages DEV: numbers of the pages that are poisoned
bad_pages() {
	fsdevctl errors "$1" --json | jq -r '.[]|range(.offset / 4096; (.offset + .length) / 4096)' | sort -n | paste -sd' '
}

# wanted_pages REGION FROM: pages of the region's memory from a physical address on that are in its devices' lists
wanted_pages() {
	local region=/sys/bus/cxl/devices/$1 ways granule start position memdev decoder base address len at place n

	ways=$(cat "$region/interleave_ways") granule=$(cat "$region/interleave_granularity") start=$(($(cat "$region/resource")))
	cxl list -r "$1" --targets | jq -r '.[].mappings[]|"\(.position) \(.memdev) \(.decoder)"' |
		while read -r position memdev decoder; do
			base=$(($(cat "/sys/bus/cxl/devices/$decoder/dpa_resource")))
			listed_by "$(($(cat "/sys/bus/cxl/devices/$memdev/serial")))" | while read -r address len; do
				for ((at = address - base; at < address - base + len; at += 64)); do
					place=$((at / granule * granule * ways + position * granule + at % granule))
					((at < 0)) || echo $(((start + place - $2) / 4096))
				done
			done
		done | sort -nu | paste -sd' '
}

# region NAME WAYS GRANULE SERIAL...: makes one, and gives its DAX device to fsdev: $region and $dev
region() {
	local name=$1 ways=$2 granule=$3 serial devices=()

	shift 3
	for serial; do devices+=("$(memory_device "$serial")"); done
	region=$(cxl create-region -m -t ram -d decoder0.0 -w "$ways" -g "$granule" ${size:+-s $size} "${devices[@]}" 2>/tmp/complaint | jq -r .region)
	[[ $region == region* ]] || fail "$name: cxl create-region: $(cat /tmp/complaint)"
	dev=''
	for _ in {1..100}; do
		dev=$(fsdevctl list --json | jq -r ".[]|select(.cxl_region == \"$region\").chardev")
		[ -z "$dev" ] || break
		sleep 0.1
	done
	ok "$name: enable" fsdevctl enable "$dev"
}

# gone NAME: and what is written down of it, which would keep a region of another shape out
gone() {
	ok "$1: disable" fsdevctl disable "$dev"
	ok "$1: destroy-region" cxl destroy-region -f "$region"
	rm -rf /var/lib/fsdev/poison
}

while read -r serial address len; do is_listed "$serial" "$address" "$len"; done <<<"$listed"
for serial in 1 2 3 4 5; do
	for _ in {1..100}; do
		[ "$(cat "/sys/bus/cxl/devices/$(memory_device $serial)/serial")" = "$(printf %#x $serial)" ] && break
		sleep 0.1
	done
done
size=''
for ways in 2 4; do
	for granule in 256 4096; do
		name="$ways ways, granules of $granule"
		# shellcheck disable=SC2046  # numbers
		region "$name" $ways $granule $(seq $ways)
		wanted=$(wanted_pages "$region" $(($(cat "/sys/bus/cxl/devices/$region/resource"))))
		like "$name: there is something to be found" "^[0-9]+ [0-9]+ [0-9]+" "$wanted"
		is "$name: the pages that are bad" "$wanted" "$(bad_pages "$dev")"
		gone "$name"
	done
done

# Two regions of one size over the same device: of what fails in one of them nothing is bad in the other
size=256M
region "first half" 1 256 1
one=$dev one_region=$region
region "second half" 1 256 1
ok "second half: a page fails" fsdevctl inject "$dev" 64M --yes
ok "second half: disable" fsdevctl disable "$dev"
ok "first half: disable" fsdevctl disable "$one"
# what the device lists comes again, and nothing else
ok "first half: enable" fsdevctl enable "$one"
is "first half: the pages that are bad" "$(wanted_pages "$one_region" $(($(cat "/sys/bus/cxl/devices/$one_region/resource"))))" \
	"$(bad_pages "$one")"
ok "second half: enable" fsdevctl enable "$dev"
is "second half: the page that is bad" 16384 "$(bad_pages "$dev")"
fsdevctl repair "$dev" all --yes >/dev/null
gone "second half"
dev=$one region=$one_region

# What is repaired is good at the next enable, though the device lists it still
like "repair: bad before" "^[0-9]+$" "$(bad_pages "$dev")"
page=$(bad_pages "$dev") disk=/dev/fsdev${dev#dax}
ok "repair: overwritten" dd if=/dev/urandom of="$disk" bs=4k count=1 seek="$page" oflag=direct conv=notrunc
dd if="$disk" bs=4k count=1 skip="$page" iflag=direct status=none | sha256sum >/tmp/before
ok "repair: disable" fsdevctl disable "$dev"
ok "repair: enable" fsdevctl enable "$dev"
is "repair: nothing is bad" "" "$(bad_pages "$dev")"
ok "repair: what was written is there" \
	eval "dd if=$disk bs=4k count=1 skip=$page iflag=direct status=none | sha256sum | cmp - /tmp/before"
ok "repair: it fails again" fsdevctl inject "$dev" $((page * 4096)) --yes
ok "repair: disable" fsdevctl disable "$dev"
ok "repair: enable" fsdevctl enable "$dev"
is "repair: then it is bad" "$page" "$(bad_pages "$dev")"
fsdevctl repair "$dev" all --yes >/dev/null

# What the device lists later is met by a scrub, and the monitor hears of it; what was repaired stays good. All that is read is
# emulated byte by byte, so the device is small.
fsdevctl disable "$dev"
give "$dev" none
ok "later: 8 MiB" shape "$dev" 0:8
ok "later: enable" fsdevctl enable "$dev"
is "later: nothing is bad" "" "$(bad_pages "$dev")"
: >/tmp/monitor
fsdevctl monitor >/tmp/said 2>/tmp/monitor &
monitor=$!
until has_line watching /tmp/monitor; do sleep 0.1; done
is_listed 1 0x600000 64
# the emulator has it a moment later
for _ in {1..20}; do
	fsdevctl scrub "$dev" --quiet >/tmp/scrubbed 2>&1
	[ -z "$(bad_pages "$dev")" ] || break
	sleep 0.5
done
sed 's/^/# /' /tmp/scrubbed
is "later: the page that is bad after a scrub" 1536 "$(bad_pages "$dev")"
for _ in {1..50}; do matches "0x600000" "$(cat /tmp/said)" && break; sleep 0.1; done
like "later: the monitor has heard of it" "0x600000" "$(cat /tmp/said)"
kill $monitor
wait $monitor
fsdevctl repair "$dev" all --yes >/dev/null
fsdevctl scrub "$dev" --quiet >/dev/null 2>&1
is "later: repaired, and scrubbed again" "" "$(bad_pages "$dev")"
gone "later"

# Persistent memory comes to the device by the NVDIMM bus, which hears nothing of the list
region=$(cxl create-region -m -t pmem -d decoder0.0 -w 1 "$(memory_device 5)" 2>/tmp/complaint | jq -r .region)
[[ $region == region* ]] || fail "persistent: cxl create-region: $(cat /tmp/complaint)"
ndctl create-namespace -f -m devdax -M mem -r "$(ndctl list -R | jq -r '[.]|flatten|.[0].dev')" >/tmp/namespace 2>&1
dev=$(jq -r '.daxregion.devices[0].chardev' /tmp/namespace)
[[ $dev == dax* ]] || fail "persistent: no devdax namespace: $(cat /tmp/namespace)"
ok "persistent: enable" fsdevctl enable "$dev"
is "persistent: the pages that are bad" "$(wanted_pages "$region" $(($(cat "/sys/bus/dax/devices/$dev/mapping0/start" 2>/dev/null || cat "/sys/bus/dax/devices/$dev/resource"))))" \
	"$(bad_pages "$dev")"
ok "persistent: repair" fsdevctl repair "$dev" all --yes
ok "persistent: disable" fsdevctl disable "$dev"
ok "persistent: enable" fsdevctl enable "$dev"
is "persistent: what was repaired is good" "" "$(bad_pages "$dev")"
ok "persistent: disable" fsdevctl disable "$dev"
finish
