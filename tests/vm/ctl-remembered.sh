#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --soft-reserved 256M --qemu "-uuid 7a4e2c1d-5b6f-4d0e-9c8a-1f2e3d4c5b6a"
# Poison that is remembered: fsdevctl writes it down when a device leaves fsdev mode, its monitor as it fails, and the next `enable`
# has the driver take it over before its disk is there. Records that are damaged, of another machine, or not mounted yet keep a
# device out of fsdev mode.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/ctl-lib.sh
. "$(dirname -- "$0")/ctl-lib.sh"

dev=dax0.0 disk=/dev/fsdev0.0 folder=/var/lib/fsdev/poison
start=$(region_start $dev)
record=$folder/memory-$(printf %x "$start").poison
rm -rf $folder
modprobe fsdev

# errors: what is bad, in pages
bad() { fsdevctl errors $dev --json 2>/dev/null | jq -r 'if type == "array" then [.[]|"\(.offset / 4096)+\(.length / 4096)"]|join(" ") else "?" end'; }

# written: what is written down, in pages of the device; with "bound" where the driver has it
written() {
	local key value out=''

	[ -e "$record" ] || return
	while read -r key value; do
		[ "$key" != poison ] || out+="${out:+ }$(((${value%+*} - start) / 4096))+$((${value#*+} / 4096))"
		[ "$key $value" != "bound $(cat /proc/sys/kernel/random/boot_id)" ] || out=bound
	done <"$record"
	echo "$out"
}

# comes WANTED COMMAND...: what it prints, as soon as that is wanted; at the latest after ten seconds
comes() {
	local wanted=$1

	shift
	for _ in {1..100}; do [ "$("$@")" != "$wanted" ] || break; sleep 0.1; done
	"$@"
}

fails() { fsdevctl inject $dev $(($1 * 4096)) --yes >/dev/null 2>&1; }
repairs() { fsdevctl repair $dev "$(($1 * 4096))" --yes >/dev/null 2>&1; }
unbind() { echo $dev >/sys/bus/dax/devices/$dev/driver/unbind; }

ok "enable" fsdevctl enable $dev
ok "disable, with nothing poisoned" fsdevctl disable $dev
refused "nothing is written down" test -e $folder
fsdevctl enable $dev 2>/dev/null
fails 300
fails 5000
ok "disable, with poison" fsdevctl disable $dev
is "it is written down" "300+1 5000+1" "$(written)"
is "for root only" "600 700" "$(stat -c %a "$record" $folder | paste -sd' ')"
gives "enable --dry-run" 0 "of 2 ranges that are written down" fsdevctl enable $dev --dry-run
gives "enable takes it over" 0 "2 bad ranges that are written down were taken over" fsdevctl enable $dev
is "it is poisoned" "300+1 5000+1" "$(bad)"
refused "and cannot be read" dd if=$disk of=/dev/null bs=4k count=1 skip=300 iflag=direct
is "the driver had it before there was a disk" "known poison disk" \
	"$(dmesg | grep -oE "fsdev $dev: known poison|fsdev $dev: 256 MiB" | tail -n 2 | sed 's/.*256 MiB/disk/; s/.*known/known/' | paste -sd' ')"
is "the driver has it: that is written down" "bound 300+1 5000+1" "$(written)"

# as after a reboot: no module, no state below /run, another boot
ok "disable" fsdevctl disable $dev
rmmod fsdev_dax 2>/dev/null
rmmod fsdev
rm -rf /run/fsdev
ok "enable after a reboot" fsdevctl enable $dev
is "it is poisoned still" "300+1 5000+1" "$(bad)"
ok "overwritten" dd if=/dev/zero of=$disk bs=4k count=1 seek=300 oflag=direct conv=notrunc
ok "disable" fsdevctl disable $dev
is "what was repaired is not written down any more" "5000+1" "$(written)"
fsdevctl enable $dev 2>/dev/null
is "nor poisoned" "5000+1" "$(bad)"

