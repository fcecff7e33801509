/* SPDX-License-Identifier: GPL-2.0 */
/* How the tool speaks: results on standard output, everything else on standard error. */
#ifndef FSDEVCTL_SAY_H
#define FSDEVCTL_SAY_H

#include "c.h"

/**
 * enum outcome - the tool's exit status
 * @DONE: what was asked for is so
 * @FAILED: it could not be done; the device is as it was before
 * @BAD_INPUT: a wrong option, name or configuration line; nothing was changed
 * @IN_USE: refused, because the device is in use; nothing was changed
 * @STRANDED: it failed half way, and the way back failed too
 * @FOUND: a check was made, and found something
 */
enum outcome {
	DONE = 0,
	FAILED = 1,
	BAD_INPUT = 2,
	IN_USE = 3,
	STRANDED = 4,
	FOUND = 5,
};

enum outcome say(enum outcome outcome, const char *format, ...)
	__printf(2, 3);
void note(const char *format, ...) __printf(1, 2);
void say_result(const char *format, ...) __printf(1, 2);
void say_complaint(char *text);
void say_collect(int fd);

#endif
