// SPDX-License-Identifier: GPL-2.0
/*
 * Bad memory that the platform knows of already: an NVDIMM's bad blocks (libndctl), a CXL device's
 * poison list (libcxl has the device read it, the kernel reports it as trace events), also that of
 * persistent CXL memory, of which the NVDIMM bus hears nothing. The driver gets it before the device
 * can be used.
 */
#include <cxl/libcxl.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ndctl/libndctl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "known.h"
#include "node.h"
#include "page.h"
#include "sysfs.h"

#define TRACING "/sys/kernel/tracing"

/* What of a range of physical memory lies in the device, as whole pages of it. */
static int add_phys(struct known *known, const struct device *device, uint64_t start,
		    uint64_t len)
{
	for (unsigned int i = 0; len && i < device->nr_ranges; i++) {
		const struct device_range *range = &device->ranges[i];
		uint64_t end = range->start + range->len, from, to;
		struct device_bad *more, *last = known->count ? &known->bad[known->count - 1] : NULL;

		if (start >= end || start + len <= range->start)
			continue;
		from = page_down(start > range->start ? start - range->start : 0);
		to = start + len < end ? start + len - range->start : range->len;
		to = page_up(to);
		/* pieces of an interleaved record follow each other; a range's own stay its own */
		if (last && last->offset >= range->offset && range->offset + from >= last->offset &&
		    range->offset + from <= last->offset + last->len) {
			to = to < range->len ? to : range->len;
			if (range->offset + to > last->offset + last->len)
				last->len = range->offset + to - last->offset;
			continue;
		}
		more = realloc(known->bad, (known->count + 1) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		known->bad = more;
		more[known->count].offset = range->offset + from;
		more[known->count++].len = (to < range->len ? to : range->len) - from;
	}
	return 0;
}

/* A region's bad blocks are counted in sectors from the region's start. */
static int of_region(struct known *known, const struct device *device,
		     struct ndctl_region *region)
{
	uint64_t base = ndctl_region_get_resource(region);
	struct badblock *block;
	int rc = 0;

	if (base == UINT64_MAX)
		return 0;
	ndctl_region_badblock_foreach(region, block) {
		rc = add_phys(known, device, base + block->offset * 512, block->len * 512ull);
		if (rc)
			break;
	}
	return rc;
}

static int of_nvdimm(struct known *known, const struct device *device)
{
	struct ndctl_region *region;
	struct ndctl_bus *bus;
	struct ndctl_ctx *ctx;
	int rc = ndctl_new(&ctx);

	if (rc)
		return rc;
	ndctl_bus_foreach(ctx, bus) {
		ndctl_region_foreach(bus, region) {
			if (!rc)
				rc = of_region(known, device, region);
		}
	}
	ndctl_unref(ctx);
	return rc;
}

/**
 * struct shape - how a CXL region's addresses lie in its memory devices
 * @name: of the region
 * @start: physical address
 * @granule: so much of one device, then the same of the next
 * @block: a granule of each
 * @plain: they come in the same order in each block
 */
struct shape {
	const char *name;
	uint64_t start, granule, block;
	bool plain;
};

/*
 * A record's bytes follow each other in the memory device, from a physical address on. Where the order
 * of the devices may be another in each block, all of a block may be meant, but for the first.
 */
static int add_record(struct known *known, const struct device *device, const struct shape *shape,
		      uint64_t start, uint64_t bytes)
{
	uint64_t at = (start - shape->start) / shape->block * shape->block;
	uint64_t place = (start - shape->start) % shape->block / shape->granule * shape->granule;
	uint64_t n = shape->granule - (start - shape->start) % shape->granule;
	int rc;

	n = bytes < n ? bytes : n;
	rc = add_phys(known, device, start, n);
	while (!rc && (bytes -= n)) {
		at += shape->block;
		n = bytes < shape->granule ? bytes : shape->granule;
		rc = shape->plain ? add_phys(known, device, shape->start + at + place, n) :
			add_phys(known, device, shape->start + at, shape->block);
	}
	return rc;
}

/* One line of the trace: a poisoned range, where it begins as the host sees it. */
static int of_trace_line(struct known *known, const struct device *device, const struct shape *shape,
			 const char *line)
{
	const char *hpa = strstr(line, " hpa=0x"), *len = strstr(line, "dpa_length=");
	const char *region = strstr(line, " region=");
	size_t name = strlen(shape->name);
	uint64_t start, bytes;

	if (!strstr(line, "cxl_poison:") || !region || !len)
		return 0;
	if (strncmp(region + 8, shape->name, name) || region[8 + name] != ' ')
		return 0;
	bytes = strtoull(len + strlen("dpa_length="), NULL, 0);
	start = hpa ? strtoull(hpa + 5, NULL, 16) : UINT64_MAX;
	if (start == UINT64_MAX)
		return -ENODATA;	/* a kernel that does not translate for the region */
	return start < shape->start ? -EINVAL : add_record(known, device, shape, start, bytes);
}

static int read_trace(struct known *known, const struct device *device, const struct shape *shape,
		      const char *instance)
{
	char path[PATH_MAX + 8], *line = NULL;
	size_t room = 0;
	FILE *file;
	int rc = 0;

	snprintf(path, sizeof(path), "%s/trace", instance);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (!rc && getline(&line, &room, file) > 0)
		if (line[0] != '#')
			rc = of_trace_line(known, device, shape, line);
	free(line);
	fclose(file);
	return rc;
}

/* Those of processes that were killed. */
static void drop_instances(void)
{
	DIR *dir = opendir(TRACING "/instances");
	struct dirent *entry;
	int pid;

	while (dir && (entry = readdir(dir)))
		if (sscanf(entry->d_name, "fsdevctl-%d", &pid) == 1 && kill(pid, 0) && errno == ESRCH)
			unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
	if (dir)
		closedir(dir);
}

/* The list comes as trace events; an instance of our own keeps it apart from other tracing. */
static int of_cxl_region(struct known *known, const struct device *device, struct cxl_region *region,
			 const struct shape *shape)
{
	char instance[PATH_MAX];
	int rc;

	if (!sysfs_there(TRACING "/events") && mount("tracefs", TRACING, "tracefs", 0, NULL))
		note("%s: tracefs cannot be mounted on " TRACING ": %s", device->name,
		     strerror(errno));
	if (!sysfs_there(TRACING "/events/cxl/cxl_poison"))
		return -EOPNOTSUPP;
	drop_instances();
	snprintf(instance, sizeof(instance), TRACING "/instances/fsdevctl-%d", getpid());
	if (mkdir(instance, 0700))
		return -errno;
	rc = sysfs_write("1", "%s/events/cxl/cxl_poison/enable", instance);
	if (!rc)
		rc = cxl_region_trigger_poison_list(region);
	if (!rc)
		rc = read_trace(known, device, shape, instance);
	rmdir(instance);
	return rc;
}

static bool has_memory_of(const struct device *device, uint64_t start, uint64_t len)
{
	for (unsigned int i = 0; i < device->nr_ranges; i++)
		if (device->ranges[i].start < start + len &&
		    start < device->ranges[i].start + device->ranges[i].len)
			return true;
	return false;
}

/* Regions of volatile memory, and of persistent memory, which comes to the device by the NVDIMM bus. */
static int of_cxl(struct known *known, const struct device *device)
{
	struct cxl_decoder *decoder;
	struct cxl_region *region;
	struct cxl_ctx *ctx;
	struct cxl_bus *bus;
	int rc = cxl_new(&ctx);

	if (rc)
		return rc;
	cxl_bus_foreach(ctx, bus) {
		struct cxl_port *port = cxl_bus_get_port(bus);

		cxl_decoder_foreach(port, decoder) {
			cxl_region_foreach(decoder, region) {
				uint64_t granule = cxl_region_get_interleave_granularity(region);
				const struct shape shape = {
					.name = cxl_region_get_devname(region),
					.start = cxl_region_get_resource(region),
					.granule = granule,
					.block = granule * cxl_region_get_interleave_ways(region),
					/* what chooses among host bridges may do so by any arithmetic */
					.plain = cxl_decoder_get_interleave_ways(decoder) <= 1,
				};

				if (!rc && shape.block &&
				    has_memory_of(device, shape.start, cxl_region_get_size(region)))
					rc = of_cxl_region(known, device, region, &shape);
			}
		}
	}
	cxl_unref(ctx);
	return rc;
}

/**
 * known_load() - ask the platform for bad memory in a device
 * @device: the device
 * @known: what is known, in device offsets, whole pages; freed by known_free()
 *
 * Return: 0, also where the platform keeps no list for such a device; -EOPNOTSUPP where this
 * kernel cannot read a list; another negative errno where one could not be read. What could be read
 * is in @known also then.
 */
int known_load(const struct device *device, struct known *known)
{
	int rc = 0, of_devices = 0;

	memset(known, 0, sizeof(*known));
	if (!strcmp(device->kind, "nvdimm"))
		rc = of_nvdimm(known, device);
	if (!strcmp(device->kind, "nvdimm") || !strcmp(device->kind, "cxl"))
		of_devices = of_cxl(known, device);
	return rc ?: of_devices;
}

/**
 * known_load_late() - ask the memory devices for what they have listed since a device was bound
 * @device: the device, in fsdev mode
 * @known: as known_load()
 *
 * The lists of CXL devices alone. What the NVDIMM bus lists later the driver hears of itself, and
 * a page of it may have been repaired, and cleared there, since its list was read.
 *
 * Return: as known_load().
 */
int known_load_late(const struct device *device, struct known *known)
{
	memset(known, 0, sizeof(*known));
	return strcmp(device->kind, "nvdimm") && strcmp(device->kind, "cxl") ? 0 :
								 of_cxl(known, device);
}

/**
 * known_free() - free what known_load() made
 * @known: the list
 */
void known_free(struct known *known)
{
	free(known->bad);
	memset(known, 0, sizeof(*known));
}

/* The driver's list of what is remembered, by physical address, for a part of a device. */
static int remember(const struct device *device, uint64_t start, uint64_t len, const char *before,
		    const char *behind)
{
	uint64_t end = start + len;
	int rc = 0;

	for (unsigned int i = 0; !rc && i < device->nr_ranges; i++) {
		const struct device_range *range = &device->ranges[i];
		uint64_t from = start > range->offset ? start : range->offset;
		uint64_t to = end < range->offset + range->len ? end : range->offset + range->len;
		char text[64];

		if (from >= to)
			continue;
		snprintf(text, sizeof(text), "%s%#llx+%#llx%s", before,
			 (unsigned long long)(range->start + (from - range->offset)),
			 (unsigned long long)(to - from), behind);
		rc = sysfs_write(text, DAX_BUS "/drivers/fsdev/remembered_poison");
	}
	return rc;
}

/**
 * known_offer() - give the driver bad memory before it has the device
 * @device: the device, not in fsdev mode; the module is loaded
 * @known: the list
 * @doubtful: pages that can be read are good
 *
 * Nothing can reach the memory before the driver has taken it over.
 *
 * Return: 0; -ENOENT from a module that is older; another negative errno.
 */
int known_offer(const struct device *device, const struct known *known, bool doubtful)
{
	int rc = 0;

	for (unsigned int i = 0; !rc && i < known->count; i++)
		rc = remember(device, known->bad[i].offset, known->bad[i].len, "", doubtful ? "?" : "");
	return rc;
}

/**
 * known_withdraw() - take back what the driver was given before it had the device
 * @device: the device
 * @start: device offset; a multiple of the page size
 * @len: bytes
 *
 * Only a change of mode that was given up has left something.
 *
 * Return: 0, also without a module; a negative errno.
 */
int known_withdraw(const struct device *device, uint64_t start, uint64_t len)
{
	int rc = remember(device, start, len, "-", "");

	return rc == -ENOENT ? 0 : rc;
}

/**
 * known_take() - report the driver
 * @device: a device in fsdev mode
 * @known: the list
 * @listed: but what the driver has repaired
 *
 * Return: 0; -ENOTTY if @listed and the driver, which is older, knows nothing of that; another
 * negative errno.
 */
int known_take(const struct device *device, const struct known *known, bool listed)
{
	struct fsdev_info info;
	int fd, rc = 0;

	if (!known->count)
		return 0;
	fd = node_open(device, O_RDWR);
	if (fd < 0)
		return fd;
	if (listed)
		rc = node_info(fd, &info);
	if (!rc && listed && !(info.commands & FSDEV_CAN_ADD_LISTED))
		rc = -ENOTTY;
	for (unsigned int i = 0; !rc && i < known->count; i++)
		rc = node_span(fd, FSDEV_IOC_ADD_BAD, known->bad[i].offset, known->bad[i].len,
			       listed ? FSDEV_ADD_LISTED : 0, NULL);
	close(fd);
	return rc;
}
