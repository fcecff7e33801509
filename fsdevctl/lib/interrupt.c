// SPDX-License-Identifier: GPL-2.0
/*
 * Signals while a mode is changed. What can be undone, as taking memory offline, ends at a signal or
 * when its time is over; from the unbinding to the binding no signal is heard. The process that the
 * user started passes signals on to the one that does the work, and waits for it.
 */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "c.h"
#include "interrupt.h"

static const int signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
static const int others[] = { SIGPIPE, SIGTSTP };
static volatile sig_atomic_t seen, timed_out, to_child;

static void note_signal(int number)
{
	if (number == SIGALRM)
		timed_out = 1;
	seen = 1;
}

static void pass_on(int number)
{
	if (to_child > 0)
		kill(to_child, number);
}

/* Without SA_RESTART: the kernel gives up what it is doing. */
static void handle(void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler };

	for (unsigned int i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &action, NULL);
}

static void ignore_others(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(others); i++)
		signal(others[i], SIG_IGN);
}

/**
 * interrupt_watch() - start to note signals and the end of a time
 * @seconds: the time; 0 for no end
 */
void interrupt_watch(unsigned int seconds)
{
	struct sigaction action = { .sa_handler = note_signal };

	seen = 0;
	timed_out = 0;
	ignore_others();
	handle(note_signal);
	sigaction(SIGALRM, &action, NULL);
	alarm(seconds);
}

/**
 * interrupt_seen() - check for a signal or the end of the time
 *
 * Return: true if so.
 */
bool interrupt_seen(void)
{
	return seen;
}

/**
 * interrupt_timed_out() - check for the end of the time
 *
 * Return: true if so.
 */
bool interrupt_timed_out(void)
{
	return timed_out;
}

/**
 * interrupt_ignore() - ignore signals from here on
 */
void interrupt_ignore(void)
{
	alarm(0);
	handle(SIG_IGN);
	ignore_others();
}

/**
 * interrupt_pass_on() - signal go to a child, which decides whether it can still stop
 * @child: its process
 */
void interrupt_pass_on(pid_t child)
{
	to_child = child;
	ignore_others();
	handle(pass_on);
}

/**
 * interrupt_default() - signal do again what they do by default
 */
void interrupt_default(void)
{
	to_child = 0;
	handle(SIG_DFL);
	for (unsigned int i = 0; i < ARRAY_SIZE(others); i++)
		signal(others[i], SIG_DFL);
}
