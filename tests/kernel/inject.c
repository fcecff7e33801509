// SPDX-License-Identifier: GPL-2.0
/*
 * Injection: lets a call that fsdev makes while it probes fail, without anything of it having
 * happened.
 *
 *   inject-begin          from here on calls are counted
 *   inject-end
 *   inject-growth ID      the same while that device grows, until inject-end; only "arm" and
 *                         "disarm" are for this
 *   steps                 a note for each function that can be made to fail
 *   count                 the next probe's calls of functions that the kernel itself calls all the
 *                         time count too, as they do while something is armed
 *   calls                 a note for each of them that the last probe called, and how often; ends
 *                         count
 *   early                 the last probe could not fail any more when it let the bus know the page
 *                         map
 *   arm NAME N            call N of the function, by fsdev, fails in every probe until disarmed
 *   arm-inside NAME N     the same for a call that the kernel makes on the way
 *   disarm                was there such a call?
 *   balance               what the last probe made before it failed has been undone, each thing
 *                         once
 *   bind-often ID N       binds that many times, each of which has to fail
 *   give-back             the processors' stocks of free kmalloc() objects go back, which the
 *                         kernel counts as in use
 *
 * The table is complete if every function that fsdev.ko imports is in it, or cannot fail: the
 * scenario checks that.
 */
#include <linux/blkdev.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "arch.h"
#include "fsdev_test.h"

/* How a function says that it failed. */
#define GIVES_NULL 0
#define GIVES(error) (-(error))

#if FSDEV_NPARAMS___blk_alloc_disk > 2
#define NO_DISK GIVES(ENOMEM)
#else
#define NO_DISK GIVES_NULL
#endif

struct step {
	const char *name;
	long result;
	bool inside;
	bool hot;	/* called all the time: watched during a probe only, as it costs */
	struct kprobe probe;
	bool there;
	atomic_t calls, calls_inside, calls_after;
};

static struct step steps[] = {
	/* memory */
	{ "kvmalloc_node", GIVES_NULL, .hot = true },
	{ "__kvmalloc_node_noprof", GIVES_NULL, .hot = true },
	{ "__kmalloc", GIVES_NULL, .hot = true },
	{ "__kmalloc_noprof", GIVES_NULL, .hot = true },
	{ "kmalloc_trace", GIVES_NULL, .hot = true },
	{ "__kmalloc_cache_noprof", GIVES_NULL, .hot = true },
	{ "devm_kmalloc", GIVES_NULL },
	/* what is undone when the device is unbound */
	{ "devm_add_action", GIVES(ENOMEM) },
	{ "__devm_add_action", GIVES(ENOMEM) },
	/* the order of removal */
	{ "__devres_alloc_node", GIVES_NULL },
	/* the page map */
	{ "__devm_request_region", GIVES_NULL },
	{ "devm_memremap_pages", GIVES(ENOMEM) },
	{ "memremap_pages", GIVES(ENOMEM) },
	/* the DAX device */
	{ "dax_set_ops", GIVES(EBUSY) },
	{ "dax_add_host", GIVES(EBUSY) },
	/* the disk, nodes and files */
	{ "__blk_alloc_disk", NO_DISK },
	{ "device_add_disk", GIVES(EEXIST) },
	{ "badblocks_init", GIVES(ENOMEM) },
	{ "devm_init_badblocks", GIVES(ENOMEM) },
	{ "cdev_alloc", GIVES_NULL },
	{ "cdev_add", GIVES(ENOMEM) },
	{ "cdev_device_add", GIVES(EEXIST) },
	{ "device_create_with_groups", GIVES(EEXIST) },
	{ "device_create", GIVES(EEXIST) },
	{ "sysfs_create_group", GIVES(EEXIST) },
	{ "sysfs_create_groups", GIVES(EEXIST) },
	{ "sysfs_create_file_ns", GIVES(EEXIST) },
	{ "sysfs_create_link", GIVES(EEXIST) },
	{ "device_add_group", GIVES(EEXIST) },
	{ "devm_device_add_group", GIVES(EEXIST) },
	{ "devm_device_add_groups", GIVES(EEXIST) },
	{ "ida_alloc_range", GIVES(ENOSPC) },
	{ "alloc_workqueue", GIVES_NULL },
	{ "register_kprobe", GIVES(EINVAL) },
	{ "bioset_init", GIVES(ENOMEM) },
	{ "__kfifo_alloc", GIVES(ENOMEM) },
	/* calls of the kernel's own on the way */
	{ "percpu_ref_init", GIVES(ENOMEM), .inside = true },
	{ "arch_add_memory", GIVES(ENOMEM), .inside = true },
	{ "device_add", GIVES(ENOMEM), .inside = true },
};

