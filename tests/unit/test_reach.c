// SPDX-License-Identifier: GPL-2.0
/*
 * Of which failing memory a holder is notified: with the functions of driver/ as they are, which
 * tests/model/functions cuts out, and a disk, its partitions and two DAX devices that are small.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/types.h"

#define PAGE_SIZE 4096ull
#define MIB (1ull << 20)
#define SIZE (64 * MIB)
#define PARTS 3

#define noinline
#define READ_ONCE(x) (x)
#define check_mul_overflow(a, b, c) __builtin_mul_overflow(a, b, c)
#define check_add_overflow(a, b, c) __builtin_add_overflow(a, b, c)
#define __rcu
#define min(a, b) ((a) < (b) ? (a) : (b))
#define max(a, b) ((a) > (b) ? (a) : (b))
#define COMPAT_PRE_REMOVE_LEN U64_MAX
#define memory_size(fsdev) ((void)(fsdev), SIZE)
#define ALIGN(x, to) (((x) + (to) - 1) / (to) * (to))
#define rcu_read_lock() ((void)0)
#define rcu_read_unlock() ((void)0)
#define rcu_dereference(pointer) (pointer)
#define holder_read_lock() 0
#define holder_read_unlock(id) ((void)(id))
#define be32_to_cpu(word) __builtin_bswap32(word)
#define XFS_MAGIC 0x58465342
#define XFS_WORDS 23
#define XFS_BLOCK_SIZE_WORD 1
#define XFS_GROUP_BLOCKS_WORD 21
#define XFS_GROUPS_WORD 22

typedef u32 __be32;

struct rcu_head { int unused; };
struct dax_device { const void *ops; bool dead; };
struct holder_words { struct dax_device *dax_dev; };
struct holder_listener { int rc; unsigned long ops; };
struct holder_notice { struct dax_device *dax_dev; u64 offset; u64 len; int mf_flags; };

#include "reach_structs.h"

struct block_device { u64 bd_start_sect, bytes; const void *bd_holder; };

struct gendisk {
	void *private_data;
	struct block_device *part0;
	struct block_device *part_tbl[1 + PARTS];
};

#define SECTOR_SHIFT 9
#define bdev_nr_bytes(bdev) ((bdev)->bytes)
#define struct_size(pointer, member, nr) (sizeof(*(pointer)) + (nr) * sizeof((pointer)->member[0]))
#define kzalloc(bytes, flags) calloc(1, bytes)
#define kfree_rcu(pointer, member) free(pointer)
#define rcu_access_pointer(pointer) (pointer)
#define WRITE_ONCE(x, value) ((void)((x) = (value)))

/* The next one that is there, from *@index on. */
static struct block_device *find_part(struct block_device *const *table, unsigned long *index)
{
	for (; *index <= PARTS; ++*index)
		if (table[*index])
			return table[*index];
	return NULL;
}

#define xa_for_each_start(table, index, part, start) \
	for (index = start; (part = find_part(*(table), &index)); index++)

struct fsdev {
	struct dax_device *dax_dev;
	struct dax_device *bus_dax;
	struct gendisk *disk;
	struct {
		u64 reach;
		struct fstype_parts *parts;
		struct gendisk *disk;
	} failure;
};

/* Where superblocks lie, and which page cannot be read. */
static struct { u64 offset; u32 word[XFS_WORDS]; } super[PARTS];
static unsigned int supers;
static u64 unreadable;

static struct dax_device disk_dax, bus_dax;
static struct fsdev device;
static struct block_device bdev[1 + PARTS];
static struct gendisk disk;
/* What an open with a claim finds of the disk itself. */
static u64 claimed_reach;

/* What was told last, of how many bytes in all, and to which of the two. */
static struct { u64 bytes, first, end; const struct dax_device *dax_dev; } told;

static struct dax_device *fsdev_bus_dax(const struct fsdev *fsdev)
{
	return fsdev->bus_dax;
}

static struct holder_words fsdev_holder_words(struct dax_device *dax_dev)
{
	return (struct holder_words){ dax_dev };
}

static struct holder_listener holder_listener(const struct holder_words *words)
{
	return (struct holder_listener){
		.rc = words->dax_dev->dead ? -ENXIO : words->dax_dev->ops ? 0 : -EOPNOTSUPP,
	};
}

static int fsdev_holder_call(const void *ops, const struct holder_notice *notice)
{
	(void)ops;
	if (!told.bytes || notice->offset < told.first)
		told.first = notice->offset;
	told.end = notice->offset + notice->len;
	told.bytes += notice->len;
	told.dax_dev = notice->dax_dev;
	return 0;
}

