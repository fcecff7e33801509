/* SPDX-License-Identifier: GPL-2.0 */
/* What the kernel says about a device while something is done to it. */
#ifndef FSDEVCTL_KMSG_H
#define FSDEVCTL_KMSG_H

int kmsg_start(void);
void kmsg_tell(int kmsg, const char *about);

#endif
