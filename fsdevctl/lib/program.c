// SPDX-License-Identifier: GPL-2.0
/*
 * Running other programs: mkfs, dmsetup, xfs_growfs.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "program.h"
#include "report.h"

/* What a program has said, where it matters. */
static void tell_said(FILE *said)
{
	char line[1024];

	rewind(said);
	while (fgets(line, sizeof(line), said))
		fputs(line, stderr);
}

#define LOOK_MS 50

/* Waits for the program; -ECANCELED after it was killed, as @keep has said no. */
static int wait_for(pid_t pid, int *status, bool (*keep)(void *arg), void *arg)
{
	bool killed = false;
	pid_t gone;

	for (;;) {
		gone = waitpid(pid, status, keep && !killed ? WNOHANG : 0);
		if (gone == pid)
			return killed ? -ECANCELED : 0;
		if (gone < 0 && errno != EINTR)
			return -errno;
		if (gone)
			continue;
		if (keep(arg)) {
			usleep(LOOK_MS * 1000);
			continue;
		}
		kill(pid, SIGKILL);
		killed = true;
	}
}

static int run(const char * const *argv, bool quiet, bool (*keep)(void *arg), void *arg)
{
	FILE *said = tmpfile();
	int status = 0, rc;
	pid_t pid, parent = getpid();

	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		if (said)
			fclose(said);
		return -errno;
	}
	if (!pid) {
		if (keep && (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent))
			_exit(126);
		if (said)
			dup2(fileno(said), STDERR_FILENO);
		/* there may be JSON on it */
		if (said && (quiet || report_wanted))
			dup2(fileno(said), STDOUT_FILENO);
		execvp(argv[0], (char * const *)argv);
		_exit(errno == ENOENT ? 127 : 126);
	}
	rc = wait_for(pid, &status, keep, arg);
	if (said && !rc && (!WIFEXITED(status) || WEXITSTATUS(status)))
		tell_said(said);
	if (said)
		fclose(said);
	if (rc)
		return rc;
	if (WIFSIGNALED(status))
		return 128 + WTERMSIG(status);
	return WEXITSTATUS(status) == 127 ? -ENOENT : WEXITSTATUS(status);
}

/**
 * program_run_while() - run a program and wait for it, or kill it
 * @argv: its words; it is looked for in PATH
 * @keep: asked now and then; the program is killed when it says no. NULL to let it run
 * @arg: passed to @keep
 *
 * With @keep it does not outlive this process either.
 *
 * What it says is passed on only if it fails: mkfs programs complain of what memory is not.
 *
 * Return: its exit status, 128 plus the signal that ended it, -ECANCELED if it was killed here, or
 * another negative errno.
 */
int program_run_while(const char * const *argv, bool (*keep)(void *arg), void *arg)
{
	return run(argv, false, keep, arg);
}

/**
 * program_run() - run a program and wait for it
 * @argv: its words; it is looked for in PATH
 *
 * Return: as program_run_while().
 */
int program_run(const char * const *argv)
{
	return run(argv, false, NULL, NULL);
}

/**
 * program_run_quiet() - run a program whose standard output is of no interest, and wait for it
 * @argv: its words; it is looked for in PATH
 *
 * Return: as program_run_while(). If the program fails, what it wrote is passed on to standard error.
 */
int program_run_quiet(const char * const *argv)
{
	return run(argv, true, NULL, NULL);
}

/**
 * program_there() - look for a program in PATH
 * @name: its name
 *
 * Return: whether there is one that can be run.
 */
bool program_there(const char *name)
{
	const char *path = getenv("PATH");
	char file[PATH_MAX];

	/* as execvp() has it */
	if (!path)
		path = "/bin:/usr/bin";
	for (;; path++) {
		size_t len = strcspn(path, ":");

		snprintf(file, sizeof(file), "%.*s/%s", len ? (int)len : 1, len ? path : ".", name);
		if (!access(file, X_OK))
			return true;
		path += len;
		if (!*path)
			return false;
	}
}
