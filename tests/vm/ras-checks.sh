#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# long: --cpus 1 --soft-reserved 512M --append log_buf_len=4M --qemu "-cpu Skylake-Server,-xsave,-pclmulqdq"
# ROUNDS (100) real machine checks at random pages, while others write, read and clear them: no acknowledged write is taken
# back, and the holder hears of each, once (tests/vm/ras-storm.c has the model). SEED is the order of what is done.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/kernel-lib.sh
. "$(dirname -- "$0")/kernel-lib.sh"
# shellcheck source=tests/vm/ras-lib.sh
. "$(dirname -- "$0")/ras-lib.sh"

disk=/dev/fsdev10.0 dev=dax10.0 node=/dev/dax10.0 checks=${ROUNDS:-100} seed=${SEED:-1}
first=$((4096 - 32)) pages=64 made=0
# a line for each failure is too much for a serial console
dmesg -n 1
begin 10
make_dynamic 10 0 256
ok "two ranges" shape dax10.0 8:16 64:34
is "bound" bound "$(bind dax10.0 fsdev)"
run hold-disk 10
run told 10 0
mark_log
before=$(failures)
rm -f /tmp/storm
coproc storm { exec ras-storm $disk $node $first $pages "$checks" "$seed" ask; }
while read -r word rest; do
	case $word in
	fail)
		machine_check "$(phys_of "$rest")"
		made=$((made + 1))
		((made % 10)) || echo "# $made machine checks"
		echo made >&"${storm[1]}"
		;;
	*) echo "$word $rest" >>/tmp/storm ;;
	esac
done <&"${storm[0]}"
grep '^#\|^page' /tmp/storm
is "what was acknowledged is there" "$checks failed, 0 taken back" "$(tail -n 1 /tmp/storm)"
is "the kernel has handled each machine check" "$checks" "$(($(failures) - before))"
ok "the holder has heard of each, once" run told 10 "$checks"
# the last ones may be a moment ago
sleep 2
ok "all of it can be written" \
	dd if=/dev/zero of=$disk bs=4k count=$pages seek=$first oflag=direct conv=notrunc status=none
is "bad is then" "" "$(bad)"
run let-go 10
unbind dax10.0
finish
