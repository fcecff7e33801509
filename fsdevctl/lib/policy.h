/* SPDX-License-Identifier: GPL-2.0 */
/* What the kernel does with memory that is added: a setting of the whole machine. */
#ifndef FSDEVCTL_POLICY_H
#define FSDEVCTL_POLICY_H

int policy_hold(void);
void policy_release(int lock);
void policy_mend(void);

#endif
