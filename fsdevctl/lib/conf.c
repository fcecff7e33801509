// SPDX-License-Identifier: GPL-2.0
/*
 * The configuration. A mistake anywhere makes all of it void, so that a wrong line never gives a
 * device to the wrong driver; every mistake is reported by file and line.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "c.h"
#include "conf.h"
#include "size.h"

#define FILE_MAX (1 << 20)
#define LINE_MAX_BYTES 1024

static const struct {
	const char *name;
	enum { TEXT, NUMBER, UUID } kind;
} keys[CONF_KEYS] = {
	[CONF_NVDIMM_UUID] = { "nvdimm-uuid", UUID },
	[CONF_UUID] = { "uuid", UUID },
	[CONF_CXL_REGION] = { "cxl-region", TEXT },
	[CONF_CXL_SERIAL] = { "cxl-serial", NUMBER },
	[CONF_NUMA_NODE] = { "numa-node", NUMBER },
	[CONF_SIZE] = { "size", NUMBER },
	[CONF_ADDRESS] = { "address", NUMBER },
};

/* What is being parsed, and where complaints go. */
struct parser {
	struct conf *conf;
	const char *file;
	unsigned int line;
	bool in_section;
	bool mode_given;
	bool overwrite_given, shared_given;
	bool tried;	/* the section has a key, if only with a wrong value */
	FILE *err;
	unsigned int mistakes;
};

__printf(2, 3)
static void mistake(struct parser *parser, const char *format, ...)
{
	va_list args;

	parser->mistakes++;
	fprintf(parser->err, "%s:%u: ", parser->file, parser->line);
	va_start(args, format);
	vfprintf(parser->err, format, args);
	va_end(args);
	fputc('\n', parser->err);
}

/**
 * conf_key_name() - get a key as it is written
 * @key: the key
 *
 * Return: its name.
 */
const char *conf_key_name(enum conf_key key)
{
	return keys[key].name;
}

static struct conf_rule *rule_now(struct parser *parser)
{
	return &parser->conf->rule[parser->conf->rules - 1];
}

static bool good_name(const char *name)
{
	size_t len = strlen(name);

	if (!len || len >= CONF_NAME || name[0] == '.')
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("._-", *name))
			return false;
	return true;
}

/* The section that ends has to say what it is about. */
static void end_section(struct parser *parser)
{
	unsigned int line = parser->line;
	struct conf_rule *rule;

	if (!parser->in_section || parser->tried)
		return;
	rule = rule_now(parser);
	for (unsigned int i = 0; i < CONF_KEYS; i++)
		if (rule->given[i])
			return;
	parser->line = rule->line;
	mistake(parser, "[%s] says nothing about its device and would match every one; give it a key such as address",
		rule->name);
	parser->line = line;
}

