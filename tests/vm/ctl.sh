#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --cpus 1 --soft-reserved 640M --nvdimm build/vm/ctl-@KERNEL@:512M
# fsdevctl on real devices: one of three ranges and an NVDIMM namespace. Every change of mode ends in the new mode or back in
# the old one, whichever step fails; nothing is taken from its users; bad input changes nothing. Its parts, which may be
# named to run only some: ctl-PART.sh.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/ctl-lib.sh
. "$(dirname -- "$0")/ctl-lib.sh"

mkdir -p /mnt/ctl
shape dax0.0 512:128 0:128 256:128
parts=${*:-modes users memory files config publish}
for each in $parts; do
	# shellcheck disable=SC1090
	. "$(dirname -- "$0")/ctl-$each.sh"
done
finish
