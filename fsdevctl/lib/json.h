/* SPDX-License-Identifier: GPL-2.0 */
/* Devices as JSON, with the keys that daxctl and ndctl use. */
#ifndef FSDEVCTL_JSON_H
#define FSDEVCTL_JSON_H

#include <json-c/json.h>
#include <stdint.h>

#include "say.h"

struct device;
struct piece;
struct users;

struct json_object *json_device(const struct device *device, const struct users *users);
struct json_object *json_piece(const struct device *device, uint64_t offset, uint64_t len,
			       const struct piece *piece);
struct json_object *json_text(const char *text);
void json_add_text(struct json_object *object, const char *key, const char *text);
void json_add_number(struct json_object *object, const char *key, uint64_t number);
enum outcome json_print(struct json_object *object);

#endif
