// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE /* asprintf() */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "complain.h"
#include "header.h"
#include "payload.h"
#include "symvers.h"
#include "xfs.h"

/* Exit status of a use that cannot work, as opposed to a kernel that does not. */
#define EXIT_USE 2

static const char usage[] =
	"Usage: btf2layout --btf FILE --symvers FILE [--xfs FILE] --output FILE\n"
	"\n"
	"Writes a C header with the private DAX structures of a kernel, and with macros that say\n"
	"which optional functions, members and types that kernel has.\n"
	"\n"
	"  --btf FILE      the kernel: /sys/kernel/btf/vmlinux, an ELF vmlinux or a vmlinuz\n"
	"  --symvers FILE  its Module.symvers, the list of what it exports\n"
	"  --xfs FILE      its module xfs.ko, unpacked; where that has no BTF the header says nothing\n"
	"                  of it, and the driver does without\n"
	"  --output FILE   the header; there is none if anything fails\n"
	"  --help          this text\n"
	"\n"
	"Exit status: 0 written, 1 the kernel lacks something or a file is damaged, 2 wrong use.\n";

struct options {
	const char *btf;
	const char *symvers;
	const char *xfs;
	const char *output;
	bool help;
};

struct contents {
	char *bytes;
	size_t size;
};

static int parse_options(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {
		{ "btf", required_argument, NULL, 'b' },
		{ "symvers", required_argument, NULL, 's' },
		{ "xfs", required_argument, NULL, 'x' },
		{ "output", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (option == 'b')
			options->btf = optarg;
		else if (option == 's')
			options->symvers = optarg;
		else if (option == 'x')
			options->xfs = optarg;
		else if (option == 'o')
			options->output = optarg;
		else if (option == 'h')
			options->help = true;
		else
			return -1;
	}
	if (optind < argc)
		return complain(stderr, "'%s' is no option (see --help)", argv[optind]);
	return 0;
}

static int check_options(const struct options *options)
{
	struct stat found;

	if (!options->btf)
		return complain(stderr, "--btf is missing: the kernel to read (see --help)");
	if (!options->symvers)
		return complain(stderr,
				"--symvers is missing: without the kernel's Module.symvers no function can be taken for exported");
	if (!options->output)
		return complain(stderr, "--output is missing: the header to write (see --help)");
	/* it is replaced by renaming, which would do away with a device node as well */
	if (!stat(options->output, &found) && !S_ISREG(found.st_mode))
		return complain(stderr, "--output %s is not a regular file", options->output);
	return 0;
}

/* No file has to tell its size: those of sysfs do not always. */
static int read_stream(FILE *file, struct contents *contents)
{
	size_t room = 0, got;

	do {
		if (contents->size == room) {
			char *more = realloc(contents->bytes, room ? 2 * room : 1 << 20);

			if (!more)
				return -1;
			contents->bytes = more;
			room = room ? 2 * room : 1 << 20;
		}
		got = fread(contents->bytes + contents->size, 1, room - contents->size, file);
		contents->size += got;
	} while (got);
	return ferror(file) ? -1 : 0;
}

static int read_file(const char *path, struct contents *contents)
{
	FILE *file = fopen(path, "re");
	int rc = 0;

	if (!file)
		return complain(stderr, "cannot open %s: %s", path, strerror(errno));
	if (read_stream(file, contents))
		rc = complain(stderr, "cannot read %s: %s", path, strerror(errno));
	fclose(file);
	return rc;
}

static struct btf *load_btf(const struct contents *file)
{
	struct payload payload;
	struct btf *btf;

	if (payload_find((const unsigned char *)file->bytes, file->size, &payload, stderr))
		return NULL;
	btf = btf__new(payload.btf, payload.size);
	if (!btf)
		complain(stderr, "the BTF of %zu bytes is damaged: libbpf says %s", payload.size,
			 strerror(errno));
	payload_free(&payload);
	return btf;
}

/* temporary: a new file beside @path, so that it can be renamed to it. */
static FILE *temporary(const char *path, char **name)
{
	mode_t mask = umask(0);
	FILE *file;
	int fd;

	umask(mask);
	if (asprintf(name, "%s.XXXXXX", path) < 0) {
		*name = NULL;
		return NULL;
	}
	fd = mkstemp(*name);
	if (fd < 0)
		return NULL;
	file = fchmod(fd, 0666 & ~mask) ? NULL : fdopen(fd, "w");
	if (!file) {
		close(fd);
		unlink(*name);
	}
	return file;
}

static int write_output(const struct btf *btf, const struct symvers *symvers, const struct xfs *xfs,
			const char *path)
{
	char *name;
	FILE *out = temporary(path, &name);
	int rc;

	if (!out) {
		rc = complain(stderr, "cannot write beside %s: %s", path, strerror(errno));
		free(name);
		return rc;
	}
	rc = header_write(btf, symvers, xfs, out, stderr);
	if ((ferror(out) | fclose(out)) && !rc)
		rc = complain(stderr, "cannot write %s: %s", name, strerror(errno));
	if (!rc && rename(name, path))
		rc = complain(stderr, "cannot rename %s to %s: %s", name, path, strerror(errno));
	if (rc)
		unlink(name);
	free(name);
	return rc;
}

static int generate(const struct options *options)
{
	struct contents kernel = { 0 }, list = { 0 }, module = { 0 };
	struct symvers *symvers = NULL;
	struct xfs xfs = { 0 };
	struct btf *btf = NULL;
	int rc = -1;

	if (!read_file(options->btf, &kernel) && !read_file(options->symvers, &list) &&
	    (!options->xfs || !read_file(options->xfs, &module))) {
		btf = load_btf(&kernel);
		symvers = symvers_parse(list.bytes, list.size, stderr);
	}
	/* said, and done without */
	if (btf && options->xfs)
		xfs_open(&xfs, (const unsigned char *)module.bytes, module.size, btf, stderr);
	if (btf && symvers)
		rc = write_output(btf, symvers, options->xfs ? &xfs : NULL, options->output);
	symvers_free(symvers);
	xfs_close(&xfs);
	btf__free(btf);
	free(module.bytes);
	free(list.bytes);
	free(kernel.bytes);
	return rc;
}

int main(int argc, char **argv)
{
	struct options options = { 0 };

	if (parse_options(argc, argv, &options))
		return EXIT_USE;
	if (options.help) {
		fputs(usage, stdout);
		return EXIT_SUCCESS;
	}
	if (check_options(&options))
		return EXIT_USE;
	/* what is wrong with the kernel is said here, in the driver's terms */
	libbpf_set_print(NULL);
	if (generate(&options)) {
		/* a header of another kernel must not pass for this one's */
		unlink(options.output);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
