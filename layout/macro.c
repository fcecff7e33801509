// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>

#include "macro.h"

static void put_capitals(FILE *out, const char *name)
{
	for (; *name; name++)
		fputc(toupper((unsigned char)*name), out);
}

/**
 * macro_write() - write one line "#define FSDEV_HAVE_NAME 1"
 * @out: the header that is being written
 * @name: NAME, put into capitals
 * @member: what follows NAME after an underscore, or NULL
 */
void macro_write(FILE *out, const char *name, const char *member)
{
	fputs("#define FSDEV_HAVE_", out);
	put_capitals(out, name);
	if (member) {
		fputc('_', out);
		put_capitals(out, member);
	}
	fputs(" 1\n", out);
}
