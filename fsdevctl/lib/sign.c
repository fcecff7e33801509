// SPDX-License-Identifier: GPL-2.0
/*
 * Signatures of published images, by the program openssl: any key that it knows, in a PEM file.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal.h"
#include "program.h"
#include "sign.h"

/* A message and its signature, in files that only root reads. */
struct files {
	char dir[64], data[96], signature[96];
};

static int files_make(struct files *files)
{
	snprintf(files->dir, sizeof(files->dir), STATE_DIR "/sign.XXXXXX");
	if ((mkdir(STATE_DIR, 0755) && errno != EEXIST) || !mkdtemp(files->dir))
		return -errno;
	snprintf(files->data, sizeof(files->data), "%s/data", files->dir);
	snprintf(files->signature, sizeof(files->signature), "%s/signature", files->dir);
	return 0;
}

static void files_remove(const struct files *files)
{
	unlink(files->data);
	unlink(files->signature);
	rmdir(files->dir);
}

static int file_write(const char *path, const uint8_t *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, data, size);
	close(fd);
	return n == (ssize_t)size ? 0 : -EIO;
}

/**
 * sign_make() - sign bytes
 * @key: file of a private key
 * @data: the bytes
 * @size: how many
 * @signature: where the signature goes
 * @len: in: room there; out: its bytes
 *
 * Return: 0, a negative errno, or openssl's exit status after its own message.
 */
int sign_make(const char *key, const uint8_t *data, size_t size, uint8_t *signature, size_t *len)
{
	struct files files;
	const char *words[] = { "openssl", "pkeyutl", "-sign", "-rawin", "-inkey", key, "-in",
				files.data, "-out", files.signature, NULL };
	int rc = files_make(&files), fd;
	ssize_t n;

	if (rc)
		return rc;
	rc = file_write(files.data, data, size);
	if (!rc)
		rc = program_run(words);
	if (!rc) {
		fd = open(files.signature, O_RDONLY | O_CLOEXEC);
		n = fd < 0 ? -1 : read(fd, signature, *len);
		if (fd >= 0)
			close(fd);
		/* one that fills the room may be longer */
		if (n <= 0 || n == (ssize_t)*len)
			rc = -EIO;
		else
			*len = n;
	}
	files_remove(&files);
	return rc;
}

/**
 * sign_check() - check a signature
 * @key: file of a public key
 * @data: the bytes that were signed
 * @size: how many
 * @signature: the signature
 * @len: its bytes
 *
 * Return: 0 if it is right, a negative errno, or openssl's exit status after its own message.
 */
int sign_check(const char *key, const uint8_t *data, size_t size, const uint8_t *signature,
	       size_t len)
{
	struct files files;
	const char *words[] = { "openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", key,
				"-in", files.data, "-sigfile", files.signature, "-out", "/dev/null",
				NULL };
	int rc = files_make(&files);

	if (rc)
		return rc;
	rc = file_write(files.data, data, size);
	if (!rc)
		rc = file_write(files.signature, signature, len);
	if (!rc)
		rc = program_run(words);
	files_remove(&files);
	return rc;
}
