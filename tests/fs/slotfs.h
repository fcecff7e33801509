/* SPDX-License-Identifier: GPL-2.0 */
/*
 * slotfs: the smallest file system that lives on a character DAX device without a block device.
 *
 * A device is a page with the superblock, then slots of equal size, each of which is a file. The
 * files are there from the start and keep their size; they can be read, written and mapped. A mount
 * may have several devices, whose files are numbered one after the other.
 */
#ifndef SLOTFS_H
#define SLOTFS_H

#include <linux/dax.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/sizes.h>

#define SLOTFS_MAGIC 0x736c6f74	/* "slot" */
#define SLOTFS_MAX_FILES 64	/* of a device */
#define SLOTFS_MAX_DEVICES 4

/**
 * struct slotfs_disk - the superblock, at the start of a device
 * @magic: SLOTFS_MAGIC
 * @files: how many slots there are
 * @slot_bytes: how large each is
 * @number: which of the mount's devices this is
 * @devices: how many those are
 */
struct slotfs_disk {
	__le32 magic;
	__le32 files;
	__le64 slot_bytes;
	__le32 number;
	__le32 devices;
};

/* The first slot begins where a 2 MiB mapping can. */
#define SLOTFS_DATA SZ_2M

struct slotfs;

/**
 * struct slotfs_device - a device of a mount, and what is its holder
 * @fs: the mount
 * @dax_dev: the device, referenced
 * @owned: this is its holder
 * @gone: it has been taken away; nothing reaches its memory any more
 * @first: its first file
 * @files: how many it has
 */
struct slotfs_device {
	struct slotfs *fs;
	struct dax_device *dax_dev;
	bool owned;
	bool gone;
	unsigned int first;
	unsigned int files;
};

/**
 * struct slotfs - one mount
 * @device: its devices
 * @devices: how many there are
 * @slot_bytes: of each file
 * @files: how many there are on all devices
 * @node: in the list of all mounts, by which a failure finds its mount
 * @inodes: the files, referenced from mount to unmount
 */
struct slotfs {
	struct slotfs_device device[SLOTFS_MAX_DEVICES];
	unsigned int devices;
	u64 slot_bytes;
	unsigned int files;
	struct list_head node;
	struct inode *inodes[SLOTFS_MAX_DEVICES * SLOTFS_MAX_FILES];
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

/* Which device a file is on. */
static inline struct slotfs_device *slotfs_device(struct slotfs *fs, unsigned int index)
{
	unsigned int i = fs->devices;

	while (fs->device[--i].first > index)
		;
	return &fs->device[i];
}

/* Where a file lies on its device. */
static inline u64 slotfs_start(const struct slotfs_device *device, unsigned int index)
{
	return SLOTFS_DATA + (index - device->first) * device->fs->slot_bytes;
}

/* owner.c: the devices behind it */
int slotfs_own(struct slotfs *fs, const char *path);
void slotfs_follow(struct slotfs *fs);
void slotfs_disown(struct slotfs *fs);

/* file.c: what is in a file */
extern const struct inode_operations slotfs_file_inode_ops;
extern const struct file_operations slotfs_file_ops;
extern const struct address_space_operations slotfs_aops;

#endif
