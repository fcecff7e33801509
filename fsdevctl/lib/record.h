/* SPDX-License-Identifier: GPL-2.0 */
/* A record of poisoned memory: the text of one file, and the set of ranges in it. */
#ifndef FSDEVCTL_RECORD_H
#define FSDEVCTL_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_ID 640	/* bytes that hold what a record is about: 16 serial numbers and more */
#define RECORD_WORD 48

/* A poisoned range: by physical address, or from the start of a CXL region. */
struct record_range {
	uint64_t start, len;
};

/**
 * struct record - the poison of one memory
 * @id: which memory: "memory START+LENGTH node N" or "cxl GRANULARITY LENGTH SERIAL..."
 * @machine: the machine whose physical addresses these are; "-" where firmware does not say, or none are used
 * @modules: a digest of the memory modules that firmware names; "-" as above
 * @bound: the boot in which a device was bound with this record and may have repaired of it since; "-" if none
 * @range: poisoned ranges, ascending, apart
 * @count: how many
 */
struct record {
	char id[RECORD_ID];
	char machine[RECORD_WORD], modules[RECORD_WORD], bound[RECORD_WORD];
	struct record_range *range;
	unsigned int count;
};

int record_parse(struct record *record, const char *text, const char **why);
char *record_text(const struct record *record);
int record_add(struct record *record, uint64_t start, uint64_t len);
int record_cut(struct record *record, uint64_t start, uint64_t len);
bool record_overlaps(const struct record *record, uint64_t start, uint64_t len);
void record_free(struct record *record);

#endif