static bool fstype_read_some(const struct fsdev *fsdev, u64 offset, void *start, size_t len)
{
	(void)fsdev;
	memset(start, 0, len);
	if (offset == unreadable)
		return false;
	for (unsigned int i = 0; i < supers; i++)
		if (super[i].offset == offset)
			memcpy(start, super[i].word, len);
	return true;
}

static bool compat_disk_claimed(const struct gendisk *of)
{
	return of->part0->bd_holder;
}

static u64 fstype_reach(const struct fsdev *fsdev, struct gendisk *of)
{
	(void)fsdev;
	(void)of;
	return claimed_reach;
}

static struct fstype_parts *rcu_replace_pointer_of(struct fstype_parts **place, struct fstype_parts *new)
{
	struct fstype_parts *old = *place;

	*place = new;
	return old;
}

#define rcu_replace_pointer(place, new, locked) rcu_replace_pointer_of(&(place), new)

/* Signals are put off elsewhere. */
struct kill_batch { int unused; };
#define kill_begin(batch) ((void)(batch))
#define kill_end(fsdev, batch, offset, len) ((void)(fsdev), (void)(batch))

#include "reach_functions.h"

static void xfs(u64 offset, u32 block, u32 blocks, u32 groups)
{
	u32 *word = super[supers].word;

	super[supers++].offset = offset;
	word[0] = be32_to_cpu(XFS_MAGIC);
	word[XFS_BLOCK_SIZE_WORD] = be32_to_cpu(block);
	word[XFS_GROUP_BLOCKS_WORD] = be32_to_cpu(blocks);
	word[XFS_GROUPS_WORD] = be32_to_cpu(groups);
}

/* A partition is made, and the disk opened without a claim, as udev does it. */
static void part(u64 start, u64 end)
{
	unsigned int number = 1;

	while (disk.part_tbl[number])
		number++;
	bdev[number] = (struct block_device){ start >> 9, end - start, NULL };
	disk.part_tbl[number] = &bdev[number];
	assert_int_equal(disk_set_reach(&disk, false), 0);
}

static void no_parts(void)
{
	for (unsigned int i = 1; i <= PARTS; i++)
		disk.part_tbl[i] = NULL;
	assert_int_equal(disk_set_reach(&disk, false), 0);
}

static void boot(void)
{
	free(device.failure.parts);
	memset(bdev, 0, sizeof(bdev));
	disk = (struct gendisk){ &device, bdev, { bdev } };
	claimed_reach = U64_MAX;
	memset(super, 0, sizeof(super));
	supers = 0;
	unreadable = U64_MAX;
	disk_dax = bus_dax = (struct dax_device){ 0 };
	device = (struct fsdev){ .dax_dev = &disk_dax, .bus_dax = &bus_dax,
		.failure = { .reach = U64_MAX, .disk = &disk } };
}

static int fails(u64 offset, u64 len)
{
	memset(&told, 0, sizeof(told));
	return notify_holder(&device, offset, len, 0);
}

/* One that has come by fs_dax_get() hears of all, whatever lies on the disk. */
static void bus_holder(void **state)
{
	(void)state;
	boot();
	part(2 * MIB, 10 * MIB);
	part(20 * MIB, 30 * MIB);
	xfs(2 * MIB, 4096, 256, 4);
	bus_dax.ops = &bus_dax;
	for (u64 at = 0; at < SIZE; at += MIB) {
		assert_int_equal(fails(at, PAGE_SIZE), 0);
		assert_int_equal(told.bytes, PAGE_SIZE);
		assert_ptr_equal(told.dax_dev, &bus_dax);
	}
	assert_int_equal(fails(0, SIZE), 0);
	assert_int_equal(told.bytes, SIZE);
	/* a file system that the disk had before */
	no_parts();
	device.failure.reach = MIB;
	assert_int_equal(fails(40 * MIB, PAGE_SIZE), 0);
	assert_int_equal(told.bytes, PAGE_SIZE);
	bus_dax.ops = NULL;
	assert_int_equal(fails(40 * MIB, PAGE_SIZE), -EOPNOTSUPP);
}

/* One that has come by the disk hears of its file system alone. */
static void disk_holder(void **state)
{
	(void)state;
	boot();
	part(2 * MIB, 10 * MIB);
	xfs(2 * MIB, 4096, 256, 4);
	disk_dax.ops = &disk_dax;
	assert_int_equal(fails(MIB, PAGE_SIZE), -EOPNOTSUPP);
	assert_int_equal(fails(6 * MIB, PAGE_SIZE), -EOPNOTSUPP);
	assert_int_equal(told.bytes, 0);
	/* of a part it does not hear */
	assert_int_equal(fails(0, SIZE), -EOPNOTSUPP);
	assert_int_equal(told.first, 2 * MIB);
	assert_int_equal(told.end, 6 * MIB);
	assert_int_equal(told.bytes, 4 * MIB);
	/* the bus's DAX device may be dead before the disk's */
	bus_dax.dead = true;
	assert_int_equal(fails(6 * MIB, PAGE_SIZE), -EOPNOTSUPP);
}

