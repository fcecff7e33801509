# SPDX-License-Identifier: GPL-2.0
# bash completion for fsdevctl: commands, options as each command's help lists them, and devices
# shellcheck shell=bash

_fsdevctl() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]-} words=''

	# readline splits --type=xfs at the sign
	if [ "$cur" = = ]; then cur=''; elif [ "$prev" = = ]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi
	case $prev in
	--type) words='xfs ext4 erofs' ;;
	--name | --timeout | --count | --rate | --label | --uuid | --size | --range) return ;;
	--mode) words='devdax system-ram kernel-fsdev' ;;
	--kind) words='nvdimm cxl soft-reserved other' ;;
	--mount | --from | --dir)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		return
		;;
	--svg | --exec | --report | --key | --sign)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	--device) words=$(cd /sys/bus/dax/devices 2>/dev/null && ls) ;;
	*)
		if [ "$COMP_CWORD" = 1 ]; then
			words="--help --version $(fsdevctl --help | sed -n 's/^  \([a-z]*\) .*/\1/p')"
		elif [[ $cur == -* ]]; then
			words=$(fsdevctl "$command" --help 2>/dev/null | sed -n 's/^  \(--[a-z-]*\).*/\1/p')
		elif [ "$command" = config ]; then
			words='add check apply link'
		elif [ "$command" = publish ] && [ "$COMP_CWORD" = 2 ]; then
			mapfile -t COMPREPLY < <(compgen -d -- "$cur")
			return
		else
			words=$(cd /sys/bus/dax/devices 2>/dev/null && ls)
		fi
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F _fsdevctl fsdevctl
