// SPDX-License-Identifier: GPL-2.0
/*
 * Superblocks: a walk over those of every file system type, or of one, and the DAX files in core of
 * each. It takes no s_umount, so a file system that hangs in a mount, an unmount, a remount or a
 * freeze does not hold it up; each superblock is kept active instead. iterate_supers_type() takes
 * s_umount, and there is no exported walk over all types.
 *
 * A type's superblocks are listed under sb_lock, which is private to fs/super.c. sget_fc() calls
 * its test function under that lock for each of them, and creates nothing where its set function
 * fails.
 */
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "supers.h"

/* Inodes that are passed over before the list lock is given up for a moment. */
#define SUPERS_BATCH 1024

/* What a list has room for at first. */
#define SUPERS_ROOM 64

static struct workqueue_struct *supers_queue;

/* The last reference to an active superblock, which unmounts it. */
struct super_end {
	struct work_struct work;
	struct super_block *sb;
};

static void super_end(struct work_struct *work)
{
	struct super_end *end = container_of(work, struct super_end, work);

	deactivate_super(end->sb);
	kfree(end);
}

/**
 * super_put() - give up a superblock that was kept active
 * @sb: that
 *
 * Where it was unmounted meanwhile, the rest of the unmount is left to a worker: it may have to
 * wait for a disk that has nothing to do with us.
 *
 * Context: may sleep.
 */
void super_put(struct super_block *sb)
{
	struct super_end *end;

	if (atomic_add_unless(&sb->s_active, -1, 1))
		return;
	end = kmalloc(sizeof(*end), GFP_KERNEL | __GFP_NOFAIL);
	INIT_WORK(&end->work, super_end);
	end->sb = sb;
	queue_work(supers_queue, &end->work);
}

/**
 * struct super_list - superblocks of a type, each active
 * @nr: how many
 * @seen: how many there were to list
 * @room: how many @sb has room for
 * @again: sget_fc() goes over them a second time
 * @sb: them
 */
struct super_list {
	unsigned int nr;
	unsigned int seen;
	unsigned int room;
	bool again;
	struct super_block **sb;
};

/*
 * sget_fc() goes over the list twice, in the same order, new ones first. The first that was kept is
 * there the second time as well, and those in front of it are new.
 */
static int super_list_add(struct super_block *sb, struct fs_context *fc)
{
	struct super_list *list = fc->fs_private;

	if (list->nr && sb == list->sb[0])
		list->again = true;
	if (list->again)
		return 0;
	if (list->nr == list->room) {
		list->seen++;
		return 0;
	}
	if (!compat_pin_super(sb))
		return 0;
	list->sb[list->nr++] = sb;
	list->seen++;
	return 0;
}

static int super_list_end(struct super_block *sb, struct fs_context *fc)
{
	return -ECANCELED;
}

static void super_list_put(struct super_list *list)
{
	for (unsigned int i = 0; i < list->nr; i++)
		super_put(list->sb[i]);
	kvfree(list->sb);
}

/* What it returns is an error in every case: no superblock is wanted. */
static void super_list_fill(struct super_list *list, struct file_system_type *type)
{
	struct fs_context *fc = kzalloc(sizeof(*fc), GFP_KERNEL | __GFP_NOFAIL);
	unsigned int room = SUPERS_ROOM;

	fc->fs_type = type;
	fc->fs_private = list;
	fc->user_ns = &init_user_ns;
	for (;;) {
		*list = (struct super_list){
			.room = room,
			.sb = kvmalloc_array(room, sizeof(*list->sb), GFP_KERNEL | __GFP_NOFAIL),
		};
		sget_fc(fc, super_list_add, super_list_end);
		if (list->seen <= list->room)
			break;
		room = list->seen + SUPERS_ROOM;
		super_list_put(list);
	}
	kfree(fc);
}

