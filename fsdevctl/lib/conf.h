/* SPDX-License-Identifier: GPL-2.0 */
/* The configuration: which devices are brought to which mode at boot. fsdev.conf(5) describes it. */
#ifndef FSDEVCTL_CONF_H
#define FSDEVCTL_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "device.h"

#define CONF_NAME 64	/* bytes of a section's name with its end */

/* What a section asks of a device; each key at most once. */
enum conf_key {
	CONF_NVDIMM_UUID,
	CONF_UUID,
	CONF_CXL_REGION,
	CONF_CXL_SERIAL,
	CONF_NUMA_NODE,
	CONF_SIZE,
	CONF_ADDRESS,
	CONF_KEYS,
};

/**
 * struct conf_rule - one section
 * @name: its name, which is also that of the link below /dev/fsdev
 * @file: where it stands
 * @line: and in which line it begins
 * @given: which keys it has
 * @text: the value of a key that is a name
 * @number: the value of a key that is a number
 * @key_line: in which line a key stands
 * @mode: the mode that its device is to have; MODE_NONE to leave it alone
 * @overwrite: what lies on the device may be lost by that
 * @shared: other hosts write to its memory
 */
struct conf_rule {
	char name[CONF_NAME];
	const char *file;
	unsigned int line;
	bool given[CONF_KEYS];
	char text[CONF_KEYS][CONF_NAME];
	uint64_t number[CONF_KEYS];
	unsigned int key_line[CONF_KEYS];
	enum mode mode;
	bool overwrite, shared;
};

/**
 * struct conf - everything that is configured
 * @rule: the sections, in the order in which they count
 * @rules: how many
 * @files: names of the files that were read
 * @nr_files: how many
 */
struct conf {
	struct conf_rule *rule;
	unsigned int rules;
	char **files;
	unsigned int nr_files;
};

int conf_parse(struct conf *conf, const char *file, const char *text, size_t size, FILE *err);
int conf_load(struct conf *conf, const char *dir, FILE *err);
void conf_free(struct conf *conf);
const char *conf_mismatch(const struct conf_rule *rule, const struct device *device);
const struct conf_rule *conf_match(const struct conf *conf, const struct device *device);
const char *conf_key_name(enum conf_key key);

#endif
