/* SPDX-License-Identifier: GPL-2.0 */
/* What the programs of the scenarios share: numbers, and a table of commands. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <err.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/**
 * struct command - something that a program can do
 * @name: its first argument
 * @usage: the arguments that follow, for who reads
 * @args: how many those are
 * @run: does it, with those; returns the program's exit status
 */
struct command {
	const char *name;
	const char *usage;
	int args;
	int (*run)(char **argv);
};

/**
 * run_command() - runs the command that a program was given
 * @commands: what it can do
 * @nr: how many those are
 * @program: its name
 * @argc: of main()
 * @argv: of main()
 *
 * Return: what the command returns; 2 if there is none of this name with as many arguments, after
 * it has said which there are.
 */
static inline int run_command(const struct command *commands, size_t nr, const char *program,
			      int argc, char **argv)
{
	for (size_t i = 0; i < nr; i++)
		if (argc == commands[i].args + 2 && !strcmp(argv[1], commands[i].name))
			return commands[i].run(argv + 2);
	fprintf(stderr, "usage:\n");
	for (size_t i = 0; i < nr; i++)
		fprintf(stderr, "  %s %s %s\n", program, commands[i].name, commands[i].usage);
	return 2;
}

/**
 * number() - reads a number
 * @text: decimal, or with 0x
 *
 * Return: the number. The program ends if it is none.
 */
static inline uint64_t number(const char *text)
{
	char *end;
	uint64_t n;

	errno = 0;
	n = strtoull(text, &end, 0);
	if (errno || end == text || *end)
		errx(2, "'%s' is not a number", text);
	return n;
}

#endif