/**
 * supers_of_type() - call a function for each superblock of a type
 * @type: the type, which stays
 * @call: the function, which may sleep; false ends the walk
 * @arg: passed to @call
 *
 * Superblocks whose mount or unmount is under way are left out: no file of theirs is open or
 * mapped.
 *
 * Context: may sleep; does not wait for any file system.
 * Return: false if @call has ended the walk.
 */
bool supers_of_type(struct file_system_type *type, super_call_t *call, void *arg)
{
	struct super_list list;
	bool rc = true;

	if (!READ_ONCE(type->fs_supers.first))
		return true;
	super_list_fill(&list, type);
	for (unsigned int i = 0; i < list.nr && rc; i++)
		rc = call(list.sb[i], arg);
	super_list_put(&list);
	return rc;
}

/**
 * struct type_list - file system types, with a reference to each one's module
 * @nr: how many
 * @seen: how many there were to list
 * @room: how many @type has room for
 * @last: the last one that was seen; never followed
 * @type: them
 */
struct type_list {
	unsigned int nr;
	unsigned int seen;
	unsigned int room;
	const struct file_system_type *last;
	struct file_system_type **type;
};

/* Those that have superblocks, from @type on, which is the first that the kernel registers. */
static void type_list_fill(struct type_list *list, struct file_system_type *type)
{
	rcu_read_lock();
	for (; type; type = compat_next_type(type)) {
		list->last = type;
		/* a superblock has a reference to the module; so a type that is leaving has none */
		if (!READ_ONCE(type->fs_supers.first) || !try_module_get(type->owner))
			continue;
		if (list->nr < list->room)
			list->type[list->nr++] = type;
		else
			module_put(type->owner);
		list->seen++;
	}
	rcu_read_unlock();
}

static void type_list_empty(struct type_list *list)
{
	while (list->nr)
		module_put(list->type[--list->nr]->owner);
	list->seen = 0;
}

/*
 * Before 7.x a type that leaves the list while it is looked at loses its successor, so that the
 * list seems to end there. It is then no longer on the list, or at its end. So a list which ends
 * with the same type as the one before is whole.
 */
static bool type_list_all(struct type_list *list, struct file_system_type *first)
{
	const struct file_system_type *before = NULL;

	*list = (struct type_list){ .room = SUPERS_ROOM };
	for (;;) {
		list->type = kvmalloc_array(list->room, sizeof(*list->type), GFP_KERNEL);
		if (!list->type)
			return false;
		type_list_fill(list, first);
		if (list->seen <= list->room && list->last == before)
			return true;
		before = list->last;
		list->room = max(list->room, list->seen + SUPERS_ROOM / 4);
		type_list_empty(list);
		kvfree(list->type);
	}
}

/**
 * supers_each() - call a function for each superblock of the machine
 * @call: the function, which may sleep; false ends the walk
 * @arg: passed to @call
 *
 * See supers_of_type(). A superblock that is active all the while is not missed.
 *
 * Context: may sleep; does not wait for any file system.
 * Return: false if @call has ended the walk.
 */
bool supers_each(super_call_t *call, void *arg)
{
	/* registered by mnt_init(), before all that are on disks or in modules */
	struct file_system_type *first = get_fs_type("sysfs");
	struct type_list list;
	bool rc = true;

	if (WARN_ON_ONCE(!first))
		return true;
	while (!type_list_all(&list, first))
		schedule_timeout_idle(HZ / 10);
	for (unsigned int i = 0; i < list.nr && rc; i++)
		rc = supers_of_type(list.type[i], call, arg);
	type_list_empty(&list);
	kvfree(list.type);
	module_put(first->owner);
	return rc;
}

/**
 * supers_get_type() - find a type of file system that is registered
 * @name: the type; its module is not loaded for this
 *
 * Context: may sleep.
 * Return: it, then module_put() of its owner is due; NULL if there is none, or its module leaves.
 */
