# SPDX-License-Identifier: GPL-2.0
# fsdev: see README.md. `make help` lists the targets.
#
# Everything is built and run inside the lab, a Debian root file system that `make lab` makes; only `make module` without
# KERNEL, and `make install`, use the machine's own compiler and its running kernel.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

KERNELS ?= $(shell grep -vE '^(\#|$$)' $(dir $(firstword $(MAKEFILE_LIST)))lab/kernels)
RELEASE ?= $(shell uname -r)
export FSDEV_LAB

help:
	@sed -n 's/^## //p' $(firstword $(MAKEFILE_LIST))

## make lab                     make the lab: root file system, tools and kernels
lab:
	@lab/make

## make demo [KERNEL=6.12]      boot a VM and run the main job, step by step
demo: KERNEL ?= 6.12
demo:
	@demo/run "$(KERNEL)"

## make tour                    the pictures of README.md, from a run in a VM
tour:
	@lab/make && lab/enter make -s -C fsdevctl && lab/run --kernel 6.12 --soft-reserved 640M -- demo/tour

## make cross                   make a root beside the lab's, for kernels that are built for but not booted (lab/kernels.cross)
cross:
	@lab/cross

## make module [KERNEL=6.12] [ARCH=arm64]   build the module for a kernel of the lab, or of the cross root as KERNEL=6.1-cloud-amd64; without KERNEL for the one that runs
named = $(KERNEL)$(ARCH:%=-%)
module:
ifdef KERNEL
	@lab/enter $(if $(filter %-arm64 %-amd64 %-16k,$(named)),--cross) driver/build $(if $(findstring cloud,$(named)),--alone) "$$(lab/release $(named))"
else
	@driver/build "$(RELEASE)"
endif

## make test [KERNELS="..."] [SUITES="..."] [CASES="scenario:case ..."] [REPEAT=N]   every test; ends with "N passed, N failed"
test:
	@REPEAT="$(REPEAT)" tests/run --kernels "$(KERNELS)" --suites "$(SUITES)" --cases "$(CASES)"

## make test-stack [KERNELS="..."] [SUITES="..."]   what people put on such a device: file systems, device-mapper, CXL, two hosts
test-stack:
	@REPEAT="$(REPEAT)" tests/run --stack --kernels "$(KERNELS)" --suites "$(SUITES)" --cases "$(CASES)"

## make test-arm64 [KERNELS="6.12 7 7-16k"]   guests of arm64: bind, file systems, failing pages, removal; makes their root first
test-arm64:
	@tests/arm64 $(if $(filter command%,$(origin KERNELS)),$(KERNELS))

## make check                   the quick part: no root, no guest, no lab; what this machine lacks a tool for is skipped
check:
	@tests/check

## make test-boot [KERNELS="..."] [SUITES="..."]   guests that boot as Debian does: KASLR, systemd, udevd, no short cut
test-boot:
	@REPEAT="$(REPEAT)" tests/run --boot --kernels "$(KERNELS)" --suites "$(SUITES)" --cases "$(CASES)"

## make lint                    style and static checks; part of make test
lint:
	@tests/run --kernels "$(KERNELS)" --suites lint

## make test-mutants            take each behaviour away and see a test fail
test-mutants:
	@tests/mutants/run $(MUTANTS)

## make release-check [HOURS=N] [STEPS="..."]   all that takes hours; goes on where it was ended
release-check:
	@tests/release-check $(if $(HOURS),--hours "$(HOURS)") $(if $(STEPS),--steps "$(STEPS)")

## make bench [KERNELS="..."] [PARTS="..."]   against nd_pmem and the kernel's own drivers, in guest instructions
bench:
	@bench/run --kernels "$(KERNELS)" $(if $(PARTS),--parts "$(PARTS)")

## make deb                     Debian packages in build/deb/VERSION: fsdev-dkms, fsdevctl, libfsdev-dev
# the time of the last change, so that the same sources give the same packages
epoch = $(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct 2>/dev/null || stat -c %Y VERSION))
deb:
	@lab/enter env SOURCE_DATE_EPOCH=$(epoch) packaging/deb $(VERSION)

## make repo                    those packages as a flat archive for apt, in build/repo
repo: deb
	@lab/enter env SOURCE_DATE_EPOCH=$(epoch) packaging/repo $(VERSION)

