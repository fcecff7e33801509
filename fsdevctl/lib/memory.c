// SPDX-License-Identifier: GPL-2.0
/*
 * The memory blocks that a device in system-ram mode has become. All of them have to be offline
 * before the device leaves that mode: one that is not stays ordinary memory until the next boot,
 * and takes the device with it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "interrupt.h"
#include "memory.h"
#include "sysfs.h"

#define MEMORY "/sys/devices/system/memory"

static int add_block(struct memory_blocks *blocks, uint64_t number)
{
	struct memory_block *more;
	char state[32], zones[64];

	if (sysfs_read(state, sizeof(state), MEMORY "/memory%llu/state",
		       (unsigned long long)number))
		return 0;	/* a range's end that fills no block was left out by the kernel */
	more = realloc(blocks->block, (blocks->count + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	blocks->block = more;
	more += blocks->count++;
	sysfs_read(zones, sizeof(zones), MEMORY "/memory%llu/valid_zones",
		   (unsigned long long)number);
	more->number = number;
	more->online = !!strncmp(state, "offline", 7);
	more->movable = !strcmp(zones, "Movable");
	blocks->online += more->online;
	return 0;
}

/**
 * memory_load() - load the memory blocks of a device
 * @device: the device
 * @blocks: the blocks; freed by memory_free()
 *
 * Return: 0 or a negative errno.
 */
int memory_load(const struct device *device, struct memory_blocks *blocks)
{
	char text[32];
	uint64_t size;
	int rc;

	memset(blocks, 0, sizeof(*blocks));
	rc = sysfs_read(text, sizeof(text), MEMORY "/block_size_bytes");
	if (rc)
		return rc;
	size = strtoull(text, NULL, 16);
	if (!size)
		return -EINVAL;
	for (unsigned int i = 0; !rc && i < device->nr_ranges; i++) {
		const struct device_range *range = &device->ranges[i];
		uint64_t first = (range->start + size - 1) / size;
		uint64_t end = (range->start + range->len) / size;

		for (uint64_t number = first; !rc && number < end; number++)
			rc = add_block(blocks, number);
	}
	if (rc)
		memory_free(blocks);
	return rc;
}

/**
 * memory_free() - free what memory_load() made
 * @blocks: the blocks
 */
void memory_free(struct memory_blocks *blocks)
{
	free(blocks->block);
	memset(blocks, 0, sizeof(*blocks));
}

static const char *why(const struct memory_block *block, int rc)
{
	if (!block->movable)
		return "it is online in ZONE_NORMAL, and the kernel cannot move what it has there; only a reboot frees it. Put memory online as movable where it is to be given back";
	if (rc == -EBUSY)
		return "some of its pages are pinned and cannot be moved (by a device, a virtual machine, or huge pages); end what uses it and try again";
	if (rc == -EINTR || rc == -ETIME)
		return rc == -EINTR ? "it was interrupted" :
			"the time of --timeout is over, and its contents have not been moved away";
	if (rc == -ENOMEM)
		return "there is not enough other free memory to move its contents to";
	return strerror(-rc);
}

static int stopped(void)
{
	return interrupt_timed_out() ? -ETIME : -EINTR;
}

static int set_state(const struct memory_block *block, const char *state)
{
	int rc = 0;

	/* pages are pinned for a moment now and then; that passes */
	for (unsigned int try = 0; try < 5; try++) {
		rc = sysfs_write(state, MEMORY "/memory%llu/state",
				 (unsigned long long)block->number);
		if (rc != -EBUSY && rc != -EAGAIN)
			break;
		usleep(200000);
	}
	return rc;
}

static bool is_online(const struct memory_block *block)
{
	char state[32];

	return !sysfs_read(state, sizeof(state), MEMORY "/memory%llu/state",
			   (unsigned long long)block->number) && strncmp(state, "offline", 7);
}

/**
 * memory_offline() - take every block of a device offline
 * @device: the device
 * @blocks: its blocks
 *
 * Return: DONE; or FAILED after saying which block stays and why, with those that were taken
 * before it online again.
 */
enum outcome memory_offline(const struct device *device, const struct memory_blocks *blocks)
{
	bool terminal = isatty(STDERR_FILENO);
	unsigned int done = 0;

	for (unsigned int i = 0; i < blocks->count; i++) {
		const struct memory_block *block = &blocks->block[i];
		int rc;

		if (!block->online)
			continue;
		rc = interrupt_seen() ? -EINTR : set_state(block, "offline");
		if (rc && interrupt_seen())
			rc = stopped();
		if (rc) {
			interrupt_ignore();
			if (terminal && done)
				fputc('\n', stderr);
			note("%s: memory block %llu cannot be offlined: %s", device->name,
			     (unsigned long long)block->number, why(block, rc));
			memory_restore(device, blocks);
			return FAILED;
		}
		done++;
		if (terminal)
			fprintf(stderr, "\r%s: %u of %u memory blocks are offline", device->name,
				done, blocks->online);
	}
	if (terminal && done)
		fputc('\n', stderr);
	else if (done)
		note("%s: %u memory blocks are offline", device->name, done);
	return DONE;
}

/**
 * memory_online_at_once() - have the kernel's driver put all of a device online as movable
 * @device: a device in system-ram mode, whose memory is offline
 *
 * From 7.3 on the driver does that for all ranges together, and can say later what it did. To go
 * offline block by block tells which one is in the way, and can be stopped, so that stays.
 *
 * Return: whether it did; false on kernels whose driver cannot.
 */
bool memory_online_at_once(const struct device *device)
{
	return sysfs_there(DAX_BUS "/devices/%s/state", device->name) &&
		!sysfs_write("unplugged", DAX_BUS "/devices/%s/state", device->name) &&
		!sysfs_write("online_movable", DAX_BUS "/devices/%s/state", device->name);
}

/**
 * memory_restore() - put the blocks back online that were
 * @device: the device
 * @blocks: its blocks as they were
 */
void memory_restore(const struct device *device, const struct memory_blocks *blocks)
{
	for (unsigned int i = 0; i < blocks->count; i++) {
		const struct memory_block *block = &blocks->block[i];
		int rc;

		if (!block->online || is_online(block))
			continue;
		rc = set_state(block, block->movable ? "online_movable" : "online");
		if (rc)
			note("%s: memory block %llu does not come back online: %s", device->name,
			     (unsigned long long)block->number, strerror(-rc));
	}
}