/* The superblock of a larger file system is left at the start of a partition. */
static void leftover(void **state)
{
	(void)state;
	boot();
	/* in the order of their numbers, which is not that of their places */
	part(20 * MIB, 30 * MIB);
	part(2 * MIB, 10 * MIB);
	part(40 * MIB, 50 * MIB);
	xfs(2 * MIB, 4096, 4096, 4);
	xfs(20 * MIB, 4096, 256, 4);
	disk_dax.ops = &disk_dax;
	/* behind the file system of its own partition */
	assert_int_equal(fails(25 * MIB, PAGE_SIZE), -EOPNOTSUPP);
	assert_int_equal(fails(23 * MIB, PAGE_SIZE), 0);
	assert_int_equal(fails(9 * MIB, 20 * MIB), -EOPNOTSUPP);
	assert_int_equal(told.bytes, (20 - 9 + 4) * MIB);
	/* of what is no XFS all that it has */
	assert_int_equal(fails(49 * MIB, PAGE_SIZE), 0);
	assert_int_equal(fails(50 * MIB, PAGE_SIZE), -EOPNOTSUPP);
	assert_int_equal(fails(MIB, PAGE_SIZE), -EOPNOTSUPP);
	/* a superblock that cannot be read */
	unreadable = 20 * MIB;
	assert_int_equal(fails(20 * MIB, PAGE_SIZE), 0);
	assert_int_equal(fails(20 * MIB + PAGE_SIZE, PAGE_SIZE), -EOPNOTSUPP);
	assert_int_equal(fails(20 * MIB, 20 * MIB), -EOPNOTSUPP);
	assert_int_equal(told.bytes, PAGE_SIZE);
}

/* A size that no u64 holds: the partition is what counts. */
static void too_large(void **state)
{
	(void)state;
	boot();
	part(2 * MIB, 10 * MIB);
	xfs(2 * MIB, 65536, 1u << 31, 1u << 17);
	disk_dax.ops = &disk_dax;
	assert_int_equal(fails(9 * MIB, PAGE_SIZE), 0);
	assert_int_equal(fails(10 * MIB, PAGE_SIZE), -EOPNOTSUPP);
}

/* A partition is made on a disk whose file system is mounted, which goes on hearing. */
static void mounted_whole(void **state)
{
	(void)state;
	boot();
	xfs(0, 4096, 256, 40);
	claimed_reach = 40 * MIB;
	assert_int_equal(disk_set_reach(&disk, true), 0);
	disk_dax.ops = &disk_dax;
	bdev[0].bd_holder = &disk_dax;
	part(44 * MIB, 50 * MIB);
	assert_int_equal(fails(39 * MIB, PAGE_SIZE), 0);
	assert_int_equal(fails(40 * MIB, PAGE_SIZE), -EOPNOTSUPP);
	assert_int_equal(fails(45 * MIB, PAGE_SIZE), -EOPNOTSUPP);
	/* also of what was known before its superblock failed */
	unreadable = 0;
	assert_int_equal(fails(39 * MIB, PAGE_SIZE), 0);
	unreadable = U64_MAX;
	/* it is unmounted, and the partition claimed */
	bdev[0].bd_holder = NULL;
	assert_int_equal(disk_set_reach(&disk, true), 0);
	bdev[0].bd_holder = &bdev;
	bdev[1].bd_holder = &disk_dax;
	assert_int_equal(fails(39 * MIB, PAGE_SIZE), -EOPNOTSUPP);
	assert_int_equal(fails(45 * MIB, PAGE_SIZE), 0);
	/* another one beside it */
	part(52 * MIB, 54 * MIB);
	assert_int_equal(fails(53 * MIB, PAGE_SIZE), 0);
	/* without partitions the disk is what counts again */
	bdev[0].bd_holder = NULL;
	no_parts();
	assert_int_equal(fails(39 * MIB, PAGE_SIZE), 0);
	assert_int_equal(fails(45 * MIB, PAGE_SIZE), -EOPNOTSUPP);
	supers = 0;
	assert_int_equal(disk_set_reach(&disk, false), 0);
	assert_null(device.failure.parts);
}

