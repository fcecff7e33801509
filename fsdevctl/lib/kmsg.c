// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel says about a device while something is done to it: an error number alone does not
 * say which range was in the way.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kmsg.h"
#include "say.h"

/**
 * kmsg_start() - start to listen to the kernel's log
 *
 * Return: a descriptor for kmsg_tell(), or -1 where the kernel's log may not be read.
 */
int kmsg_start(void)
{
	int kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (kmsg >= 0)
		lseek(kmsg, 0, SEEK_END);
	return kmsg;
}

/**
 * kmsg_tell() - pass on what the kernel has said since, and closes the descriptor
 * @kmsg: from kmsg_start()
 * @about: lines with this in them only
 */
void kmsg_tell(int kmsg, const char *about)
{
	char record[8192];
	ssize_t n;

	if (kmsg < 0)
		return;
	while ((n = read(kmsg, record, sizeof(record) - 1)) > 0) {
		char *text;

		record[n] = '\0';
		text = strchr(record, ';');
		if (!text)
			continue;
		text[strcspn(text, "\n")] = '\0';
		if (strstr(text, about))
			note("the kernel says: %s", text + 1);
	}
	close(kmsg);
}
