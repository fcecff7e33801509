// SPDX-License-Identifier: GPL-2.0
/*
 * Mounting: mount -t slotfs [-o files=N,more=/dev/daxX.Y...] /dev/daxX.Y DIR
 *
 * With files=N it is made anew first, with so many on each device; "more" names further devices.
 */
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "slotfs.h"

/* ---- on the device ---- */

/* The superblock in memory; the caller is inside dax_read_lock(). */
static struct slotfs_disk *disk_of(struct dax_device *dax_dev)
{
	void *kaddr;
	long n = dax_direct_access(dax_dev, 0, 1, DAX_ACCESS, &kaddr, NULL);

	if (n < 0)
		return ERR_PTR(n);
	return n ? kaddr : ERR_PTR(-EIO);
}

/* The last page of a file that the device does not have is the error. */
static int check_size(const struct slotfs_device *device)
{
	u64 end = slotfs_start(device, device->first + device->files);
	void *kaddr;
	long n;

	n = dax_direct_access(device->dax_dev, PHYS_PFN(end) - 1, 1, DAX_ACCESS, &kaddr, NULL);
	return n < 0 ? n : 0;
}

static int write_disk(struct slotfs_device *device)
{
	struct slotfs_disk *disk = disk_of(device->dax_dev);

	if (IS_ERR(disk))
		return PTR_ERR(disk);
	disk->files = cpu_to_le32(device->files);
	disk->slot_bytes = cpu_to_le64(device->fs->slot_bytes);
	disk->number = cpu_to_le32(device - device->fs->device);
	disk->devices = cpu_to_le32(device->fs->devices);
	disk->magic = cpu_to_le32(SLOTFS_MAGIC);
	dax_flush(device->dax_dev, disk, sizeof(*disk));
	return 0;
}

/* The kernel's function takes one page and no more. */
static int zero_all(struct slotfs_device *device)
{
	unsigned long pages = PHYS_PFN(slotfs_start(device, device->first + device->files));
	int rc = 0;

	for (unsigned long i = 0; i < pages && !rc; i++)
		rc = dax_zero_page_range(device->dax_dev, i, 1);
	return rc;
}

/* Makes a device anew, its files of 32 MiB each and all zero. */
static int format(struct slotfs_device *device, unsigned int files)
{
	int rc, id;

	device->files = files;
	device->fs->slot_bytes = SZ_32M;
	id = dax_read_lock();
	rc = check_size(device);
	if (!rc)
		rc = zero_all(device);
	if (!rc)
		rc = write_disk(device);
	dax_read_unlock(id);
	return rc;
}

static bool good_disk(const struct slotfs_disk *disk, const struct slotfs_device *device)
{
	const struct slotfs *fs = device->fs;
	u64 slot_bytes = le64_to_cpu(disk->slot_bytes);
	u32 files = le32_to_cpu(disk->files);

	return le32_to_cpu(disk->magic) == SLOTFS_MAGIC && files && files <= SLOTFS_MAX_FILES &&
	       le32_to_cpu(disk->number) == device - fs->device &&
	       le32_to_cpu(disk->devices) == fs->devices && slot_bytes && slot_bytes <= SZ_1G &&
	       IS_ALIGNED(slot_bytes, SZ_2M) && (!fs->slot_bytes || fs->slot_bytes == slot_bytes);
}

static int read_disk(struct slotfs_device *device)
{
	const struct slotfs_disk *disk;
	int id = dax_read_lock(), rc = -EINVAL;

	disk = disk_of(device->dax_dev);
	if (IS_ERR(disk)) {
		rc = PTR_ERR(disk);
	} else if (good_disk(disk, device)) {
		device->files = le32_to_cpu(disk->files);
		device->fs->slot_bytes = le64_to_cpu(disk->slot_bytes);
		rc = check_size(device);
	}
	dax_read_unlock(id);
	return rc;
}

/* ---- the directory ---- */

static struct dentry *lookup(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	struct slotfs *fs = slotfs_of(dir->i_sb);
	struct inode *inode = NULL;
	char name[16];

	for (unsigned int i = 0; i < fs->files && !inode; i++) {
		snprintf(name, sizeof(name), "file%u", i);
		if (!strcmp(name, dentry->d_name.name))
			inode = igrab(fs->inodes[i]);
	}
	return d_splice_alias(inode, dentry);
}

