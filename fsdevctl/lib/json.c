// SPDX-License-Identifier: GPL-2.0
/*
 * Devices as JSON, with the keys that daxctl and ndctl use; what they have no key for is added.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "files.h"
#include "json.h"
#include "memory.h"
#include "page.h"
#include "text.h"
#include "users.h"

#define SECTOR 512

/**
 * json_text() - make a string of a text
 * @text: the text, from anywhere
 *
 * Return: a new object, or NULL without memory.
 */
struct json_object *json_text(const char *text)
{
	char *good = text_utf8(text);
	struct json_object *object = good ? json_object_new_string(good) : NULL;

	free(good);
	return object;
}

/**
 * json_add_text() - add a text
 * @object: to this
 * @key: under this name
 * @text: the text; nothing is added where it is empty
 */
void json_add_text(struct json_object *object, const char *key, const char *text)
{
	if (text && *text)
		json_object_object_add(object, key, json_text(text));
}

/**
 * json_add_number() - add a number
 * @object: to this
 * @key: under this name
 * @number: the number
 */
void json_add_number(struct json_object *object, const char *key, uint64_t number)
{
	json_object_object_add(object, key, json_object_new_uint64(number));
}

static struct json_object *mappings(const struct device *device)
{
	struct json_object *array = json_object_new_array();

	for (unsigned int i = 0; i < device->nr_ranges; i++) {
		const struct device_range *range = &device->ranges[i];
		struct json_object *one = json_object_new_object();

		json_add_number(one, "page_offset", range->offset / page_size());
		json_add_number(one, "start", range->start);
		json_add_number(one, "end", range->start + range->len - 1);
		json_add_number(one, "size", range->len);
		json_object_array_add(array, one);
	}
	return array;
}

static struct json_object *serials(const struct device *device)
{
	struct json_object *array = json_object_new_array();

	for (unsigned int i = 0; i < device->nr_serials; i++)
		json_object_array_add(array, json_object_new_uint64(device->cxl_serials[i]));
	return array;
}

static struct json_object *bad(const struct device *device)
{
	struct json_object *array = json_object_new_array();

	for (unsigned int i = 0; i < device->nr_bad; i++) {
		struct json_object *one = json_object_new_object();
		uint64_t phys;

		json_add_number(one, "offset", device->bad[i].offset);
		json_add_number(one, "length", device->bad[i].len);
		if (device_phys(device, device->bad[i].offset, &phys))
			json_add_number(one, "start", phys);
		json_object_array_add(array, one);
	}
	return array;
}

/* As ndctl writes them. */
static struct json_object *badblocks(const struct device *device)
{
	struct json_object *array = json_object_new_array();

	for (unsigned int i = 0; i < device->nr_bad; i++) {
		struct json_object *one = json_object_new_object();

		json_add_number(one, "offset", device->bad[i].offset / SECTOR);
		json_add_number(one, "length", device->bad[i].len / SECTOR);
		json_object_array_add(array, one);
	}
	return array;
}

/* Its blocks, as daxctl counts them. */
static void add_memory(struct json_object *one, const struct device *device)
{
	struct memory_blocks blocks;
	bool movable = true;

	if (!device->addresses_known || memory_load(device, &blocks))
		return;
	for (unsigned int i = 0; i < blocks.count; i++)
		movable &= !blocks.block[i].online || blocks.block[i].movable;
	json_add_number(one, "online_memblocks", blocks.online);
	json_add_number(one, "total_memblocks", blocks.count);
	if (blocks.online)
		json_object_object_add(one, "movable", json_object_new_boolean(movable));
	memory_free(&blocks);
}

static struct json_object *user(const struct user *user)
{
	static const char * const kinds[] = {
		[USER_MOUNT] = "mount", [USER_PART] = "part", [USER_HIDDEN] = "hidden",
		[USER_HOLDER] = "holder", [USER_SWAP] = "swap", [USER_TARGET] = "target",
		[USER_PROCESS] = "process", [USER_KERNEL] = "kernel", [USER_OPENER] = "opener",
		[USER_STALE] = "stale",
	};
	struct json_object *one = json_object_new_object();

