/* SPDX-License-Identifier: GPL-2.0 */
/* Devices as JSON, with the keys that daxctl and ndctl use. */
#ifndef FSDEVCTL_JSON_H
#define FSDEVCTL_JSON_H

#include <json-c/json.h>

struct device;
struct users;

struct json_object *json_device(const struct device *device, const struct users *users);
void json_add_text(struct json_object *object, const char *key, const char *text);
void json_add_number(struct json_object *object, const char *key, uint64_t number);
enum outcome json_print(struct json_object *object);

#endif
