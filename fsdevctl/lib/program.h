/* SPDX-License-Identifier: GPL-2.0 */
/* Running other programs. */
#ifndef FSDEVCTL_PROGRAM_H
#define FSDEVCTL_PROGRAM_H

#include <stdbool.h>

int program_run(const char * const *argv);
int program_run_quiet(const char * const *argv);
bool program_there(const char *name);
int program_run_while(const char * const *argv, bool (*keep)(void *arg), void *arg);

#endif
