#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# In the root of a machine that does not run, by the host's own processor: machine.sh bare|installed|upgraded|updated
# What DKMS and the maintainer scripts do there is what they do on a machine; $FSDEV_RELEASE is the kernel that it runs.
# shellcheck disable=SC2317  # the steps are called by name
set -u
top=$(cd -- "$(dirname -- "$0")/../.." && pwd -P)
# shellcheck source=tests/packages/lib.sh
. "$top/tests/packages/lib.sh"
modules=/usr/lib/modules/$release
next=$(cat "$top/build/next")

# the kernel that runs here is not the machine's, whatever uname says
[ ! -d /sys/kernel/btf ] || mount -t tmpfs none /sys/kernel/btf

# spent SINCE WHAT
spent() {
	echo "# $2: $((SECONDS - $1)) s"
}

# bare: a small machine with one kernel, and no headers yet. DKMS looks through all modules again and again, and makes their index
# anew with each change: with the thousands of a Debian kernel an emulated machine is minutes at it.
bare() {
	local kernel
	local used='lib/|.*crc32c|security/|net/9p|fs/(xfs|ext4|jbd2|mbcache|autofs|9p|netfs|overlayfs)|drivers/(acpi/nfit|cxl|dax|nvdimm|virtio|char/virtio|md/dm-mod)'

	rm -f /etc/dpkg/dpkg.cfg.d/99mmdebstrap /var/lib/man-db/auto-update
	for kernel in "$release" "$next"; do
		find "/usr/lib/modules/$kernel/kernel" -name '*.ko*' | grep -vE "/kernel/($used)" | xargs rm -f
		find "/usr/lib/modules/$kernel/kernel" -type d -empty -delete
		depmod "$kernel"
		mv "/usr/lib/modules/$kernel/build" "/usr/lib/modules/$kernel/build.later"
	done
	# what else the lab has headers of
	rm -f /usr/lib/modules/*/build
	is "nothing of the packages is there" "" "$(dpkg-query -W 'fsdev*' 'libfsdev*' 2>/dev/null)"
	is "nor a module" "" "$(find /usr/lib/modules -path '*/updates/*')"
}

# installed: the older version, on a machine whose kernel headers come later
installed() {
	local out begin

	# shellcheck disable=SC2046
	out=$(dpkg -i $(debs "$version~old") 2>&1)
	is "installs without kernel headers" 0 $?
	like "and says what is missing" "please install the linux-headers-${release//+/\\+} package" "$out"
	mv "$modules/build.later" "$modules/build"
	begin=$SECONDS
	ok "the hook of the headers' package builds it" /etc/kernel/header_postinst.d/dkms "$release"
	spent "$begin" "built for $release"
	is "DKMS has it for this kernel" "$(dkms_line "$version~old" "$release")" "$(dkms status fsdev)"
	is "the tool's version" "fsdevctl $version~old" "$(fsdevctl --version)"
	ok "the manual pages" test -s /usr/share/man/man8/fsdevctl.8.gz -a -s /usr/share/man/man5/fsdev.conf.5.gz -a \
		-s /usr/share/man/man4/fsdev.4.gz
	ok "the header compiles" sh -c 'printf "#include <fsdev.h>\n" | gcc -x c -fsyntax-only -'
	is "completion knows the commands" "monitor" "$(bash -c '. /usr/share/bash-completion/completions/fsdevctl
		COMP_WORDS=(fsdevctl mon) COMP_CWORD=1; _fsdevctl; echo "${COMPREPLY[*]}"')"
	ok "the unit is enabled" test -L /etc/systemd/system/sysinit.target.wants/fsdev.service
}

# upgraded: where the compiler fails at first
upgraded() {
	local out begin

	# shellcheck disable=SC2046
	out=$(FSDEV_COMPILE=broken dpkg -i $(debs "$version") 2>&1)
	is "an upgrade whose build fails fails" 1 $?
	like "and says where the build's log is" "/var/lib/dkms/fsdev/$version/build/make.log" "$out"
	is "dpkg knows" half-configured "$(dpkg-query -Wf '${db:Status-Status}' fsdev-dkms)"
	begin=$SECONDS
	ok "dpkg --configure -a completes it" dpkg --configure -a
	spent "$begin" "built for $release"
	is "DKMS has it, and only that" "$(dkms_line "$version" "$release")" "$(dkms status fsdev)"
	is "with all modules" "fsdev.ko fsdev_dax.ko fsdev_livepatch.ko" \
		"$(find "$modules/updates/dkms" -name 'fsdev*' -printf '%f\n' | sed 's/ko.*/ko/' | sort | paste -sd' ')"
	is "the older one's sources are gone" "/usr/src/fsdev-$version" "$(echo /usr/src/fsdev-*)"
	is "the tool's version" "fsdevctl $version" "$(fsdevctl --version)"
	initramfs
}

# initramfs: as initramfs-tools makes it with the hook, without and with a section
initramfs() {
	local config=/etc/initramfs-tools/initramfs.conf record=/var/lib/fsdev/poison/memory-0.poison

	sed -i.before 's/^MODULES=.*/MODULES=list/; s/^COMPRESS=.*/COMPRESS=gzip/' "$config"
	ok "an initramfs without a section" mkinitramfs -o /tmp/without "$release"
	is "has nothing of the tool" "" "$(lsinitramfs /tmp/without | grep fsdev)"
	printf '[any]\naddress = 0x1000\n' >/etc/fsdev.d/any.conf
	mkdir -p "${record%/*}"
	echo "fsdev-poison 1" >"$record"
	ok "an initramfs with a section" mkinitramfs -o /tmp/with "$release"
	unmkinitramfs /tmp/with /tmp/unpacked
	is "keeps kmem from being loaded" "blacklist kmem" "$(find /tmp/unpacked -name fsdev-initramfs.conf -exec cat {} +)"
	is "and has the record of poison" "fsdev-poison 1" "$(find /tmp/unpacked -name "${record##*/}" -exec cat {} +)"
	mv "$config.before" "$config"
	rm -r /etc/fsdev.d/any.conf /var/lib/fsdev /tmp/with /tmp/without /tmp/unpacked
}

# updated: the kernel's own hook builds for the next series
updated() {
	local begin

	mv "/usr/lib/modules/$next/build.later" "/usr/lib/modules/$next/build"
	begin=$SECONDS
	ok "the hook of the kernel's package builds it" /etc/kernel/postinst.d/dkms "$next"
	spent "$begin" "built for $next"
	is "DKMS has it for both" "$(dkms_line "$version" "$release" && dkms_line "$version" "$next")" "$(dkms status fsdev)"
	is "its index of modules has both" "fsdev fsdev_livepatch" \
		"$(for name in fsdev fsdev_livepatch; do modinfo -k "$next" -F name "$name"; done | paste -sd' ')"
	is "built for that kernel" "$next" "$(modinfo -k "$next" -F vermagic fsdev | cut -d' ' -f1)"
}

$1
echo "1..$tap_count"
exit $((tap_failed != 0))
