/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The character device /dev/daxX.Y while its driver is fsdev: what a program sees. docs/chardev.md
 * and fsdev(4) say more; docs/examples/owner.c is a program that uses it.
 *
 * Every structure has the same layout for 32-bit and 64-bit programs. Offsets and lengths are bytes
 * of the device, counted without gaps from its first data byte, wherever its ranges lie in physical
 * memory. Reserved members and flags without a name here must be 0 on input (else -EINVAL) and are
 * 0 on output.
 *
 * "bad" in a name means poisoned: a page that is not handed out until it has been repaired.
 *
 * Once the device is unbound from the driver, every command fails with -ENODEV.
 */
#ifndef _UAPI_FSDEV_H
#define _UAPI_FSDEV_H

#include <linux/ioctl.h>
#include <linux/types.h>

/*
 * Raised by each addition; what is there keeps its number, its layout and its meaning.
 * fsdev_info.version is that of the running driver.
 */
#define FSDEV_UAPI_VERSION 4

#define FSDEV_IOC_MAGIC 0xDA

/* fsdev_info.flags */
#define FSDEV_INFO_PERSISTENT	0x1U	/* the memory keeps its contents without power */
#define FSDEV_INFO_GOING	0x2U	/* the device is being unbound */
#define FSDEV_INFO_READ_ONLY	0x4U	/* the memory must not be written; from version 3 */
#define FSDEV_INFO_SHARED	0x8U	/* other hosts write to it; from version 3 */

/* fsdev_info.holder: who has claimed the device */
#define FSDEV_HOLDER_NONE	0U
#define FSDEV_HOLDER_KERNEL	1U		/* a file system, or a mapped device */
#define FSDEV_HOLDER_OWNER	2U		/* another descriptor, by FSDEV_IOC_OWN */
#define FSDEV_HOLDER_SELF	3U		/* this descriptor */

/* fsdev_info.commands: commands that not every build of the driver has */
#define FSDEV_CAN_CLEAR		0x1U
#define FSDEV_CAN_ADD_BAD	0x2U
#define FSDEV_CAN_INJECT	0x4U
#define FSDEV_CAN_SCRUB		0x8U
#define FSDEV_CAN_INVALIDATE	0x10U
#define FSDEV_CAN_ADD_LISTED	0x20U

/**
 * struct fsdev_info - properties and state of a device
 * @version: FSDEV_UAPI_VERSION of the running driver
 * @flags: FSDEV_INFO_...
 * @size: bytes of the device
 * @bad_bytes: how many of them are poisoned
 * @events: sequence number of the last event; 0 if there was none
 * @ranges: number of physical ranges
 * @bad_ranges: number of poisoned ranges
 * @align: alignment of the device on the DAX bus, in bytes
 * @page_size: bytes of a page; poisoned ranges are whole pages
 * @holder: FSDEV_HOLDER_...
 * @commands: FSDEV_CAN_...
 * @numa_node: node that the device is near to; -1 if unknown
 * @target_node: node that the memory would become if it were onlined; -1 if unknown
 * @queue_max: the most events that a descriptor can have queued
 * @openers: how often the block device is open: by processes, file systems, devices made of it
 *	and kernel users that claim nothing; a partition that is open counts once. From version 2;
 *	0 while the device is being unbound
 * @reserved: 0
 */
struct fsdev_info {
	__u32 version;
	__u32 flags;
	__u64 size;
	__u64 bad_bytes;
	__u64 events;
	__u32 ranges;
	__u32 bad_ranges;
	__u32 align;
	__u32 page_size;
	__u32 holder;
	__u32 commands;
	__s32 numa_node;
	__s32 target_node;
	__u32 queue_max;
	__u32 openers;
	__u64 reserved[5];
};

/* fsdev_range.start for callers without CAP_SYS_ADMIN, which do not get physical addresses */
#define FSDEV_NO_ADDRESS (~0ULL)

