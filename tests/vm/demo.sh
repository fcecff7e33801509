#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --cpus 1 --soft-reserved 1536M
# The demo's own story, step by step, as a test: it ends at the first step that differs.
. "$(dirname -- "$0")/lib.sh"
. "$(dirname -- "$0")/tap.sh"

out=$("$top/demo/story" 2>&1)
is "the story ends well" 0 $?
like "and was told to its end" "All [0-9]+ observations are as expected" "$out"
while read -r line; do
	tap_point 0 "seen: $line"
done < <(sed -n '/^What was seen/,/^$/s/^  //p' <<<"$out")
[ "$tap_failed" = 0 ] || echo "# ${out//$'\n'/$'\n# '}"
finish
