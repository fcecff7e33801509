#!/usr/bin/env bash
# In a guest: installs an older version from its .deb files, uses it, upgrades with the device bound and mounted, updates the
# kernel, and removes everything.
set -u
top=$(cd -- "$(dirname -- "$0")/../.." && pwd -P)
# shellcheck source=tests/packages/lib.sh
. "$top/tests/packages/lib.sh"
alone

begin=$SECONDS
# shellcheck disable=SC2046
ok "installs" dpkg -i $(debs "$version~old")
echo "# installed in $((SECONDS - begin)) s, with the module built for $release"
like "DKMS has built it for this kernel" "fsdev/$version~old, $release, x86_64: installed" "$(dkms status fsdev)"
is "the tool's version" "fsdevctl $version~old" "$(fsdevctl --version)"
ok "the manual page" test -e /usr/share/man/man8/fsdevctl.8.gz
ok "the header compiles" sh -c 'printf "#include <fsdev.h>\n" | gcc -x c -fsyntax-only -'
is "completion knows the commands" "monitor" "$(bash -c '. /usr/share/bash-completion/completions/fsdevctl
	COMP_WORDS=(fsdevctl mon) COMP_CWORD=1; _fsdevctl; echo "${COMPREPLY[*]}"')"
is "doctor finds nothing wrong" "no problem was found" "$(fsdevctl doctor 2>&1)"
ok "the livepatch loads" modprobe fsdev_livepatch
ok "enable" fsdevctl enable $dev
ok "mkfs" fsdevctl mkfs $dev --type xfs --mount $mnt
head -c 4M /dev/urandom >$mnt/file
sum=$(sha256sum <$mnt/file)
is "the old module is loaded" "$version~old" "$(cat /sys/module/fsdev/version)"

# shellcheck disable=SC2046
ok "upgrades with the device bound and mounted" dpkg -i $(debs "$version")
like "DKMS has the new one" "fsdev/$version, $release, x86_64: installed" "$(dkms status fsdev)"
is "and only that" 1 "$(dkms status fsdev | grep -c "$release")"
is "the module in the kernel is still the old one" "$version~old" "$(cat /sys/module/fsdev/version)"
like "doctor says so" "version $version~old of the module is loaded and $version is installed" "$(fsdevctl doctor)"
is "the file system goes on" "$sum" "$(sha256sum <$mnt/file)"
ok "writing too" sh -c "head -c 1M /dev/zero >$mnt/more && sync"
umount $mnt
ok "disable" fsdevctl disable $dev
ok "the old module leaves" modprobe -r fsdev
ok "the new one takes the device" fsdevctl enable $dev
is "the new module is loaded" "$version" "$(cat /sys/module/fsdev/version)"
ok "mount" mount -o dax=always $disk $mnt
is "the data is there" "$sum" "$(sha256sum <$mnt/file)"

next=$(cat "$top/build/packages/next")
umount "/usr/lib/modules/$next"
begin=$SECONDS
ok "the kernel's own hook builds it for $next" /etc/kernel/postinst.d/dkms "$next"
echo "# built in $((SECONDS - begin)) s"
like "DKMS has it for $next" "fsdev/$version, $next, x86_64: installed" "$(dkms status fsdev)"
module=$(find "/lib/modules/$next/updates/dkms/" -name 'fsdev.ko*')
like "the module is there" "fsdev.ko" "$module"
ok "and the livepatch" sh -c "ls /lib/modules/$next/updates/dkms/fsdev_livepatch.ko*"
cp "$module" "$top/build/packages/"

ok "removal with the device bound and mounted" dpkg --purge fsdev-dkms fsdevctl libfsdev-dev
is "the file system goes on" "$sum" "$(sha256sum <$mnt/file)"
is "DKMS has nothing left" "" "$(dkms status fsdev)"
is "no module is left" "" "$(find /lib/modules -name 'fsdev.ko*' 2>/dev/null)"
is "no file is left" "" "$(find /usr/sbin/fsdevctl /usr/lib/udev/rules.d/70-fsdev.rules /usr/src/fsdev-* /usr/lib/fsdev \
	/usr/lib/systemd/system/fsdev.service /etc/systemd/system/*/fsdev.service /etc/fsdev.d 2>/dev/null)"
umount $mnt
echo $dev >/sys/bus/dax/drivers/fsdev/unbind
ok "the module can leave" rmmod fsdev
finish