## make rpm                     an RPM package with the module's sources for DKMS and the tool, in build/rpm; needs make cross
rpm:
	@lab/enter --cross env SOURCE_DATE_EPOCH=$(epoch) packaging/rpm

## make install [PREFIX=/usr] [DESTDIR=DIR]   the module (for the running kernel, or RELEASE), the tool, its boot files, the headers
install: module install-tool install-headers
	install -d $(DESTDIR)/usr/lib/modules/$(RELEASE)/updates
	for module in build/module/$(RELEASE)/install/updates/*.ko; do \
		case $$module in */fsdev_test.ko|*/fsdev_bench.ko) continue ;; esac; install -m 644 $$module $(DESTDIR)/usr/lib/modules/$(RELEASE)/updates/; \
	done
	[ -n "$(DESTDIR)" ] || depmod $(RELEASE)

BUILD ?= $(CURDIR)/build
PREFIX ?= /usr
to := $(DESTDIR)$(PREFIX)
# warnings of a compiler that this project has not seen stop no user
WERROR ?=
# with another prefix the boot files name the program there
place = sed 's|/usr/sbin/fsdevctl|$(PREFIX)/sbin/fsdevctl|g' $(1) >$(2) && chmod 644 $(2)

install-tool:
	$(MAKE) -s -C fsdevctl BUILD=$(BUILD) WERROR=$(WERROR)
	install -d $(addprefix $(to)/,sbin lib/udev/rules.d lib/systemd/system share/man/man4 share/man/man5 share/man/man8 \
		share/bash-completion/completions)
	install -m 755 $(BUILD)/fsdevctl $(to)/sbin/
	$(call place,packaging/59-fsdev.rules,$(to)/lib/udev/rules.d/59-fsdev.rules)
	for unit in $(units); do $(call place,packaging/$$unit,$(to)/lib/systemd/system/$$unit); done
	install -D -m 755 packaging/initramfs-hook $(to)/share/initramfs-tools/hooks/fsdev
	install -D -m 755 packaging/dracut-module-setup $(to)/lib/dracut/modules.d/90fsdev/module-setup.sh
	install -m 644 packaging/completion.bash $(to)/share/bash-completion/completions/fsdevctl
	install -m 644 docs/man/*.4 $(to)/share/man/man4/
	install -m 644 docs/man/*.5 $(to)/share/man/man5/
	install -m 644 docs/man/*.8 $(to)/share/man/man8/

units := $(notdir $(wildcard packaging/fsdev*.service packaging/fsdev*.timer))

install-headers:
	install -d $(to)/include/fsdev $(to)/share/pkgconfig
	install -m 644 uapi/fsdev.h $(to)/include/
	install -m 644 include/fsdev/dax.h $(to)/include/fsdev/
	sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(version)|' packaging/fsdev.pc.in >$(to)/share/pkgconfig/fsdev.pc
	chmod 644 $(to)/share/pkgconfig/fsdev.pc

version := $(shell cat VERSION)

# what DKMS builds from: the sources, and the reader of a kernel's type information
src_dir = $(DESTDIR)/usr/src/fsdev-$(version)
install-dkms:
	$(MAKE) -s -C layout BUILD=$(BUILD) WERROR=$(WERROR)
	install -d $(DESTDIR)/usr/lib/fsdev $(src_dir)
	install -m 755 $(BUILD)/btf2layout $(DESTDIR)/usr/lib/fsdev/
	find Kbuild driver core include livepatch uapi -name '*.[ch]' -o -name Kbuild | xargs -I{} install -D -m 644 {} $(src_dir)/{}
	install -m 644 VERSION $(src_dir)/
	install -D -m 755 packaging/dkms-build $(src_dir)/packaging/dkms-build
	sed 's|#MODULE_VERSION#|$(version)|' packaging/dkms.conf >$(src_dir)/dkms.conf && chmod 644 $(src_dir)/dkms.conf

## make uninstall [PREFIX=/usr] [DESTDIR=DIR]   take away what make install has put there, for every kernel; /etc/fsdev.d stays
uninstall:
	rm -f $(wildcard $(DESTDIR)/usr/lib/modules/*/updates/fsdev.ko $(DESTDIR)/usr/lib/modules/*/updates/fsdev_dax.ko \
		$(DESTDIR)/usr/lib/modules/*/updates/fsdev_livepatch.ko)
	rm -f $(addprefix $(to)/,sbin/fsdevctl lib/udev/rules.d/59-fsdev.rules $(addprefix lib/systemd/system/,$(units)) \
		share/initramfs-tools/hooks/fsdev lib/dracut/modules.d/90fsdev/module-setup.sh share/bash-completion/completions/fsdevctl \
		$(foreach page,$(notdir $(wildcard docs/man/*.[458])),share/man/man$(patsubst .%,%,$(suffix $(page)))/$(page)) \
		include/fsdev.h include/fsdev/dax.h share/pkgconfig/fsdev.pc)
	rmdir $(addprefix $(to)/,lib/dracut/modules.d/90fsdev include/fsdev) 2>/dev/null || true
	[ -n "$(DESTDIR)" ] || depmod $(RELEASE)

## make test-packages           the .deb files in guests: install, upgrade, kernel update, removal; and a boot with fstab
test-packages:
	@lab/make && $(MAKE) -s module KERNEL=6.12 && $(MAKE) -s module KERNEL=7 && tests/packages/run

## make test-debug [DEBUG_KERNELS="..."] [SUITES="..."]   the scenarios on instrumented kernels (KASAN, KCSAN, ...); builds those first
DEBUG_KERNELS ?= 6.12-kasan 7-kasan 6.12-kcsan 7-kcsan
test-debug:
	@lab/make && for kernel in $(DEBUG_KERNELS); do tests/debug/kernel $$kernel; done
	@REPEAT="$(REPEAT)" tests/run --debug --kernels "$(DEBUG_KERNELS)" --suites "$(SUITES)" --cases "$(CASES)"

## make soak ROUNDS=N [SEED=S] [KERNEL=6.12]    random rounds over two devices; then whole, a fifth as many
soak: KERNEL ?= 6.12
soak: ROUNDS ?= 1000
soak:
	@tests/long soak "$(KERNEL)" "$(ROUNDS)" "$(SEED)"
	@tests/long whole "$(KERNEL)" "$$((($(ROUNDS) + 4) / 5))" "$(SEED)"

## make reflink-soak ROUNDS=N [SEED=S] [KERNEL=6.12]   random rounds over files that share blocks
reflink-soak: KERNEL ?= 6.12
reflink-soak: ROUNDS ?= 200
reflink-soak:
	@tests/long reflink-soak "$(KERNEL)" "$(ROUNDS)" "$(SEED)"

## make whole ROUNDS=N [SEED=S] [KERNEL=6.12]   random rounds over two devices, with a model of who may see each byte
whole: KERNEL ?= 6.12
whole: ROUNDS ?= 200
whole:
	@tests/long whole "$(KERNEL)" "$(ROUNDS)" "$(SEED)"

## make failures [ROUNDS=N] [SEED=S] [KERNEL=6.12]   pages fail at random while they are used: N injected, N / 10 by machine checks
failures: KERNEL ?= 6.12
failures: ROUNDS ?= 1000
failures:
	@tests/long ras-storm "$(KERNEL)" "$(ROUNDS)" "$(SEED)"
	@tests/long ras-checks "$(KERNEL)" "$$((($(ROUNDS) + 9) / 10))" "$(SEED)"

## make races ROUNDS=N [KERNEL=6.12]            everything at once, for longer
races: KERNEL ?= 6.12
races: ROUNDS ?= 1000
races:
	@tests/long races "$(KERNEL)" "$(ROUNDS)"

## make power-loss KILLS=N [SEED=S] [KERNEL=6.12] [MEMORY=virtio-pmem]   kill the VM and see what had been promised
power-loss: KERNEL ?= 6.12
power-loss: KILLS ?= 100
power-loss:
	@tests/power/run --kernel "$(KERNEL)" --kills "$(KILLS)" $(if $(SEED),--seed $(SEED)) $(if $(MEMORY),--memory $(MEMORY))

## make clean                   remove what was built; the lab stays
clean:
	rm -rf build

.PHONY: help lab cross demo tour module check test test-stack test-arm64 test-boot release-check lint test-mutants test-packages test-debug bench soak reflink-soak whole failures races power-loss deb repo rpm install install-tool install-headers install-dkms uninstall clean
