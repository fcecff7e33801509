/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Superblocks: a walk over those of the machine, and over the DAX files of each.
 */
#ifndef FSDEV_SUPERS_H
#define FSDEV_SUPERS_H

#include <linux/types.h>

struct file_system_type;
struct inode;
struct super_block;

typedef bool (super_call_t)(struct super_block *sb, void *arg);
typedef bool (file_call_t)(struct inode *inode, void *arg);
int supers_init(void);
void supers_exit(void);
bool supers_of_type(struct file_system_type *type, super_call_t *call, void *arg);
bool supers_each(super_call_t *call, void *arg);
struct file_system_type *supers_get_type(const char *name);
void super_put(struct super_block *sb);
bool super_each_file(struct super_block *sb, file_call_t *call, void *arg);
bool super_has_swap(struct super_block *sb);
bool super_has_writer(struct super_block *sb);

#endif
