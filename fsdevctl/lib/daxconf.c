// SPDX-License-Identifier: GPL-2.0
/*
 * What daxctl's own configuration would do to a device: a rule of udev and daxctl's service bring
 * a device whose namespace has a section there to that section's mode, also out of fsdev mode.
 *
 *	[reconfigure-device NAME]
 *	nvdimm.uuid = UUID
 *	mode = system-ram
 *
 * Only what has to be known of it is read; daxctl itself says what is wrong with it.
 */
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daxconf.h"

#define SECTION "[reconfigure-device"

/* The section that is being read. */
struct section {
	bool counts, named;
	char mode[32];
};

static char *trim(char *text)
{
	char *end;

	text += strspn(text, " \t\"");
	end = text + strlen(text);
	while (end > text && (isspace((unsigned char)end[-1]) || end[-1] == '"'))
		end--;
	*end = '\0';
	return text;
}

static void begin(struct section *section, const char *line)
{
	memset(section, 0, sizeof(*section));
	section->counts = !strncasecmp(line, SECTION, strlen(SECTION));
	/* what daxctl does without one */
	snprintf(section->mode, sizeof(section->mode), "system-ram");
}

static void read_key(struct section *section, char *line, const char *uuid)
{
	char *value = strchr(line, '=');
	const char *key;

	if (!value || !section->counts)
		return;
	*value++ = '\0';
	key = trim(line);
	value = trim(value);
	if (!strcasecmp(key, "nvdimm.uuid"))
		section->named = !strcasecmp(value, uuid);
	else if (!strcasecmp(key, "mode"))
		snprintf(section->mode, sizeof(section->mode), "%s", value);
}

static bool read_file(const char *path, const char *uuid, struct daxconf *found)
{
	struct section section = { 0 };
	FILE *file = fopen(path, "re");
	bool done = false;
	char line[1024];

	while (file && !done) {
		bool more = fgets(line, sizeof(line), file);
		char *text = more ? trim(line) : line;

		if (!more || text[0] == '[') {
			done = section.named || !more;
			if (section.named) {
				snprintf(found->file, sizeof(found->file), "%s", path);
				snprintf(found->mode, sizeof(found->mode), "%s", section.mode);
			}
			if (!done)
				begin(&section, text);
		} else if (text[0] != '#' && text[0] != ';') {
			read_key(&section, text, uuid);
		}
	}
	if (file)
		fclose(file);
	return section.named;
}

/**
 * daxconf_find() - find the section of daxctl's configuration that names a device
 * @device: the device
 * @dir: the folder of the configuration
 * @found: the section
 *
 * It names a device by the UUID of its namespace, and no other way.
 *
 * Return: whether there is one.
 */
bool daxconf_find(const struct device *device, const char *dir, struct daxconf *found)
{
	struct dirent *entry;
	char path[PATH_MAX];
	bool there = false;
	DIR *files;

	if (!device->nvdimm_uuid[0])
		return false;
	files = opendir(dir);
	while (files && !there && (entry = readdir(files))) {
		size_t len = strlen(entry->d_name);

		if (len < 5 || strcmp(entry->d_name + len - 5, ".conf"))
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		there = read_file(path, device->nvdimm_uuid, found);
	}
	if (files)
		closedir(files);
	return there;
}
