# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What the guests of the packages' test share; $top is theirs.
# shellcheck disable=SC2034,SC2154

# shellcheck source=tests/vm/tap.sh
. "$top/tests/vm/tap.sh"
version=$(cat "$top/VERSION")
release=$(uname -r)
dev=dax0.0 disk=/dev/fsdev0.0 mnt=/mnt/packages
mkdir -p $mnt

# debs VERSION: its packages
debs() {
	ls "$top/build/deb/$1"/*.deb
}

# dkms_line VERSION RELEASE: what DKMS says of a module that it has built and installed
dkms_line() {
	echo "fsdev/$1, $2, x86_64: installed"
}

# comes WANTED COMMAND...: until it prints that, for two minutes at most; prints what it printed last
comes() {
	local wanted=$1 until=$((SECONDS + 120)) got

	shift
	while got=$("$@" 2>/dev/null); [ "$got" != "$wanted" ] && ((SECONDS < until)); do sleep 0.2; done
	echo "$got"
}

# said UNIT...: what these have left in the journal of this boot; a name may be a pattern
said() {
	local units=()

	for _; do units+=(-u "$_"); done
	journalctl -b -q -o cat "${units[@]}"
}

# state UNIT PROPERTY
state() {
	systemctl show -P "$2" "$1"
}
