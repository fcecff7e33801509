/* SPDX-License-Identifier: GPL-2.0 */
/* Signals while a mode is changed. */
#ifndef FSDEVCTL_INTERRUPT_H
#define FSDEVCTL_INTERRUPT_H

#include <stdbool.h>
#include <sys/types.h>

void interrupt_watch(unsigned int seconds);
bool interrupt_seen(void);
bool interrupt_timed_out(void);
void interrupt_ignore(void);
void interrupt_pass_on(pid_t child);
void interrupt_default(void);

#endif
