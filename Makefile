# fsdev: see README.md. `make help` lists the targets.
#
# Everything is built and run inside the lab, a Debian root file system that `make lab` makes; only `make module` without
# KERNEL, and `make install`, use the machine's own compiler and its running kernel.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

KERNELS ?= 6.1 6.12 7
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

## make module [KERNEL=6.12]    build the module for a kernel of the lab; without KERNEL for the one that runs
module:
ifdef KERNEL
	@lab/enter driver/build "$$(lab/release $(KERNEL))"
else
	@driver/build "$$(uname -r)"
endif

## make test [KERNELS="..."] [SUITES="..."]   every test; ends with "N passed, N failed"
test:
	@tests/run --kernels "$(KERNELS)" --suites "$(SUITES)"

## make lint                    style and static checks; part of make test
lint:
	@tests/run --kernels "$(KERNELS)" --suites lint

## make test-mutants            take each behaviour away and see a test fail
test-mutants:
	@tests/mutants/run $(MUTANTS)

## make test-debug              the scenarios on instrumented kernels
test-debug: DEBUG_KERNELS ?= 6.12-kasan 7-kasan 6.12-kcsan 7-kcsan
test-debug:
	@for kernel in $(DEBUG_KERNELS); do tests/debug/kernel $$kernel; done
	@FSDEV_LIMIT=6000 tests/run --kernels "$(DEBUG_KERNELS)" --suites "$(SUITES)" --guests

## make soak ROUNDS=N [SEED=S] [KERNEL=6.12]    random rounds over two devices
soak: KERNEL ?= 6.12
soak: ROUNDS ?= 1000
soak:
	@tests/long soak "$(KERNEL)" "$(ROUNDS)" "$(SEED)"

## make races ROUNDS=N [KERNEL=6.12]            everything at once, for longer
races: KERNEL ?= 6.12
races: ROUNDS ?= 1000
races:
	@tests/long races "$(KERNEL)" "$(ROUNDS)" "$(SEED)"

## make power-loss KILLS=N [SEED=S] [KERNEL=6.12]   kill the VM and see what had been promised
power-loss: KERNEL ?= 6.12
power-loss: KILLS ?= 100
power-loss:
	@tests/power/run --kernel "$(KERNEL)" --kills "$(KILLS)" $(if $(SEED),--seed $(SEED))

## make clean                   remove what was built; the lab stays
clean:
	rm -rf build

.PHONY: test-debug soak races power-loss help lab demo module test lint test-mutants clean