/**
 * struct fsdev_range - a range of the device, contiguous in physical memory
 * @offset: device offset of its first byte
 * @len: bytes
 * @start: physical address of its first byte, or FSDEV_NO_ADDRESS
 * @reserved: 0
 */
struct fsdev_range {
	__u64 offset;
	__u64 len;
	__u64 start;
	__u64 reserved;
};

/**
 * struct fsdev_ranges - get ranges, in device order
 * @buffer: address of an array of struct fsdev_range; may be 0 where @count is 0
 * @first: index of the first range to get
 * @count: in: entries of @buffer; out: entries that were filled
 * @total: out: how many ranges the device has
 * @flags: 0
 * @reserved: 0
 */
struct fsdev_ranges {
	__u64 buffer;
	__u32 first;
	__u32 count;
	__u32 total;
	__u32 flags;
	__u64 reserved;
};

/**
 * struct fsdev_bad_range - a poisoned range of the device
 * @offset: device offset of its first byte
 * @len: bytes
 */
struct fsdev_bad_range {
	__u64 offset;
	__u64 len;
};

/**
 * struct fsdev_bad - get poisoned ranges, in device order
 * @buffer: address of an array of struct fsdev_bad_range; may be 0 where @count is 0
 * @from: in: device offset, a multiple of the page size; ranges that end at or before it are left
 *	out, and one that begins before it is given from there on; out: the value for the next call
 * @count: in: entries of @buffer; out: entries that were filled, fewer than that if there are no
 *	more
 * @flags: 0
 * @reserved: 0
 *
 * Ranges may change between two calls; one that is poisoned throughout is neither missed nor
 * returned twice.
 */
struct fsdev_bad {
	__u64 buffer;
	__u64 from;
	__u32 count;
	__u32 flags;
	__u64 reserved;
};

/**
 * struct fsdev_listen - start the events of a descriptor
 * @flags: 0
 * @queue: in: events that can wait to be read, 0 for the default; out: the actual number
 * @events: out: sequence number of the last event before the first that this descriptor gets
 * @reserved: 0
 */
struct fsdev_listen {
	__u32 flags;
	__u32 queue;
	__u64 events;
	__u64 reserved;
};

/* fsdev_span.flags for FSDEV_IOC_CLEAR: also if the device has another holder */
#define FSDEV_CLEAR_HELD	0x1U

/* ... for FSDEV_IOC_ADD_BAD: not what the driver has repaired and can read; from version 4 */
#define FSDEV_ADD_LISTED	0x1U

/**
 * struct fsdev_span - a part of the device that a command works on
 * @offset: device offset of its first byte; a multiple of the page size
 * @len: bytes; a multiple of the page size, not 0
 * @flags: those of the command
 * @reserved32: 0
 * @done: out: bytes that were processed
 * @reserved: 0
 */
struct fsdev_span {
	__u64 offset;
	__u64 len;
	__u32 flags;
	__u32 reserved32;
	__u64 done;
	__u64 reserved;
};

/* fsdev_event.kind */
#define FSDEV_EVENT_FAILURE	1U	/* memory has failed */
#define FSDEV_EVENT_REMOVAL	2U	/* the device is being unbound; end of file follows */
#define FSDEV_EVENT_CLEARED	3U	/* memory was repaired */
#define FSDEV_EVENT_LOST	4U	/* the queue was full: @len events did not get into it */
#define FSDEV_EVENT_GROWN	5U	/* the device is larger; from version 4 */

/* fsdev_event.flags of a failure */
#define FSDEV_EVENT_ACTION_REQUIRED	0x1U	/* a processor was using the data */
#define FSDEV_EVENT_SIMULATED		0x2U	/* a test: the hardware is fine */
#define FSDEV_EVENT_KNOWN		0x4U	/* from a list, not by a failure */
#define FSDEV_EVENT_READ		0x8U	/* found by a read of the driver */