/* A file system is made on the disk itself, with partitions left over that the kernel still has. */
static void leftover_parts(void **state)
{
	(void)state;
	boot();
	part(10 * MIB, 20 * MIB);
	part(30 * MIB, 60 * MIB);
	xfs(0, 4096, 256, 40);
	claimed_reach = 40 * MIB;
	assert_int_equal(disk_set_reach(&disk, true), 0);
	bdev[0].bd_holder = &disk_dax;
	disk_dax.ops = &disk_dax;
	assert_int_equal(fails(MIB, PAGE_SIZE), 0);
	assert_int_equal(fails(25 * MIB, PAGE_SIZE), 0);
	assert_int_equal(fails(40 * MIB, PAGE_SIZE), -EOPNOTSUPP);
	assert_int_equal(fails(0, SIZE), -EOPNOTSUPP);
	assert_int_equal(told.bytes, 40 * MIB);
	/* what cannot be read could lie anywhere */
	unreadable = 0;
	assert_int_equal(fails(0, 2 * PAGE_SIZE), -EOPNOTSUPP);
	assert_int_equal(told.bytes, PAGE_SIZE);
	unreadable = U64_MAX;
	supers = 0;
	assert_int_equal(fails(61 * MIB, PAGE_SIZE), 0);
}

/* Partitions are deleted with the disk, one after the other; who has what is as before. */
static void deleted(void **state)
{
	(void)state;
	boot();
	device.disk = &disk;
	part(2 * MIB, 40 * MIB);
	xfs(2 * MIB, 4096, 256, 10);
	bdev[0].bd_holder = &bdev;
	bdev[1].bd_holder = &disk_dax;
	disk_dax.ops = &disk_dax;
	disk_keep_reach(&device);
	disk.part_tbl[1] = NULL;
	assert_int_equal(fails(11 * MIB, PAGE_SIZE), 0);
	assert_int_equal(fails(12 * MIB, PAGE_SIZE), -EOPNOTSUPP);
	assert_int_equal(fails(50 * MIB, PAGE_SIZE), -EOPNOTSUPP);
	/* with partitions left over the disk is what counts */
	boot();
	device.disk = &disk;
	part(30 * MIB, 60 * MIB);
	xfs(0, 4096, 256, 20);
	bdev[0].bd_holder = &disk_dax;
	disk_dax.ops = &disk_dax;
	disk_keep_reach(&device);
	disk.part_tbl[1] = NULL;
	assert_int_equal(fails(19 * MIB, PAGE_SIZE), 0);
	assert_int_equal(fails(20 * MIB, PAGE_SIZE), -EOPNOTSUPP);
	assert_int_equal(fails(31 * MIB, PAGE_SIZE), -EOPNOTSUPP);
	assert_int_equal(removal_len(&device, 0), 20 * MIB);
}

/* What cannot be read when a disk is claimed is read when memory fails. */
static void unread_at_claim(void **state)
{
	(void)state;
	boot();
	xfs(0, 4096, 256, 20);
	claimed_reach = 0;
	assert_int_equal(disk_set_reach(&disk, true), 0);
	disk_dax.ops = &disk_dax;
	assert_int_equal(fails(19 * MIB, PAGE_SIZE), 0);
	assert_int_equal(fails(20 * MIB, PAGE_SIZE), -EOPNOTSUPP);
	unreadable = 0;
	assert_int_equal(fails(0, PAGE_SIZE), 0);
	assert_int_equal(fails(PAGE_SIZE, PAGE_SIZE), -EOPNOTSUPP);
	unreadable = U64_MAX;
	/* what is no XFS hears of all */
	supers = 0;
	assert_int_equal(fails(63 * MIB, PAGE_SIZE), 0);
}

/* Of a removal XFS is told as far as it is known to reach. */
static void removal(void **state)
{
	(void)state;
	boot();
	assert_int_equal(removal_len(&device, 0), U64_MAX);
	xfs(0, 4096, 256, 40);
	claimed_reach = 40 * MIB;
	assert_int_equal(disk_set_reach(&disk, true), 0);
	assert_int_equal(removal_len(&device, 0), 40 * MIB);
	super[0].word[XFS_GROUPS_WORD] = be32_to_cpu(50);
	assert_int_equal(removal_len(&device, 0), 50 * MIB);
	unreadable = 0;
	assert_int_equal(removal_len(&device, 0), 40 * MIB);
	part(2 * MIB, 10 * MIB);
	xfs(2 * MIB, 4096, 256, 4);
	assert_int_equal(removal_len(&device, 2 * MIB), 4 * MIB);
	unreadable = 2 * MIB;
	assert_int_equal(removal_len(&device, 2 * MIB), PAGE_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bus_holder),
		cmocka_unit_test(disk_holder),
		cmocka_unit_test(leftover),
		cmocka_unit_test(too_large),
		cmocka_unit_test(mounted_whole),
		cmocka_unit_test(leftover_parts),
		cmocka_unit_test(deleted),
		cmocka_unit_test(unread_at_claim),
		cmocka_unit_test(removal),
	};
	int failed;

	failed = cmocka_run_group_tests_name("reach", tests, NULL, NULL);
	free(device.failure.parts);
	return failed;
}
