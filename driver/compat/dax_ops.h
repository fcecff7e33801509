/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Operations of a DAX device: setting them, and the page frame number they give back.
 */
#ifndef FSDEV_COMPAT_DAX_OPS_H
#define FSDEV_COMPAT_DAX_OPS_H

#include <linux/dax.h>
#include <linux/mm.h>

/*
 * With what a holder is told that the device goes, and how many bytes of it. 6.1 has no word for
 * it, so memory fails; and its XFS cuts what fails to the size of the disk, which is gone: told of
 * all, it would go through groups that it does not have and fall over one of them. The first page
 * of its partition is enough to have it shut down if it has reverse mapping (mkfs.xfs -m rmapbt=1).
 * Without that, or of its real-time device, it answers -EOPNOTSUPP.
 */
#ifdef FSDEV_HAVE_MF_MEM_PRE_REMOVE
#define COMPAT_MF_PRE_REMOVE MF_MEM_PRE_REMOVE
#define COMPAT_PRE_REMOVE_LEN U64_MAX
#else
#define COMPAT_MF_PRE_REMOVE 0
#define COMPAT_PRE_REMOVE_LEN PAGE_SIZE
#endif

/*
 * A page frame number as dax_operations.direct_access gives it back. Before 6.16 it came in a type
 * with flags, and a page without these two could not be mapped.
 */
#ifdef FSDEV_HAVE_DAX_PFN_T
#include <linux/pfn_t.h>

typedef pfn_t compat_pfn;

static inline compat_pfn compat_pfn_of(unsigned long bare)
{
	return __pfn_to_pfn_t(bare, PFN_DEV | PFN_MAP);
}
#else
typedef unsigned long compat_pfn;

static inline compat_pfn compat_pfn_of(unsigned long bare)
{
	return bare;
}
#endif

#endif