struct file_system_type *supers_get_type(const char *name)
{
	struct file_system_type *first = get_fs_type("sysfs"), *type = NULL;

	rcu_read_lock();
	/* again, as the walk ends early where the type that it stands on is unregistered */
	for (int walks = 0; walks < 2; walks++) {
		for (type = first; type && strcmp(type->name, name); type = compat_next_type(type))
			;
		if (type)
			break;
	}
	if (type && !try_module_get(type->owner))
		type = NULL;
	rcu_read_unlock();
	if (first)
		module_put(first->owner);
	return type;
}

/* The inodes in core of a superblock that stays active for which @want is true. */
static __always_inline bool super_each_inode(struct super_block *sb,
					     bool (*want)(struct inode *inode),
					     file_call_t *call, void *arg)
{
	struct inode *inode, *last = NULL;
	unsigned int passed = 0;
	bool rc = true;

	spin_lock(&sb->s_inode_list_lock);
	list_for_each_entry(inode, &sb->s_inodes, i_sb_list) {
		bool wanted = want(inode);

		if (!wanted && ++passed % SUPERS_BATCH)
			continue;
		if (!igrab(inode))
			continue;
		spin_unlock(&sb->s_inode_list_lock);
		/* the file before this one has kept the place in the list until now */
		iput(last);
		last = inode;
		if (wanted)
			rc = call(inode, arg);
		cond_resched();
		spin_lock(&sb->s_inode_list_lock);
		if (!rc)
			break;
	}
	spin_unlock(&sb->s_inode_list_lock);
	iput(last);
	return rc;
}

static bool inode_is_used_dax(struct inode *inode)
{
	struct address_space *mapping = inode->i_mapping;

	return IS_DAX(inode) && S_ISREG(inode->i_mode) &&
	       (!mapping_empty(mapping) || mapping_mapped(mapping));
}

/**
 * super_each_file() - call a function for each DAX file in core that has pages or is mapped
 * @sb: a superblock that stays active
 * @call: the function, which may sleep; false ends the walk
 * @arg: passed to @call
 *
 * A file that has a page or a mapping all the while is not missed, nor one in which a page fault is
 * under way: that has an entry in the file.
 *
 * Context: may sleep.
 * Return: false if @call has ended the walk.
 */
bool super_each_file(struct super_block *sb, file_call_t *call, void *arg)
{
	return super_each_inode(sb, inode_is_used_dax, call, arg);
}

static bool inode_is_swap(struct inode *inode)
{
	return IS_SWAPFILE(inode);
}

static bool inode_has_writer(struct inode *inode)
{
	return inode_is_open_for_write(inode);
}

static bool end_walk(struct inode *inode, void *arg)
{
	return false;
}

/**
 * super_has_swap() - is a file of a superblock in use as swap?
 * @sb: a superblock that stays active
 *
 * Context: may sleep.
 * Return: true if one is.
 */
bool super_has_swap(struct super_block *sb)
{
	return !super_each_inode(sb, inode_is_swap, end_walk, NULL);
}

/**
 * super_has_writer() - is a file of a superblock open for writing, or mapped so?
 * @sb: a superblock that stays active
 *
 * A file stays open for writing for as long as a mapping has it that may store to it.
 *
 * Context: may sleep.
 * Return: true if one is.
 */
bool super_has_writer(struct super_block *sb)
{
	return !super_each_inode(sb, inode_has_writer, end_walk, NULL);
}

/**
 * supers_init() - prepare to walk over superblocks
 *
 * Return: 0 or -ENOMEM.
 */
int __init supers_init(void)
{
	supers_queue = alloc_ordered_workqueue("fsdev_supers", 0);
	return supers_queue ? 0 : -ENOMEM;
}

/**
 * supers_exit() - undo supers_init()
 *
 * Context: may sleep, until file systems are unmounted that this module was the last to keep.
 */
void supers_exit(void)
{
	destroy_workqueue(supers_queue);
}