# a binding that ends and is not written down: what can be read is good, as it may have been repaired
unbind
is "unbound beside the tool" "bound 5000+1" "$(written)"
gives "enable: in doubt" 0 "but for pages that can be read" fsdevctl enable $dev
is "enable: in doubt, and it can be read" "" "$(bad)"
unbind
sed -i 's/^bound .*/bound 00000000-0000-0000-0000-000000000000/' "$record"
gives "enable: bound in an earlier boot" 0 "1 bad ranges that are written down were taken over$" fsdevctl enable $dev
is "enable: bound in an earlier boot, and poisoned" "5000+1" "$(bad)"
repairs 5000

# the monitor writes it down as it fails, and a kernel's unbind
: >/tmp/monitor
fsdevctl monitor --record >/dev/null 2>/tmp/monitor &
monitor=$!
until has_line watching /tmp/monitor; do sleep 0.1; done
is "monitor: what was repaired meanwhile" "" "$(comes "" written)"
fails 700
is "monitor: a page that fails" "bound 700+1" "$(comes "bound 700+1" written)"
fails 701
fails 900
is "monitor: more that fail" "bound 700+2 900+1" "$(comes "bound 700+2 900+1" written)"
repairs 701
is "monitor: one that is repaired" "bound 700+1 900+1" "$(comes "bound 700+1 900+1" written)"
unbind
is "monitor: unbound" "700+1 900+1" "$(comes "700+1 900+1" written)"
fsdevctl enable $dev 2>/dev/null
is "taken over" "700+1 900+1" "$(bad)"
kill $monitor
wait $monitor
ok "disable" fsdevctl disable $dev

# the machine may end while a program is told, as by that program
printf '#!/bin/sh\ngrep -h ^poison %s >>/tmp/told\n' "$record" >/tmp/tell
chmod 755 /tmp/tell
: >/tmp/monitor
fsdevctl enable $dev 2>/dev/null
fsdevctl monitor --record --exec /tmp/tell --count 1 >/dev/null 2>/tmp/monitor &
monitor=$!
until has_line watching /tmp/monitor; do sleep 0.1; done
fails 800
wait $monitor
is "monitor --exec: it is written down before the program is run" \
	"$(for page in 700 800 900; do printf 'poison %#x+0x1000\n' $((start + page * 4096)); done)" "$(cat /tmp/told)"
repairs 800
ok "disable" fsdevctl disable $dev
is "without what was repaired" "700+1 900+1" "$(written)"

# bound in another way than by the tool: said, and what can be read is good
: >/tmp/monitor
fsdevctl monitor --record >/dev/null 2>/tmp/monitor &
monitor=$!
until has_line watching /tmp/monitor; do sleep 0.1; done
ok "bound beside the tool" give $dev fsdev
is "monitor: bound beside the tool" "said" "$(comes said eval 'has_line "was given to the driver without the 2 bad ranges" /tmp/monitor && echo said')"
is "monitor: nothing is poisoned, and nothing written down" "" "$(bad)$(comes "" written)"
kill $monitor
wait $monitor

fails 300
fails 400
fails 401
ok "disable" fsdevctl disable $dev
gives "forget: asks" 2 "give --yes" fsdevctl errors $dev --forget
gives "forget: a range" 0 "4 KiB forgotten" fsdevctl errors $dev $((400 * 4096)) --forget --yes
is "forget: the rest is there" "300+1 401+1" "$(written)"
gives "forget: no range of the device" 2 "past the end" fsdevctl errors $dev 1T --forget --yes
gives "forget: not with --files" 2 "exclude each other" fsdevctl errors $dev --forget --files
gives "a range without --forget" 2 "go with --forget" fsdevctl errors $dev 0

