/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The threads that use the ownership protocol of core/holder.c, and what has to be true of it.
 *
 * The same threads run twice: in holder_model.c, where a model checker tries every interleaving of
 * one round, and in holder_stress.c, where they really run, round after round. A file that includes
 * this says who takes part and how (the IF_ names), and brings along:
 *
 *  prove(x, text), reached(text)    x holds, or the proof fails; this place was come to
 *  seen(x), put(x, value)           a look at, and a store to, what threads share; full barriers
 *  choose()                         one way or the other
 *  wait_until(x)                    waits for x; 0 if it will never come
 *  count(x)                         adds one
 *  me                               which of the threads this is
 *
 * The cast: A and B claim the device, and may let it go again. R releases what it does not hold,
 * or what A holds, at the same time as A. N reports a failure. M denies claims for a while, as a
 * claim of the block device does. K removes the device, and C claims it in its next life. With
 * IF_UNHELD K marks a device without a holder dead before all else, as removal does with the bus's
 * DAX device; M, whose lock it takes for that, may have yet to allow claims.
 */
#ifndef HOLDER_CAST_H
#define HOLDER_CAST_H

#define HOLDER_A 0x10UL
#define HOLDER_B 0x20UL
#define HOLDER_C 0x30UL
#define STRANGER 0x40UL
#define OPS_A 0x110UL
#define OPS_B 0x120UL
#define OPS_C 0x130UL
#define OPS_NOTIFIED 0x140UL

static unsigned long data, ops, flags;
static const struct holder_words w = { &data, &ops, &flags, (const void *)OPS_NOTIFIED };

/* How far the claimers have come. */
static shared_t holds_a, holds_b, holds_c, given_up_a, given_up_b, released_a;
/* A's and B's own memory, which only a call reads after they have let go; plain on purpose. */
static int freed_a, freed_b;
/* How far the removal has come. */
static shared_t closed, dead, told_a, told_b;

/* ---- the kernel's own functions, as far as they touch the words ---- */

/* fs_dax_get_by_bdev() */
static int stock_claim(unsigned long holder, unsigned long its_ops)
{
	int rc = -ENODEV, id;

	id = holder_read_lock();
	if ((READ_ONCE(flags) & BIT(HOLDER_ALIVE)) && !cmpxchg(&data, 0, holder)) {
		WRITE_ONCE(ops, its_ops);
		rc = 0;
	}
	holder_read_unlock(id);
	return rc;
}

/* fs_put_dax() with patch 8 of the series */
static enum holder_verdict stock_release(unsigned long holder)
{
	unsigned long was;

	WRITE_ONCE(ops, 0);
	was = cmpxchg(&data, holder, 0);
	if (was == holder)
		return HOLDER_RELEASED;
	return was ? HOLDER_WRONG : HOLDER_GONE;
}

/* kill_dax() */
static void stock_kill(holder_call_t *call)
{
	if (READ_ONCE(data))
		holder_notify(&w, call, NULL);
	clear_bit(HOLDER_ALIVE, &flags);
	holder_drain();
	WRITE_ONCE(ops, 0);
	WRITE_ONCE(data, 0);
}

/* ---- the threads ---- */

static int call(const void *its_ops, void *arg)
{
	(void)arg;
	switch ((unsigned long)its_ops) {
	case OPS_A:
		prove(!freed_a, "a call meets A, released and drained");
		if (me == K) {
			count(told_a);
			reached("A is notified of the removal");
		}
		break;
	case OPS_B:
		prove(!freed_b, "a call meets B, released and drained");
		if (me == K) {
			count(told_b);
			reached("B is notified of the removal");
		}
		break;
	case OPS_C:
		break;
	case OPS_NOTIFIED:
		return -EOPNOTSUPP;
	default:
		prove(0, "a call has operations of no holder");
	}
	/* After a kernel's own release another holder may follow, and is notified late. */
	if (me == K && !IF_STOCK_RELEASE)
		prove(READ_ONCE(flags) & BIT(HOLDER_ALIVE), "a holder is notified of a dead device");
	return 0;
}

/* As long as the device is not removed, its holder has all of it. */
static void check_mine(unsigned long holder, unsigned long its_ops)
{
	unsigned long has_data = seen(data), has_ops = seen(ops);

	if (seen(flags) == BIT(HOLDER_ALIVE) && !(IF_NEXT_LIFE && seen(closed))) {
		prove(has_data == holder, "a holder has lost its claim");
		prove(has_ops == its_ops, "a holder has lost its operations");
	}
}

static void release_a(void)
{
	enum holder_verdict verdict;

	put(given_up_a, 1);
	if (IF_STOCK_RELEASE)
		verdict = stock_release(HOLDER_A);
	else
		verdict = holder_release(&w, (void *)HOLDER_A);
	if (verdict == HOLDER_RELEASED)
		count(released_a);
	if (!IF_K)
		prove(verdict != HOLDER_GONE, "a release of a live device is passed over");
	if (!IF_R && !(IF_STOCK_KILL && IF_NEXT_LIFE))
		prove(verdict <= HOLDER_GONE, "a holder is warned of its own release");
	if (verdict == HOLDER_GONE)
		reached("A releases what a removal has taken");
}

