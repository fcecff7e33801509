/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Events of one device, and the queues in which they wait for programs: whatever happens to memory
 * posts them, chardev.c delivers them.
 */
#ifndef FSDEV_EVENT_H
#define FSDEV_EVENT_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "uapi/fsdev.h"

/* Events that a queue has room for, where the program does not say, and at most. */
#define EVENT_QUEUE_DEFAULT 256u
#define EVENT_QUEUE_MAX 65536u

/**
 * struct event_source - the events of a device
 * @lock: protects the other members and the queues; innermost, and taken in any context
 * @sequence: number of the last event
 * @leaving: the removal has been announced: no listener is added any more
 * @over: there will be no more events
 * @queues: of the listeners
 * @wait: waits for an event, or for @over
 */
struct event_source {
	spinlock_t lock;	/* all else, and the queues */
	u64 sequence;
	bool leaving;
	bool over;
	struct list_head queues;
	wait_queue_head_t wait;
};

struct event_queue;

void event_source_init(struct event_source *source);
void event_post(struct event_source *source, u32 kind, u32 flags, u64 offset, u64 len);
void event_leave(struct event_source *source, u64 size);
void event_end(struct event_source *source);
u64 event_last(struct event_source *source);
bool event_is_over(struct event_source *source);

struct event_queue *event_listen(struct event_source *source, u32 room, u64 *last);
void event_forget(struct event_queue *queue);
u32 event_room(const struct event_queue *queue);
bool event_waiting(struct event_queue *queue);
bool event_peek(struct event_queue *queue, struct fsdev_event *event);
void event_pop(struct event_queue *queue);

#endif
