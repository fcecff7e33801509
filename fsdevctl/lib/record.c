// SPDX-License-Identifier: GPL-2.0
/*
 * A record of poisoned memory: the text of one file, and the set of ranges in it.
 *
 * Every line is "KEY VALUE". The last one says how many ranges there are, so that a file that was cut
 * off is known to be. What this version does not know makes the whole record bad: it may be of a later
 * one, and half of a record is none.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "c.h"
#include "record.h"

#define HEAD "# Poisoned memory, written by fsdevctl: fsdevctl errors --forget takes it back\n"
#define FORMAT "1"

/* Room for one range more. */
static bool make_room(struct record_set *set)
{
	unsigned int room = set->room ? 2 * set->room : 16;
	struct record_range *more;

	if (set->count < set->room)
		return true;
	more = realloc(set->range, room * sizeof(*more));
	if (!more)
		return false;
	set->range = more;
	set->room = room;
	return true;
}

/* The first range that ends at @start or behind it; the number of ranges where there is none. */
static unsigned int set_find(const struct record_set *set, uint64_t start)
{
	unsigned int low = 0, high = set->count;

	while (low < high) {
		unsigned int middle = low + (high - low) / 2;

		if (set->range[middle].start + set->range[middle].len < start)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int set_cut(struct record_set *set, uint64_t start, uint64_t len)
{
	uint64_t end = start + len;
	unsigned int kept = 0;
	struct record_range last = { 0 };

	/* a range that becomes two is the only one of its kind */
	if (!make_room(set))
		return -ENOMEM;
	for (unsigned int i = 0; i < set->count; i++) {
		struct record_range one = set->range[i];
		uint64_t one_end = one.start + one.len;

		if (one_end <= start || one.start >= end) {
			set->range[kept++] = one;
			continue;
		}
		if (one.start < start && one_end > end) {
			last.start = end;
			last.len = one_end - end;
		}
		if (one.start < start)
			set->range[kept++] = (struct record_range){ one.start, start - one.start };
		else if (one_end > end)
			set->range[kept++] = (struct record_range){ end, one_end - end };
	}
	set->count = kept;
	if (!last.len)
		return 0;
	/* behind its first half, which ends at @start */
	for (; kept && set->range[kept - 1].start > start; kept--)
		set->range[kept] = set->range[kept - 1];
	set->range[kept] = last;
	set->count++;
	return 0;
}

static int set_add(struct record_set *set, uint64_t start, uint64_t len)
{
	uint64_t end = start + len;
	unsigned int at = set_find(set, start), last;

	if (!make_room(set))
		return -ENOMEM;
	/* it and all that it overlaps or touches become one */
	for (last = at; last < set->count && set->range[last].start <= end; last++) {
		uint64_t one_end = set->range[last].start + set->range[last].len;

		start = set->range[last].start < start ? set->range[last].start : start;
		end = one_end > end ? one_end : end;
	}
	memmove(&set->range[at + 1], &set->range[last],
		(set->count - last) * sizeof(*set->range));
	set->range[at] = (struct record_range){ start, end - start };
	set->count += 1 - (last - at);
	return 0;
}

static bool set_overlaps(const struct record_set *set, uint64_t start, uint64_t len)
{
	/* the first may only touch @start */
	for (unsigned int i = set_find(set, start); i < set->count && set->range[i].start < start + len; i++)
		if (set->range[i].start + set->range[i].len > start)
			return true;
	return false;
}

/**
 * record_cut() - take a range out
 * @record: the record
 * @start: where it begins
 * @len: bytes
 *
 * Return: 0 or -ENOMEM; the record is as before then.
 */
int record_cut(struct record *record, uint64_t start, uint64_t len)
{
	return set_cut(&record->poison, start, len);
}

/**
 * record_add() - add a range
 * @record: the record
 * @start: where it begins
 * @len: bytes, not 0
 *
 * Return: 0 or -ENOMEM; the record is as before then.
 */
int record_add(struct record *record, uint64_t start, uint64_t len)
{
	return set_add(&record->poison, start, len);
}

/**
 * record_overlaps() - check whether a range has poison
 * @record: the record
 * @start: where it begins
 * @len: bytes
 *
 * Return: whether any of it is in the record.
 */
bool record_overlaps(const struct record *record, uint64_t start, uint64_t len)
{
	return set_overlaps(&record->poison, start, len);
}

/**
 * record_bind() - note that a range was bound with this record
 * @record: the record
 * @boot: in which boot; what was noted of another one goes
 * @start: where it begins
 * @len: bytes, not 0
 *
 * Return: 0 or -ENOMEM.
 */
int record_bind(struct record *record, const char *boot, uint64_t start, uint64_t len)
{
	if (strcmp(record->bound, boot))
		record->spans.count = 0;
	snprintf(record->bound, sizeof(record->bound), "%s", boot);
	return set_add(&record->spans, start, len);
}

/**
 * record_unbind() - undo record_bind()
 * @record: the record
 * @start: where it begins
 * @len: bytes
 *
 * Return: 0 or -ENOMEM.
 */
int record_unbind(struct record *record, uint64_t start, uint64_t len)
{
	int rc = set_cut(&record->spans, start, len);

	if (!record->spans.count)
		snprintf(record->bound, sizeof(record->bound), "-");
	return rc;
}

/**
 * record_bound() - was any of a range bound with this record?
 * @record: the record
 * @boot: in this boot
 * @start: where it begins
 * @len: bytes
 *
 * Return: true if so, and how that ended is not written down.
 */
bool record_bound(const struct record *record, const char *boot, uint64_t start, uint64_t len)
{
	return strcmp(record->bound, "-") && !strcmp(record->bound, boot) &&
	       set_overlaps(&record->spans, start, len);
}

/**
 * record_bound_whole() - was all of a range bound with this record?
 * @record: the record
 * @boot: in this boot
 * @start: where it begins
 * @len: bytes
 *
 * Return: true if so, and how that ended is not written down.
 */
bool record_bound_whole(const struct record *record, const char *boot, uint64_t start, uint64_t len)
{
	if (!record_bound(record, boot, start, len))
		return false;
	for (unsigned int i = 0; i < record->spans.count; i++) {
		const struct record_range *span = &record->spans.range[i];

		if (span->start <= start && span->start + span->len >= start + len)
			return true;
	}
	return false;
}

static bool parse_number(const char **text, uint64_t *number)
{
	char *end;

	if (!isxdigit((unsigned char)**text))
		return false;
	errno = 0;
	*number = strtoull(*text, &end, 0);
	*text = end;
	return !errno;
}

static int parse_range(struct record_set *set, const char *value, const char **why)
{
	uint64_t start, len;

	if (!parse_number(&value, &start) || *value++ != '+' || !parse_number(&value, &len) || *value ||
	    !len || start + len < start) {
		*why = "a range is no START+LENGTH";
		return -EINVAL;
	}
	if (set_overlaps(set, start, len)) {
		*why = "two ranges overlap";
		return -EINVAL;
	}
	return set_add(set, start, len);
}

/* Each once, and in this order; "span" and "poison" as often as there are ranges. */
static int parse_word(struct record *record, unsigned int line, const char *key, const char *value)
{
	const struct {
		const char *key;
		char *to;
		size_t size;
	} words[] = {
		{ "id", record->id, sizeof(record->id) },
		{ "machine", record->machine, sizeof(record->machine) },
		{ "modules", record->modules, sizeof(record->modules) },
		{ "bound", record->bound, sizeof(record->bound) },
	};

	if (line - 1 >= ARRAY_SIZE(words) || strcmp(key, words[line - 1].key) || !*value ||
	    strlen(value) >= words[line - 1].size)
		return -EINVAL;
	memcpy(words[line - 1].to, value, strlen(value) + 1);
	return 0;
}

static int parse_lines(struct record *record, char *text, const char **why)
{
	unsigned int line = 0, ranges = 0;
	char *next, *value;

	if (!strncmp(text, HEAD, strlen(HEAD)))
		text += strlen(HEAD);
	for (; *text; text = next, line++) {
		next = strchr(text, '\n');
		*why = "it is cut off";
		if (!next)
			return -EINVAL;
		*next++ = '\0';
		value = strchr(text, ' ');
		*why = "a line is not KEY VALUE";
		if (!value)
			return -EINVAL;
		*value++ = '\0';
		if (!strcmp(text, "end")) {
			char number[16];

			snprintf(number, sizeof(number), "%u", ranges);
			*why = "it has not as many ranges as it says";
			return line < 5 || *next || strcmp(value, number) ? -EINVAL : 0;
		}
		if (!line) {
			*why = "it is of another version of fsdevctl, or is no record";
			if (strcmp(text, "fsdev-poison") || strcmp(value, FORMAT))
				return -EINVAL;
		} else if (line >= 5 && !strcmp(text, "span")) {
			int rc = parse_range(&record->spans, value, why);

			if (rc)
				return rc;
			ranges++;
		} else if (line >= 5 && !strcmp(text, "poison")) {
			int rc = parse_range(&record->poison, value, why);

			if (rc)
				return rc;
			ranges++;
		} else if (parse_word(record, line, text, value)) {
			*why = "a line is not known, or not in its place";
			return -EINVAL;
		}
	}
	*why = "it is cut off";
	return -EINVAL;
}

/**
 * record_parse() - read a record
 * @record: the record; freed by record_free(), also after an error
 * @text: the whole file
 * @why: where it is bad: what is wrong with it
 *
 * Return: 0; -EINVAL for a bad record; -ENOMEM.
 */
int record_parse(struct record *record, const char *text, const char **why)
{
	char *copy = strdup(text);
	int rc;

	memset(record, 0, sizeof(*record));
	if (!copy)
		return -ENOMEM;
	rc = parse_lines(record, copy, why);
	free(copy);
	return rc;
}

/**
 * record_text() - write a record
 * @record: the record
 *
 * Return: the text, to be freed, or NULL where there is no memory.
 */
char *record_text(const struct record *record)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		return NULL;
	fprintf(file, HEAD "fsdev-poison " FORMAT "\nid %s\nmachine %s\nmodules %s\nbound %s\n",
		record->id, record->machine, record->modules, record->bound);
	for (unsigned int i = 0; i < record->spans.count; i++)
		fprintf(file, "span %#" PRIx64 "+%#" PRIx64 "\n", record->spans.range[i].start,
			record->spans.range[i].len);
	for (unsigned int i = 0; i < record->poison.count; i++)
		fprintf(file, "poison %#" PRIx64 "+%#" PRIx64 "\n", record->poison.range[i].start,
			record->poison.range[i].len);
	fprintf(file, "end %u\n", record->spans.count + record->poison.count);
	if (!fclose(file))
		return text;
	free(text);
	return NULL;
}

/**
 * record_free() - free a record's ranges
 * @record: the record
 */
void record_free(struct record *record)
{
	free(record->poison.range);
	free(record->spans.range);
	record->poison = record->spans = (struct record_set){ 0 };
}
