/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fsdev_bench: a module that measures in the kernel what a benchmark cannot from outside, on every
 * driver alike. A line written to debugfs fsdev_bench/run is one measurement; fsdev_bench/result
 * then has the nanoseconds per operation, times 100. Under -icount one nanosecond is one
 * instruction.
 *
 *   access DEVICE PAGES ASKED seq|random [FIRST STEP]
 *	dax_direct_access() of ASKED pages, the first of them each STEPth (ASKED) of PAGES from page
 *	FIRST (0) on
 *   failure DEVICE PAGES
 *	from memory_failure() to the holder's notification; the device has PAGES
 *
 * DEVICE is a block device's path, or the name of a device on the DAX bus.
 *
 * It is also a driver of the DAX bus that does nothing but map its device's memory: the floor that
 * binding and unbinding of a real driver are compared with.
 */
#ifndef FSDEV_BENCH_H
#define FSDEV_BENCH_H

#include <linux/dax.h>
#include <linux/fs.h>
#include <linux/types.h>

/**
 * struct bench_device - a DAX device that is measured
 * @dax_dev: the device
 * @file: the block device it was found through, or NULL
 * @dev: the device on the DAX bus it was found as, or NULL
 */
struct bench_device {
	struct dax_device *dax_dev;
	struct file *file;
	struct device *dev;
};

/**
 * struct bench_access - what is asked for
 * @first: page
 * @pages: from there on
 * @step: one in so many of them is asked for
 * @asked: how many pages each time
 * @random: in a random order
 */
struct bench_access {
	unsigned long first;
	unsigned long pages;
	unsigned long step;
	long asked;
	bool random;
};

/* bare.c */
int bare_init(void);
void bare_exit(void);
struct device *bare_find(const char *name);

/* measure.c */
long measure_access(struct bench_device *device, const struct bench_access *what, u64 *hundredths);
long measure_failure(struct bench_device *device, unsigned long pages, u64 *hundredths);

#endif