static int start_section(struct parser *parser, char *text)
{
	size_t len = strlen(text);
	struct conf_rule *more;

	end_section(parser);
	parser->in_section = false;
	parser->mode_given = false;
	parser->overwrite_given = false;
	parser->shared_given = false;
	parser->tried = false;
	if (text[len - 1] != ']') {
		mistake(parser, "'%s' is no section: it has to end with ]", text);
		return 0;
	}
	text[len - 1] = '\0';
	text++;
	if (!good_name(text)) {
		mistake(parser, "'%s' is no name for a section: 1 to %d letters, digits, '.', '_' or '-', no '.' in front",
			text, CONF_NAME - 1);
		return 0;
	}
	for (unsigned int i = 0; i < parser->conf->rules; i++) {
		const struct conf_rule *other = &parser->conf->rule[i];

		if (!strcmp(other->name, text)) {
			mistake(parser, "there is a section [%s] already, in %s:%u", text,
				other->file, other->line);
			return 0;
		}
	}
	more = realloc(parser->conf->rule, (parser->conf->rules + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	parser->conf->rule = more;
	more += parser->conf->rules++;
	memset(more, 0, sizeof(*more));
	memcpy(more->name, text, len - 1);
	more->file = parser->file;
	more->line = parser->line;
	more->mode = MODE_FSDEV;
	parser->in_section = true;
	return 0;
}

static bool good_uuid(const char *text)
{
	if (strlen(text) != 36)
		return false;
	for (unsigned int i = 0; i < 36; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
			return false;
	}
	return true;
}

static void take_mode(struct parser *parser, const char *value)
{
	struct conf_rule *rule = rule_now(parser);

	if (parser->mode_given) {
		mistake(parser, "mode is given twice in [%s]", rule->name);
		return;
	}
	parser->mode_given = true;
	if (!strcmp(value, "ignore"))
		rule->mode = MODE_NONE;
	else if (!mode_parse(value, &rule->mode))
		mistake(parser, "mode '%s' is none: fsdev, devdax, system-ram, kernel-fsdev or ignore",
			value);
}

/* A key that is yes or no. */
static void take_answer(struct parser *parser, const char *key, const char *value, bool *given,
			bool *answer)
{
	if (*given) {
		mistake(parser, "%s is given twice in [%s]", key, rule_now(parser)->name);
		return;
	}
	*given = true;
	if (!strcmp(value, "yes"))
		*answer = true;
	else if (strcmp(value, "no"))
		mistake(parser, "%s '%s' is neither yes nor no", key, value);
}

static void unknown_key(struct parser *parser, const char *key)
{
	char known[128] = "";
	size_t used = 0;

	for (unsigned int i = 0; i < CONF_KEYS; i++)
		used += snprintf(known + used, sizeof(known) - used, "%s, ", keys[i].name);
	mistake(parser, "there is no key '%s': the keys are %smode, overwrite and shared", key, known);
}

static void take_key(struct parser *parser, const char *key, const char *value)
{
	struct conf_rule *rule = rule_now(parser);
	unsigned int i = 0;

	while (i < CONF_KEYS && strcmp(keys[i].name, key))
		i++;
	parser->tried |= i < CONF_KEYS;
	if (i == CONF_KEYS) {
		unknown_key(parser, key);
	} else if (rule->given[i]) {
		mistake(parser, "%s is given twice in [%s]", key, rule->name);
	} else if (keys[i].kind == NUMBER && size_parse(value, &rule->number[i])) {
		mistake(parser, "%s '%s' is no number; write it like %s", key, value,
			i == CONF_CXL_SERIAL ? "0x1122334455667788" : i == CONF_NUMA_NODE ? "2" :
			"512M or 0x140000000");
	} else if (keys[i].kind == UUID && !good_uuid(value)) {
		mistake(parser, "%s '%s' is no UUID; 'fsdevctl list --json' shows those there are", key,
			value);
	} else if (keys[i].kind == TEXT && strlen(value) >= CONF_NAME) {
		mistake(parser, "%s is longer than %d bytes", key, CONF_NAME - 1);
	} else {
		if (keys[i].kind != NUMBER)
			memcpy(rule->text[i], value, strlen(value) + 1);
		rule->given[i] = true;
		rule->key_line[i] = parser->line;
	}
}

/* Takes the blanks from both ends. */
static char *trim(char *text)
{
	size_t len;

	while (isspace((unsigned char)*text))
		text++;
	len = strlen(text);
	while (len && isspace((unsigned char)text[len - 1]))
		text[--len] = '\0';
	return text;
}

static int take_line(struct parser *parser, char *line)
{
	char *text = trim(line), *equals;

	if (!*text || *text == '#')
		return 0;
	if (*text == '[')
		return start_section(parser, text);
	equals = strchr(text, '=');
	if (!equals) {
		mistake(parser, "'%s' is neither a [section] nor KEY = VALUE", text);
		return 0;
	}
	*equals = '\0';
	text = trim(text);
	equals = trim(equals + 1);
	if (!parser->in_section)
		mistake(parser, "'%s' stands in no good [section]", text);
	else if (!*equals)
		mistake(parser, "'%s' has no value", text);
	else if (!strcmp(text, "mode"))
		take_mode(parser, equals);
	else if (!strcmp(text, "overwrite"))
		take_answer(parser, text, equals, &parser->overwrite_given,
			    &rule_now(parser)->overwrite);
	else if (!strcmp(text, "shared"))
		take_answer(parser, text, equals, &parser->shared_given, &rule_now(parser)->shared);
	else
		take_key(parser, text, equals);
	return 0;
}

static int take_text(struct parser *parser, const char *text, size_t size)
{
	char line[LINE_MAX_BYTES];
	int rc = 0;

	while (size && !rc) {
		const char *end = memchr(text, '\n', size);
		size_t len = end ? (size_t)(end - text) : size;

		parser->line++;
		if (len >= sizeof(line)) {
			mistake(parser, "the line is longer than %zu bytes", sizeof(line) - 1);
		} else if (memchr(text, '\0', len)) {
			mistake(parser, "the line holds a zero byte; this is no text file");
		} else {
			memcpy(line, text, len);
			line[len] = '\0';
			rc = take_line(parser, line);
		}
		len += !!end;
		text += len;
		size -= len;
	}
	end_section(parser);
	return rc;
}

/**
 * conf_parse() - read one file's text
 * @conf: what was read before, to which this is added; starts as zeros
 * @file: its name, for messages
 * @text: the text
 * @size: its bytes
 * @err: where mistakes are written, a line each
 *
 * Return: 0; -EINVAL if there was a mistake; -ENOMEM.
 */
int conf_parse(struct conf *conf, const char *file, const char *text, size_t size, FILE *err)
{
	struct parser parser = { .conf = conf, .err = err };
	char **more = realloc(conf->files, (conf->nr_files + 1) * sizeof(*more));
	int rc;

	if (!more)
		return -ENOMEM;
	conf->files = more;
	more[conf->nr_files] = strdup(file);
	if (!more[conf->nr_files])
		return -ENOMEM;
	parser.file = more[conf->nr_files++];
	rc = take_text(&parser, text, size);
	if (rc)
		return rc;
	return parser.mistakes ? -EINVAL : 0;
}

static int load_file(struct conf *conf, const char *path, FILE *err)
{
	char *text = malloc(FILE_MAX);
	FILE *file = text ? fopen(path, "re") : NULL;
	size_t size = 0;
	int rc = 0;

	if (!file) {
		rc = text ? -errno : -ENOMEM;
		fprintf(err, "%s: cannot be read: %s\n", path, strerror(-rc));
		free(text);
		return rc;
	}
	size = fread(text, 1, FILE_MAX, file);
	if (ferror(file) || size == FILE_MAX) {
		fprintf(err, "%s: %s\n", path, ferror(file) ? "cannot be read" :
			"is larger than 1 MiB, which no configuration is");
		rc = -EINVAL;
	}
	fclose(file);
	if (!rc)
		rc = conf_parse(conf, path, text, size, err);
	free(text);
	return rc;
}

static int wanted(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > 5 && !strcmp(entry->d_name + len - 5, ".conf");
}

/**
 * conf_load() - read every *.conf of a folder, in the order of their names
 * @conf: what was read; freed by conf_free() whatever comes back
 * @dir: the folder; one that is missing is empty
 * @err: where mistakes are written
 *
 * Return: 0 or a negative errno; all files are looked at in any case.
 */
int conf_load(struct conf *conf, const char *dir, FILE *err)
{
	struct dirent **entries;
	char path[PATH_MAX];
	int count, rc = 0;

	memset(conf, 0, sizeof(*conf));
	count = scandir(dir, &entries, wanted, alphasort);
	if (count < 0) {
		if (errno == ENOENT)
			return 0;
		rc = -errno;
		fprintf(err, "%s: cannot be read: %s\n", dir, strerror(-rc));
		return rc;
	}
	for (int i = 0; i < count; i++) {
		int bad;

		snprintf(path, sizeof(path), "%s/%s", dir, entries[i]->d_name);
		bad = load_file(conf, path, err);
		rc = bad ? bad : rc;
		free(entries[i]);
	}
	free(entries);
	return rc;
}

/**
 * conf_free() - free what conf_parse() and conf_load() made
 * @conf: the configuration
 */
void conf_free(struct conf *conf)
{
	for (unsigned int i = 0; i < conf->nr_files; i++)
		free(conf->files[i]);
	free(conf->files);
	free(conf->rule);
	memset(conf, 0, sizeof(*conf));
}

static bool has_serial(const struct device *device, uint64_t serial)
{
	for (unsigned int i = 0; i < device->nr_serials; i++)
		if (device->cxl_serials[i] == serial)
			return true;
	return false;
}

static bool fits(const struct conf_rule *rule, enum conf_key key, const struct device *device)
{
	switch (key) {
	case CONF_NVDIMM_UUID:
		return !strcasecmp(rule->text[key], device->nvdimm_uuid);
	case CONF_UUID:
		return !strcasecmp(rule->text[key], device->uuid);
	case CONF_CXL_REGION:
		return !strcmp(rule->text[key], device->cxl_region);
	case CONF_CXL_SERIAL:
		return has_serial(device, rule->number[key]);
	case CONF_NUMA_NODE:
		return device->node >= 0 && rule->number[key] == (uint64_t)device->node;
	case CONF_SIZE:
		return rule->number[key] == device->size;
	case CONF_ADDRESS:
		return rule->number[key] == device_lowest(device);
	default:
		return false;
	}
}

/**
 * conf_mismatch() - say why a section is not about a device
 * @rule: the section
 * @device: the device
 *
 * Return: the name of the first key that says otherwise, or NULL where all agree.
 */
const char *conf_mismatch(const struct conf_rule *rule, const struct device *device)
{
	for (unsigned int i = 0; i < CONF_KEYS; i++)
		if (rule->given[i] && !fits(rule, i, device))
			return keys[i].name;
	return NULL;
}

/**
 * conf_match() - find the section that decides about a device
 * @conf: the configuration
 * @device: the device
 *
 * Return: the first section whose keys all agree, or NULL.
 */
const struct conf_rule *conf_match(const struct conf *conf, const struct device *device)
{
	for (unsigned int i = 0; i < conf->rules; i++)
		if (!conf_mismatch(&conf->rule[i], device))
			return &conf->rule[i];
	return NULL;
}
