/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints: what happens to a device's memory, for perf, bpftrace, trace-cmd and rasdaemon.
 *
 * Names, fields and their order are an interface: fields are added at the end.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM fsdev

#if !defined(FSDEV_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define FSDEV_TRACE_H

#include <linux/device.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

/* A DAX device's name; longer ones are cut. */
#define FSDEV_TRACE_NAME 32

/* @flags: FSDEV_EVENT_... of uapi/fsdev.h */
TRACE_EVENT(fsdev_failure,
	    TP_PROTO(const struct device *dev, u64 offset, u64 len, u64 phys, u32 flags,
		     bool again),
	    TP_ARGS(dev, offset, len, phys, flags, again),
	    TP_STRUCT__entry(__array(char, device, FSDEV_TRACE_NAME)
			     __field(u64, offset)
			     __field(u64, len)
			     __field(u64, phys)
			     __field(u32, flags)
			     __field(u32, again)),
	    TP_fast_assign(strscpy(__entry->device, dev_name(dev), FSDEV_TRACE_NAME);
			   __entry->offset = offset;
			   __entry->len = len;
			   __entry->phys = phys;
			   __entry->flags = flags;
			   __entry->again = again;),
	    TP_printk("device=%s offset=%#llx len=%#llx phys=%#llx flags=%#x again=%u",
		      __entry->device, __entry->offset, __entry->len, __entry->phys,
		      __entry->flags, __entry->again)
);

TRACE_EVENT(fsdev_repair,
	    TP_PROTO(const struct device *dev, u64 offset, u64 len, u64 phys, int error),
	    TP_ARGS(dev, offset, len, phys, error),
	    TP_STRUCT__entry(__array(char, device, FSDEV_TRACE_NAME)
			     __field(u64, offset)
			     __field(u64, len)
			     __field(u64, phys)
			     __field(int, error)),
	    TP_fast_assign(strscpy(__entry->device, dev_name(dev), FSDEV_TRACE_NAME);
			   __entry->offset = offset;
			   __entry->len = len;
			   __entry->phys = phys;
			   __entry->error = error;),
	    TP_printk("device=%s offset=%#llx len=%#llx phys=%#llx error=%d",
		      __entry->device, __entry->offset, __entry->len, __entry->phys,
		      __entry->error)
);

TRACE_EVENT(fsdev_removal,
	    TP_PROTO(const struct device *dev, u64 size, u64 poisoned),
	    TP_ARGS(dev, size, poisoned),
	    TP_STRUCT__entry(__array(char, device, FSDEV_TRACE_NAME)
			     __field(u64, size)
			     __field(u64, poisoned)),
	    TP_fast_assign(strscpy(__entry->device, dev_name(dev), FSDEV_TRACE_NAME);
			   __entry->size = size;
			   __entry->poisoned = poisoned;),
	    TP_printk("device=%s size=%#llx poisoned=%#llx",
		      __entry->device, __entry->size, __entry->poisoned)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
