// SPDX-License-Identifier: GPL-2.0
/*
 * Fuzzes the bad ranges: the bytes become a device and a row of calls, and the naive set of
 * tests/model has to give the same answers.
 */
#include <stdlib.h>

#include "tests/model/poison_set_model.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	if (!poison_set_model_compare(data, size))
		abort();
	return 0;
}
