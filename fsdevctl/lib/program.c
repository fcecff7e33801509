// SPDX-License-Identifier: GPL-2.0
/*
 * Running other programs: mkfs, dmsetup.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "program.h"

/* What a program has said, where it matters. */
static void tell_said(FILE *said)
{
	char line[1024];

	rewind(said);
	while (fgets(line, sizeof(line), said))
		fputs(line, stderr);
}

/**
 * program_run() - run a program and waits for it
 * @argv: its words; it is looked for in PATH
 *
 * What it says is passed on only if it fails: mkfs programs complain of what memory is not.
 *
 * Return: its exit status, 128 plus the signal that ended it, or a negative errno.
 */
int program_run(const char * const *argv)
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
