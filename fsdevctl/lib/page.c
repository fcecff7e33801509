// SPDX-License-Identifier: GPL-2.0
/*
 * Pages of this machine: of 4 KiB on x86; of 4, 16 or 64 KiB on Arm, as its kernel was built.
 */
#include <unistd.h>

#include "page.h"

/**
 * page_size() - the size of a page
 *
 * Return: bytes.
 */
uint64_t page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

/**
 * page_huge() - the size of the mapping that one entry above the page tables stands for
 *
 * A page table is a page of 8-byte entries: 2 MiB with pages of 4 KiB, 32 with 16, 512 with 64.
 *
 * Return: bytes.
 */
uint64_t page_huge(void)
{
	return page_size() * (page_size() / 8);
}

/**
 * page_down() - the start of a page
 * @offset: a place in it
 *
 * Return: the last multiple of the page size up to there.
 */
uint64_t page_down(uint64_t offset)
{
	return offset & ~(page_size() - 1);
}

/**
 * page_up() - the end of a page
 * @offset: the place behind what has to be in it
 *
 * Return: the first multiple of the page size from there on.
 */
uint64_t page_up(uint64_t offset)
{
	return page_down(offset + page_size() - 1);
}
