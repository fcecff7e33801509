// SPDX-License-Identifier: GPL-2.0
/*
 * Events: numbered when they happen, and kept for each program that listens until it reads them.
 *
 * A queue has a fixed size, as a program that does not read must not cost memory. What finds it
 * full is counted, and the count takes the place of what was lost. The announcement of a removal
 * is never lost: it has a place of its own.
 */
#include <linux/ktime.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "event.h"
#include "uapi/fsdev.h"

/* Places besides those asked for: the removal, and a count of lost events before each of two. */
#define EXTRA 3u

/**
 * struct event_queue - the events that one descriptor has not read yet
 * @list: in event_source.queues
 * @source: where they come from
 * @room: events that can wait, not counting removal and counts of lost ones
 * @first: the oldest, as an index into @ring
 * @count: how many there are
 * @lost: events that found the queue full since the last that did not
 * @last_lost: the last of these
 * @ring: the events
 */
struct event_queue {
	struct list_head list;
	struct event_source *source;
	u32 room;
	u32 first;
	u32 count;
	u64 lost;
	struct fsdev_event last_lost;
	struct fsdev_event ring[];
};

static void put(struct event_queue *queue, const struct fsdev_event *event)
{
	u32 places = queue->room + EXTRA;

	lockdep_assert_held(&queue->source->lock);
	if (WARN_ON_ONCE(queue->count == places))
		return;
	queue->ring[(queue->first + queue->count) % places] = *event;
	queue->count++;
}

/* The count of what was lost takes its place in the row. */
static void put_lost(struct event_queue *queue)
{
	struct fsdev_event event = {
		.sequence = queue->last_lost.sequence,
		.time = queue->last_lost.time,
		.len = queue->lost,
		.kind = FSDEV_EVENT_LOST,
	};

	if (!queue->lost)
		return;
	queue->lost = 0;
	put(queue, &event);
}

static void deliver(struct event_queue *queue, const struct fsdev_event *event)
{
	if (queue->count >= queue->room && event->kind != FSDEV_EVENT_REMOVAL) {
		queue->lost++;
		queue->last_lost = *event;
		return;
	}
	put_lost(queue);
	put(queue, event);
}

static void post(struct event_source *source, u32 kind, u32 flags, u64 offset, u64 len)
{
	struct fsdev_event event = {
		.time = ktime_get_ns(),
		.offset = offset,
		.len = len,
		.kind = kind,
		.flags = flags,
	};
	struct event_queue *queue;

	lockdep_assert_held(&source->lock);
	event.sequence = source->sequence + 1;
	WRITE_ONCE(source->sequence, event.sequence);
	list_for_each_entry(queue, &source->queues, list)
		deliver(queue, &event);
}

/**
 * event_source_init() - gets ready
 * @source: the source
 */
void event_source_init(struct event_source *source)
{
	spin_lock_init(&source->lock);
	INIT_LIST_HEAD(&source->queues);
	init_waitqueue_head(&source->wait);
}

/**
 * event_post() - tells all who listen that something has happened
 * @source: the device's source
 * @kind: FSDEV_EVENT_...
 * @flags: FSDEV_EVENT_...
 * @offset: device offset in bytes
 * @len: bytes
 *
 * Context: any.
 */
void event_post(struct event_source *source, u32 kind, u32 flags, u64 offset, u64 len)
{
	unsigned long irq;

	spin_lock_irqsave(&source->lock, irq);
	if (!source->over)
		post(source, kind, flags, offset, len);
	spin_unlock_irqrestore(&source->lock, irq);
	wake_up_all(&source->wait);
}

/**
 * event_leave() - announce removal, once, and accept no more listeners
 * @source: the device's source
 * @size: bytes of the device
 *
 * Context: any.
 */
void event_leave(struct event_source *source, u64 size)
{
	unsigned long irq;

	spin_lock_irqsave(&source->lock, irq);
	if (!source->leaving)
		post(source, FSDEV_EVENT_REMOVAL, 0, 0, size);
	source->leaving = true;
	spin_unlock_irqrestore(&source->lock, irq);
	wake_up_all(&source->wait);
}

/**
 * event_end() - there will be no more events
 * @source: the device's source; event_leave() has been called
 *
 * Context: any.
 */
