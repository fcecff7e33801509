/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fsdev_livepatch: core/holder in place of the kernel's own functions of a DAX device's holder.
 */
#ifndef FSDEV_LIVEPATCH_H
#define FSDEV_LIVEPATCH_H

#include <linux/dax.h>
#include <linux/types.h>

/* examine.c */
int examine_init(void);
void examine_exit(void);
void examine_drain(void);
const char *examine_put(void);
const char *examine_notify(void);
const char *examine_get(void);

/* step.c */
int step_begin(const char *function, void (*at_step)(void *arg), void *arg);
void step_go(void);
void step_halt(void);
void step_end(void);

/* replace.c */
void replace_fs_put_dax(struct dax_device *dax_dev, void *holder);
int replace_dax_holder_notify_failure(struct dax_device *dax_dev, u64 offset, u64 len,
				      int mf_flags);
int replace_fs_dax_get(struct dax_device *dax_dev, void *holder,
		       const struct dax_holder_operations *ops);

#endif
