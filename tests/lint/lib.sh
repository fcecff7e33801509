# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What the checks of this folder share. Each is a program that prints what is wrong as "FILE:LINE: TEXT" and nothing where
# nothing is; none needs root, a guest or the lab.

# shellcheck disable=SC2034  # for the checks
lint=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
cd "$lint/../.." || exit

# tracked PATTERN...: the files of the tree, and those that are about to be
tracked() {
	git ls-files -co --exclude-standard -- "$@" | while read -r file; do [ ! -f "$file" ] || echo "$file"; done
}

# hold NAME: passes on what is wrong on standard input, but for what NAME.allowed lets stand: a line "COUNT FOLDER" for each folder
# at the top of the tree, so that files may be moved in it. The counts can only fall: SHRINK=y (tests/lint/shrink) lowers those
# of which there are fewer by now.
hold() {
	local list=$lint/$1.allowed found

	found=$(cat)
	if [ -n "${SHRINK-}" ]; then
		[ -f "$list" ] || return 0
		awk -F'[/:]' 'NR == FNR { n[$1]++; next } { split($0, word, " ") }
			/^#/ { print; next } n[word[2]] > 0 { print (n[word[2]] < word[1] ? n[word[2]] : word[1]), word[2] }' \
			<(printf '%s\n' "$found") "$list" >"$list.new"
		mv "$list.new" "$list"
		return 0
	fi
	[ -n "$found" ] || return 0
	awk -F'[/:]' -v name="$1" 'FILENAME == ARGV[1] { split($0, word, " "); if ($0 !~ /^#/) may[word[2]] = word[1]; next }
		{ n[$1]++; text[$1] = text[$1] $0 "\n" }
		END { for (f in n) if (n[f] > may[f] + 0) {
			if (may[f]) printf "%s: %d of these, where tests/lint/%s.allowed lets %d stand:\n", f, n[f], name, may[f]
			printf "%s", text[f] } }' "$([ -f "$list" ] && echo "$list" || echo /dev/null)" - <<<"$found" |
		grep . && return 1
	return 0
}
