// SPDX-License-Identifier: GPL-2.0
/*
 * A line in the system's log for each change: what was done, and by which user.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>
#include <unistd.h>

#include "audit.h"
#include "sysfs.h"
#include "text.h"

/**
 * audit() - log a change
 * @format: as for printf, without an end of line
 */
void audit(const char *format, ...)
{
	char login[32];
	va_list args;
	char *text;
	int rc;

	va_start(args, format);
	rc = vasprintf(&text, format, args);
	va_end(args);
	if (rc < 0)
		return;
	text_plain(text);
	/* who has logged in, whatever user that has become */
	if (sysfs_read(login, sizeof(login), "/proc/self/loginuid"))
		snprintf(login, sizeof(login), "unknown");
	openlog("fsdevctl", LOG_PID, LOG_DAEMON);
	syslog(LOG_NOTICE, "%s (uid %u, login uid %s)", text, getuid(), login);
	closelog();
	free(text);
}
