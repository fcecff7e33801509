// SPDX-License-Identifier: GPL-2.0
/*
 * A picture of a device, as text or SVG: its bytes in device order, its ranges in the order of
 * their addresses with the holes between them, what is bad and what uses it.
 */
#include <stdlib.h>
#include <string.h>

#include "c.h"
#include "device.h"
#include "draw.h"
#include "files.h"
#include "size.h"

#define CELLS 64

#define ULL(number) ((unsigned long long)(number))

/* In the order of what is worth seeing most where several share a cell. */
static const char marks[] = { '=', '.', '#', '+', '!' };

enum mark { MARK_UNKNOWN, MARK_FREE, MARK_FILE, MARK_METADATA, MARK_BAD };

static uint64_t cell_bytes(const struct device *device)
{
	return device->size / CELLS + !!(device->size % CELLS);
}

static void mark(const struct device *device, unsigned char cell[CELLS], uint64_t offset,
		 uint64_t len, enum mark what)
{
	uint64_t first = offset / cell_bytes(device);

	if (!len)
		return;
	for (uint64_t i = first; i <= (offset + len - 1) / cell_bytes(device) && i < CELLS; i++)
		if (cell[i] < what)
			cell[i] = what;
}

static enum mark of_kind(enum piece_kind kind)
{
	switch (kind) {
	case PIECE_FILE: return MARK_FILE;
	case PIECE_METADATA: return MARK_METADATA;
	case PIECE_FREE: return MARK_FREE;
	default: return MARK_UNKNOWN;
	}
}

static void draw_bar(const struct device *device, const struct pieces *pieces, FILE *out)
{
	unsigned char cell[CELLS] = { 0 };

	for (unsigned int i = 0; i < pieces->count; i++)
		mark(device, cell, pieces->piece[i].offset, pieces->piece[i].len,
		     of_kind(pieces->piece[i].kind));
	for (unsigned int i = 0; i < device->nr_bad; i++)
		mark(device, cell, device->bad[i].offset, device->bad[i].len, MARK_BAD);
	fputs("  |", out);
	for (unsigned int i = 0; i < CELLS; i++)
		fputc(marks[cell[i]], out);
	fputs("|\n  |", out);
	/* under it, which range each cell begins in */
	for (unsigned int i = 0, next = 0; i < CELLS; i++) {
		uint64_t at = cell_bytes(device) * i;
		unsigned int range = 0;

		while (range + 1 < device->nr_ranges && device->ranges[range + 1].offset <= at)
			range++;
		fputc(!i || range != next ? 'A' + range % 26 : ' ', out);
		next = range;
	}
	fprintf(out, "|\n  ! poisoned   + metadata   # files   . free%s\n",
		pieces->count ? "   = not known" : "   = not known: nothing is mounted");
}

static int by_start(const void *a, const void *b)
{
	const struct device_range * const *left = a, * const *right = b;

	return ((*left)->start > (*right)->start) - ((*left)->start < (*right)->start);
}

/* The ranges in the order of their addresses; to be freed. */
static const struct device_range **by_address(const struct device *device)
{
	const struct device_range **sorted = calloc(device->nr_ranges + 1, sizeof(*sorted));

	if (!sorted)
		return NULL;
	for (unsigned int i = 0; i < device->nr_ranges; i++)
		sorted[i] = &device->ranges[i];
	qsort(sorted, device->nr_ranges, sizeof(*sorted), by_start);
	return sorted;
}

static void draw_device_order(const struct device *device, FILE *out)
{
	char size[SIZE_TEXT];

	for (unsigned int i = 0; i < device->nr_ranges; i++) {
		const struct device_range *range = &device->ranges[i];

		fprintf(out, "  %c  device %#12llx  memory %#llx-%#llx  %s\n", 'A' + i % 26,
			ULL(range->offset), ULL(range->start),
			ULL(range->start + range->len - 1), size_text(size, range->len));
	}
}

static void draw_memory_order(const struct device *device, FILE *out)
{
	const struct device_range **sorted = by_address(device);
	char size[SIZE_TEXT];

	for (unsigned int i = 0; sorted && i < device->nr_ranges; i++) {
		const struct device_range *range = sorted[i];
		uint64_t end = range->start + range->len;

		fprintf(out, "  %c  memory %#llx-%#llx  %s\n",
			(int)('A' + (range - device->ranges) % 26), ULL(range->start),
			ULL(end - 1), size_text(size, range->len));
		if (sorted[i + 1] && sorted[i + 1]->start > end)
			fprintf(out, "     hole   %#llx-%#llx  %s\n", ULL(end),
				ULL(sorted[i + 1]->start - 1),
				size_text(size, sorted[i + 1]->start - end));
	}
	free(sorted);
}

