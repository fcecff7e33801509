/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The claim of a publisher: which of several hosts may write, in memory where hosts can only load and
 * store. Pure: who calls does what it is told, and says what it has seen.
 */
#ifndef FSDEVCTL_PUBLISHER_H
#define FSDEVCTL_PUBLISHER_H

#include <stdbool.h>
#include <stdint.h>

/* How long a claim has to stand unchanged before it is held, in milliseconds. */
#ifndef PUBLISHER_SETTLE
#define PUBLISHER_SETTLE 1000u
#endif

/* How long it may take from a look at the claim until a store that follows from it is in the memory. */
#ifndef PUBLISHER_SLOWEST
#define PUBLISHER_SLOWEST (PUBLISHER_SETTLE / 2)
#endif

/* What to do next. */
enum publisher_step {
	PUBLISHER_LOOK,		/* read the claim, from the memory */
	PUBLISHER_WRITE,	/* write the own token as the claim, so that it is in the memory */
	PUBLISHER_WAIT,		/* wait for PUBLISHER_SETTLE */
	PUBLISHER_CONFIRM,	/* read the claim, from the memory */
	PUBLISHER_HELD,		/* go on: the claim is held */
	PUBLISHER_REFUSED,	/* another one has it */
};

/**
 * struct publisher - an attempt to get the claim
 * @token: of this attempt; not 0, and no other one's
 * @ignored: the token of a publisher that is known to be dead; or 0
 * @step: what to do next
 */
struct publisher {
	uint64_t token, ignored;
	enum publisher_step step;
};

void publisher_start(struct publisher *publisher, uint64_t token, uint64_t ignored);
void publisher_done(struct publisher *publisher, uint64_t seen);
bool publisher_late(struct publisher *publisher, uint64_t looked, uint64_t now);
bool publisher_in_time(uint64_t looked, uint64_t now);

#endif
