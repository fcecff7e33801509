#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --cpus 1 --soft-reserved 640M --nvdimm build/vm/udev-@KERNEL@:512M
# kernels: 6.12 (the rules are the same on every kernel)
# udev's rules, in a guest of their own: the daemon reads them when it starts, which earlier parts of ctl would disturb.
exec bash "$(dirname -- "$0")/ctl.sh" udev