static int iterate(struct file *file, struct dir_context *ctx)
{
	struct slotfs *fs = slotfs_of(file_inode(file)->i_sb);
	char name[16];

	if (!dir_emit_dots(file, ctx))
		return 0;
	for (; ctx->pos - 2 < fs->files; ctx->pos++) {
		unsigned int i = ctx->pos - 2;
		int len = snprintf(name, sizeof(name), "file%u", i);

		if (!dir_emit(ctx, name, len, i + SLOTFS_ROOT + 1, DT_REG))
			break;
	}
	return 0;
}

static const struct inode_operations dir_inode_ops = { .lookup = lookup };
static const struct file_operations dir_ops = {
	.owner = THIS_MODULE,
	.llseek = generic_file_llseek,
	.read = generic_read_dir,
	.iterate_shared = iterate,
};

static struct inode *make_dir(struct super_block *sb)
{
	struct inode *inode = new_inode(sb);

	if (!inode)
		return NULL;
	inode->i_ino = SLOTFS_ROOT;
	inode->i_mode = S_IFDIR | 0755;
	inode->i_op = &dir_inode_ops;
	inode->i_fop = &dir_ops;
	set_nlink(inode, 2);
	return inode;
}

static struct inode *make_file(struct super_block *sb, unsigned int index)
{
	struct inode *inode = new_inode(sb);

	if (!inode)
		return NULL;
	inode->i_ino = SLOTFS_ROOT + 1 + index;
	inode->i_mode = S_IFREG | 0600;
	inode->i_op = &slotfs_file_inode_ops;
	inode->i_fop = &slotfs_file_ops;
	inode->i_mapping->a_ops = &slotfs_aops;
	inode->i_flags |= S_DAX;
	inode->i_size = slotfs_of(sb)->slot_bytes;
	return inode;
}

/* ---- the mount ---- */

static void put_super(struct super_block *sb)
{
	struct slotfs *fs = slotfs_of(sb);

	/* no notification comes any more; then the files may be freed */
	slotfs_disown(fs);
	for (unsigned int i = 0; i < fs->files; i++)
		iput(fs->inodes[i]);
}

/* From 6.15 on a file gives up its DAX pages before it goes; older kernels do it below. */
static void evict_inode(struct inode *inode)
{
#ifdef HAVE_DAX_BREAK_LAYOUT_FINAL
	if (IS_DAX(inode))
		dax_break_layout_final(inode);
#endif
	truncate_inode_pages_final(&inode->i_data);
	clear_inode(inode);
}

static const struct super_operations super_ops = {
	.statfs = simple_statfs,
	.evict_inode = evict_inode,
	.put_super = put_super,
};

static int make_tree(struct super_block *sb)
{
	struct slotfs *fs = slotfs_of(sb);

	for (unsigned int i = 0; i < fs->files; i++) {
		fs->inodes[i] = make_file(sb, i);
		if (!fs->inodes[i])
			return -ENOMEM;
	}
	slotfs_follow(fs);
	sb->s_root = d_make_root(make_dir(sb));
	return sb->s_root ? 0 : -ENOMEM;
}

/* What a mount asks for. */
struct options {
	unsigned int files;
	unsigned int nr_more;
	char *more[SLOTFS_MAX_DEVICES - 1];
};

static int add_device(struct fs_context *fc, struct slotfs *fs, const char *path)
{
	int rc = slotfs_own(fs, path);

	if (rc)
		errorf(fc, "slotfs: cannot own %s: error %d", path, rc);
	return rc;
}

static int own_devices(struct fs_context *fc, struct slotfs *fs)
{
	const struct options *options = fc->fs_private;
	int rc = add_device(fc, fs, fc->source);

	for (unsigned int i = 0; i < options->nr_more && !rc; i++)
		rc = add_device(fc, fs, options->more[i]);
	return rc;
}

