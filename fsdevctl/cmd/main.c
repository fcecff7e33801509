// SPDX-License-Identifier: GPL-2.0
/*
 * fsdevctl: looks at DAX devices, gives them to file systems and takes them back, and cares for
 * their memory.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/c.h"
#include "cmd.h"
#include "lib/report.h"

#ifndef FSDEVCTL_VERSION
#define FSDEVCTL_VERSION "unreleased"
#endif

static const struct command * const commands[] = {
	&cmd_list, &cmd_enable, &cmd_disable, &cmd_mkfs, &cmd_map, &cmd_errors, &cmd_scrub,
	&cmd_repair, &cmd_inject, &cmd_monitor, &cmd_doctor, &cmd_config, &cmd_publish,
	&cmd_attach, &cmd_metrics, &cmd_selftest, &cmd_grow,
};

#define COMMANDS ARRAY_SIZE(commands)

static void usage(FILE *out)
{
	fprintf(out, "usage: fsdevctl COMMAND [ARGUMENT]... [--OPTION]...\n\n"
		"Manages DAX devices (/dev/daxX.Y) for file systems.\n\n");
	for (unsigned int i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-8s %-18s %s\n", commands[i]->name, commands[i]->args,
			commands[i]->help);
	fprintf(out, "\n'fsdevctl COMMAND --help' lists a command's options; fsdevctl(8) has examples.\n"
		"Exit status: 0 done; 1 failed; 2 wrong input; 3 refused, in use;\n"
		"4 failed half way; 5 a check found something.\n");
}

static void command_help(const struct command *command)
{
	printf("usage: fsdevctl %s%s%s [--OPTION]...\n\n%s\n\n", command->name,
	       command->args[0] ? " " : "", command->args, command->help);
	opts_help(command->opts, stdout);
	printf("  --help, -h            this text\n");
}

static const struct command *find(const char *name)
{
	for (unsigned int i = 0; i < COMMANDS; i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

static bool wants_help(int argc, char **argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			return true;
	return false;
}

/* A mistake in the words is reported as they ask, so this is known before they are parsed. */
static bool wants_json(int argc, char **argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "--json"))
			return true;
	return false;
}

static int parse(const struct command *command, int argc, char **argv)
{
	char *complaint = NULL;
	size_t size;
	FILE *err = open_memstream(&complaint, &size);
	int left;

	if (!err) {
		say(FAILED, "there is not enough memory");
		return -1;
	}
	left = opts_parse(command->name, command->opts, argc, argv, err);
	fclose(err);
	say_complaint(complaint);
	free(complaint);
	return left;
}

static enum outcome run(const struct command *command, int argc, char **argv)
{
	int left = parse(command, argc, argv);

	if (left < 0)
		return BAD_INPUT;
	if (left < command->least || left > command->most)
		return say(BAD_INPUT, "usage is: fsdevctl %s%s%s [--OPTION]...", command->name,
			   command->args[0] ? " " : "", command->args);
	argv[left] = NULL;
	return command->run(left, argv);
}

/* Programs of the system are found from a user's shell as well. */
static void complete_path(void)
{
	const char *path = getenv("PATH");
	char *longer;

	if (asprintf(&longer, "%s%s/usr/sbin:/usr/bin:/sbin:/bin", path ? path : "",
		     path && *path ? ":" : "") < 0)
		return;
	setenv("PATH", longer, 1);
	free(longer);
}

int main(int argc, char **argv)
{
	const struct command *command;
	enum outcome outcome;

	if (argc < 2) {
		usage(stderr);
		return BAD_INPUT;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		command = argc > 2 ? find(argv[2]) : NULL;
		if (argc > 2 && !command)
			return say(BAD_INPUT, "there is no command '%s'; 'fsdevctl --help' lists them",
				   argv[2]);
		if (command)
			command_help(command);
		else
			usage(stdout);
		return DONE;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		printf("fsdevctl %s\n", FSDEVCTL_VERSION);
		return DONE;
	}
	complete_path();
	command = find(argv[1]);
	report_wanted = wants_json(argc - 2, argv + 2);
	report_start(argv[1]);
	if (!command)
		return report_end(say(BAD_INPUT, "there is no command '%s'; 'fsdevctl --help' lists them",
				      argv[1]));
	if (wants_help(argc - 2, argv + 2)) {
		command_help(command);
		return DONE;
	}
	outcome = report_end(run(command, argc - 2, argv + 2));
	/* a full disk or a pipe that has been closed */
	if (fflush(stdout) && outcome == DONE)
		outcome = say(FAILED, "cannot write the output: %s", strerror(errno));
	return outcome;
}