/* What has to be undone by a call of fsdev's own, and by which. */
struct pair {
	const char *undo;
	const char *make[2];
	bool ours;	/* the kernel does not do it of its own while a device is bound */
	bool hot;	/* as of a step */
	struct kprobe probe;
	bool there;
	int undone;
};

static struct pair pairs[] = {
	{ "kvfree", { "kvmalloc_node", "__kvmalloc_node_noprof" }, .hot = true },
	{ "dax_remove_host", { "dax_add_host" }, .ours = true },
	{ "put_disk", { "__blk_alloc_disk" }, .ours = true },
	{ "del_gendisk", { "device_add_disk" }, .ours = true },
	{ "cdev_del", { "cdev_add" } },
	{ "cdev_device_del", { "cdev_device_add" } },
	{ "ida_free", { "ida_alloc_range" } },
};

static bool injecting, published_early;
static struct step *armed;
static unsigned int armed_call;
static bool armed_inside, fired;
static struct module *driver;

/* the probe that is going on: by which task, of which device */
static struct task_struct *prober;
static struct dev_dax *probed;

/* ... and what is left of it while the bus cleans up */
static struct task_struct *attempt;
static void *driver_data;

static int step_called(struct kprobe *probe, struct pt_regs *regs)
{
	struct step *step = container_of(probe, struct step, probe);
	unsigned long caller = arch_caller(regs);
	bool inside;
	unsigned int call;

	inside = !within_module(caller, driver);
	/* what is made while a failed probe is undone has to be undone as well */
	if (!READ_ONCE(prober) && !inside && attempt == current)
		atomic_inc(&step->calls_after);
	/* a call by the driver for another task is by a thread that helps the one which probes */
	if (!READ_ONCE(prober) || (inside && READ_ONCE(prober) != current))
		return 0;
	driver_data = dev_get_drvdata(&probed->dev);
	call = atomic_inc_return(inside ? &step->calls_inside : &step->calls);
	if (!inside && probed->pgmap && !static_dev_dax(probed))
		published_early = true;
	if (armed != step || armed_inside != inside || armed_call != call)
		return 0;
	if (!fired)
		pr_info("fsdev_test: %s, called by %pS, fails\n", step->name, (void *)caller);
	fired = true;
	arch_return(regs, step->result);
	return 1;
}

NOKPROBE_SYMBOL(step_called);

/* A probe that has this is never turned into a jump; so its handler may choose the way back. */
static void after_step(struct kprobe *probe, struct pt_regs *regs, unsigned long flags)
{
}

NOKPROBE_SYMBOL(after_step);

static int undo_called(struct kprobe *probe, struct pt_regs *regs)
{
	struct pair *pair = container_of(probe, struct pair, probe);
	void *what = (void *)regs_get_kernel_argument(regs, 0);

	/*
	 * kvfree() of nothing undoes nothing. The last call of an action returns to where the
	 * action was called, so that it does not look like one of fsdev's.
	 */
	if (!what || attempt != current)
		return 0;
	if (pair->ours || what == driver_data ||
	    within_module(arch_caller(regs), driver))
		pair->undone++;
	return 0;
}

NOKPROBE_SYMBOL(undo_called);

/* dax_bus_probe(dev) begins */
static int bus_probe_entry(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct device *dev = (void *)regs_get_kernel_argument(regs, 0);

	if (!dev->driver || dev->driver->owner != driver)
		return 1;
	for (int i = 0; i < ARRAY_SIZE(steps); i++) {
		atomic_set(&steps[i].calls, 0);
		atomic_set(&steps[i].calls_inside, 0);
		atomic_set(&steps[i].calls_after, 0);
	}
	for (int i = 0; i < ARRAY_SIZE(pairs); i++)
		pairs[i].undone = 0;
	published_early = false;
	probed = container_of(dev, struct dev_dax, dev);
	driver_data = NULL;
	attempt = current;
	WRITE_ONCE(prober, current);
	return 0;
}

