/* SPDX-License-Identifier: GPL-2.0 */
/* Running other programs. */
#ifndef FSDEVCTL_PROGRAM_H
#define FSDEVCTL_PROGRAM_H

int program_run(const char * const *argv);

#endif
