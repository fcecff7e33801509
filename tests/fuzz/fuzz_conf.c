// SPDX-License-Identifier: GPL-2.0
/*
 * Fuzzes the parser of the configuration, of options, and of ranges: whatever comes in, a mistake is
 * told with its line and nothing is taken over half.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fsdevctl/lib/conf.h"
#include "fsdevctl/lib/opts.h"
#include "fsdevctl/lib/size.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool so)
{
	if (!so)
		abort();
}

/* Every section that is taken has a name that is good for a file, and a key. */
static void look_at_rules(const struct conf *conf)
{
	for (unsigned int i = 0; i < conf->rules; i++) {
		const struct conf_rule *rule = &conf->rule[i];
		bool any = false;

		must(rule->name[0] && rule->name[0] != '.' && !strchr(rule->name, '/'));
		must(rule->line);
		for (unsigned int j = 0; j < CONF_KEYS; j++)
			any |= rule->given[j];
		must(any);
		for (unsigned int j = 0; j < i; j++)
			must(strcmp(rule->name, conf->rule[j].name));
	}
}

static void configuration(const uint8_t *data, size_t size)
{
	struct conf conf = { 0 };
	size_t said_size;
	char *said;
	FILE *err = open_memstream(&said, &said_size);
	int rc = conf_parse(&conf, "fuzz", (const char *)data, size, err);

	fclose(err);
	must(rc == 0 || rc == -EINVAL);
	/* a mistake is told, and nothing else is */
	must(!rc == !said_size);
	must(!said_size || !strncmp(said, "fuzz:", 5));
	if (!rc)
		look_at_rules(&conf);
	conf_free(&conf);
	free(said);
}

/* The bytes as words that blanks divide. */
static void options(const uint8_t *data, size_t size)
{
	bool flag = false;
	const char *text = NULL;
	const struct opt opts[] = {
		{ .name = "force", .kind = OPT_FLAG, .to = &flag, .help = "" },
		{ .name = "mode", .kind = OPT_TEXT, .arg = "MODE", .to = &text, .help = "" },
		{ .name = NULL }
	};
	char *copy = malloc(size + 1), *words[32], *save, *said, *word;
	size_t said_size;
	FILE *err = open_memstream(&said, &said_size);
	uint64_t start, len;
	int argc = 0, left;

	memcpy(copy, data, size);
	copy[size] = '\0';
	for (word = strtok_r(copy, " ", &save); word && argc < 32; word = strtok_r(NULL, " ", &save)) {
		if (!range_parse(word, &start, &len))
			must(len && start + (len - 1) >= start);
		words[argc++] = word;
	}
	left = opts_parse("try", opts, argc, words, err);
	fclose(err);
	must(left == -EINVAL || (left >= 0 && left <= argc));
	must((left < 0) == !!said_size);
	must(!text || *text);
	free(said);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	configuration(data, size);
	options(data, size);
	return 0;
}
