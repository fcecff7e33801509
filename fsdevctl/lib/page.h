/* SPDX-License-Identifier: GPL-2.0 */
/* Pages of this machine. */
#ifndef FSDEVCTL_PAGE_H
#define FSDEVCTL_PAGE_H

#include <stdint.h>

uint64_t page_size(void);
uint64_t page_huge(void);
uint64_t page_down(uint64_t offset);
uint64_t page_up(uint64_t offset);

#endif
