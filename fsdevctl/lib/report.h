/* SPDX-License-Identifier: GPL-2.0 */
/* The result of a command as one JSON object. */
#ifndef FSDEVCTL_REPORT_H
#define FSDEVCTL_REPORT_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "say.h"

/* set by --json */
extern bool report_wanted;

#define REPORT_OPT { "json", OPT_FLAG, NULL, &report_wanted, "one JSON object, for programs" }

void report_start(const char *command);
void report_changed(void);
void report_text(const char *key, const char *text);
void report_number(const char *key, uint64_t number);
void report_bool(const char *key, bool value);
void report_object(const char *key, struct json_object *value);
void report_append(const char *key, struct json_object *value);
void report_whole(struct json_object *value);
void report_lines(void);
enum outcome report_end(enum outcome outcome);

#endif
