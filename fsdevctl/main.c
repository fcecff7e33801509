// SPDX-License-Identifier: GPL-2.0
/*
 * fsdevctl: looks at DAX devices, gives them to file systems and takes them back, and cares for
 * their memory.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "c.h"
#include "cmd.h"

#ifndef FSDEVCTL_VERSION
#define FSDEVCTL_VERSION "unreleased"
#endif

static const struct command * const commands[] = {
	&cmd_list, &cmd_enable, &cmd_disable, &cmd_mkfs, &cmd_map, &cmd_errors, &cmd_scrub,
	&cmd_repair, &cmd_inject, &cmd_monitor, &cmd_doctor, &cmd_config, &cmd_publish,
	&cmd_attach,
};

#define COMMANDS ARRAY_SIZE(commands)

static void usage(FILE *out)
{
	fprintf(out, "usage: fsdevctl COMMAND [ARGUMENT]... [--OPTION]...\n\n"
		"Lets file systems run on DAX devices (/dev/daxX.Y), and cares for their memory.\n\n");
	for (unsigned int i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-8s %-18s %s\n", commands[i]->name, commands[i]->args,
			commands[i]->help);
	fprintf(out, "\n'fsdevctl COMMAND --help' lists a command's options; fsdevctl(8) has examples.\n"
		"Exit status: 0 done; 1 failed, nothing changed; 2 wrong input; 3 refused, in use;\n"
		"4 failed half way; 5 a check found something.\n");
}

static void command_help(const struct command *command)
{
	printf("usage: fsdevctl %s%s%s [--OPTION]...\n\n%s\n\n", command->name,
	       command->args[0] ? " " : "", command->args, command->help);
	opts_help(command->opts, stdout);
	printf("  --help                this text\n");
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
		if (!strcmp(argv[i], "--help"))
			return true;
	return false;
}

/**
 * cmd_one_device() - the device that a command is about
 * @name: as the user gave it
 * @devices: all devices, to be freed by the caller whatever comes back
 * @device: the one
 *
 * Return: DONE, or what to end with after saying why.
 */
enum outcome cmd_one_device(const char *name, struct devices *devices, struct device **device)
{
	enum outcome outcome = devices_load(devices);

	return outcome == DONE ? device_find(devices, name, device) : outcome;
}

/**
 * cmd_one_fsdev() - the same, for what takes a device in fsdev mode
 * @name: as the user gave it
 * @devices: all devices, to be freed by the caller whatever comes back
 * @device: the one
 */
enum outcome cmd_one_fsdev(const char *name, struct devices *devices, struct device **device)
{
	enum outcome outcome = cmd_one_device(name, devices, device);

	if (outcome == DONE && (*device)->mode != MODE_FSDEV)
		outcome = say(FAILED, "%s: is in mode %s and has to be in fsdev mode: fsdevctl enable %s",
			      (*device)->name, mode_name((*device)->mode), (*device)->name);
	return outcome;
}

/**
 * cmd_agreed() - asks before something that cannot be taken back
 * @question: what is about to happen
 * @yes: the user has said so already
 * @outcome: what to end with if not
 *
 * Return: whether to go on.
 */
bool cmd_agreed(const char *question, bool yes, enum outcome *outcome)
{
	char answer[16];

	if (yes)
		return true;
	if (!isatty(STDIN_FILENO)) {
		*outcome = say(BAD_INPUT, "%s: there is nobody to ask; give --yes to go on", question);
		return false;
	}
	fprintf(stderr, "%s. Go on? [y/N] ", question);
	if (fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
		return true;
	*outcome = say(FAILED, "nothing was changed");
	return false;
}

/* What a program has said, where it matters. */
static void tell_said(FILE *said)
{
	char line[1024];

	rewind(said);
	while (fgets(line, sizeof(line), said))
		fputs(line, stderr);
}

/**
 * cmd_run_program() - runs a program and waits for it
 * @argv: its words; it is looked for in PATH
 *
 * What it says is passed on only if it fails: mkfs programs complain of what memory is not.
 *
 * Return: its exit status, 128 plus the signal that ended it, or a negative errno.
 */
int cmd_run_program(const char * const *argv)
{
	FILE *said = tmpfile();
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		if (said)
			fclose(said);
		return -errno;
	}
	if (!pid) {
		if (said)
			dup2(fileno(said), STDERR_FILENO);
		execvp(argv[0], (char * const *)argv);
		_exit(errno == ENOENT ? 127 : 126);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (said && (!WIFEXITED(status) || WEXITSTATUS(status)))
		tell_said(said);
	if (said)
		fclose(said);
	if (WIFSIGNALED(status))
		return 128 + WTERMSIG(status);
	return WEXITSTATUS(status) == 127 ? -ENOENT : WEXITSTATUS(status);
}

static enum outcome run(const struct command *command, int argc, char **argv)
{
	int left = opts_parse(command->name, command->opts, argc, argv, stderr);

	if (left < 0)
		return BAD_INPUT;
	if (left < command->least || left > command->most)
		return say(BAD_INPUT, "usage is: fsdevctl %s%s%s [--OPTION]...", command->name,
			   command->args[0] ? " " : "", command->args);
	return command->run(left, argv);
}

int main(int argc, char **argv)
{
	const struct command *command;
	enum outcome outcome;

	if (argc < 2) {
		usage(stderr);
		return BAD_INPUT;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "help")) {
		usage(stdout);
		return DONE;
	}
	if (!strcmp(argv[1], "--version")) {
		printf("fsdevctl %s\n", FSDEVCTL_VERSION);
		return DONE;
	}
	command = find(argv[1]);
	if (!command)
		return say(BAD_INPUT, "there is no command '%s'; 'fsdevctl --help' lists them", argv[1]);
	if (wants_help(argc - 2, argv + 2)) {
		command_help(command);
		return DONE;
	}
	outcome = run(command, argc - 2, argv + 2);
	/* a full disk or a pipe that has been closed */
	if (fflush(stdout) && outcome == DONE)
		outcome = say(FAILED, "cannot write the output: %s", strerror(errno));
	return outcome;
}
