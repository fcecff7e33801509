// SPDX-License-Identifier: GPL-2.0
/*
 * XFS hook: redirect functions of XFS, a module that can come after they are wanted, and go.
 *
 * The hook is there from the first time that it is wanted with XFS until XFS or this module is
 * unloaded: calls that have begun while it was wanted end later.
 */
#include <linux/fs.h>
#include <linux/lockdep.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/string.h>

#include "redirect.h"
#include "supers.h"
#include "xfs_hook.h"
#include "xfs_layout.h"

/* Protects all that is below. */
static DEFINE_MUTEX(xfs_hook_lock);

static struct redirect_set *xfs_hook_set;
static xfs_hooked_t *xfs_hook_hooked;
static bool xfs_hook_wanted;

/* @type is XFS, if it is live. Caller must hold xfs_hook_lock. */
static void xfs_hook_switch(const struct file_system_type *type)
{
	bool active = xfs_hook_set->there;

	lockdep_assert_held(&xfs_hook_lock);
	redirect_switch(xfs_hook_set, active);
	xfs_hook_hooked(active, active && type && xfs_layout_fits(type->owner) ? type : NULL);
}

/**
 * xfs_hook_start() - have the functions replaced
 *
 * From now on, or from when XFS is loaded.
 *
 * Context: may sleep.
 * Return: 0; -EBUSY if one of the functions is replaced already, as by a livepatch; another
 * negative errno.
 */
int xfs_hook_start(void)
{
	struct file_system_type *type;
	int rc = 0;

	mutex_lock(&xfs_hook_lock);
	/* while XFS is being loaded xfs_hook_notify() does it */
	type = supers_get_type("xfs");
	if (type)
		rc = redirect_install(xfs_hook_set);
	xfs_hook_wanted = !rc;
	xfs_hook_switch(type);
	if (type)
		module_put(type->owner);
	mutex_unlock(&xfs_hook_lock);
	return rc;
}

/**
 * xfs_hook_stop() - want the hook no more, when XFS comes
 *
 * Context: may sleep.
 */
void xfs_hook_stop(void)
{
	mutex_lock(&xfs_hook_lock);
	xfs_hook_wanted = false;
	mutex_unlock(&xfs_hook_lock);
}

/* XFS comes or goes. */
static int xfs_hook_notify(struct notifier_block *notifier, unsigned long state, void *data)
{
	const struct module *module = data;
	struct file_system_type *type = NULL;
	int rc = 0;

	if (strcmp(module->name, "xfs"))
		return NOTIFY_DONE;
	mutex_lock(&xfs_hook_lock);
	if ((state == MODULE_STATE_COMING || state == MODULE_STATE_LIVE) && xfs_hook_wanted)
		rc = redirect_install(xfs_hook_set);
	else if (state == MODULE_STATE_GOING)
		redirect_remove(xfs_hook_set);
	if (state == MODULE_STATE_LIVE)
		type = supers_get_type("xfs");
	xfs_hook_switch(type);
	if (type)
		module_put(type->owner);
	mutex_unlock(&xfs_hook_lock);
	if (rc)
		pr_err("fsdev: XFS cannot be hooked (error %d): clones, and copy-on-write by write(), are refused on its DAX files\n",
		       rc);
	return NOTIFY_OK;
}

static struct notifier_block xfs_hook_notifier = {
	.notifier_call = xfs_hook_notify,
};

/**
 * xfs_hook_init() - set up
 * @set: the functions; stays until xfs_hook_exit()
 * @hooked: is told whether calls go to the replacements, and of XFS if its layout is known; may not
 *	sleep
 *
 * Context: loading the module.
 * Return: 0 or a negative errno.
 */
int xfs_hook_init(struct redirect_set *set, xfs_hooked_t *hooked)
{
	xfs_hook_set = set;
	xfs_hook_hooked = hooked;
	return register_module_notifier(&xfs_hook_notifier);
}

/**
 * xfs_hook_exit() - take the hook off
 *
 * Callers may still be inside the replacements, or on their way.
 *
 * Context: unloading the module, after xfs_hook_stop(); may sleep.
 */
void xfs_hook_exit(void)
{
	/* while it is still heard of that XFS goes */
	mutex_lock(&xfs_hook_lock);
	redirect_remove(xfs_hook_set);
	mutex_unlock(&xfs_hook_lock);
	unregister_module_notifier(&xfs_hook_notifier);
}
