#!/usr/bin/env bash
# lab: --cpus 1 --soft-reserved 512M --append rcupdate.rcu_expedited=1
# One device goes from driver to driver, in any order and a thousand times, and nothing is lost on the way: memory,
# resources, nodes, minor numbers, references to modules. Loading the module takes no device.
. "$(dirname -- "$0")/lib.sh"
. "$(dirname -- "$0")/tap.sh"

dev=dax0.0 rounds=${ROUNDS-1000} seed=${SEED-1}
drivers=/sys/bus/dax/drivers
# kmem needs whole memory blocks, and gives them back only if nobody has put them on line
shape $dev 0:128
echo offline >/sys/devices/system/memory/auto_online_blocks
modprobe fsdev
is "loading fsdev takes no device" none "$(driver_of $dev)"
# device_dax of 6.1 takes every device that nobody has
modprobe device_dax
give $dev none

others="device_dax kmem"
if modprobe fsdev_dax 2>/dev/null; then
	others="$others fsdev_dax"
	is "nor does loading the kernel's own fsdev_dax move it" none "$(driver_of $dev)"
fi
for driver in fsdev $others; do
	ok "$driver takes it" give $dev "$driver"
	is "... alone" 1 "$(find $drivers/*/ -name $dev | wc -l)"
	refused "... and a second driver does not get it" sh -c "echo $dev >$drivers/fsdev/bind"
done
give $dev none

snapshot() {
	echo "iomem $(sha256sum </proc/iomem)"
	echo "nodes $(find /dev -name 'dax*' -o -name 'fsdev*' | sort | xargs)"
	echo "disks $(find /sys/block -name 'fsdev*' | wc -l)"
	echo "refs $(awk '$1 ~ /^(fsdev|device_dax|fsdev_dax)$/ { print $1, $3 }' /proc/modules | sort | xargs)"
	echo "modules' memory $(awk '$1 == "fsdev" { print $2 }' /proc/modules)"
}
# kilobytes of memory that is in use for good
in_use() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	awk '/^(SUnreclaim|VmallocUsed|Percpu|KernelStack):/ { n += $2 } END { print n }' /proc/meminfo
}

# round DRIVER|none: no program is started, so that a thousand of them take a minute
now=none
round() {
	if [ "$now" != none ]; then
		echo $dev >"$drivers/$now/unbind" || return
		[ -e "$drivers/$now/$dev" ] && return 1
	fi
	now=none
	[ "$1" = none ] && return
	echo $dev >"$drivers/$1/bind" && [ -e "$drivers/$1/$dev" ] && now=$1
}
# What is allocated once, on the first use of each path, is there before the count begins; and what KASAN keeps of all that is
# freed, which stops growing after some 250 rounds.
times=1
case $(uname -r) in *-kasan) times=50 ;; esac
# shellcheck disable=SC2317  # called by ok
warm() {
	local i

	for ((i = 0; i < times; i++)); do
		for driver in fsdev $others fsdev $others none; do round "$driver" || return; done
	done
}
ok "warm up" warm
before=$(snapshot) used=$(in_use)
RANDOM=$seed
list="fsdev fsdev $others none"
read -ra list <<<"$list"
lost=0
for ((i = 0; i < rounds; i++)); do
	pick=${list[RANDOM % ${#list[@]}]}
	[ "$pick" = "$now" ] || round "$pick" || lost=$((lost + 1))
done
is "$rounds hand-overs from seed $seed, none lost" 0 $lost
round none
after=$(snapshot)
is "nothing is left behind" "$before" "$after"
grown=$(($(in_use) - used))
echo "# kernel memory grew by $grown KiB over $rounds hand-overs"
ok "a leak of a page in each would be $((rounds * 4)) KiB; less than half of that" test $grown -lt $((rounds * 2))
ok "the module can go" rmmod fsdev
ok "and come again" modprobe fsdev
is "without a device" none "$(driver_of $dev)"
finish
