/* SPDX-License-Identifier: GPL-2.0 */
/*
 * slotfs: the smallest file system that lives on a character DAX device without a block device.
 *
 * The device is a page with the superblock, then slots of equal size, each of which is a file. The
 * files are there from the start and keep their size; they can be read, written and mapped.
 */
#ifndef SLOTFS_H
#define SLOTFS_H

#include <linux/dax.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/sizes.h>

#define SLOTFS_MAGIC 0x736c6f74	/* "slot" */
#define SLOTFS_MAX_FILES 64

/**
 * struct slotfs_disk - the superblock, at the start of the device
 * @magic: SLOTFS_MAGIC
 * @files: how many slots there are
 * @slot_bytes: how large each is
 */
struct slotfs_disk {
	__le32 magic;
	__le32 files;
	__le64 slot_bytes;
};

/* The first slot begins where a 2 MiB mapping can. */
#define SLOTFS_DATA SZ_2M

/**
 * struct slotfs - one mount
 * @dax_dev: the device, referenced
 * @owned: we are its holder
 * @gone: the device has been taken away; nothing reaches the memory any more
 * @slot_bytes: of each file
 * @files: how many there are
 * @node: in the list of all mounts, by which a failure finds its mount
 * @inodes: the files, referenced from mount to unmount
 */
struct slotfs {
	struct dax_device *dax_dev;
	bool owned;
	bool gone;
	u64 slot_bytes;
	unsigned int files;
	struct list_head node;
	struct inode *inodes[SLOTFS_MAX_FILES];
};

static inline struct slotfs *slotfs_of(const struct super_block *sb)
{
	return sb->s_fs_info;
}

/* Inode numbers: 1 is the directory, the files follow. */
#define SLOTFS_ROOT 1
static inline unsigned int slotfs_index(const struct inode *inode)
{
	return inode->i_ino - SLOTFS_ROOT - 1;
}

/* Where a file lies on the device. */
static inline u64 slotfs_start(const struct slotfs *fs, unsigned int index)
{
	return SLOTFS_DATA + index * fs->slot_bytes;
}

/* owner.c: the device behind it */
int slotfs_own(struct super_block *sb, const char *path);
void slotfs_follow(struct slotfs *fs);
void slotfs_disown(struct super_block *sb);

/* file.c: what is in a file */
extern const struct inode_operations slotfs_file_inode_ops;
extern const struct file_operations slotfs_file_ops;
extern const struct address_space_operations slotfs_aops;

#endif
