// SPDX-License-Identifier: GPL-2.0
/*
 * The claim of a publisher, by the time that stores take (M. Fischer's mutual exclusion). A publisher
 * that finds no claim writes its token, waits for longer than a store takes that follows from an earlier
 * look, and looks again: if the claim is still its own, every other one that comes finds it.
 *
 * A publisher that was slower than that, as its host slept, takes the claim from the one that held it.
 * That one finds out by its last look, before it writes a header, and gives up; or its header is in the
 * memory before the late one has waited, and that takes the other slot. tests/model/publisher_cbmc.c has
 * the proof.
 */
#include "publisher.h"

/**
 * publisher_start() - begin an attempt
 * @publisher: the attempt
 * @token: not 0; no other attempt may have the same
 * @ignored: the token of a publisher that is known to be dead; or 0
 */
void publisher_start(struct publisher *publisher, uint64_t token, uint64_t ignored)
{
	publisher->token = token;
	publisher->ignored = ignored;
	publisher->step = PUBLISHER_LOOK;
}

/**
 * publisher_in_time() - may what follows from a look still be done?
 * @looked: when the look began, in milliseconds of a clock that goes on in sleep
 * @now: the time on that clock
 *
 * Return: true if it may.
 */
bool publisher_in_time(uint64_t looked, uint64_t now)
{
	return now - looked <= PUBLISHER_SLOWEST;
}

/**
 * publisher_late() - look again, if it is too late to write
 * @publisher: the attempt
 * @looked: when its last look began, in milliseconds of a clock that goes on in sleep
 * @now: the time on that clock
 *
 * Another publisher may have come in between, which a store would take the claim from.
 *
 * Return: whether there is another look to be taken in place of the store.
 */
bool publisher_late(struct publisher *publisher, uint64_t looked, uint64_t now)
{
	if (publisher->step != PUBLISHER_WRITE || publisher_in_time(looked, now))
		return false;
	publisher->step = PUBLISHER_LOOK;
	return true;
}

/**
 * publisher_done() - say that the step was done, and get the next one
 * @publisher: the attempt; its member step is what to do next
 * @seen: after a look, the claim's token, 0 for none
 */
void publisher_done(struct publisher *publisher, uint64_t seen)
{
	switch (publisher->step) {
	case PUBLISHER_LOOK:
		publisher->step = !seen || seen == publisher->token || seen == publisher->ignored ?
			PUBLISHER_WRITE : PUBLISHER_REFUSED;
		break;
	case PUBLISHER_WRITE:
		publisher->step = PUBLISHER_WAIT;
		break;
	case PUBLISHER_WAIT:
		publisher->step = PUBLISHER_CONFIRM;
		break;
	case PUBLISHER_CONFIRM:
		publisher->step = seen == publisher->token ? PUBLISHER_HELD : PUBLISHER_REFUSED;
		break;
	default:
		break;
	}
}
