// SPDX-License-Identifier: GPL-2.0
/*
 * UUID: a DAX device with the attribute `uuid`, which kernels with CXL's dynamic capacity have.
 *
 *   give-uuid NODE TEXT   the device of this node has it from now on, with this text
 */
#include <linux/device.h>
#include <linux/string.h>

#include "fsdev_test.h"
#include "include/fsdev/dax.h"

/* The one device that has it, with a reference; its text. */
static struct device *uuid_dev;
static char uuid_text[64];

static ssize_t uuid_show(struct device *dev, struct device_attribute *attr, char *page)
{
	return sysfs_emit(page, "%s\n", uuid_text);
}
static DEVICE_ATTR_RO(uuid);

static int give_uuid(char **word)
{
	struct dax_device *dax_dev;
	struct dev_dax *dev_dax;
	int rc;

	strscpy(uuid_text, word[1], sizeof(uuid_text));
	if (uuid_dev)
		return 0;
	dax_dev = fsdev_find_dax_by_path(word[0]);
	if (IS_ERR(dax_dev))
		return PTR_ERR(dax_dev);
	dev_dax = dax_get_private(dax_dev);
	rc = dev_dax ? device_create_file(&dev_dax->dev, &dev_attr_uuid) : -ENODEV;
	if (!rc)
		uuid_dev = get_device(&dev_dax->dev);
	put_dax(dax_dev);
	return rc;
}

const struct test_verb uuid_verbs[] = {
	{ "give-uuid", 2, give_uuid },
	{ }
};

/**
 * uuid_exit() - takes it away
 */
void uuid_exit(void)
{
	if (!uuid_dev)
		return;
	device_remove_file(uuid_dev, &dev_attr_uuid);
	put_device(uuid_dev);
}
