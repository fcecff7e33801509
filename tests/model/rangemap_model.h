/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A naive range map, and a comparison of the real one with it. Used by the random run beside this
 * file and by tests/fuzz.
 */
#ifndef FSDEV_TESTS_RANGEMAP_MODEL_H
#define FSDEV_TESTS_RANGEMAP_MODEL_H

#include "core/rangemap.h"

/* What has been compared so far. */
struct rangemap_model_count {
	unsigned long geometries;
	unsigned long refused;
	unsigned long requests;
};

/*
 * Makes a geometry and requests from @data, whatever bytes these are, and compares. Returns false
 * after saying on standard error what differs.
 */
bool rangemap_model_compare(const u8 *data, size_t size, struct rangemap_model_count *count);

#endif
