# shellcheck shell=bash disable=SC2034,SC2017
# SPDX-License-Identifier: GPL-2.0
# Inside the lab: a machine whose DAX devices are only files, and what a command of fsdevctl does on it, as counts.

# machine DEVICES: dax0.0, dax0.1, ... of 1 GiB each, all in fsdev mode, in a mount namespace of the caller's alone
machine() {
	local i dax region=/sys/devices/platform/hmem.0

	umount -R /sys
	umount -R /dev
	for i in /sys /dev /run /mnt; do mount -t tmpfs tmpfs $i; done
	mknod /dev/null c 1 3 && mknod /dev/urandom c 1 9 && mknod /dev/loop-control c 10 237
	for ((i = 0; i < 64; i++)); do mknod /dev/loop$i b 7 $i; done
	ln -s /proc/self/fd /dev/fd
	mkdir -p $region/dax_region /sys/bus/dax/devices /sys/bus/dax/drivers/{fsdev,device_dax,kmem} /sys/class/block
	echo 0 >$region/dax_region/id
	echo $(($1 << 30)) >$region/dax_region/size
	echo $((2 << 20)) >$region/dax_region/align
	echo 0x100000000 >$region/dax_region/resource
	for ((i = 0; i < $1; i++)); do
		dax=$region/dax0.$i
		mkdir -p "$dax/mapping0" "/sys/devices/virtual/block/fsdev0.$i"
		ln -s "$dax" "/sys/bus/dax/devices/dax0.$i"
		ln -s /sys/bus/dax/drivers/fsdev "$dax/driver"
		ln -s /sys/bus/dax "$dax/subsystem"
		echo $((1 << 30)) >"$dax/size"
		echo $((2 << 20)) >"$dax/align"
		printf '0x%x\n' $(((4 + i) << 30)) | tee "$dax/resource" >"$dax/mapping0/start"
		printf '0x%x\n' $(((5 + i << 30) - 1)) >"$dax/mapping0/end"
		echo 0 | tee "$dax/mapping0/page_offset" "$dax/target_node" >"$dax/numa_node"
		echo "251:$i" >"$dax/dev"
		echo devdax:0 >"$dax/modalias"
		ln -s "/sys/devices/virtual/block/fsdev0.$i" "/sys/class/block/fsdev0.$i"
		echo "252:$i" >"/sys/class/block/fsdev0.$i/dev"
		echo 0 >"/sys/class/block/fsdev0.$i/ro"
		# libdaxctl wants a node; the driver is not behind it, so that bad pages come from the disk's list
		: >"/dev/dax0.$i"
		: >"/sys/class/block/fsdev0.$i/badblocks"
	done
}

# bad RANGES [OFFSET]: dax0.0 has so many bad pages, each other page from there on
bad() {
	awk -v n="$1" -v at="$((${2-0} / 512))" 'BEGIN { for (i = 0; i < n; i++) printf "%d 8\n", at + i * 16 }' \
		>/sys/class/block/fsdev0.0/badblocks
}

# cost COMMAND...: $blocks: basic blocks of fsdevctl's own code; $calls: system calls; $said: lines of standard output
cost() {
	local status=0

	COST=/run/cost strace -f -c -o /run/calls "$@" >/run/said 2>/run/complaint </dev/null || status=$?
	case $status in 0 | 5) ;; *) echo "# status $status: $(head -n 3 /run/complaint)" ;; esac
	blocks=$(cat /run/cost)
	calls=$(awk '$NF == "total" { print $4 }' /run/calls)
	said=$(wc -l </run/said)
	instructions=''
	[ -z "${VALGRIND-}" ] || instructions=$("$VALGRIND" --tool=lackey --basic-counts=yes --log-fd=9 "$@" 9>&1 >/dev/null 2>&1 </dev/null |
		sed -n 's/.*guest instrs: *//p')
}

# crowd PROCESSES: so many processes, each with 24 files open and 40 mappings; they end at `exec 7>&-`
crowd() {
	rm -f /run/gate /run/ready
	mkfifo /run/gate
	build/cost/crowd "$1" 24 40 </run/gate >/run/ready &
	exec 7>/run/gate
	until grep -q ready /run/ready; do sleep 0.1; done
}

# no_crowd: and they are gone
no_crowd() {
	exec 7>&-
	wait
}

# file_system TYPE IMAGE MIB FILES: a file system with so many files of a page each, on /srv; $loop is its device. Before machine().
file_system() {
	local i

	rm -f "$2"
	truncate -s "$3M" "$2"
	case $1 in
	xfs) mkfs.xfs -q -m rmapbt=1,reflink=0 "$2" ;;
	ext4) mkfs.ext4 -q -F -b 4096 -N $(($4 + 1000)) "$2" ;;
	esac || return
	loop=$(losetup --find --show "$2") || return
	mount "$loop" /srv || { losetup --detach "$loop" && return 1; }
	# it goes with the mount, and that with the namespace
	losetup --detach "$loop"
	for ((i = 0; i < 10; i++)); do
		mkdir /srv/$i && head -c $(($4 / 10 * 4096)) /dev/zero | split -b 4096 -a 5 -d - /srv/$i/
	done
	sync -f /srv
}

# lies_on LOOP: dax0.0's disk is what /srv is mounted from
lies_on() {
	echo "7:${1#/dev/loop}" >/sys/class/block/fsdev0.0/dev
}
