// SPDX-License-Identifier: GPL-2.0
/*
 * The device that a user names: dax0.0 or fsdev0.0, a path of its node, disk or partition, of a link
 * to one (/dev/fsdev/NAME, /dev/disk/by-uuid/...), or of a folder that it is mounted on; UUID=,
 * LABEL=, PARTUUID= or PARTLABEL= as in fstab; or the name of its section in /etc/fsdev.d.
 */
#include <blkid/blkid.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "conf.h"
#include "names.h"
#include "sysfs.h"

static struct device *by_kernel_name(const struct devices *devices, const char *name)
{
	const char *part = strncmp(name, "/dev/", 5) ? name : name + 5;

	if (!strncmp(part, "fsdev", 5))
		part += 5;
	else if (!strncmp(part, "dax", 3))
		part += 3;
	else
		return NULL;
	for (unsigned int i = 0; i < devices->count; i++)
		if (!strcmp(devices->device[i].name + 3, part))
			return &devices->device[i];
	return NULL;
}

/* The disk of a partition is the folder above it; a disk's is no block device. */
static struct device *by_block(const struct devices *devices, dev_t dev)
{
	char link[64], real[PATH_MAX], *last;

	snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", major(dev), minor(dev));
	if (!realpath(link, real))
		return NULL;
	last = strrchr(real, '/');
	if (last && sysfs_there("%s/partition", real))
		*last = '\0';
	last = strrchr(real, '/');
	return last ? by_kernel_name(devices, last + 1) : NULL;
}

static struct device *by_char(const struct devices *devices, dev_t dev)
{
	unsigned int numbers[2];
	char text[32];

	for (unsigned int i = 0; i < devices->count; i++)
		if (!sysfs_read(text, sizeof(text), DAX_BUS "/devices/%s/dev",
				devices->device[i].name) &&
		    sscanf(text, "%u:%u", &numbers[0], &numbers[1]) == 2 &&
		    makedev(numbers[0], numbers[1]) == dev)
			return &devices->device[i];
	return NULL;
}

static struct device *by_path(const struct devices *devices, const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return NULL;
	if (S_ISBLK(st.st_mode))
		return by_block(devices, st.st_rdev);
	if (S_ISCHR(st.st_mode))
		return by_char(devices, st.st_rdev);
	return S_ISDIR(st.st_mode) ? by_block(devices, st.st_dev) : NULL;
}

static struct device *by_tag(const struct devices *devices, const char *name)
{
	char *path = blkid_evaluate_spec(name, NULL);
	struct device *found = path ? by_path(devices, path) : NULL;

	free(path);
	return found;
}

/* A mistake in the configuration makes all of it void, also here. */
static struct device *by_section(const struct devices *devices, const char *name)
{
	struct device *found = NULL;
	FILE *nowhere = fopen("/dev/null", "we");
	struct conf conf;

	if (!nowhere)
		return NULL;
	if (!conf_load(&conf, CONF_DIR, nowhere)) {
		for (unsigned int i = 0; i < devices->count; i++) {
			const struct conf_rule *rule = conf_match(&conf, &devices->device[i]);

			if (!rule || strcmp(rule->name, name))
				continue;
			/* a name that several devices have is none */
			if (found) {
				found = NULL;
				break;
			}
			found = &devices->device[i];
		}
	}
	conf_free(&conf);
	fclose(nowhere);
	return found;
}

static bool is_tag(const char *name)
{
	static const char * const tags[] = { "UUID=", "LABEL=", "PARTUUID=", "PARTLABEL=" };

	for (unsigned int i = 0; i < ARRAY_SIZE(tags); i++)
		if (!strncmp(name, tags[i], strlen(tags[i])))
			return true;
	return false;
}

static enum outcome unknown(const struct devices *devices, const char *name)
{
	char known[256] = "";
	size_t used = 0;

	if (!devices->count)
		return say(BAD_INPUT, "there is no '%s': this machine has no DAX device; 'fsdevctl doctor' says more",
			   name);
	for (unsigned int i = 0; i < devices->count; i++) {
		const char *one = devices->device[i].name;

		if (used + strlen(one) + 8 > sizeof(known)) {
			used += snprintf(known + used, sizeof(known) - used, " ...");
			break;
		}
		used += snprintf(known + used, sizeof(known) - used, " %s", one);
	}
	return say(BAD_INPUT, "there is no '%s': this machine has%s", name, known);
}

/**
 * device_find() - find the device that a user names
 * @devices: all of them
 * @name: any name of it
 * @device: the device
 *
 * Return: DONE, or BAD_INPUT after saying which there are.
 */
enum outcome device_find(const struct devices *devices, const char *name, struct device **device)
{
	struct device *found = by_kernel_name(devices, name);

	if (!found && name[0] == '/')
		found = by_path(devices, name);
	else if (!found && is_tag(name))
		found = by_tag(devices, name);
	else if (!found && name[0])
		found = by_section(devices, name);
	if (!found)
		return unknown(devices, name);
	*device = found;
	return DONE;
}
