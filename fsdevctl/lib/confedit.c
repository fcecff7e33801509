// SPDX-License-Identifier: GPL-2.0
/*
 * Changing one line of the configuration. The file is replaced whole, so that it is the old or the
 * new one whatever happens.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "confedit.h"

static int copy(FILE *from, FILE *to, const struct conf_rule *rule, enum conf_key key,
		uint64_t value)
{
	unsigned int number = 0;
	char *line = NULL;
	size_t size = 0;
	int rc = 0;

	while (!rc && getline(&line, &size, from) >= 0) {
		if (++number == rule->key_line[key])
			rc = fprintf(to, "%s = %#llx\n", conf_key_name(key),
				     (unsigned long long)value) < 0;
		else
			rc = fputs(line, to) < 0;
	}
	free(line);
	return rc || ferror(from) || fflush(to) || fsync(fileno(to)) ? -EIO : 0;
}

/**
 * conf_edit() - change a number in the configuration
 * @rule: the section
 * @key: the key, which it has
 * @value: its new value
 *
 * Return: 0 or a negative errno; then the file is as it was.
 */
int conf_edit(const struct conf_rule *rule, enum conf_key key, uint64_t value)
{
	FILE *from = fopen(rule->file, "re"), *to = NULL;
	char path[PATH_MAX];
	struct stat st;
	int fd, rc;

	if (!from)
		return -errno;
	/* not *.conf, which would be read as part of the configuration */
	rc = snprintf(path, sizeof(path), "%s.XXXXXX", rule->file) < (int)sizeof(path) ? 0 : -ENAMETOOLONG;
	fd = rc ? -1 : mkstemp(path);
	if (fd >= 0)
		to = fdopen(fd, "we");
	if (!to && !rc)
		rc = -errno;
	else if (to && (fstat(fileno(from), &st) || fchmod(fd, st.st_mode & 0777) ||
		 fchown(fd, st.st_uid, st.st_gid)))
		rc = -errno;
	else if (to)
		rc = copy(from, to, rule, key, value);
	fclose(from);
	if (!to && fd >= 0)
		close(fd);
	if (to && fclose(to) && !rc)
		rc = -errno;
	if (!rc && rename(path, rule->file))
		rc = -errno;
	if (rc && fd >= 0)
		unlink(path);
	return rc;
}
