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

## make bench [KERNELS="..."] [PARTS="..."]  against nd_pmem and the kernel's own drivers, in guest instructions
bench:
	@bench/run --kernels "$(KERNELS)" $(if $(PARTS),--parts "$(PARTS)")

## make clean                   remove what was built; the lab stays
clean:
	rm -rf build

.PHONY: help lab demo module test lint test-mutants bench clean
