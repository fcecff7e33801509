// SPDX-License-Identifier: GPL-2.0
/*
 * Proof about the claim of a publisher, by cbmc: make -C tests/model publisher
 *
 * Two hosts run lib/publisher.c, and the end of publishing behind it: a last look at the claim, then the
 * header. The memory delays and reorders: a store is under way for a time that cbmc chooses, those of
 * the two hosts arrive in any order, and a look sees what has arrived. Any amount of time passes between
 * two steps, so a host sleeps for as long as it likes, anywhere, but in one place: a header, and a token,
 * is in the memory at most SLOWEST after the look that it follows from, which the publisher checks by its
 * clock, but for the time between reading the clock and the store. (No protocol of loads and stores can
 * do without such a bound.) With SLEEPS tokens know no bound; headers do.
 *
 *  1. Two hosts do not write a header at the same time.
 *  2. When a host gets the claim, no header of the other one is under way, nor will one be that follows
 *     from an earlier look: the headers that it reads then are whole, and it takes the older slot.
 *  3. The two never hold the claim at once. (Without SLEEPS.)
 *
 * The image's area is not in the model: a host that has lost its claim notices that after a while, and
 * what it writes to the area until then is bounded by no look.
 *
 * LATE: without the check of the clock before the token, 3 fails.
 * COVER: that cannot be proven which says that a host never writes a header, so the rest means something.
 */
#include <stdbool.h>
#include <stdint.h>

#include "fsdevctl/lib/publisher.c"

#ifndef SLEEPS
#define SLEEPS 0
#endif
#ifndef LATE
#define LATE 0
#endif

enum { HOSTS = 2 };

unsigned char nondet_uchar(void);
bool nondet_bool(void);

/* What a host does once it holds the claim. */
enum after { AREA, HEADER, DONE, LOST };

/**
 * struct host - a publisher
 * @publisher: its attempt
 * @looked: when it looked first
 * @storing: its token is under way
 * @stored: it has arrived
 * @token_due: when it has, at the latest
 * @until: when it has waited
 * @after: once it holds the claim
 * @due: when its header is in the memory, at the latest
 */
struct host {
	struct publisher publisher;
	bool storing, stored;
	uint64_t looked, until, due, token_due;
	enum after after;
};

static uint64_t now, claim;
static struct host host[HOSTS];

static bool holds(int i)
{
	return host[i].publisher.step == PUBLISHER_HELD;
}

static void arrive(void)
{
	for (int i = 0; i < HOSTS; i++) {
		bool token_due = !SLEEPS && host[i].token_due <= now;

		if (host[i].storing && (token_due || nondet_bool())) {
			claim = host[i].publisher.token;
			host[i].storing = false;
			host[i].stored = true;
		}
		if (host[i].after == HEADER && (host[i].due <= now || nondet_bool()))
			host[i].after = DONE;
	}
}

static void publish(struct host *one)
{
	if (one->after != AREA)
		return;
	one->after = claim == one->publisher.token ? HEADER : LOST;
	one->due = now + PUBLISHER_SLOWEST;
}

static void write_token(struct host *one)
{
	if (!one->storing && !one->stored) {
		if (!LATE && publisher_late(&one->publisher, one->looked, now))
			return;
		one->storing = true;
		one->token_due = one->looked + PUBLISHER_SLOWEST;
	} else if (one->stored) {
		one->stored = false;
		publisher_done(&one->publisher, 0);
		one->until = now + PUBLISHER_SETTLE;
	}
}

static void step(struct host *one)
{
	switch (one->publisher.step) {
	case PUBLISHER_WRITE:
		write_token(one);
		break;
	case PUBLISHER_WAIT:
		if (now > one->until)
			publisher_done(&one->publisher, 0);
		break;
	case PUBLISHER_HELD:
		publish(one);
		break;
	default:
		one->looked = now;
		publisher_done(&one->publisher, claim);
	}
}

int main(void)
{
	for (int i = 0; i < HOSTS; i++)
		publisher_start(&host[i].publisher, i + 1, 0);
	for (int n = 0; n < STEPS; n++) {
		int i = nondet_bool();
		bool held = holds(i);

		now += nondet_uchar() % (3 * PUBLISHER_SETTLE);
		arrive();
		step(&host[i]);
		__CPROVER_assert(!(host[0].after == HEADER && host[1].after == HEADER), "one header");
		__CPROVER_assert(!(holds(i) && !held && host[!i].after == HEADER && host[!i].due > now),
				 "no header is under way when the claim is taken");
#if !SLEEPS
		__CPROVER_assert(!(holds(0) && holds(1) && host[0].after == AREA && host[1].after == AREA),
				 "one holder");
#endif
#ifdef COVER
		__CPROVER_assert(host[1].after != DONE, "no header is ever written");
#endif
	}
	return 0;
}
