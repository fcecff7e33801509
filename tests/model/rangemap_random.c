// SPDX-License-Identifier: GPL-2.0
/*
 * Compares the range map with the naive one on random geometries.
 *
 *   rangemap_random [GEOMETRIES [SEED]]
 *
 * Prints TAP, with the seed that repeats the run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "rangemap_model.h"

enum { MOST_BYTES = 8192, SOME_BYTES = 600 };

/* splitmix64: every seed, also 0 and 1, gives an unrelated run. */
static u64 next_random(u64 *state)
{
	u64 z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static bool compare_one(u64 *state, struct rangemap_model_count *count)
{
	static u64 words[MOST_BYTES / sizeof(u64)];
	size_t bytes, i;

	/* Short ones as a rule: only few geometries have ranges enough for a long one. */
	bytes = next_random(state) % (next_random(state) % 16 ? SOME_BYTES : MOST_BYTES);
	for (i = 0; i * sizeof(u64) < bytes; i++)
		words[i] = next_random(state);
	return rangemap_model_compare((u8 *)words, bytes, count);
}

int main(int argc, char **argv)
{
	unsigned long geometries = argc > 1 ? strtoul(argv[1], NULL, 0) : 100000;
	u64 seed = argc > 2 ? strtoull(argv[2], NULL, 0) : (u64)time(NULL);
	struct rangemap_model_count count = { 0 };
	u64 state = seed;

	printf("1..1\n# seed %llu\n", seed);
	while (count.geometries < geometries) {
		if (!compare_one(&state, &count)) {
			printf("not ok 1 - rangemap is as the naive map: geometry %lu differs\n",
			       count.geometries);
			return 1;
		}
	}
	printf("# %lu geometries (%lu of them refused), %lu requests\n", count.geometries,
	       count.refused, count.requests);
	printf("ok 1 - rangemap is as the naive map\n");
	return 0;
}