static int load_devices(struct slotfs *fs, unsigned int files)
{
	unsigned int first = 0;

	for (unsigned int i = 0; i < fs->devices; i++) {
		struct slotfs_device *device = &fs->device[i];
		int rc;

		device->first = first;
		rc = files ? format(device, files) : read_disk(device);
		if (rc)
			return rc;
		first += device->files;
	}
	fs->files = first;
	return 0;
}

/* What a failure leaves is taken back by kill_super(). */
static int fill_super(struct super_block *sb, struct fs_context *fc)
{
	const struct options *options = fc->fs_private;
	struct slotfs *fs;
	int rc;

	if (!fc->source)
		return invalf(fc, "slotfs: no device given");
	fs = kzalloc(sizeof(*fs), GFP_KERNEL);
	if (!fs)
		return -ENOMEM;
	INIT_LIST_HEAD(&fs->node);
	sb->s_fs_info = fs;
	rc = own_devices(fc, fs);
	if (rc)
		return rc;
	rc = load_devices(fs, options->files);
	if (rc) {
		errorf(fc, "slotfs: no file system for %s: error %d", fc->source, rc);
		return rc;
	}
	sb->s_magic = SLOTFS_MAGIC;
	sb->s_op = &super_ops;
	sb->s_blocksize = PAGE_SIZE;
	sb->s_blocksize_bits = PAGE_SHIFT;
	sb->s_maxbytes = fs->slot_bytes;
	/* else nothing would be written back, and persistent memory needs its flush */
	rc = super_setup_bdi(sb);
	return rc ?: make_tree(sb);
}

static int get_tree(struct fs_context *fc)
{
	return get_tree_nodev(fc, fill_super);
}

enum { OPT_FILES, OPT_MORE };
static const struct fs_parameter_spec parameters[] = {
	fsparam_u32("files", OPT_FILES),
	fsparam_string("more", OPT_MORE),
	{}
};

static int parse_param(struct fs_context *fc, struct fs_parameter *param)
{
	struct options *options = fc->fs_private;
	struct fs_parse_result result;
	int opt = fs_parse(fc, parameters, param, &result);

	if (opt < 0)
		return opt;
	if (opt == OPT_MORE) {
		if (options->nr_more == ARRAY_SIZE(options->more))
			return invalf(fc, "slotfs: at most %d devices", SLOTFS_MAX_DEVICES);
		options->more[options->nr_more++] = param->string;
		param->string = NULL;
		return 0;
	}
	if (!result.uint_32 || result.uint_32 > SLOTFS_MAX_FILES)
		return invalf(fc, "slotfs: files has to be from 1 to %d", SLOTFS_MAX_FILES);
	options->files = result.uint_32;
	return 0;
}

static void free_context(struct fs_context *fc)
{
	struct options *options = fc->fs_private;

	if (!options)
		return;
	for (unsigned int i = 0; i < options->nr_more; i++)
		kfree(options->more[i]);
	kfree(options);
}

static const struct fs_context_operations context_ops = {
	.parse_param = parse_param,
	.get_tree = get_tree,
	.free = free_context,
};

static int init_context(struct fs_context *fc)
{
	fc->fs_private = kzalloc(sizeof(struct options), GFP_KERNEL);
	if (!fc->fs_private)
		return -ENOMEM;
	fc->ops = &context_ops;
	return 0;
}

static void kill_super(struct super_block *sb)
{
	struct slotfs *fs = slotfs_of(sb);

	/* without a root directory put_super() is not called */
	if (fs && !sb->s_root) {
		slotfs_disown(fs);
		for (unsigned int i = 0; i < fs->files; i++)
			iput(fs->inodes[i]);
	}
	kill_anon_super(sb);
	kfree(fs);
}

static struct file_system_type type = {
	.owner = THIS_MODULE,
	.name = "slotfs",
	.init_fs_context = init_context,
	.parameters = parameters,
	.kill_sb = kill_super,
};

static int __init slotfs_init(void)
{
	return register_filesystem(&type);
}
module_init(slotfs_init);

static void __exit slotfs_exit(void)
{
	unregister_filesystem(&type);
}
module_exit(slotfs_exit);

MODULE_ALIAS_FS("slotfs");
MODULE_DESCRIPTION("The smallest file system on a character DAX device");
MODULE_AUTHOR("The fsdev authors");
MODULE_LICENSE("GPL");
