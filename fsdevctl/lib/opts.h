/* SPDX-License-Identifier: GPL-2.0 */
/* The options of one command. */
#ifndef FSDEVCTL_OPTS_H
#define FSDEVCTL_OPTS_H

#include <stdio.h>

enum opt_kind {
	OPT_FLAG,	/* to: bool */
	OPT_TEXT,	/* to: const char * */
};

/**
 * struct opt - one option; a list ends with a name of NULL
 * @name: without its dashes
 * @kind: what it takes
 * @arg: what its value is called in the help, NULL for a flag
 * @to: where its value goes
 * @help: one line
 * @letter: its short form, 0 for none
 */
struct opt {
	const char *name;
	enum opt_kind kind;
	const char *arg;
	void *to;
	const char *help;
	char letter;
};

int opts_parse(const char *command, const struct opt *opts, int argc, char **argv, FILE *err);
void opts_help(const struct opt *opts, FILE *out);

#endif
