// SPDX-License-Identifier: GPL-2.0
/*
 * fail-nth: does something again and again while the first, the second, ... allocation fails that
 * the kernel makes for it, until there is none left to fail; and looks each time whether the answer
 * and what is there afterwards agree. For kernels with fault injection.
 *
 * Prints a line for each: "NAME: N calls, R refused, B borne, W wrong".
 * Source: the kernel's Documentation/fault-injection/fault-injection.rst, "fail-nth".
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../../uapi/fsdev.h"
#include "program.h"

#define PAGE 4096u
#define BAD_AT (8 * PAGE)

static int fail_nth;
static const char *dev;
static char path_bind[128], path_unbind[128], path_bound[128], path_node[64], path_disk[64];
static char path_sysfs[64];
static char memory_map[1 << 16];

/* From now on the n-th allocation of this thread fails, once; with 0 none. */
static void arm(unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	if (pwrite(fail_nth, text, len, 0) != len)
		err(1, "fail-nth");
}

/* Has it failed? */
static bool disarm(void)
{
	char text[16] = "";

	if (pread(fail_nth, text, sizeof(text) - 1, 0) < 1)
		err(1, "fail-nth");
	arm(0);
	return strtoul(text, NULL, 10) == 0;
}

/*
 * step() gives 0 or an error; wrong() tells what does not agree with that, or NULL, and puts
 * everything back.
 */
static int each(const char *name, int (*step)(void), const char *(*wrong)(int error))
{
	unsigned int n, refused = 0, borne = 0, bad = 0;
	const char *why;
	bool met;
	int error;

	for (n = 1;; n++) {
		arm(n);
		error = step();
		met = disarm();
		why = wrong(error);
		if (!why && error && !met)
			why = "refused, and nothing had failed";
		if (why) {
			bad++;
			printf("# %s, call %u (%s): %s\n", name, n,
			       error ? strerrorname_np(error) : "ok", why);
		}
		if (!met)
			break;
		if (error)
			refused++;
		else
			borne++;
	}
	printf("%s: %u calls, %u refused, %u borne, %u wrong\n", name, n - 1, refused, borne, bad);
	fflush(stdout);
	return bad != 0;
}

/* What holds memory now. */
static void read_map(char *map)
{
	size_t len = 0;
	ssize_t n;
	int fd = open("/proc/iomem", O_RDONLY);

	if (fd < 0)
		err(1, "/proc/iomem");
	while ((n = read(fd, map + len, sizeof(memory_map) - 1 - len)) > 0)
		len += n;
	close(fd);
	map[len] = 0;
}

static int write_name(const char *path)
{
	int fd = open(path, O_WRONLY), error = 0;

	if (fd < 0)
		return errno;
	if (write(fd, dev, strlen(dev)) < 0)
		error = errno;
	close(fd);
	return error;
}

static bool bound(void)
{
	return !access(path_bound, F_OK);
}

static const char *left_behind(void)
{
	static char map[sizeof(memory_map)];

	read_map(map);
	if (strcmp(map, memory_map))
		return "its memory is still taken";
	if (!access(path_disk, F_OK))
		return "its disk is still there";
	return NULL;
}

static int step_bind(void)
{
	return write_name(path_bind);
}

static const char *wrong_bind(int error)
{
	const char *why = NULL;

	if (bound() != !error)
		return error ? "bound all the same" : "not bound";
	if (!error && access(path_sysfs, F_OK))
		why = "bound without a disk";
	if (error) {
		why = left_behind();
		if (write_name(path_bind))
			return "the next bind does not work";
	}
	if (write_name(path_unbind) || bound())
		return "it cannot be unbound";
	return why ? why : left_behind();
}

static int step_unbind(void)
{
	return write_name(path_unbind);
}

static const char *wrong_unbind(int error)
{
	const char *why;

	/* it may be the opening of the attribute that failed */
	if (bound() != !!error)
		return error ? "gone all the same" : "still bound";
	if (error && write_name(path_unbind))
		return "the next unbind does not work";
	why = left_behind();
	return write_name(path_bind) ? "the next bind does not work" : why;
}

static int node = -1, other = -1;

static int command(int fd, unsigned int number)
{
	struct fsdev_span span = { .offset = BAD_AT, .len = PAGE };

	return ioctl(fd, number, &span) ? errno : 0;
}

static struct fsdev_info info(void)
{
	struct fsdev_info i;

	if (ioctl(node, FSDEV_IOC_INFO, &i))
		err(1, "FSDEV_IOC_INFO");
	return i;
}

static int step_open(void)
{
	other = open(path_node, O_RDWR | O_CLOEXEC);
	return other < 0 ? errno : 0;
}

