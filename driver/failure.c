// SPDX-License-Identifier: GPL-2.0
/*
 * Failure: from a failing page to the file system that has it.
 */
#include <linux/memremap.h>

#include "fsdev.h"

/* Which of two outcomes says more: an error beats "nobody holds it", which beats success. */
static int worse(int a, int b)
{
	if (!a || (a == -EOPNOTSUPP && b))
		return b;
	return a;
}

/* What those who listen are told of a failure besides where it is. */
static u32 event_flags(int mf_flags)
{
	return (mf_flags & MF_ACTION_REQUIRED ? FSDEV_EVENT_ACTION_REQUIRED : 0) |
	       (mf_flags & MF_SW_SIMULATED ? FSDEV_EVENT_SIMULATED : 0);
}

/*
 * The memory of a failing span is reported piece by piece, each contiguous in the device. What
 * lies in front of the data or between the ranges belongs to nobody: it is logged and goes no
 * further.
 */
static int failure_notify(struct dev_pagemap *pgmap, unsigned long pfn, unsigned long nr_pages,
			  int mf_flags)
{
	struct fsdev *fsdev = pgmap->owner;
	u64 phys = PFN_PHYS(pfn), len = PFN_PHYS(nr_pages);
	struct rangemap_piece piece;
	unsigned int pieces = 0;
	int rc = 0;

	while (rangemap_next(&fsdev->map, &phys, &len, &piece)) {
		dev_warn_ratelimited(fsdev_dev(fsdev),
				     "memory failure at %#llx: device offset %#llx, %llu bytes\n",
				     piece.phys, piece.offset, piece.len);
		rc = worse(rc, owner_notify(fsdev, piece.offset, piece.len, mf_flags));
		chardev_event(fsdev, FSDEV_EVENT_FAILURE, event_flags(mf_flags), piece.offset,
			      piece.len);
		pieces++;
	}
	if (!pieces) {
		dev_warn_ratelimited(fsdev_dev(fsdev),
				     "memory failure at %#llx, %lu pages: outside the data\n",
				     PFN_PHYS(pfn), nr_pages);
		return -ENXIO;
	}
	return rc;
}

const struct dev_pagemap_ops failure_pagemap_ops = {
	.memory_failure = failure_notify,
};
