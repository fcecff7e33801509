// SPDX-License-Identifier: GPL-2.0
/*
 * What a file system tells of lost data: fanotify's FAN_FS_ERROR, which is for every program, and the
 * health monitor of XFS, which also says which bytes. Kernel 7.x.
 *   fs-error fanotify FOLDER   a line for each event of the file system: error, how often, path
 *   fs-error health FOLDER     a line for each event: what, and of which bytes
 * Both say "ready" first, and end when they are killed, or the file system is unmounted.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "program.h"

/* The path of a file that is named by its handle. */
static void path_of(int folder, struct file_handle *handle, char *path, size_t size)
{
	int fd = handle->handle_bytes ? open_by_handle_at(folder, handle, O_PATH) : -1;
	char link[64];
	ssize_t n;

	snprintf(path, size, "-");
	if (fd < 0)
		return;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, size - 1);
	if (n > 0)
		path[n] = '\0';
	close(fd);
}

static void tell_error(int folder, const struct fanotify_event_metadata *event)
{
	const char *at = (const char *)event + event->metadata_len;
	const char *end = (const char *)event + event->event_len;
	struct fanotify_event_info_error error = { 0 };
	char path[4096] = "-";

	while (at < end) {
		struct fanotify_event_info_header *info = (void *)at;

		if (info->info_type == FAN_EVENT_INFO_TYPE_ERROR)
			memcpy(&error, info, sizeof(error));
		else if (info->info_type == FAN_EVENT_INFO_TYPE_FID)
			path_of(folder, (void *)((struct fanotify_event_info_fid *)info)->handle, path,
				sizeof(path));
		at += info->len;
	}
	printf("error %d, %u times, %s\n", error.error, error.error_count, path);
}

static int cmd_fanotify(char **argv)
{
	int folder = open(argv[0], O_RDONLY | O_DIRECTORY);
	int fd = fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_FID, O_RDONLY);
	char buffer[65536] __attribute__((aligned(8)));
	ssize_t n;

	if (folder < 0 || fd < 0 ||
	    fanotify_mark(fd, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_FS_ERROR, AT_FDCWD, argv[0]))
		err(1, "%s", argv[0]);
	puts("ready");
	fflush(stdout);
	while ((n = read(fd, buffer, sizeof(buffer))) > 0) {
		const struct fanotify_event_metadata *event = (void *)buffer;

		for (; FAN_EVENT_OK(event, n); event = FAN_EVENT_NEXT(event, n))
			if (event->mask & FAN_FS_ERROR)
				tell_error(folder, event);
		fflush(stdout);
	}
	return 0;
}

/* As the kernel's interface has it, which these headers do not: 64 bytes. */
struct health_event {
	uint32_t domain, type;
	uint64_t time_ns;
	uint64_t first, second;	/* of bytes: where, how many; of a disk: sector, sectors */
	uint64_t inode;
	uint32_t generation, error;
	uint64_t zero[2];
};

struct health_monitor {
	uint64_t flags;
	uint8_t format, zero[23];
};

#define XFS_IOC_HEALTH_MONITOR _IOW('X', 68, struct health_monitor)
#define TYPE_RUNNING 0
#define TYPE_UNMOUNT 2
#define TYPE_SHUTDOWN 6
#define TYPE_MEDIA 7
#define TYPE_DATA_LOST 12

static void tell_health(const struct health_event *event)
{
	switch (event->type) {
	case TYPE_RUNNING:
		puts("ready");
		break;
	case TYPE_UNMOUNT:
		puts("unmount");
		break;
	case TYPE_SHUTDOWN:
		puts("shutdown");
		break;
	case TYPE_MEDIA:
		printf("media %llu+%llu\n", (unsigned long long)event->first * 512,
		       (unsigned long long)event->second * 512);
		break;
	case TYPE_DATA_LOST:
		printf("lost inode %llu %llu+%llu\n", (unsigned long long)event->inode,
		       (unsigned long long)event->first, (unsigned long long)event->second);
		break;
	default:
		printf("type %u\n", event->type);
	}
	fflush(stdout);
}

static int cmd_health(char **argv)
{
	struct health_monitor monitor = { 0 };
	int folder = open(argv[0], O_RDONLY | O_DIRECTORY), fd;
	struct health_event event;

	fd = folder < 0 ? -1 : ioctl(folder, XFS_IOC_HEALTH_MONITOR, &monitor);
	if (fd < 0)
		err(1, "%s", argv[0]);
	/* the folder would keep it mounted */
	close(folder);
	while (read(fd, &event, sizeof(event)) == sizeof(event)) {
		tell_health(&event);
		if (event.type == TYPE_UNMOUNT)
			break;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct command commands[] = {
		{ "fanotify", "FOLDER", 1, cmd_fanotify },
		{ "health", "FOLDER", 1, cmd_health },
	};

	return run_command(commands, sizeof(commands) / sizeof(*commands), "fs-error", argc, argv);
}
