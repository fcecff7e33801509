// SPDX-License-Identifier: GPL-2.0
/*
 * SHA-256 of bytes, and of a range of a file by all processors. libgcrypt computes it, which uses the
 * instructions that processors have for it.
 *
 * SHA-256 of one stream is one processor's work. So a range is cut into chunks, and its checksum is
 * the SHA-256 of the chunks' SHA-256, in their order.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "digest.h"
#include "digest_gcrypt.h"

/* Part of the layout of published images. */
#define CHUNK (8ull << 20)

#define STEP (1u << 20)
#define STEP_ALIGN 4096		/* of what O_DIRECT reads; no page */
#define THREADS_MAX 64

/**
 * struct job - a range that is being summed
 * @fd: the file
 * @offset: where the range starts
 * @len: its bytes
 * @chunks: how many it has
 * @sums: one for each chunk
 * @next: the next chunk that no thread has
 * @done: bytes that are summed
 * @error: the first error, negative
 */
struct job {
	int fd;
	uint64_t offset, len, chunks;
	uint8_t *sums;
	atomic_ullong next, done;
	atomic_int error;
};

/* What a thread has for itself. */
struct worker {
	struct job *job;
	digest_progress_t *progress;
	void *arg;
};

static pthread_once_t prepared = PTHREAD_ONCE_INIT;

/* What is summed is no secret. */
static void prepare(void)
{
	gcry_check_version(NULL);
	gcry_control(GCRYCTL_DISABLE_SECMEM, 0);
	gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
}

/**
 * digest_bytes() - compute the SHA-256 of bytes
 * @data: the bytes
 * @size: how many
 * @sum: the checksum
 */
void digest_bytes(const void *data, size_t size, uint8_t sum[SHA256_BYTES])
{
	pthread_once(&prepared, prepare);
	gcry_md_hash_buffer(GCRY_MD_SHA256, sum, data, size);
}

static int sum_chunk(struct job *job, uint64_t chunk, gcry_md_hd_t hash, void *buffer)
{
	uint64_t at = chunk * CHUNK, end = at + CHUNK < job->len ? at + CHUNK : job->len;

	gcry_md_reset(hash);
	while (at < end) {
		size_t want = end - at < STEP ? end - at : STEP;
		ssize_t n = pread(job->fd, buffer, want, job->offset + at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		gcry_md_write(hash, buffer, n);
		at += n;
		atomic_fetch_add(&job->done, n);
	}
	memcpy(job->sums + chunk * SHA256_BYTES, gcry_md_read(hash, GCRY_MD_SHA256), SHA256_BYTES);
	return 0;
}

static void *work(void *arg)
{
	const struct worker *worker = arg;
	struct job *job = worker->job;
	gcry_md_hd_t hash = NULL;
	void *buffer = NULL;
	int rc = -posix_memalign(&buffer, STEP_ALIGN, STEP), none = 0;

	if (!rc && gcry_md_open(&hash, GCRY_MD_SHA256, 0))
		rc = -ENOMEM;
	while (!rc && !atomic_load(&job->error)) {
		uint64_t chunk = atomic_fetch_add(&job->next, 1);

		if (chunk >= job->chunks)
			break;
		rc = sum_chunk(job, chunk, hash, buffer);
		if (worker->progress)
			worker->progress(atomic_load(&job->done), job->len, worker->arg);
	}
	if (rc)
		atomic_compare_exchange_strong(&job->error, &none, rc);
	free(buffer);
	gcry_md_close(hash);
	return NULL;
}

static unsigned int processors(uint64_t chunks)
{
	cpu_set_t set;
	unsigned int n = sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);

	if (n > THREADS_MAX)
		n = THREADS_MAX;
	return n > chunks ? chunks : n;
}

/**
 * digest_range() - compute the checksum of a range, with a thread on each processor
 * @fd: a file that pread() can read, perhaps one that wants aligned reads
 * @offset: where the range starts, a multiple of a page
 * @len: its bytes, a multiple of a page
 * @progress: called by this thread now and then; or NULL
 * @arg: passed to @progress
 * @sum: the checksum
 *
 * Return: 0 or a negative errno.
 */
int digest_range(int fd, uint64_t offset, uint64_t len, digest_progress_t *progress, void *arg,
		 uint8_t sum[SHA256_BYTES])
{
	struct job job = { .fd = fd, .offset = offset, .len = len };
	struct worker other = { .job = &job }, own = { &job, progress, arg };
	pthread_t thread[THREADS_MAX];
	unsigned int started = 0, wanted;
	int rc;

	pthread_once(&prepared, prepare);
	job.chunks = len / CHUNK + !!(len % CHUNK);
	job.sums = calloc(job.chunks + 1, SHA256_BYTES);
	if (!job.sums)
		return -ENOMEM;
	wanted = processors(job.chunks);
	/* one that cannot be started is done without */
	while (started + 1 < wanted && !pthread_create(&thread[started], NULL, work, &other))
		started++;
	work(&own);
	while (started)
		pthread_join(thread[--started], NULL);
	rc = atomic_load(&job.error);
	if (!rc)
		digest_bytes(job.sums, job.chunks * SHA256_BYTES, sum);
	free(job.sums);
	return rc;
}
