// SPDX-License-Identifier: GPL-2.0
/*
 * Processes that do nothing, but have files open and mapped as those of a server have:
 *	crowd PROCESSES FILES MAPPINGS
 * Prints "ready" when all are there; they end when standard input does.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define PAGE 4096

static void hold(int files, int mappings)
{
	int fd = open("/proc/self/exe", O_RDONLY);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 1; i < files; i++)
		if (dup(fd) < 0)
			exit(1);
	/* neighbours differ, so that the kernel keeps them apart */
	for (int i = 0; i < mappings; i++)
		if (mmap(NULL, PAGE, i % 2 ? PROT_READ : PROT_NONE, MAP_PRIVATE, fd, 0) == MAP_FAILED)
			exit(1);
}

int main(int argc, char **argv)
{
	int processes = argc > 1 ? atoi(argv[1]) : 0;
	char byte;

	for (int i = 0; i < processes; i++) {
		pid_t pid = fork();

		if (pid < 0)
			return 1;
		if (!pid) {
			hold(argc > 2 ? atoi(argv[2]) : 1, argc > 3 ? atoi(argv[3]) : 0);
			for (;;)
				pause();
		}
	}
	sleep(1);
	puts("ready");
	fflush(stdout);
	return read(STDIN_FILENO, &byte, 1) < 0;
}
