// SPDX-License-Identifier: GPL-2.0
/*
 * Fuzzes the range map: the bytes become a geometry and requests, and the naive map of tests/model
 * has to give the same answers.
 */
#include <stdlib.h>

#include "tests/model/rangemap_model.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct rangemap_model_count count;

	if (!rangemap_model_compare(data, size, &count))
		abort();
	return 0;
}