/* The first piece that has the byte at @offset. Offsets are asked in their order; @next starts at 0. */
static const struct piece *piece_at(const struct pieces *pieces, unsigned int *next, uint64_t offset)
{
	const struct piece *piece;

	while (*next < pieces->count &&
	       pieces->piece[*next].offset + pieces->piece[*next].len <= offset)
		(*next)++;
	piece = &pieces->piece[*next];
	return *next < pieces->count && piece->offset <= offset ? piece : NULL;
}

static void draw_bad(const struct device *device, const struct pieces *pieces, FILE *out)
{
	unsigned int next = 0;
	char text[8400];

	for (unsigned int i = 0; i < device->nr_bad; i++) {
		const struct device_bad *bad = &device->bad[i];
		const struct piece *piece = piece_at(pieces, &next, bad->offset);
		uint64_t phys = 0;

		device_phys(device, bad->offset, &phys);
		text[0] = '\0';
		if (piece)
			piece_text(piece, bad->offset, text, sizeof(text));
		fprintf(out, "  device %#llx+%#llx  memory %#llx  %s\n", ULL(bad->offset),
			ULL(bad->len), ULL(phys), text);
	}
}

/* A file's bytes on the device, summed over its pieces. */
static void draw_files(const struct pieces *pieces, FILE *out)
{
	char size[SIZE_TEXT], text[8400];
	unsigned int shown = 0;

	for (unsigned int i = 0; i < pieces->count; i++) {
		const struct piece *piece = &pieces->piece[i];

		if (piece->kind != PIECE_FILE || !piece->name)
			continue;
		if (++shown > 20)
			continue;
		piece_text(piece, piece->offset, text, sizeof(text));
		fprintf(out, "  device %#12llx  %10s  %s\n", ULL(piece->offset),
			size_text(size, piece->len), text);
	}
	if (shown > 20)
		fprintf(out, "  ... and %u more\n", shown - 20);
}

static bool any_named(const struct pieces *pieces)
{
	for (unsigned int i = 0; i < pieces->count; i++)
		if (pieces->piece[i].kind == PIECE_FILE && pieces->piece[i].name)
			return true;
	return false;
}

/**
 * draw_text() - draw a device with characters
 * @device: the device
 * @pieces: what uses it, perhaps nothing
 * @out: where to
 */
void draw_text(const struct device *device, const struct pieces *pieces, FILE *out)
{
	char size[SIZE_TEXT];

	fprintf(out, "%s: %s in %u range%s, mode %s%s%s\n\n", device->name,
		size_text(size, device->size), device->nr_ranges,
		device->nr_ranges == 1 ? "" : "s", mode_name(device->mode),
		device->disk[0] ? ", /dev/" : "", device->disk);
	draw_bar(device, pieces, out);
	fputs("\nin device order:\n", out);
	draw_device_order(device, out);
	fputs("\nin memory order:\n", out);
	draw_memory_order(device, out);
	if (device->nr_bad) {
		fprintf(out, "\npoisoned (%s):\n", size_text(size, device->bad_bytes));
		draw_bad(device, pieces, out);
	}
	if (any_named(pieces)) {
		fputs("\nfiles:\n", out);
		draw_files(pieces, out);
	}
}

#define SVG_WIDTH 1000.0
#define SVG_LEFT 10.0

/* The rows of the picture, from above: what lies on the device, its ranges, the same in memory. */
#define SVG_USE 62
#define SVG_DEVICE 110
#define SVG_MEMORY 220
#define SVG_ROW 30
#define SVG_LEGEND 292
#define SVG_HEIGHT 310

/* A label of this many units has its place. */
#define SVG_LABEL 96.0
#define SVG_LEAST 0.5	/* nothing narrower is seen */

/* Each colour means one thing: what lies on the device. Ranges have letters and are grey. */
#define SVG_FILE "#4e79a7"
#define SVG_METADATA "#f28e2b"
#define SVG_FREE "#f2f2f2"
#define SVG_UNKNOWN "#d9d2c3"
#define SVG_POISON "#d62728"
#define SVG_RANGE "#c4c4c4"

/* A name may hold what XML means something by. */
static void svg_text(const char *text, FILE *out)
{
	for (; *text; text++) {
		if (*text == '<')
			fputs("&lt;", out);
		else if (*text == '&')
			fputs("&amp;", out);
		else if ((unsigned char)*text < ' ')
			fputc('?', out);
		else
			fputc(*text, out);
	}
}