static const char *wrong_open(int error)
{
	if (!error)
		close(other);
	return info().holder == FSDEV_HOLDER_NONE ? NULL : "it has a holder";
}

static int step_own(void)
{
	struct fsdev_listen listen = { .queue = 0 };

	return ioctl(node, FSDEV_IOC_OWN, &listen) ? errno : 0;
}

static const char *wrong_own(int error)
{
	unsigned int holder = info().holder;

	close(node);
	node = open(path_node, O_RDWR | O_CLOEXEC);
	if (node < 0)
		err(1, "%s", path_node);
	if (holder != (error ? FSDEV_HOLDER_NONE : FSDEV_HOLDER_SELF))
		return error ? "it is owned" : "it is not owned";
	return info().holder == FSDEV_HOLDER_NONE ? NULL : "closing it leaves a holder";
}

/* Afterwards no bad memory is known. */
static const char *all_good(const char *why)
{
	if (info().bad_bytes && command(node, FSDEV_IOC_CLEAR))
		return "it cannot be cleared";
	return info().bad_bytes ? "more than that page is bad" : why;
}

static int step_add(void)
{
	return command(node, FSDEV_IOC_ADD_BAD);
}

static int step_inject(void)
{
	return command(node, FSDEV_IOC_INJECT);
}

static const char *wrong_bad(int error)
{
	return all_good(!error && info().bad_bytes != PAGE ? "it is not known to be bad" : NULL);
}

static int step_clear(void)
{
	return command(node, FSDEV_IOC_CLEAR);
}

static const char *wrong_clear(int error)
{
	const char *why = !error && info().bad_bytes ? "it is still bad" : NULL;

	why = all_good(why);
	return command(node, FSDEV_IOC_ADD_BAD) ? "it cannot be bad again" : why;
}

static int step_scrub(void)
{
	struct fsdev_span span = { .len = 64 * PAGE };

	return ioctl(node, FSDEV_IOC_SCRUB, &span) ? errno : 0;
}

static const char *wrong_scrub(int error)
{
	(void)error;
	return info().bad_bytes ? "good memory is bad" : NULL;
}

static int step_read(void)
{
	static char buffer[16 * PAGE] __attribute__((aligned(PAGE)));

	return pread(other, buffer, sizeof(buffer), 0) == sizeof(buffer) ? 0 : errno;
}

static const char *wrong_none(int error)
{
	(void)error;
	return NULL;
}

/* devices of the DAX bus, with the driver, which knows the name and has not got the device */
static int cmd_device(char **argv)
{
	int rc = 0;

	dev = argv[0];
	fail_nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (fail_nth < 0)
		err(1, "fail-nth: this kernel has no fault injection");
	snprintf(path_bind, sizeof(path_bind), "/sys/bus/dax/drivers/fsdev/bind");
	snprintf(path_unbind, sizeof(path_unbind), "/sys/bus/dax/drivers/fsdev/unbind");
	snprintf(path_bound, sizeof(path_bound), "/sys/bus/dax/drivers/fsdev/%s", dev);
	snprintf(path_node, sizeof(path_node), "/dev/%s", dev);
	snprintf(path_disk, sizeof(path_disk), "/dev/fsdev%s", dev + strlen("dax"));
	snprintf(path_sysfs, sizeof(path_sysfs), "/sys/block/fsdev%s", dev + strlen("dax"));
	read_map(memory_map);
	rc |= each("bind", step_bind, wrong_bind);
	if (step_bind())
		errx(1, "%s does not bind", dev);
	rc |= each("unbind", step_unbind, wrong_unbind);
	node = open(path_node, O_RDWR | O_CLOEXEC);
	if (node < 0)
		err(1, "%s", path_node);
	rc |= each("open", step_open, wrong_open);
	rc |= each("own", step_own, wrong_own);
	rc |= each("add-bad", step_add, wrong_bad);
	rc |= each("inject", step_inject, wrong_bad);
	if (command(node, FSDEV_IOC_ADD_BAD))
		err(1, "FSDEV_IOC_ADD_BAD");
	rc |= each("clear", step_clear, wrong_clear);
	if (command(node, FSDEV_IOC_CLEAR))
		err(1, "FSDEV_IOC_CLEAR");
	rc |= each("scrub", step_scrub, wrong_scrub);
	other = open(path_disk, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (other < 0)
		err(1, "%s", path_disk);
	rc |= each("read", step_read, wrong_none);
	return rc;
}

static const struct command commands[] = {
	{ "device", "DEV", 1, cmd_device },
};

int main(int argc, char **argv)
{
	return run_command(commands, sizeof(commands) / sizeof(*commands), "fail-nth", argc, argv);
}