static int bus_probe_return(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	WRITE_ONCE(prober, NULL);
	return 0;
}

static struct kretprobe bus_probe = {
	.kp.symbol_name = "dax_bus_probe",
	.entry_handler = bus_probe_entry,
	.handler = bus_probe_return,
};

/* The device whose growth is watched. */
static struct dev_dax *grower;

/* grow_store() begins: all that counts is by its task */
static int growth_entry(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	for (int i = 0; i < ARRAY_SIZE(steps); i++) {
		atomic_set(&steps[i].calls, 0);
		atomic_set(&steps[i].calls_inside, 0);
	}
	probed = grower;
	WRITE_ONCE(prober, current);
	return 0;
}

static struct kretprobe growth_probe = {
	.kp.symbol_name = "fsdev:grow_store",
	.entry_handler = growth_entry,
	.handler = bus_probe_return,
};

static void watch_calls(struct kprobe *probe, bool on)
{
	if (on == !kprobe_disabled(probe))
		return;
	if (on ? enable_kprobe(probe) : disable_kprobe(probe))
		pr_err("fsdev_test: %s is not watched as it should be\n", probe->symbol_name);
}

static void watch_hot(bool on)
{
	for (int i = 0; i < ARRAY_SIZE(steps); i++)
		if (steps[i].there && steps[i].hot)
			watch_calls(&steps[i].probe, on);
	for (int i = 0; i < ARRAY_SIZE(pairs); i++)
		if (pairs[i].there && pairs[i].hot)
			watch_calls(&pairs[i].probe, on);
}

static int add_probe(struct kprobe *probe, const char *name, kprobe_pre_handler_t handler,
		     bool hot, bool *there)
{
	int rc;

	memset(probe, 0, sizeof(*probe));
	probe->symbol_name = name;
	probe->pre_handler = handler;
	probe->post_handler = after_step;
	if (hot)
		probe->flags = KPROBE_FLAG_DISABLED;
	rc = register_kprobe(probe);
	*there = !rc;
	if (rc && rc != -ENOENT)
		pr_err("fsdev_test: %s: error %d\n", name, rc);
	/* no kernel has all of them */
	return rc == -ENOENT ? 0 : rc;
}

/**
 * inject_exit() - ends injection
 */
void inject_exit(void)
{
	armed = NULL;
	if (!injecting)
		return;
	for (int i = 0; i < ARRAY_SIZE(steps); i++)
		if (steps[i].there)
			unregister_kprobe(&steps[i].probe);
	for (int i = 0; i < ARRAY_SIZE(pairs); i++)
		if (pairs[i].there)
			unregister_kprobe(&pairs[i].probe);
	unregister_kretprobe(&bus_probe);
	if (grower)
		unregister_kretprobe(&growth_probe);
	grower = NULL;
	injecting = false;
}

/* Our driver, which is loaded as long as nothing is unloaded while a scenario runs. */
static struct device_driver *find_driver(void)
{
	struct test_device *device;

	device = list_first_entry_or_null(&test_devices, struct test_device, node);
	return device ? driver_find("fsdev", device->dev_dax->dev.bus) : NULL;
}

static int inject_begin(char **word)
{
	struct device_driver *drv = find_driver();
	int rc;

	if (injecting || !drv)
		return -ENODEV;
	driver = drv->owner;
	bus_probe.kp.addr = NULL;
	rc = register_kretprobe(&bus_probe);
	if (rc)
		return rc;
	injecting = true;
	for (int i = 0; i < ARRAY_SIZE(steps) && !rc; i++)
		rc = add_probe(&steps[i].probe, steps[i].name, step_called, steps[i].hot,
			       &steps[i].there);
	for (int i = 0; i < ARRAY_SIZE(pairs) && !rc; i++)
		rc = add_probe(&pairs[i].probe, pairs[i].undo, undo_called, pairs[i].hot,
			       &pairs[i].there);
	if (rc)
		inject_exit();
	return rc;
}

static int inject_end(char **word)
{
	inject_exit();
	return 0;
}

