#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# long: --cpus 2 --soft-reserved 512M --append log_buf_len=4M
# ROUNDS (1,000) random pages fail on two processors, while others write, read and clear them: no acknowledged write is taken
# back (tests/vm/ras-storm.c has the model), and the holder hears of each failure. SEED is the order of what is done.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/kernel-lib.sh
. "$(dirname -- "$0")/kernel-lib.sh"
# shellcheck source=tests/vm/ras-lib.sh
. "$(dirname -- "$0")/ras-lib.sh"

disk=/dev/fsdev10.0 dev=dax10.0 node=/dev/dax10.0 failures=${ROUNDS:-1000} seed=${SEED:-1}
# a line for each failure is too much for a serial console
dmesg -n 1
begin 10
make_dynamic 10 0 256
ok "two ranges" shape dax10.0 8:16 64:34
is "bound" bound "$(bind dax10.0 fsdev)"
run hold-disk 10
# few pages, so that they meet; over the end of the first range
for pages in 8 64; do
	run told 10 0
	ras-storm $disk $node $((4096 - pages / 2)) $pages "$failures" "$seed" >/tmp/storm
	grep '^#\|^page' /tmp/storm
	is "$pages pages: what was acknowledged is there" "$failures failed, 0 taken back" "$(tail -n 1 /tmp/storm)"
	ok "$pages pages: the holder has heard of each" run told 10 "$failures"
	ok "$pages pages: all of it can be written" \
		dd if=/dev/zero of=$disk bs=4k count=$pages seek=$((4096 - pages / 2)) oflag=direct conv=notrunc status=none
	is "$pages pages: bad is then" "" "$(bad)"
done
run let-go 10
unbind dax10.0
finish
