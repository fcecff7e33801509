#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --soft-reserved 1G
# The livepatch: what it says of the running kernel's functions is what provoking their old faults shows, and with it none
# of them is left. ROUNDS of claims, releases and notifications (default 100000).
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/kernel-lib.sh
. "$(dirname -- "$0")/kernel-lib.sh"

patch=/sys/kernel/livepatch/fsdev_livepatch
rounds=${ROUNDS-100000}

# show WHAT TEXT: for who reads the output
show() {
	echo "# $1:"
	echo "#   ${2//$'\n'/$'\n#   '}"
}

# settled: the kernel has come to the end of putting the livepatch in or taking it out
settled() {
	while [ "$(cat $patch/transition 2>/dev/null || echo 0)" = 1 ]; do sleep 0.1; done
}

# warnings: how many there are in the log; takes them away
warnings() {
	dmesg | grep -c 'WARNING:'
	dmesg -C
}

# seen VERB ARGUMENT...: the points of a command that failed; nothing where all is well
seen() {
	run "$@" || { echo "the command failed" && return; }
	grep '^not ok' $control/report
}

# mistake: what a wrong release shows
mistake() {
	dmesg -C
	[ -z "$(seen wrong-release 10)" ] || echo "fs_put_dax: a wrong release takes from the holder"
	[ "$(warnings)" = 1 ] || echo "fs_put_dax: a wrong release is not warned of"
}

# provoke: the faults, one a line: "fs_put_dax: ..." and "fs_dax_get: ..."
provoke() {
	local out

	mistake
	run hold-direct 10
	out=$(seen late-release 10)
	[ -z "$out" ] || echo "fs_put_dax: a late release takes from the holder"
	[ "$(warnings)" = 0 ] || echo "fs_put_dax: a late release is warned of"
	run hold-direct 10
	unbind dax10.0
	run let-go 10
	[ "$(warnings)" = 0 ] || echo "fs_put_dax: a release after removal is warned of"
	bind dax10.0 fsdev >/dev/null
	out=$(seen claim-removed 10)
	[ -z "$out" ] || echo "fs_dax_get: claims a dead device"
	out=$(seen step 10 "$1")
	case $out in
	"") ;;
	"not ok 3 - and kept its operations") echo "fs_put_dax: a release wipes the next holder's operations" ;;
	*) echo "fs_put_dax: step by step: $out" ;;
	esac
}

begin 10
make_dynamic 10 0 1024
ok "two ranges" shape dax10.0 512:256 8:384
is "to fsdev" bound "$(bind dax10.0 fsdev)"

before=$(provoke fs_put_dax)
show "without the livepatch" "${before:-nothing}"
storm=$(seen storm 10 "$rounds"; grep '^# ' $control/report)
show "$rounds rounds without it" "$storm"
dmesg -C

ok "the livepatch loads" modprobe fsdev_livepatch
settled
said=$(dmesg | sed -n 's/.*fsdev_livepatch: //p')
show "the livepatch says" "$said"
for function in fs_put_dax fs_dax_get; do
	faults=$(grep "^$function:" <<<"$before")
	case $said in
	*"$function() is replaced: "*) like "$function() is replaced: its faults were seen" . "$faults" ;;
	*) is "$function() is not replaced: it has no faults" "" "$faults" ;;
	esac
done
case $said in
*"after it has given up"*) like "going through it step by step has shown that" "wipes the next" "$before" ;;
esac
is "every function could be examined" "" "$(grep 'cannot be examined' <<<"$said")"
replaced=$(sed -n 's/() is replaced.*//p' <<<"$said" | paste -sd' ')
present=$(cd $patch/vmlinux 2>/dev/null && printf '%s\n' *,* | sed 's/,.*//' | sort | paste -sd' ')
is "the kernel has replaced what the log says" "$(tr ' ' '\n' <<<"$replaced" | sort | paste -sd' ')" "$present"

is "with the livepatch no fault is left" "" "$(provoke fsdev_livepatch:holder_release)"
dmesg -C
points "$rounds rounds with it" storm 10 "$rounds"
# a holder that lets go of a device that is being removed leaves the sentinel there, which its call can see
points "let go while it is told" release-told 10
ok "claimed by one that lets go when it is told" run hold-fickle 10
unbind dax10.0
points "let go while it is told of the removal" fickle-looked
is "bound after it" bound "$(bind dax10.0 fsdev)"
mkfs.xfs -q -f -m rmapbt=1,reflink=0 -d su=2m,sw=1 /dev/fsdev10.0 || fail "mkfs.xfs"
mkdir -p /mnt/livepatch
ok "XFS mounts with it" mount -o dax=always /dev/fsdev10.0 /mnt/livepatch
dax-file fill /mnt/livepatch/file 0 $MIB 1
ok "unbinding under XFS" unbind dax10.0
ok "XFS lets go of what was removed" umount /mnt/livepatch
is "to fsdev again" bound "$(bind dax10.0 fsdev)"
points "after XFS" exclude-direct 10
points "after XFS" exclude-disk 10
quiet_log

if [ -e $patch ]; then
	ok "it can be disabled" bash -c "echo 0 >$patch/enabled"
	settled
fi
until [ ! -e $patch ]; do sleep 0.1; done
ok "and removed" modprobe -r fsdev_livepatch
is "then the kernel's own functions are back" "$(grep 'a wrong release' <<<"$before")" "$(mistake)"
dmesg -C
unbind dax10.0
ok "unmade" run unmake 10
finish