static int inject_growth(char **word)
{
	struct test_device *device = device_find(word[0]);
	int rc;

	if (!injecting || !device || grower)
		return -EINVAL;
	grower = device->dev_dax;
	growth_probe.kp.addr = NULL;
	rc = register_kretprobe(&growth_probe);
	if (rc)
		grower = NULL;
	return rc;
}

static int steps_verb(char **word)
{
	for (int i = 0; i < ARRAY_SIZE(steps); i++)
		if (!steps[i].inside)
			report_note("%s", steps[i].name);
	return 0;
}

static int count(char **word)
{
	watch_hot(true);
	return injecting ? 0 : -EINVAL;
}

static int list_calls(char **word)
{
	watch_hot(false);
	for (int i = 0; i < ARRAY_SIZE(steps); i++)
		if (!steps[i].inside && atomic_read(&steps[i].calls))
			report_note("%s %u", steps[i].name, atomic_read(&steps[i].calls));
	return 0;
}

static int early(char **word)
{
	report_point(!published_early, "the page map is not published while probe can fail");
	return 0;
}

/* Was the last call of the step, by fsdev, one that we let fail? */
static bool failed_here(const struct step *step)
{
	return fired && armed == step && !armed_inside;
}

/* How often the last probe has done something, where it did not fail because we made it. */
static int made_by(const struct pair *pair)
{
	int made = 0;

	for (int i = 0; i < ARRAY_SIZE(steps); i++)
		for (int k = 0; k < ARRAY_SIZE(pair->make); k++)
			if (pair->make[k] && !strcmp(steps[i].name, pair->make[k]))
				made += atomic_read(&steps[i].calls) - failed_here(&steps[i]) +
					atomic_read(&steps[i].calls_after);
	return made;
}

static int balance(char **word)
{
	for (int i = 0; i < ARRAY_SIZE(pairs); i++) {
		int made = made_by(&pairs[i]);

		if (!made && !pairs[i].undone)
			continue;
		report_point(made == pairs[i].undone, "%s() undoes each %s()", pairs[i].undo,
			     pairs[i].make[0]);
		report_note("%d made, %d undone", made, pairs[i].undone);
	}
	return 0;
}

static int arm_step(char **word, bool inside)
{
	unsigned int call;

	if (!injecting || kstrtouint(word[1], 0, &call) || !call)
		return -EINVAL;
	for (int i = 0; i < ARRAY_SIZE(steps); i++)
		if (steps[i].there && !strcmp(steps[i].name, word[0])) {
			armed_call = call;
			armed_inside = inside;
			fired = false;
			armed = &steps[i];
			watch_hot(true);
			return 0;
		}
	return -ENOENT;
}

static int arm(char **word)
{
	return arm_step(word, false);
}

static int arm_inside(char **word)
{
	return arm_step(word, true);
}

static int disarm(char **word)
{
	report_point(armed && fired, "the call was made, and failed");
	armed = NULL;
	watch_hot(false);
	return 0;
}

static int bind_often(char **word)
{
	struct test_device *device = device_find(word[0]);
	struct device_driver *drv = find_driver();
	unsigned int times;

	if (!device || !drv || kstrtouint(word[1], 0, &times))
		return -EINVAL;
	while (times--)
		if (!device_driver_attach(drv, &device->dev_dax->dev))
			return -EEXIST;
	return 0;
}

static int give_back(char **word)
{
	struct kmem_cache **cache = &kmalloc_caches[0][0];

	rcu_barrier();
	for (int i = 0; i < sizeof(kmalloc_caches) / sizeof(*cache); i++)
		if (cache[i])
			kmem_cache_shrink(cache[i]);
	return 0;
}

const struct test_verb inject_verbs[] = {
	{ "inject-begin", 0, inject_begin },
	{ "inject-end", 0, inject_end },
	{ "inject-growth", 1, inject_growth },
	{ "steps", 0, steps_verb },
	{ "count", 0, count },
	{ "calls", 0, list_calls },
	{ "early", 0, early },
	{ "balance", 0, balance },
	{ "arm", 2, arm },
	{ "arm-inside", 2, arm_inside },
	{ "disarm", 0, disarm },
	{ "bind-often", 2, bind_often },
	{ "give-back", 0, give_back },
	{ }
};