static void svg_box(FILE *out, double x, double y, double width, double height,
		    const char *fill, const char *title, uint64_t start, uint64_t len)
{
	fprintf(out, "<rect x=\"%.2f\" y=\"%.0f\" width=\"%.2f\" height=\"%.0f\" fill=\"%s\"><title>",
		SVG_LEFT + x, y, width < 0.8 ? 0.8 : width, height, fill);
	svg_text(title, out);
	fprintf(out, " %#llx+%#llx</title></rect>\n", ULL(start), ULL(len));
}

static void svg_label(FILE *out, double x, double y, const char *text)
{
	fprintf(out, "<text x=\"%.2f\" y=\"%.0f\">", SVG_LEFT + x, y);
	svg_text(text, out);
	fputs("</text>\n", out);
}

static void svg_address(FILE *out, double x, double y, uint64_t address)
{
	fprintf(out, "<text x=\"%.2f\" y=\"%.0f\" font-size=\"11\" fill=\"#555\">%#llx</text>\n",
		SVG_LEFT + x, y, ULL(address));
}

/* A range in one of the two orders: a grey box with its letter, and where it begins. */
static void svg_range(FILE *out, double x, double y, double width, unsigned int i,
		      const char *title, uint64_t start, uint64_t len)
{
	svg_box(out, x, y, width, SVG_ROW, SVG_RANGE, title, start, len);
	fprintf(out, "<path d=\"M%.2f,%.0f v%d\" stroke=\"white\" stroke-width=\"2\"/>\n",
		SVG_LEFT + x, y, SVG_ROW);
	if (width >= 14)
		fprintf(out, "<text x=\"%.2f\" y=\"%.0f\" text-anchor=\"middle\">%c</text>\n",
			SVG_LEFT + x + width / 2, y + 20, (int)('A' + i % 26));
}

/* The bands of each range go from its place in the device to its place in memory. */
static void svg_ranges(const struct device *device, FILE *out)
{
	const struct device_range **sorted = by_address(device);
	double label = -SVG_LABEL, memory_label = -SVG_LABEL;
	unsigned int n = device->nr_ranges;
	uint64_t low, span;

	if (!sorted || !n) {
		free(sorted);
		return;
	}
	low = sorted[0]->start;
	span = sorted[n - 1]->start + sorted[n - 1]->len - low;
	for (unsigned int i = 0; i < n; i++) {
		const struct device_range *range = &device->ranges[i];
		double x = SVG_WIDTH * range->offset / device->size;
		double width = SVG_WIDTH * range->len / device->size;
		double mx = SVG_WIDTH * (range->start - low) / span;
		double mwidth = SVG_WIDTH * range->len / span;

		svg_range(out, x, SVG_DEVICE, width, i, "device", range->offset, range->len);
		fprintf(out, "<polygon points=\"%.2f,%d %.2f,%d %.2f,%d %.2f,%d\" fill=\"%s\" fill-opacity=\"0.3\" stroke=\"white\"/>\n",
			SVG_LEFT + x, SVG_DEVICE + SVG_ROW, SVG_LEFT + x + width,
			SVG_DEVICE + SVG_ROW, SVG_LEFT + mx + mwidth, SVG_MEMORY, SVG_LEFT + mx,
			SVG_MEMORY, SVG_RANGE);
		svg_range(out, mx, SVG_MEMORY, mwidth, i, "memory", range->start, range->len);
		if (x >= label + SVG_LABEL) {
			svg_address(out, x, SVG_DEVICE - 4, range->offset);
			label = x;
		}
	}
	for (unsigned int i = 0; i < n; i++) {
		double x = SVG_WIDTH * (sorted[i]->start - low) / span;

		if (x < memory_label + SVG_LABEL)
			continue;
		svg_address(out, x, SVG_MEMORY + SVG_ROW + 14, sorted[i]->start);
		memory_label = x;
	}
	free(sorted);
}

/*
 * Whether a part that begins at @x is drawn: what is too small to be seen is drawn once for each place,
 * so that a picture of millions of parts is no larger than one of thousands. @last: the last of its kind.
 */
static bool svg_shows(double *last, double x, double *width)
{
	if (*width >= SVG_LEAST)
		return true;
	if (x < *last + SVG_LEAST && *last >= 0)
		return false;
	*last = x;
	*width = SVG_LEAST;
	return true;
}

