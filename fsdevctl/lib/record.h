/* SPDX-License-Identifier: GPL-2.0 */
/* A record of poisoned memory: the text of one file, and the set of ranges in it. */
#ifndef FSDEVCTL_RECORD_H
#define FSDEVCTL_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_ID 720	/* bytes that hold what a record is about: 16 serial numbers, addresses and more */
#define RECORD_WORD 48

/* A poisoned range: by physical address, or from the start of a CXL region. */
struct record_range {
	uint64_t start, len;
};

/* Ranges: ascending, apart; with room for as many. */
struct record_set {
	struct record_range *range;
	unsigned int count, room;
};

/**
 * struct record - the poison of one memory
 * @id: which memory: "memory START+LENGTH node N" or "cxl GRANULARITY LENGTH SERIAL[@ADDRESS]..."
 * @machine: the machine whose physical addresses these are; "-" where firmware does not say, or none are used
 * @modules: a digest of the memory modules that firmware names; "-" as above
 * @bound: the boot in which devices were bound with this record; "-" if none
 * @spans: what they have of the memory: a driver knows what is poisoned of it, and may have repaired of it since
 * @poison: poisoned ranges
 */
struct record {
	char id[RECORD_ID];
	char machine[RECORD_WORD], modules[RECORD_WORD], bound[RECORD_WORD];
	struct record_set spans, poison;
};

int record_parse(struct record *record, const char *text, const char **why);
char *record_text(const struct record *record);
int record_add(struct record *record, uint64_t start, uint64_t len);
int record_cut(struct record *record, uint64_t start, uint64_t len);
bool record_overlaps(const struct record *record, uint64_t start, uint64_t len);
int record_bind(struct record *record, const char *boot, uint64_t start, uint64_t len);
int record_unbind(struct record *record, uint64_t start, uint64_t len);
bool record_bound(const struct record *record, const char *boot, uint64_t start, uint64_t len);
bool record_bound_whole(const struct record *record, const char *boot, uint64_t start, uint64_t len);
void record_free(struct record *record);

#endif
