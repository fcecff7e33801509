// SPDX-License-Identifier: GPL-2.0
/*
 * straggler2: another one, so that one can be unloaded while the other is notified.
 */
#include "straggler.c"
