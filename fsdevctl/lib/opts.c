// SPDX-License-Identifier: GPL-2.0
/*
 * The options of one command: --name, --name VALUE or --name=VALUE, or a letter, before or after
 * its arguments; what follows "--" is no option.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "opts.h"

static void known(const struct opt *opts, FILE *err)
{
	const char *comma = "";

	fputs(opts->name ? "it knows " : "it has none", err);
	for (; opts->name; opts++, comma = ", ")
		fprintf(err, "%s--%s", comma, opts->name);
	fputc('\n', err);
}

static const struct opt *find(const struct opt *opts, const char *name, size_t len)
{
	for (; opts->name; opts++)
		if (strlen(opts->name) == len && !memcmp(opts->name, name, len))
			return opts;
	return NULL;
}

static const struct opt *find_letter(const struct opt *opts, const char *word)
{
	for (; opts->name; opts++)
		if (opts->letter && word[1] == opts->letter && !word[2])
			return opts;
	return NULL;
}

/* Takes argv[*i], an option, with its value; moves *i to the last word it used. */
static int take(const char *command, const struct opt *opts, int argc, char **argv, int *i,
		FILE *err)
{
	bool is_short = argv[*i][1] != '-';
	const char *name = argv[*i] + 2, *value = is_short ? NULL : strchr(name, '=');
	size_t len = value ? (size_t)(value - name) : strlen(name);
	const struct opt *opt = is_short ? find_letter(opts, argv[*i]) : find(opts, name, len);

	if (!opt) {
		fprintf(err, "fsdevctl: %s has no option '%s': ", command, argv[*i]);
		known(opts, err);
		return -EINVAL;
	}
	if (opt->kind == OPT_FLAG) {
		if (value) {
			fprintf(err, "fsdevctl: --%s takes no value\n", opt->name);
			return -EINVAL;
		}
		*(bool *)opt->to = true;
		return 0;
	}
	if (value) {
		value++;
	} else if (*i + 1 < argc) {
		value = argv[++*i];
	} else {
		fprintf(err, "fsdevctl: --%s needs a value: --%s %s\n", opt->name, opt->name,
			opt->arg);
		return -EINVAL;
	}
	if (!*value) {
		fprintf(err, "fsdevctl: --%s: its value is empty; give it as --%s %s\n", opt->name,
			opt->name, opt->arg);
		return -EINVAL;
	}
	*(const char **)opt->to = value;
	return 0;
}

/**
 * opts_parse() - take the options out of a command's words
 * @command: its name, for messages
 * @opts: the options it has
 * @argc: number of words
 * @argv: the words after the command's name; those that are no option are moved to the front
 * @err: where a complaint goes
 *
 * Return: how many words are left, or -EINVAL after a complaint of one line.
 */
int opts_parse(const char *command, const struct opt *opts, int argc, char **argv, FILE *err)
{
	int left = 0, i;

	for (i = 0; i < argc; i++) {
		int rc;

		if (!strcmp(argv[i], "--")) {
			i++;
			break;
		}
		if (argv[i][0] != '-' || !argv[i][1]) {
			argv[left++] = argv[i];
			continue;
		}
		rc = take(command, opts, argc, argv, &i, err);
		if (rc)
			return rc;
	}
	for (; i < argc; i++)
		argv[left++] = argv[i];
	return left;
}

/**
 * opts_help() - list the options
 * @opts: the options
 * @out: where to
 */
void opts_help(const struct opt *opts, FILE *out)
{
	for (; opts->name; opts++) {
		int width = fprintf(out, "  --%s%s%s", opts->name, opts->arg ? " " : "",
				    opts->arg ? opts->arg : "");

		if (opts->letter)
			width += fprintf(out, ", -%c", opts->letter);

		fprintf(out, "%*s%s\n", width < 24 ? 24 - width : 1, "", opts->help);
	}
}
