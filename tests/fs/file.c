// SPDX-License-Identifier: GPL-2.0
/*
 * Files: a slot of the device each, read, written and mapped through the kernel's DAX functions.
 *
 * Some of these functions and operations have another type on another kernel. Where it is only the
 * name of a type, the code is written so that both compile: a size of pages as a number, and no
 * pointer for a page frame number, which only a file system needs that makes MAP_SYNC wait.
 */
#include <linux/iomap.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/uio.h>

#include "slotfs.h"

static struct slotfs_device *device_of(const struct inode *inode)
{
	return slotfs_device(slotfs_of(inode->i_sb), slotfs_index(inode));
}

/* All of a file is one extent, and it is always there. */
static int iomap_begin(struct inode *inode, loff_t pos, loff_t length, unsigned int flags,
		       struct iomap *iomap, struct iomap *srcmap)
{
	struct slotfs *fs = slotfs_of(inode->i_sb);
	struct slotfs_device *device = device_of(inode);

	if (READ_ONCE(device->gone))
		return -EIO;
	if (pos >= fs->slot_bytes)
		return -ENOSPC;
	iomap->type = IOMAP_MAPPED;
	iomap->dax_dev = device->dax_dev;
	iomap->addr = slotfs_start(device, slotfs_index(inode));
	iomap->offset = 0;
	iomap->length = fs->slot_bytes;
	return 0;
}

static const struct iomap_ops slotfs_iomap_ops = { .iomap_begin = iomap_begin };

static ssize_t read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	u64 size = i_size_read(inode);
	ssize_t rc;

	if (iocb->ki_pos >= size)
		return 0;
	iov_iter_truncate(to, size - iocb->ki_pos);
	inode_lock_shared(inode);
	rc = dax_iomap_rw(iocb, to, &slotfs_iomap_ops);
	inode_unlock_shared(inode);
	return rc;
}

static ssize_t write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t rc;

	inode_lock(inode);
	/* which also ends the write at s_maxbytes, the size of a file */
	rc = generic_write_checks(iocb, from);
	if (rc > 0)
		rc = dax_iomap_rw(iocb, from, &slotfs_iomap_ops);
	inode_unlock(inode);
	return rc > 0 ? generic_write_sync(iocb, rc) : rc;
}

/* @order is a number of pages by its logarithm, or on older kernels a name for it. */
static vm_fault_t huge_fault(struct vm_fault *vmf, unsigned int order)
{
	struct inode *inode = file_inode(vmf->vma->vm_file);
	bool write = (vmf->flags & FAULT_FLAG_WRITE) && (vmf->vma->vm_flags & VM_SHARED);
	vm_fault_t rc;

	if (write)
		sb_start_pagefault(inode->i_sb);
	filemap_invalidate_lock_shared(inode->i_mapping);
	rc = dax_iomap_fault(vmf, order, NULL, NULL, &slotfs_iomap_ops);
	filemap_invalidate_unlock_shared(inode->i_mapping);
	if (write)
		sb_end_pagefault(inode->i_sb);
	return rc;
}

static vm_fault_t fault(struct vm_fault *vmf)
{
	return huge_fault(vmf, 0);
}

static const struct vm_operations_struct vm_ops = {
	.fault = fault,
	.huge_fault = huge_fault,
	.page_mkwrite = fault,
	.pfn_mkwrite = fault,
};

static int map_file(struct file *file, struct vm_area_struct *vma)
{
	vma->vm_ops = &vm_ops;
	return 0;
}

static int sync_file(struct file *file, loff_t start, loff_t end, int datasync)
{
	if (READ_ONCE(device_of(file_inode(file))->gone))
		return -EIO;
	return file_write_and_wait_range(file, start, end);
}

const struct file_operations slotfs_file_ops = {
	.owner = THIS_MODULE,
	.llseek = generic_file_llseek,
	.read_iter = read_iter,
	.write_iter = write_iter,
	.mmap = map_file,
	.get_unmapped_area = thp_get_unmapped_area,
	.fsync = sync_file,
};

static int write_pages(struct address_space *mapping, struct writeback_control *wbc)
{
	return dax_writeback_mapping_range(mapping, device_of(mapping->host)->dax_dev, wbc);
}

const struct address_space_operations slotfs_aops = {
	.writepages = write_pages,
	.dirty_folio = noop_dirty_folio,
};

/*
 * Files keep their size, owner and mode. The first argument is of a type that has had two names;
 * the compiler picks the function that this kernel's operation takes.
 */
struct mnt_idmap;

static int set_attributes(struct mnt_idmap *idmap, struct dentry *dentry, struct iattr *attr)
{
	return -EPERM;
}

static int set_attributes_before_6_3(struct user_namespace *ns, struct dentry *dentry,
				     struct iattr *attr)
{
	return -EPERM;
}

#define TAKES(function)							\
	__builtin_types_compatible_p(typeof(((const struct inode_operations *)0)->setattr), \
				     typeof(function) *)

const struct inode_operations slotfs_file_inode_ops = {
	.setattr = __builtin_choose_expr(TAKES(set_attributes), set_attributes,
					 set_attributes_before_6_3),
};