/* A poisoned range: its place in the row, as wide as can be seen, and an arrow with its offset. */
static void svg_poison(const struct device *device, FILE *out)
{
	double label = -SVG_LABEL, last = -1;

	for (unsigned int i = 0; i < device->nr_bad; i++) {
		const struct device_bad *bad = &device->bad[i];
		double x = SVG_WIDTH * bad->offset / device->size;
		double width = SVG_WIDTH * bad->len / device->size;

		if (!svg_shows(&last, x, &width))
			continue;
		svg_box(out, x, SVG_USE, width < 3 ? 3 : width, SVG_ROW, SVG_POISON, "poisoned",
			bad->offset, bad->len);
		if (x < label + SVG_LABEL)
			continue;
		fprintf(out, "<path d=\"M%.2f,%d l-5,-9 h10 z\" fill=\"%s\"/>\n",
			SVG_LEFT + x + 1.5, SVG_USE - 1, SVG_POISON);
		svg_address(out, x > SVG_WIDTH - SVG_LABEL ? x - SVG_LABEL : x + 8, SVG_USE - 3,
			    bad->offset);
		label = x;
	}
}

static void svg_pieces(const struct device *device, const struct pieces *pieces, FILE *out)
{
	static const char * const fills[] = {
		[PIECE_FILE] = SVG_FILE, [PIECE_METADATA] = SVG_METADATA,
		[PIECE_FREE] = SVG_FREE, [PIECE_UNKNOWN] = SVG_UNKNOWN,
	};
	static const char * const kinds[] = {
		[PIECE_FILE] = "a file", [PIECE_METADATA] = "metadata", [PIECE_FREE] = "free",
		[PIECE_UNKNOWN] = "not known",
	};

	double last[] = { -1, -1, -1, -1 };

	fprintf(out, "<rect x=\"%.2f\" y=\"%d\" width=\"%.2f\" height=\"%d\" fill=\"%s\"/>\n",
		SVG_LEFT, SVG_USE, SVG_WIDTH, SVG_ROW, SVG_UNKNOWN);
	for (unsigned int i = 0; i < pieces->count; i++) {
		const struct piece *piece = &pieces->piece[i];
		double x = SVG_WIDTH * piece->offset / device->size;
		double width = SVG_WIDTH * piece->len / device->size;

		if (!svg_shows(&last[piece->kind], x, &width))
			continue;
		svg_box(out, x, SVG_USE, width, SVG_ROW, fills[piece->kind],
			piece->name ? piece->name : kinds[piece->kind], piece->offset, piece->len);
	}
	svg_poison(device, out);
}

static void svg_legend(FILE *out)
{
	static const char * const entries[][2] = {
		{ SVG_FILE, "files" }, { SVG_METADATA, "metadata" }, { SVG_FREE, "free" },
		{ SVG_UNKNOWN, "not known" }, { SVG_POISON, "poisoned" },
		{ SVG_RANGE, "ranges A, B, ... with their start; holes are white" },
	};
	double x = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(entries); i++) {
		fprintf(out, "<rect x=\"%.2f\" y=\"%d\" width=\"14\" height=\"12\" fill=\"%s\" stroke=\"#999\"/>\n",
			SVG_LEFT + x, SVG_LEGEND - 11, entries[i][0]);
		svg_label(out, x + 20, SVG_LEGEND, entries[i][1]);
		x += 30 + 8.0 * strlen(entries[i][1]);
	}
}

/**
 * draw_svg() - draw a device as a picture
 * @device: the device
 * @pieces: what uses it, perhaps nothing
 * @out: where to
 */
void draw_svg(const struct device *device, const struct pieces *pieces, FILE *out)
{
	char title[128], size[SIZE_TEXT];

	fprintf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 1020 %d\" width=\"1020\" height=\"%d\" font-family=\"sans-serif\" font-size=\"13\">\n"
		"<rect width=\"1020\" height=\"%d\" fill=\"white\"/>\n",
		SVG_HEIGHT, SVG_HEIGHT, SVG_HEIGHT);
	snprintf(title, sizeof(title), "%s: %s in %u range%s, mode %s", device->name,
		 size_text(size, device->size), device->nr_ranges,
		 device->nr_ranges == 1 ? "" : "s", mode_name(device->mode));
	svg_label(out, 0, 20, title);
	if (device->size) {
		svg_label(out, 0, SVG_USE - 18, "in device order");
		svg_ranges(device, out);
		svg_label(out, 0, SVG_MEMORY - 6, "in memory order");
		svg_pieces(device, pieces, out);
	}
	svg_legend(out);
	fputs("</svg>\n", out);
}
