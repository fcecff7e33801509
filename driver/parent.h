/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The device above: this driver is unbound before that one loses its driver.
 */
#ifndef FSDEV_PARENT_H
#define FSDEV_PARENT_H

struct fsdev;

int parent_precede(struct fsdev *fsdev);
void parent_forget(struct fsdev *fsdev);
void parent_exit(void);

#endif