# an enable that failed has left with the driver what it was given
attribute=/sys/bus/dax/drivers/fsdev/remembered_poison
printf '%#x+0x3000\n' $((start + 500 * 4096)) >$attribute
gives "forget: what the driver was given" 0 "forgotten" fsdevctl errors $dev $((501 * 4096)) --forget --yes
is "forget: a page of it" "$(printf '%#x+0x1000 ' $((start + 500 * 4096)) $((start + 502 * 4096)))" "$(sort $attribute | tr '\n' ' ')"
printf '%#x+0x1000\n' $((start - 4096)) >$attribute
cp "$record" /tmp/record
gives "forget: all of it" 0 "8.0 KiB forgotten|8 KiB forgotten" fsdevctl errors $dev --forget --yes
is "forget: other memory's stays" "$(printf '%#x+0x1000' $((start - 4096)))" "$(cat $attribute)"
printf -- '-%#x+0x1000\n' $((start - 4096)) >$attribute
ok "forget: enable" fsdevctl enable $dev
is "forget: nothing is poisoned" "" "$(bad)"
ok "forget: disable" fsdevctl disable $dev
cp /tmp/record "$record"

# what keeps a device out of fsdev mode, and the way out
cp "$record" /tmp/record
for damage in 's/^end .*/end 7/' "\$d" 's/^poison /poisoned /' 's/^fsdev-poison 1/fsdev-poison 2/'; do
	sed "$damage" /tmp/record >"$record"
	gives "damaged ($damage): refused" 1 "no good record of poison: .*errors $dev --forget" fsdevctl enable $dev
done
is "damaged: it is in its old mode" device_dax "$(driver_of $dev)"
gives "damaged: forgotten" 0 "is removed" fsdevctl errors $dev --forget --yes
ok "damaged: enable" fsdevctl enable $dev
is "damaged: nothing is poisoned" "" "$(bad)"
fails 300
sed 's/^end .*/end 7/' /tmp/record >"$record"
gives "damaged while the driver has poison: it is not overwritten" 1 "stays|as before" fsdevctl disable $dev
gives "damaged while the driver has poison: forgotten" 0 "stays written down" fsdevctl errors $dev --forget --yes
is "damaged while the driver has poison: that is written down" "bound 300+1" "$(written)"
ok "disable" fsdevctl disable $dev
# what firmware says of the machine: the emulator's says its UUID
if grep -q '^machine -$' "$record"; then
	skip "of another machine" "firmware says nothing of this one"
else
	sed -i 's/^machine .*/machine 11111111-2222-3333-4444-555555555555/' "$record"
	gives "of another machine: refused" 1 "written on another machine" fsdevctl enable $dev
	gives "of another machine: forgotten" 0 "is removed" fsdevctl errors $dev --forget --yes
fi
sed 's/^modules .*/modules 0123456789abcdef/' /tmp/record >"$record"
if grep -q '^modules -$' /tmp/record; then
	skip "other memory modules" "firmware names none"
	ok "enable" fsdevctl enable $dev
else
	gives "other memory modules: taken over, and said" 0 "other memory modules are in this machine" fsdevctl enable $dev
fi
is "taken over" "300+1 401+1" "$(bad)"
ok "disable" fsdevctl disable $dev

# early in a boot: what lies below the folder's mount point is not it
mkdir -p /etc/fsdev.d
printf '[memory]\naddress = %#x\n' "$start" >/etc/fsdev.d/memory.conf
cp /etc/fstab /tmp/fstab 2>/dev/null || : >/tmp/fstab
echo "none /var/lib/fsdev tmpfs defaults 0 0" >>/etc/fstab
gives "not mounted yet: refused" 1 "on a file system that is not mounted yet" fsdevctl enable $dev
gives "not mounted yet: at boot it waits" 0 "waits until $folder is mounted" fsdevctl config apply
is "not mounted yet: in its old mode" device_dax "$(driver_of $dev)"
cp -r $folder /tmp/poison
mount -t tmpfs none /var/lib/fsdev
cp -r /tmp/poison $folder
gives "mounted: applied" 0 "2 bad ranges that are written down were taken over" fsdevctl config apply
is "mounted: poisoned" "300+1 401+1" "$(bad)"
fsdevctl repair $dev all --yes >/dev/null
ok "disable" fsdevctl disable $dev
is "all repaired" "" "$(written)"
umount /var/lib/fsdev
cp /tmp/fstab /etc/fstab
rm -rf $folder /etc/fsdev.d/memory.conf
finish