	json_add_text(one, "kind", kinds[user->kind]);
	json_add_text(one, user->kind == USER_MOUNT || user->kind == USER_PART ||
		      user->kind == USER_STALE ? "mountpoint" : "name", user->what);
	json_add_text(one, "through", user->where);
	json_add_text(one, "fstype", user->type);
	json_add_text(one, "options", user->options);
	json_add_text(one, "namespace", user->namespace);
	if (user->pid)
		json_add_number(one, "pid", user->pid);
	return one;
}

/**
 * json_device() - describe a device
 * @device: the device
 * @users: who uses it, or NULL where that was not asked
 *
 * Return: a new object.
 */
struct json_object *json_device(const struct device *device, const struct users *users)
{
	struct json_object *one = json_object_new_object(), *array;

	json_add_text(one, "chardev", device->name);
	json_add_number(one, "size", device->size);
	if (device->node >= 0)
		json_object_object_add(one, "target_node", json_object_new_int(device->node));
	json_add_number(one, "align", device->align);
	json_add_text(one, "mode", mode_name(device->mode));
	if (device->mode == MODE_NONE)
		json_add_text(one, "state", "disabled");
	if (device->mode == MODE_OTHER)
		json_add_text(one, "driver", device->driver);
	if (device->interrupted != MODE_OTHER)
		json_add_text(one, "interrupted", mode_name(device->interrupted));
	json_add_text(one, "blockdev", device->disk);
	if (device->shared)
		json_object_object_add(one, "shared", json_object_new_boolean(true));
	if (device->read_only)
		json_object_object_add(one, "read_only", json_object_new_boolean(true));
	json_add_number(one, "region", device->region);
	json_add_text(one, "path", device->region_path);
	json_add_text(one, "kind", device->kind);
	json_add_text(one, "namespace", device->namespace);
	json_add_text(one, "dev", device->namespace);
	json_add_text(one, "uuid", device->uuid[0] ? device->uuid : device->nvdimm_uuid);
	json_add_text(one, "cxl_region", device->cxl_region);
	if (device->nr_serials)
		json_object_object_add(one, "cxl_serials", serials(device));
	if (device->addresses_known)
		json_object_object_add(one, "mappings", mappings(device));
	if (device->mode == MODE_FSDEV && device->bad_known) {
		json_add_number(one, "bad_bytes", device->bad_bytes);
		json_object_object_add(one, "bad", bad(device));
		json_add_number(one, "badblock_count", device->bad_bytes / SECTOR);
		if (device->nr_bad)
			json_object_object_add(one, "badblocks", badblocks(device));
	}
	if (device->mode == MODE_SYSTEM_RAM)
		add_memory(one, device);
	if (!users)
		return one;
	array = json_object_new_array();
	for (unsigned int i = 0; i < users->count; i++)
		json_object_array_add(array, user(&users->user[i]));
	json_object_object_add(one, "users", array);
	return one;
}

/**
 * json_piece() - describe a part of a device, and what has it
 * @device: the device
 * @offset: device offset of its first byte
 * @len: bytes
 * @piece: what has it, or NULL where that was not asked
 *
 * Return: a new object.
 */
struct json_object *json_piece(const struct device *device, uint64_t offset, uint64_t len,
			       const struct piece *piece)
{
	static const char * const kinds[] = {
		[PIECE_FILE] = "file", [PIECE_METADATA] = "metadata", [PIECE_FREE] = "free",
		[PIECE_UNKNOWN] = "unknown",
	};
	struct json_object *one = json_object_new_object();
	uint64_t phys;

	json_add_number(one, "offset", offset);
	json_add_number(one, "length", len);
	if (device_phys(device, offset, &phys))
		json_add_number(one, "start", phys);
	if (!piece)
		return one;
	json_add_text(one, "kind", kinds[piece->kind]);
	json_add_text(one, piece->kind == PIECE_FILE ? "file" : "what", piece->name);
	if (piece->inode)
		json_add_number(one, "inode", piece->inode);
	if (piece->kind == PIECE_FILE)
		json_add_number(one, "file_offset", piece->file_offset + (offset - piece->offset));
	return one;
}

/**
 * json_print() - write an object to standard output and release it
 * @object: what to write
 *
 * Return: DONE, or FAILED after saying why.
 */
enum outcome json_print(struct json_object *object)
{
	const char *text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY |
							  JSON_C_TO_STRING_NOSLASHESCAPE);
	enum outcome outcome = DONE;

	if (!text || puts(text) < 0)
		outcome = say(FAILED, "cannot write the output");
	json_object_put(object);
	return outcome;
}
