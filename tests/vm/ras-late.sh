#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --soft-reserved 512M --append preempt=full --append rcupdate.rcu_expedited=1
# kernels: 6.12 7 (6.1 does not look at the page again)
# A page fails while its device is unbound: the kernel looks at the page structure after it has given back its reference to the page
# map. Who reports runs with little processor time and is held up just there (tests/kernel/late.c), for most of a second;
# meanwhile the device is unbound. See upstream/memory-failure-late-page.md. 6.1 does not look again.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/kernel-lib.sh
. "$(dirname -- "$0")/kernel-lib.sh"

begin 10
modprobe hwpoison_inject
make_dynamic 10 0 512
ok "a device of a memory section, whose page structures go with it" shape dax10.0 128:128
for round in 1 2 3; do
	is "$round: bound" bound "$(bind dax10.0 fsdev)"
	ok "$round: the kernel will be held up" run late-watch report
	mark_log
	ras-file late-fail $(((base >> 12) + (128 << 8) + round)) &
	reporter=$!
	ok "$round: it is, on its way out of a report" run late-wait
	unbind dax10.0 &
	ok "$round: while the device is unbound" kill -0 $reporter
	wait $!
	is "$round: which it then is" none "$(driver_of dax10.0)"
	status=0
	wait $reporter || status=$?
	is "$round: the report comes to its end" 0 "$status"
	like "$round: the driver was told" "memory failure at 0x.*: device offset $(printf '%#x' $((round << 12))), 4096 bytes" "$(said dax10.0)"
	run late-unwatch
done
is "it can be bound again" bound "$(bind dax10.0 fsdev)"
unbind dax10.0
finish
