// SPDX-License-Identifier: GPL-2.0
/*
 * The module: its files in debugfs, and finding the device of a measurement.
 */
#include <linux/blkdev.h>
#include <linux/debugfs.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "fsdev_bench.h"

#define WORDS 7

static DEFINE_MUTEX(lock);
static struct dentry *folder;
static u64 result;

static int find_disk(const char *path, struct bench_device *device)
{
	u64 start;

	device->file = filp_open(path, O_RDWR, 0);
	if (IS_ERR(device->file))
		return PTR_ERR(device->file);
	device->dax_dev = fs_dax_get_by_bdev(I_BDEV(device->file->f_mapping->host), &start, NULL,
					     NULL);
	if (device->dax_dev && !start)
		return 0;
	fput(device->file);
	return -ENODEV;
}

static int find_device(const char *name, struct bench_device *device)
{
	memset(device, 0, sizeof(*device));
	if (*name == '/')
		return find_disk(name, device);
	device->dev = bare_find(name);
	if (!device->dev)
		return -ENODEV;
	device->dax_dev = container_of(device->dev, struct dev_dax, dev)->dax_dev;
	return 0;
}

static void put_found(struct bench_device *device)
{
	if (device->file) {
		fs_put_dax(device->dax_dev, NULL);
		fput(device->file);
	}
	put_device(device->dev);
}

static long run_access(struct bench_device *device, unsigned long pages, char **word)
{
	struct bench_access what = { .pages = pages };

	if (!word[1] || kstrtol(word[0], 0, &what.asked) || what.asked < 1)
		return -EINVAL;
	what.random = !strcmp(word[1], "random");
	what.step = what.asked;
	if (word[2] && (!word[3] || kstrtoul(word[2], 0, &what.first) ||
			kstrtoul(word[3], 0, &what.step)))
		return -EINVAL;
	if (!what.step || what.step > pages)
		return -EINVAL;
	return measure_access(device, &what, &result);
}

static long measure(struct bench_device *device, char **word)
{
	unsigned long pages;

	if (kstrtoul(word[2], 0, &pages) || !pages)
		return -EINVAL;
	if (!strcmp(word[0], "failure"))
		return measure_failure(device, pages, &result);
	if (strcmp(word[0], "access") || !word[3])
		return -EINVAL;
	return run_access(device, pages, word + 3);
}

static long run_line(char *line)
{
	struct bench_device device;
	char *word[WORDS] = {};
	long rc;

	for (int i = 0; i < WORDS; i++)
		word[i] = strsep(&line, " ");
	if (!word[2])
		return -EINVAL;
	rc = find_device(word[1], &device);
	if (rc)
		return rc;
	rc = measure(&device, word);
	put_found(&device);
	return rc;
}

static ssize_t run_write(struct file *file, const char __user *from, size_t len, loff_t *pos)
{
	char *line;
	long rc;

	if (len > PAGE_SIZE)
		return -EINVAL;
	line = memdup_user_nul(from, len);
	if (IS_ERR(line))
		return PTR_ERR(line);
	mutex_lock(&lock);
	result = 0;
	rc = run_line(strim(line));
	mutex_unlock(&lock);
	kfree(line);
	return rc < 0 ? rc : len;
}

static const struct file_operations run_file = {
	.owner = THIS_MODULE,
	.write = run_write,
};

static int result_show(struct seq_file *seq, void *unused)
{
	seq_printf(seq, "%llu.%02llu\n", result / 100, result % 100);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(result);

static int __init bench_init(void)
{
	int rc = bare_init();

	if (rc)
		return rc;
	folder = debugfs_create_dir("fsdev_bench", NULL);
	debugfs_create_file("run", 0200, folder, NULL, &run_file);
	debugfs_create_file("result", 0400, folder, NULL, &result_fops);
	return 0;
}
module_init(bench_init);

static void __exit bench_exit(void)
{
	debugfs_remove(folder);
	bare_exit();
}
module_exit(bench_exit);

MODULE_DESCRIPTION("Measures DAX drivers in the kernel");
MODULE_AUTHOR("The fsdev authors");
MODULE_LICENSE("GPL");
