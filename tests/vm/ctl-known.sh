#!/usr/bin/env bash
# lab: --cxl 512M
# kernels: 6.12 7
# Bad memory that a CXL device knows of (its poison list) is told to the driver at `fsdevctl enable`, before anybody uses it.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
export PATH=$top/build:$PATH

ok "a region" cxl create-region -m -t ram -d decoder0.0 -w 1 mem0
until dev=$(fsdevctl list --json | jq -er '.[]|select(.kind=="cxl").chardev'); do sleep 0.1; done
like "list: its region" "^region[0-9]+$" "$(fsdevctl list "$dev" --json | jq -r '.[0].cxl_region')"
ok "enable" fsdevctl enable "$dev"
is "no bad memory is known" 0 "$(fsdevctl list "$dev" --json | jq '.[0].bad_bytes')"
ok "disable" fsdevctl disable "$dev"
echo 0x100000 >/sys/kernel/debug/cxl/mem0/inject_poison
echo 0x8000040 >/sys/kernel/debug/cxl/mem0/inject_poison
like "enable takes it over" "2 bad stretches that the platform knows of were taken over" \
	"$(fsdevctl enable "$dev" 2>&1)"
is "errors lists both, in whole pages" "1048576 4096
134217728 4096" "$(fsdevctl errors "$dev" --json | jq -r '.[]|"\(.offset) \(.length)"')"
ok "disable again" fsdevctl disable "$dev"
finish