/**
 * struct fsdev_event - what read() returns, in whole events
 * @sequence: number of the event in the life of the device with this driver, from 1; the same for
 *	all descriptors. Of FSDEV_EVENT_LOST: that of the last one lost
 * @time: nanoseconds of CLOCK_MONOTONIC at which it happened
 * @offset: device offset; 0 where it has no meaning; of FSDEV_EVENT_GROWN: the size before, which
 *	is where the new memory begins
 * @len: bytes; of FSDEV_EVENT_LOST: number of events; of FSDEV_EVENT_REMOVAL and
 *	FSDEV_EVENT_GROWN: the device's size
 * @kind: FSDEV_EVENT_...
 * @flags: FSDEV_EVENT_... as above
 * @reserved: 0
 */
struct fsdev_event {
	__u64 sequence;
	__u64 time;
	__u64 offset;
	__u64 len;
	__u32 kind;
	__u32 flags;
	__u64 reserved;
};

/* For every descriptor that is open for reading */
#define FSDEV_IOC_INFO		_IOR(FSDEV_IOC_MAGIC, 0x00, struct fsdev_info)
#define FSDEV_IOC_RANGES	_IOWR(FSDEV_IOC_MAGIC, 0x01, struct fsdev_ranges)
#define FSDEV_IOC_BAD		_IOWR(FSDEV_IOC_MAGIC, 0x02, struct fsdev_bad)

/*
 * OWN: the descriptor, open for writing, becomes the device's owner until it is closed, and gets
 * its events. -EBUSY if a file system, a mapped device or another descriptor holds it.
 * WATCH: the events without owning; takes CAP_SYS_ADMIN.
 * -EALREADY for a descriptor that gets events already, save that a watcher may become the owner;
 * its queue then stays as it is.
 */
#define FSDEV_IOC_OWN		_IOWR(FSDEV_IOC_MAGIC, 0x10, struct fsdev_listen)
#define FSDEV_IOC_WATCH		_IOWR(FSDEV_IOC_MAGIC, 0x11, struct fsdev_listen)

/*
 * CLEAR: repairs poisoned pages of the span: overwrites them with zeros, reads them back and clears
 * the poison if that worked; other pages are left alone. For the owner, or with CAP_SYS_ADMIN;
 * -EBUSY if the device has another holder, the block device is claimed or an unbind has begun, and
 * FSDEV_CLEAR_HELD is not set.
 * The others take CAP_SYS_ADMIN. ADD_BAD: marks the span poisoned on behalf of the platform;
 * with FSDEV_ADD_LISTED, as its list says, which may have pages that the driver has repaired since:
 * those are left out if they can be read.
 * INJECT: calls memory_failure() for each page, as a test; the hardware stays fine.
 * SCRUB: reads the span machine-check-safe and marks pages poisoned that cannot be read.
 * INVALIDATE: has the next loads of the span come from the memory, after what this host has stored
 * there is written back: nothing is lost. Poisoned pages are left out and do not count as done. For
 * shared memory that another host has written. From version 3.
 * The descriptor must be open for writing. -ENOTTY where fsdev_info.commands lacks it.
 */
#define FSDEV_IOC_CLEAR		_IOWR(FSDEV_IOC_MAGIC, 0x20, struct fsdev_span)
#define FSDEV_IOC_ADD_BAD	_IOWR(FSDEV_IOC_MAGIC, 0x21, struct fsdev_span)
#define FSDEV_IOC_INJECT	_IOWR(FSDEV_IOC_MAGIC, 0x22, struct fsdev_span)
#define FSDEV_IOC_SCRUB		_IOWR(FSDEV_IOC_MAGIC, 0x23, struct fsdev_span)
#define FSDEV_IOC_INVALIDATE	_IOWR(FSDEV_IOC_MAGIC, 0x24, struct fsdev_span)

#endif
