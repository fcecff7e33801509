// SPDX-License-Identifier: GPL-2.0
/*
 * Where a DAX device comes from: an NVDIMM namespace (libndctl), a CXL region (libcxl), or memory
 * that firmware set aside. These are the properties that stay the same when devices are numbered
 * otherwise after a reboot.
 */
#include <cxl/libcxl.h>
#include <daxctl/libdaxctl.h>
#include <ndctl/libndctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "origin.h"

/* The next device whose region is @path, which may be a link to it, or lies below it. */
static struct device *below(struct devices *devices, const char *path, struct device *after)
{
	struct device *end = devices->device + devices->count;
	const char *part;
	char real[PATH_MAX];
	size_t len;

	if (realpath(path, real))
		path = real;
	part = !strncmp(path, "/sys/devices", 12) ? path + 12 : path;
	len = strlen(part);

	for (struct device *one = after ? after + 1 : devices->device; one < end; one++)
		if (!strncmp(one->region_path, part, len) &&
		    (one->region_path[len] == '/' || !one->region_path[len]))
			return one;
	return NULL;
}

static void uuid_text(char text[37], const unsigned char uuid[16])
{
	for (unsigned int i = 0; i < 16; i++) {
		bool dash = i == 4 || i == 6 || i == 8 || i == 10;

		text += sprintf(text, "%s%02x", dash ? "-" : "", uuid[i]);
	}
}

static void of_nvdimm(struct devices *devices, struct ndctl_dax *dax, bool read_only)
{
	struct ndctl_namespace *namespace = ndctl_dax_get_namespace(dax);
	struct daxctl_region *region = ndctl_dax_get_daxctl_region(dax);
	struct device *one = NULL;
	uuid_t uuid;

	if (!region)
		return;
	ndctl_dax_get_uuid(dax, uuid);
	while ((one = below(devices, daxctl_region_get_path(region), one))) {
		one->kind = "nvdimm";
		one->is_static = true;
		one->read_only |= read_only;
		uuid_text(one->nvdimm_uuid, uuid);
		if (namespace)
			snprintf(one->namespace, sizeof(one->namespace), "%s",
				 ndctl_namespace_get_devname(namespace));
	}
}

static void nvdimms(struct devices *devices)
{
	struct ndctl_region *region;
	struct ndctl_bus *bus;
	struct ndctl_ctx *ctx;
	struct ndctl_dax *dax;

	if (ndctl_new(&ctx))
		return;
	ndctl_bus_foreach(ctx, bus) {
		ndctl_region_foreach(bus, region) {
			ndctl_dax_foreach(region, dax) {
				of_nvdimm(devices, dax, ndctl_region_get_ro(region) == 1);
			}
		}
	}
	ndctl_unref(ctx);
}

static void add_serials(struct device *device, struct cxl_region *region)
{
	struct cxl_memdev_mapping *mapping;

	cxl_mapping_foreach(region, mapping) {
		struct cxl_decoder *decoder = cxl_mapping_get_decoder(mapping);
		struct cxl_memdev *memdev = decoder ? cxl_decoder_get_memdev(decoder) : NULL;
		uint64_t *more;

		if (!memdev)
			continue;
		more = realloc(device->cxl_serials, (device->nr_serials + 1) * sizeof(*more));
		if (!more)
			return;
		device->cxl_serials = more;
		more[device->nr_serials++] = cxl_memdev_get_serial(memdev);
	}
}

/* What decodes for the memory device at a position of the region, or NULL. */
static struct cxl_decoder *decoder_at(struct cxl_region *region, unsigned int position)
{
	struct cxl_memdev_mapping *mapping;

	cxl_mapping_foreach(region, mapping) {
		struct cxl_decoder *decoder = cxl_mapping_get_decoder(mapping);

		if (decoder && cxl_mapping_get_position(mapping) == position)
			return decoder;
	}
	return NULL;
}

static void note_arrangement(struct device *device, struct cxl_region *region)
{
	char *text = device->cxl_arrangement;
	size_t size = sizeof(device->cxl_arrangement), used;

	device->cxl_start = cxl_region_get_resource(region);
	used = snprintf(text, size, "%u %#llx", cxl_region_get_interleave_granularity(region),
			cxl_region_get_size(region));
	for (unsigned int i = 0; i < cxl_region_get_interleave_ways(region); i++) {
		struct cxl_decoder *decoder = decoder_at(region, i);
		struct cxl_memdev *memdev = decoder ? cxl_decoder_get_memdev(decoder) : NULL;
		unsigned long long address = decoder ? cxl_decoder_get_dpa_resource(decoder) : ULLONG_MAX;

		if (!memdev || address == ULLONG_MAX || used >= size) {
			text[0] = '\0';
			return;
		}
		used += snprintf(text + used, size - used, " %#llx", cxl_memdev_get_serial(memdev));
		if (address && used < size)
			used += snprintf(text + used, size - used, "@%#llx", address);
	}
	if (used >= size)
		text[0] = '\0';
}

static void of_cxl(struct devices *devices, struct cxl_region *region)
{
	struct daxctl_region *dax = cxl_region_get_daxctl_region(region);
	struct device *one = NULL;

	if (!dax)
		return;
	while ((one = below(devices, daxctl_region_get_path(dax), one))) {
		one->kind = "cxl";
		snprintf(one->cxl_region, sizeof(one->cxl_region), "%s",
			 cxl_region_get_devname(region));
		add_serials(one, region);
		note_arrangement(one, region);
	}
}

static void cxls(struct devices *devices)
{
	struct cxl_decoder *decoder;
	struct cxl_region *region;
	struct cxl_ctx *ctx;
	struct cxl_bus *bus;

	if (cxl_new(&ctx))
		return;
	cxl_bus_foreach(ctx, bus) {
		struct cxl_port *port = cxl_bus_get_port(bus);

		cxl_decoder_foreach(port, decoder) {
			cxl_region_foreach(decoder, region) {
				of_cxl(devices, region);
			}
		}
	}
	cxl_unref(ctx);
}

/* To ask a library takes longer than all the rest of a command. */
static bool is_unknown(const struct devices *devices)
{
	for (unsigned int i = 0; i < devices->count; i++)
		if (!strcmp(devices->device[i].kind, KIND_UNKNOWN))
			return true;
	return false;
}

/**
 * origins_load() - fill in where the devices come from
 * @devices: the devices
 *
 * What cannot be asked is left as it is: a machine without NVDIMMs or CXL has nothing to tell.
 */
void origins_load(struct devices *devices)
{
	if (!devices->count)
		return;
	for (unsigned int i = 0; i < devices->count; i++)
		if (strstr(devices->device[i].region_path, "/hmem."))
			devices->device[i].kind = "soft-reserved";
	if (is_unknown(devices))
		nvdimms(devices);
	if (is_unknown(devices))
		cxls(devices);
}
