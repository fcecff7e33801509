/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A naive poison set, and a comparison of the real one with it. Used by tests/unit with random
 * input and by tests/fuzz.
 */
#ifndef FSDEV_TESTS_POISON_SET_MODEL_H
#define FSDEV_TESTS_POISON_SET_MODEL_H

#include "core/poison_set.h"

/*
 * Makes a device and a row of additions, removals and searches from @data, whatever bytes these are,
 * and compares after each. Returns false after saying on standard error what differs.
 */
bool poison_set_model_compare(const u8 *data, size_t size);

#endif
