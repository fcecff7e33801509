// SPDX-License-Identifier: GPL-2.0
/*
 * Removal under load: threads that use a device's memory while it is taken away.
 *
 *   readers-start ID N   N threads, each always inside direct access to some page
 *   readers-stop ID      after the device was unbound: what they got
 *   going-down 1|0       the kernel takes the system to be restarting, or no longer
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/slab.h>

#include "fsdev_test.h"

#define READERS 16

struct reader {
	struct task_struct *task;
	struct dax_device *dax_dev;
	unsigned long pages;
	unsigned long good, dead, other;
	bool revived;
	long error;
	u64 sum;
};

static struct reader readers[READERS];
static int nr_readers;

/* readers that use memory which they were given */
static atomic_t inside = ATOMIC_INIT(0);

/**
 * removal_inside() - how many readers are using the device's memory
 *
 * Context: any.
 * Return: how many.
 */
int removal_inside(void)
{
	return atomic_read(&inside);
}

static void read_page(struct reader *reader, unsigned long page)
{
	void *kaddr;
	long n;

	n = access_try(reader->dax_dev, page, 1, &kaddr, NULL);
	if (n == 1) {
		atomic_inc(&inside);
		reader->revived |= reader->dead;
		reader->good++;
		for (int i = 0; i < 8; i++) {
			reader->sum += READ_ONCE(*(u64 *)(kaddr + 512 * i));
			usleep_range(20, 40);
		}
		atomic_dec(&inside);
	} else if (n == -ENXIO) {
		reader->dead++;
	} else {
		reader->other++;
		reader->error = n;
	}
}

static int reader_main(void *data)
{
	struct reader *reader = data;
	unsigned long page = reader - readers;

	while (!kthread_should_stop()) {
		int id = dax_read_lock();

		read_page(reader, page);
		dax_read_unlock(id);
		page = (page + 7919) % reader->pages;
		if (reader->dead)
			msleep(20);
		cond_resched();
	}
	return 0;
}

static void stop_all(void)
{
	for (; nr_readers; nr_readers--)
		kthread_stop(readers[nr_readers - 1].task);
}

static int readers_start(char **word)
{
	struct test_device *device = device_find(word[0]);
	struct model *model;
	int n;

	if (!device || nr_readers || kstrtoint(word[1], 0, &n) || n < 1 || n > READERS)
		return -EINVAL;
	model = model_make(device);
	if (!model)
		return -ENOMEM;
	memset(readers, 0, sizeof(readers));
	for (int i = 0; i < n; i++) {
		struct reader *reader = &readers[i];

		reader->dax_dev = test_dax(device);
		reader->pages = model->pages;
		reader->task = kthread_run(reader_main, reader, "fsdev_test/%d", i);
		if (IS_ERR(reader->task)) {
			stop_all();
			kvfree(model);
			return -ENOMEM;
		}
		nr_readers++;
	}
	kvfree(model);
	return 0;
}

static int readers_stop(char **word)
{
	struct test_device *device = device_find(word[0]);
	unsigned long good = 0, dead = 0, other = 0;
	int n = nr_readers, started = 0, ended = 0, revived = 0, id;
	long got;

	if (!device || !n)
		return -EINVAL;
	stop_all();
	for (int i = 0; i < n; i++) {
		good += readers[i].good;
		dead += readers[i].dead;
		other += readers[i].other;
		started += !!readers[i].good;
		ended += !!readers[i].dead;
		revived += readers[i].revived;
	}
	report_point(started == n, "every reader had reached the memory");
	report_point(ended == n, "every reader then found the device dead");
	report_point(!revived, "no reader reached the memory after that");
	report_point(!other, "no reader got any other error");
	report_note("%lu good, %lu dead, %lu other, the last of them %ld", good, dead, other,
		    readers[0].error);
	id = dax_read_lock();
	got = access_try(test_dax(device), 0, 1, NULL, NULL);
	dax_read_unlock(id);
	report_point(got == -ENXIO, "direct access to the removed device gives -ENXIO");
	report_note("got %ld", got);
	return 0;
}

/**
 * removal_exit() - ends the readers
 */
void removal_exit(void)
{
	stop_all();
}

static int going_down_set(char **word)
{
	if (word[0][0] == '1')
		WRITE_ONCE(system_state, SYSTEM_RESTART);
	else if (system_state == SYSTEM_RESTART)
		WRITE_ONCE(system_state, SYSTEM_RUNNING);
	return 0;
}

const struct test_verb removal_verbs[] = {
	{ "readers-start", 2, readers_start },
	{ "readers-stop", 1, readers_stop },
	{ "going-down", 1, going_down_set },
	{ }
};
