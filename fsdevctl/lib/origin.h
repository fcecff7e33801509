/* SPDX-License-Identifier: GPL-2.0 */
/* Where a DAX device comes from: an NVDIMM namespace, a CXL region, memory set aside by firmware. */
#ifndef FSDEVCTL_ORIGIN_H
#define FSDEVCTL_ORIGIN_H

struct devices;

void origins_load(struct devices *devices);

#endif
