/* SPDX-License-Identifier: GPL-2.0 */
/* Memory that is mapped: what each byte has to be, and the signal where it fails. */
#ifndef MAPPED_H
#define MAPPED_H

#include <err.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096UL

/* Where to go on after a SIGBUS, and what it said. */
static sigjmp_buf sigbus_jump;
static siginfo_t sigbus_info;

static inline void on_sigbus(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	sigbus_info = *info;
	siglongjmp(sigbus_jump, 1);
}

/**
 * catch_sigbus() - from here on a SIGBUS goes to sigbus_jump
 */
static inline void catch_sigbus(void)
{
	struct sigaction act = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };

	sigaction(SIGBUS, &act, NULL);
}

/**
 * size_of() - how large a file or block device is
 * @fd: the file
 *
 * Return: bytes. The program ends if that cannot be had.
 */
static inline uint64_t size_of(int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		err(1, "fstat");
	if (S_ISREG(st.st_mode))
		return st.st_size;
	return lseek(fd, 0, SEEK_END);
}

/**
 * word_at() - the word that belongs at a file offset
 * @offset: bytes
 * @seed: another one, another word
 *
 * Return: the word, which no other offset has.
 */
static inline uint64_t word_at(uint64_t offset, uint64_t seed)
{
	return (offset + seed) * 0x9e3779b97f4a7c15ULL + seed;
}

/**
 * pattern() - what belongs at a file offset: every page differs from every other, in every word
 * @words: for the contents
 * @offset: bytes
 * @len: bytes, a multiple of eight
 * @seed: another one, other contents
 */
static inline void pattern(uint64_t *words, uint64_t offset, uint64_t len, uint64_t seed)
{
	for (uint64_t i = 0; i < len / sizeof(*words); i++)
		words[i] = word_at(offset + i * sizeof(*words), seed);
}

#endif
