# SPDX-License-Identifier: GPL-2.0
# The ownership protocol of core/holder.c: proof, stress, and what they would catch. All print TAP, all need the lab.
#   holder-model        the casts that take about a minute on two idle processors
#   holder-model-full   these, and those that take many minutes
#   holder-stress       real threads, a bounded number of rounds
#   holder-mutants      every tests/mutants/holder-*.patch has to be caught by the model and by the stress

holder-run := $(dir $(abspath $(lastword $(MAKEFILE_LIST))))holder-run

.PHONY: holder-model holder-model-full holder-stress holder-mutants
holder-model:
	@$(holder-run) model
holder-model-full:
	@$(holder-run) full
holder-stress:
	@$(holder-run) stress
holder-mutants:
	@$(holder-run) mutants
