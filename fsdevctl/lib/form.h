/* SPDX-License-Identifier: GPL-2.0 */
/* How a file system is made, so that DAX and huge mappings work. */
#ifndef FSDEVCTL_FORM_H
#define FSDEVCTL_FORM_H

#include <stdbool.h>
#include <stdint.h>

#define FORM_WORDS 16

bool form_huge(uint64_t size);
unsigned int form_words(const char *words[FORM_WORDS], const char *type, uint64_t size);

#endif