static void thread_a(void)
{
	int was_closed = seen(closed);

	if (holder_claim(&w, (void *)HOLDER_A, (const void *)OPS_A))
		return;
	if (!IF_NEXT_LIFE && !IF_STOCK_KILL)
		prove(!was_closed, "a claim succeeds after the close");
	check_mine(HOLDER_A, OPS_A);
	put(holds_a, 1);
	if (!IF_A_STAYS && choose()) {
		release_a();
		holder_drain();
		freed_a = 1;
	}
}

static void thread_b(void)
{
	int was_closed = seen(closed);
	enum holder_verdict verdict;
	int rc;

	if (IF_STOCK_CLAIM)
		rc = stock_claim(HOLDER_B, OPS_B);
	else
		rc = holder_claim(&w, (void *)HOLDER_B, (const void *)OPS_B);
	if (rc)
		return;
	/* Where the kernel's own release frees the device again, its own claimers come in. */
	if (!IF_NEXT_LIFE && !IF_STOCK_KILL && !(IF_STOCK_RELEASE && IF_STOCK_CLAIM))
		prove(!was_closed, "a claim succeeds after the close");
	check_mine(HOLDER_B, OPS_B);
	put(holds_b, 1);
	if (IF_B_RELEASES && choose()) {
		put(given_up_b, 1);
		verdict = holder_release(&w, (void *)HOLDER_B);
		if (!IF_K)
			prove(verdict == HOLDER_RELEASED, "a holder cannot release");
		holder_drain();
		freed_b = 1;
	}
}

static void release_wrongly(void)
{
	enum holder_verdict verdict = holder_release(&w, (void *)STRANGER);

	prove(verdict != HOLDER_RELEASED, "a wrong release is accepted");
	if (!IF_K)
		prove(verdict != HOLDER_GONE, "a wrong release is passed over");
	if (verdict == HOLDER_WRONG)
		reached("a wrong release while the device has a holder");
	if (verdict == HOLDER_REPEATED)
		reached("a wrong release while the device has no holder");
}

static void thread_r(void)
{
	if (choose())
		release_wrongly();
	else if (wait_until(holds_a))
		release_a();
}

static void thread_n(void)
{
	int was_dead = seen(dead);
	int rc = holder_notify(&w, call, NULL);

	if (!IF_NEXT_LIFE)
		prove(!was_dead || rc == -ENXIO, "a failure of a dead device is not refused");
	if (!rc)
		reached("a failure is delivered");
	if (rc == -EOPNOTSUPP)
		reached("a failure finds no holder");
}

static void thread_m(void)
{
	unsigned long has_data;

	if (IF_UNHELD)
		holder_lock();
	if (!holder_deny_claims(&w)) {
		if (IF_UNHELD)
			holder_unlock();
		return;
	}
	if (IF_UNHELD)
		holder_unlock();
	has_data = seen(data);
	if (seen(flags) == BIT(HOLDER_ALIVE) && !(IF_NEXT_LIFE && seen(closed))) {
		prove(has_data == HOLDER_DENIED, "a device is claimed while claims are denied");
		reached("M denies claims");
	}
	if (IF_UNHELD)
		holder_lock();
	holder_allow_claims(&w);
	if (IF_UNHELD)
		holder_unlock();
}

static void live_again(void)
{
	set_bit(HOLDER_ALIVE, &flags);
	if (holder_claim(&w, (void *)HOLDER_C, (const void *)OPS_C))
		return;
	put(holds_c, 1);
	reached("C claims the device in its next life");
}

/* As removal does with the bus's DAX device; 0 if that has a holder. */
static int killed_unheld(void)
{
	int ended;

	holder_lock();
	ended = holder_kill_unheld(&w);
	holder_unlock();
	if (!ended)
		return 0;
	put(closed, 1);
	prove(!(seen(flags) & BIT(HOLDER_ALIVE)), "a device without a holder stays alive");
	/* as owner_remove() */
	prove(holder_kill_unheld(&w), "a dead device gets a holder");
	holder_drain();
	holder_clear(&w);
	reached("K removes a device without a holder");
	return 1;
}

static void thread_k(void)
{
	if (IF_STOCK_KILL) {
		put(closed, 1);
		stock_kill(call);
	} else if (!IF_UNHELD || !killed_unheld()) {
		holder_close(&w, call, NULL);
		put(closed, 1);
		holder_kill(&w, call, NULL);
	}
	put(dead, 1);
	if (IF_NEXT_LIFE)
		live_again();
}

/* When all threads have ended. */
static void check_end(void)
{
	prove(seen(released_a) <= 1, "one claim is released twice");
	if (seen(holds_c)) {
		prove(seen(data) == HOLDER_C, "C has lost its claim");
		prove(seen(ops) == OPS_C, "C has lost its operations");
	}
	if (!IF_K)
		prove(seen(data) != HOLDER_DENIED, "claims stay denied");
	if (!IF_K || IF_NEXT_LIFE)
		return;
	prove(!seen(data) && !seen(ops), "a dead device has a holder");
	prove(!(seen(flags) & BIT(HOLDER_ALIVE)), "a removed device is alive");
	if (IF_STOCK_KILL)
		return;
	prove(!(seen(flags) & BIT(HOLDER_DYING)), "a dead device is still dying");
	prove(seen(told_a) <= 1 && seen(told_b) <= 1, "a holder is told twice");
	prove(!seen(holds_a) || seen(given_up_a) || seen(told_a), "A was not told");
	prove(!seen(holds_b) || seen(given_up_b) || seen(told_b), "B was not told");
}

#endif
