/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fsdev_test: a module that builds DAX devices no firmware gives us, and looks at what user space
 * cannot. A scenario in tests/vm drives it through debugfs:
 *
 *   run     one command per write: a verb and its arguments; the write fails with the command's
 *           error
 *   report  the points of the last command, as KTAP; they are in the kernel's log as well
 *   state   a line for each device: what the bus, the DAX core and the page map know of it
 */
#ifndef FSDEV_TEST_H
#define FSDEV_TEST_H

#include <linux/dax.h>
#include <linux/device.h>
#include <linux/list.h>
#include <linux/memremap.h>
#include <linux/seq_file.h>
#include <linux/timekeeping.h>
#include <linux/types.h>

#define TEST_WORDS 8

/**
 * struct test_device - a device that this module has made
 * @node: in the list of all
 * @id: of its region: device 10 is dax10.0
 * @pdev: parent, bound to our platform driver as the DAX bus asks
 * @fixed: it is static: one range, and a page map of its own
 * @data: the region; of a static device also the data
 * @align: of the region
 * @with_map: the static device brings a page map
 * @map: what its page map covers
 * @fails: the probe of @pdev fails after it has made the device
 * @dev_dax: the device on the DAX bus; NULL while @pdev is not bound
 * @kept_ranges: what dev_dax->ranges was before it was spoiled
 * @kept_nr: how many those are
 * @taken: a range reserved by us, so that no other user can
 * @claim: of holder.c
 */
struct test_device {
	struct list_head node;
	int id;
	struct platform_device *pdev;
	bool fixed;
	struct range data;
	unsigned int align;
	bool with_map;
	struct range map;
	bool fails;
	struct dev_dax *dev_dax;
	struct dev_dax_range *kept_ranges;
	int kept_nr;
	struct resource *taken;
	struct test_claim *claim;
};

static inline struct dax_device *test_dax(const struct test_device *device)
{
	return device->dev_dax->dax_dev;
}

/**
 * struct test_verb - a command
 * @name: first word of what is written to "run"
 * @words: how many follow
 * @run: does it; 0 or a negative errno, which the write returns
 */
struct test_verb {
	const char *name;
	int words;
	int (*run)(char **word);
};

/* report.c */
void report_clear(void);
void report_show(struct seq_file *seq);
__printf(2, 3) void report_point(bool good, const char *format, ...);
__printf(1, 2) void report_note(const char *format, ...);

/* device.c */
extern const struct test_verb device_verbs[];
extern struct list_head test_devices;
struct test_device *device_find(const char *id);
struct file *device_disk(const struct test_device *device, int flags);
int device_init(void);
void device_exit(void);

/* model.c */
/**
 * struct model - what a device's ranges mean, worked out the slow and plain way
 * @nr: ranges
 * @pages: of the whole device
 * @range: the ranges, in device order, as they were when the model was made
 */
struct model {
	int nr;
	unsigned long pages;
	struct range range[];
};

struct model *model_make(const struct test_device *device);
unsigned long model_start(const struct model *model, int i);
unsigned long model_len(const struct model *model, int i);
phys_addr_t model_phys(const struct model *model, unsigned long page);
unsigned long model_run(const struct model *model, unsigned long page);
long model_page(const struct model *model, unsigned long pfn);

/* look.c */
/**
 * struct look - what was seen in the page structures of a page map
 * @pages: how many were looked at
 * @compound: of those, head and tail pages of a compound one
 * @mapping: with a mapping
 * @word: whose index and share word is not zero
 * @foreign: that do not point to the page map
 * @busy: with another reference count than a free page of this kernel has
 * @worst: a page frame number of one that is not clean
 */
struct look {
	unsigned long pages;
	unsigned long compound;
	unsigned long mapping;
	unsigned long word;
	unsigned long foreign;
	unsigned long busy;
	unsigned long worst;
};

extern const struct test_verb look_verbs[];
void look_at_map(const struct dev_pagemap *pgmap, struct look *look);
void look_state(struct seq_file *seq, const struct test_device *device);

/* watch.c */
extern const struct test_verb watch_verbs[];
void watch_exit(void);

/* holder.c */
/**
 * struct told - one notification
 * @offset: in bytes
 * @len: in bytes
 * @flags: of memory_failure()
 * @alive: whether the device was alive at that moment
 * @reached: what direct access to its first page gave at that moment
 */
struct told {
	u64 offset;
	u64 len;
	int flags;
	bool alive;
	long reached;
};

/**
 * struct test_claim - a claim on a DAX device like that of a file system
 * @dax_dev: the device
 * @file: the block device it was found through, or NULL
 * @answer: what the holder's operation returns
 * @count: notifications so far
 * @told: the first of them
 */
struct test_claim {
	struct dax_device *dax_dev;
	struct file *file;
	int answer;
	unsigned int count;
	struct told told[4096];
};

extern const struct test_verb holder_verbs[];
void holder_drop(struct test_device *device);

/* owner.c */
extern const struct test_verb owner_verbs[];

/* rivals.c */
extern const struct test_verb rivals_verbs[];

/* storm.c */
extern const struct test_verb storm_verbs[];

/* access.c */
extern const struct test_verb access_verbs[];
long access_try(struct dax_device *dax_dev, pgoff_t page, long pages, void **kaddr,
		unsigned long *pfn);
long access_direct(struct dax_device *dax_dev, pgoff_t page, long pages, void **kaddr,
		   unsigned long *pfn);

/* failure.c */
extern const struct test_verb failure_verbs[];
void failure_exit(void);

/* removal.c */
extern const struct test_verb removal_verbs[];
int removal_inside(void);
void removal_exit(void);

/* ras.c */
extern const struct test_verb ras_verbs[];
int hide_page(unsigned long pfn);
bool page_hidden(unsigned long pfn);
void ras_exit(void);

/* late.c */
extern const struct test_verb late_verbs[];
void late_exit(void);

/* gate.c */
extern const struct test_verb gate_verbs[];
void gate_exit(void);

/* drop.c */
extern const struct test_verb drop_verbs[];
void drop_exit(void);

/* remap.c */
extern const struct test_verb remap_verbs[];
void remap_exit(void);

/* flush.c */
extern const struct test_verb flush_verbs[];
void flush_exit(void);

/* readonly.c */
extern const struct test_verb readonly_verbs[];

/* uuid.c */
extern const struct test_verb uuid_verbs[];
void uuid_exit(void);

/* early.c */
extern const struct test_verb early_verbs[];
void early_exit(void);

/* geometry.c */
extern const struct test_verb geometry_verbs[];
void geometry_exit(void);

/* inject.c */
extern const struct test_verb inject_verbs[];
void inject_exit(void);

/*
 * Wait without sleeping, by the clock: a delay is short on a processor whose speed was measured
 * while the host had other work. Context: any.
 */
static inline void spin_us(u64 us)
{
	u64 end = ktime_get_mono_fast_ns() + us * NSEC_PER_USEC;

	while (ktime_get_mono_fast_ns() < end)
		cpu_relax();
}

static inline void spin_ms(u64 ms)
{
	spin_us(ms * USEC_PER_MSEC);
}

#endif
