// SPDX-License-Identifier: GPL-2.0
/*
 * The module: its files in debugfs, and from a line written there to the function of its verb.
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "fsdev_test.h"

static const struct test_verb *const verbs[] = {
	device_verbs, look_verbs, watch_verbs, holder_verbs, owner_verbs, storm_verbs,
	access_verbs, failure_verbs, removal_verbs, inject_verbs,
	ras_verbs, rivals_verbs, late_verbs, drop_verbs,
	remap_verbs, geometry_verbs, early_verbs, flush_verbs, gate_verbs,
	readonly_verbs, uuid_verbs,
};

/* One command at a time; everything of this module that is not told otherwise is under it. */
static DEFINE_MUTEX(command_lock);
static struct dentry *folder;

static const struct test_verb *find_verb(const char *name)
{
	for (int i = 0; i < ARRAY_SIZE(verbs); i++)
		for (const struct test_verb *verb = verbs[i]; verb->name; verb++)
			if (!strcmp(verb->name, name))
				return verb;
	return NULL;
}

static int run_line(char *line)
{
	const struct test_verb *verb;
	char *word[TEST_WORDS + 1];
	int words = 0;
	char *part;

	line = strim(line);
	while ((part = strsep(&line, " ")) && words <= TEST_WORDS)
		if (*part)
			word[words++] = part;
	if (!words)
		return -EINVAL;
	verb = find_verb(word[0]);
	if (!verb || verb->words != words - 1) {
		pr_err("fsdev_test: no verb '%s' with %d words\n", word[0], words - 1);
		return -EINVAL;
	}
	mutex_lock(&command_lock);
	report_clear();
	words = verb->run(word + 1);
	mutex_unlock(&command_lock);
	return words;
}

static ssize_t run_write(struct file *file, const char __user *from, size_t count, loff_t *at)
{
	char *line;
	int rc;

	if (count > PAGE_SIZE)
		return -EINVAL;
	line = memdup_user_nul(from, count);
	if (IS_ERR(line))
		return PTR_ERR(line);
	rc = run_line(line);
	kfree(line);
	return rc ? rc : count;
}

static const struct file_operations run_fops = {
	.owner = THIS_MODULE,
	.write = run_write,
};

static int text_show(struct seq_file *seq, void *data)
{
	report_show(seq);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(text);

static int state_show(struct seq_file *seq, void *data)
{
	struct test_device *device;

	mutex_lock(&command_lock);
	list_for_each_entry(device, &test_devices, node)
		if (device->dev_dax)
			look_state(seq, device);
	mutex_unlock(&command_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(state);

static int __init test_init(void)
{
	int rc = device_init();

	if (rc)
		return rc;
	folder = debugfs_create_dir("fsdev_test", NULL);
	debugfs_create_file("run", 0200, folder, NULL, &run_fops);
	debugfs_create_file("report", 0400, folder, NULL, &text_fops);
	debugfs_create_file("state", 0400, folder, NULL, &state_fops);
	return 0;
}
module_init(test_init);

static void __exit test_exit(void)
{
	debugfs_remove_recursive(folder);
	failure_exit();
	removal_exit();
	inject_exit();
	ras_exit();
	late_exit();
	gate_exit();
	drop_exit();
	remap_exit();
	flush_exit();
	geometry_exit();
	early_exit();
	uuid_exit();
	watch_exit();
	device_exit();
}
module_exit(test_exit);

MODULE_DESCRIPTION("Odd DAX devices, and a look at what fsdev makes of them");
MODULE_AUTHOR("The fsdev authors");
MODULE_LICENSE("GPL");