void event_end(struct event_source *source)
{
	unsigned long irq;

	spin_lock_irqsave(&source->lock, irq);
	WARN_ON_ONCE(!source->leaving);
	WRITE_ONCE(source->over, true);
	spin_unlock_irqrestore(&source->lock, irq);
	wake_up_all(&source->wait);
}

/**
 * event_last() - the number of the last event
 * @source: the device's source
 *
 * Context: any.
 * Return: the number; 0 if there was none.
 */
u64 event_last(struct event_source *source)
{
	return READ_ONCE(source->sequence);
}

/**
 * event_is_over() - has event_end() been called?
 * @source: the device's source
 *
 * Context: any.
 * Return: true if it has.
 */
bool event_is_over(struct event_source *source)
{
	return READ_ONCE(source->over);
}

static struct event_queue *queue_create(u32 room)
{
	struct event_queue *queue;

	if (room > EVENT_QUEUE_MAX)
		return ERR_PTR(-EINVAL);
	room = room ?: EVENT_QUEUE_DEFAULT;
	queue = kvzalloc(struct_size(queue, ring, room + EXTRA), GFP_KERNEL_ACCOUNT);
	if (!queue)
		return ERR_PTR(-ENOMEM);
	queue->room = room;
	return queue;
}

/**
 * event_listen() - starts a queue
 * @source: the device's source, which has to outlive the queue
 * @room: events that it has room for; 0 for the default
 * @last: gets the number of the last event before those that come into the queue
 *
 * Context: may sleep.
 * Return: the queue; -EINVAL if @room is above EVENT_QUEUE_MAX; -ENODEV if the device is leaving;
 * -ENOMEM.
 */
struct event_queue *event_listen(struct event_source *source, u32 room, u64 *last)
{
	struct event_queue *queue = queue_create(room);
	bool leaving;

	if (IS_ERR(queue))
		return queue;
	queue->source = source;
	spin_lock_irq(&source->lock);
	leaving = source->leaving;
	*last = source->sequence;
	if (!leaving)
		list_add_tail(&queue->list, &source->queues);
	spin_unlock_irq(&source->lock);
	if (leaving) {
		kvfree(queue);
		return ERR_PTR(-ENODEV);
	}
	return queue;
}

/**
 * event_forget() - undoes event_listen()
 * @queue: a queue that has no readers any more
 *
 * Context: may sleep.
 */
void event_forget(struct event_queue *queue)
{
	spin_lock_irq(&queue->source->lock);
	list_del(&queue->list);
	spin_unlock_irq(&queue->source->lock);
	kvfree(queue);
}

/**
 * event_room() - how many events a queue has room for
 * @queue: the queue
 *
 * Return: that number.
 */
u32 event_room(const struct event_queue *queue)
{
	return queue->room;
}

/**
 * event_waiting() - is there an event to read?
 * @queue: the queue
 *
 * Context: process.
 * Return: true if there is, also if it is only a count of lost ones.
 */
bool event_waiting(struct event_queue *queue)
{
	bool waiting;

	spin_lock_irq(&queue->source->lock);
	waiting = queue->count || queue->lost;
	spin_unlock_irq(&queue->source->lock);
	return waiting;
}

/**
 * event_peek() - the oldest event
 * @queue: the queue; the caller keeps other readers away
 * @event: gets it
 *
 * Context: process.
 * Return: false if there is none.
 */
bool event_peek(struct event_queue *queue, struct fsdev_event *event)
{
	bool found;

	spin_lock_irq(&queue->source->lock);
	if (!queue->count)
		put_lost(queue);
	found = queue->count;
	if (found)
		*event = queue->ring[queue->first];
	spin_unlock_irq(&queue->source->lock);
	return found;
}

/**
 * event_pop() - takes out the event that event_peek() has given
 * @queue: the queue; the caller has kept other readers away since
 *
 * Context: process.
 */
void event_pop(struct event_queue *queue)
{
	spin_lock_irq(&queue->source->lock);
	queue->first = (queue->first + 1) % (queue->room + EXTRA);
	queue->count--;
	spin_unlock_irq(&queue->source->lock);
}
