/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LAYOUT_UNPACK_H
#define LAYOUT_UNPACK_H

#include <stddef.h>
#include <stdio.h>

/* No kernel comes near it; what claims to be larger is damaged or hostile. */
#ifndef UNPACK_MAX
#define UNPACK_MAX (1024u << 20)
#endif

int unpack(const unsigned char *packed, size_t size, unsigned char **unpacked,
	   size_t *unpacked_size, FILE *err);

#endif
