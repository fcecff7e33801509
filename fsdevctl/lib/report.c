// SPDX-License-Identifier: GPL-2.0
/*
 * The result of a command as one JSON object. Every command's has the same first keys: command, status,
 * outcome, changed, error and messages. What a command adds is ignored where JSON is not wanted.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "json.h"
#include "report.h"

bool report_wanted;

static const char *name;
static struct json_object *keys, *whole;
static bool changed, in_lines;
static int said = -1;

/**
 * report_start() - begin the result of a command
 * @command: its name
 *
 * To be called when the words are known to ask for JSON, and before anything is said.
 */
void report_start(const char *command)
{
	if (!report_wanted)
		return;
	name = command;
	keys = json_object_new_object();
	said = memfd_create("said", MFD_CLOEXEC);
	if (said >= 0 && !fcntl(said, F_SETFL, O_APPEND))
		say_collect(said);
}

/**
 * report_changed() - record that the command has changed something
 */
void report_changed(void)
{
	changed = true;
}

/**
 * report_text() - add a text
 * @key: its name
 * @text: the text; an empty one is left out
 */
void report_text(const char *key, const char *text)
{
	if (keys)
		json_add_text(keys, key, text);
}

/**
 * report_number() - add a number
 * @key: its name
 * @number: the number
 */
void report_number(const char *key, uint64_t number)
{
	if (keys)
		json_add_number(keys, key, number);
}

/**
 * report_bool() - add true or false
 * @key: its name
 * @value: which
 */
void report_bool(const char *key, bool value)
{
	if (keys)
		json_object_object_add(keys, key, json_object_new_boolean(value));
}

/**
 * report_object() - add an object or array
 * @key: its name
 * @value: the object, which is given away
 */
void report_object(const char *key, struct json_object *value)
{
	if (keys)
		json_object_object_add(keys, key, value);
	else
		json_object_put(value);
}

/**
 * report_append() - add an object to an array
 * @key: name of the array, which is made where there is none
 * @value: the object, which is given away
 */
void report_append(const char *key, struct json_object *value)
{
	struct json_object *array;

	if (!keys) {
		json_object_put(value);
		return;
	}
	if (!json_object_object_get_ex(keys, key, &array)) {
		array = json_object_new_array();
		json_object_object_add(keys, key, array);
	}
	json_object_array_add(array, value);
}

/**
 * report_whole() - print something else where the command does not fail
 * @value: what, which is given away
 *
 * For commands whose result has another form by custom.
 */
void report_whole(struct json_object *value)
{
	json_object_put(whole);
	whole = value;
}

/**
 * report_lines() - print nothing more where the command does not fail, else one line
 *
 * For a command that prints an object a line by itself.
 */
void report_lines(void)
{
	in_lines = true;
}

static const char *outcome_name(enum outcome outcome)
{
	switch (outcome) {
	case DONE: return "done";
	case BAD_INPUT: return "bad-input";
	case IN_USE: return "in-use";
	case STRANDED: return "stranded";
	case FOUND: return "found";
	default: return "failed";
	}
}

/* All that was said, and why it ended so. */
static void add_said(struct json_object *to, enum outcome outcome)
{
	struct json_object *messages = json_object_new_array();
	const char *error = NULL;
	struct stat st;
	char *text = MAP_FAILED;

	if (said >= 0 && !fstat(said, &st) && st.st_size)
		text = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, said, 0);
	for (char *at = text; text != MAP_FAILED && at < text + st.st_size; at += strlen(at) + 1) {
		json_object_array_add(messages, json_object_new_string(at + 1));
		if (*at == 'E')
			error = at + 1;
	}
	if (outcome != DONE)
		json_add_text(to, "error", error);
	json_object_object_add(to, "messages", messages);
	if (text != MAP_FAILED)
		munmap(text, st.st_size);
}

static enum outcome print_keys(enum outcome outcome)
{
	struct json_object_iterator at = json_object_iter_begin(keys), end = json_object_iter_end(keys);
	struct json_object *to = json_object_new_object();

	json_add_text(to, "command", name);
	json_object_object_add(to, "status", json_object_new_int(outcome));
	json_add_text(to, "outcome", outcome_name(outcome));
	json_object_object_add(to, "changed", json_object_new_boolean(changed));
	add_said(to, outcome);
	for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at))
		json_object_object_add(to, json_object_iter_peek_name(&at),
				       json_object_get(json_object_iter_peek_value(&at)));
	if (!in_lines)
		return json_print(to);
	puts(json_object_to_json_string_ext(to, JSON_C_TO_STRING_PLAIN));
	json_object_put(to);
	return DONE;
}

/**
 * report_end() - print the result, if JSON is wanted
 * @outcome: how the command ends
 *
 * Return: @outcome, or FAILED after saying why where the result cannot be printed.
 */
enum outcome report_end(enum outcome outcome)
{
	bool good = outcome == DONE || outcome == FOUND;
	enum outcome printed = DONE;

	if (!keys)
		return outcome;
	if (whole && good)
		printed = json_print(json_object_get(whole));
	else if (!in_lines || !good)
		printed = print_keys(outcome);
	json_object_put(whole);
	json_object_put(keys);
	close(said);
	keys = whole = NULL;
	say_collect(-1);
	return printed == DONE ? outcome : printed;
}
