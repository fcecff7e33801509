// SPDX-License-Identifier: GPL-2.0
/*
 * XFS hook: redirect functions of XFS, a module that can come after they are wanted, and go.
 *
 * A hook is there from the first time that it is wanted with XFS until XFS or this module is
 * unloaded: calls that have begun while it was wanted end later.
 */
#include <linux/container_of.h>
#include <linux/fs.h>
#include <linux/lockdep.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/string.h>

#include "redirect.h"
#include "supers.h"
#include "xfs_hook.h"
#include "xfs_layout.h"

/* Protects the hooks. */
static DEFINE_MUTEX(xfs_hook_lock);

/* @type is XFS, if it is live. Caller must hold xfs_hook_lock. */
static void xfs_hook_switch(struct xfs_hook *hook, const struct file_system_type *type)
{
	bool active = hook->set->there;

	lockdep_assert_held(&xfs_hook_lock);
	redirect_switch(hook->set, active);
	if (hook->hooked)
		hook->hooked(active,
			     active && type && xfs_layout_fits(type->owner) ? type : NULL);
}

/**
 * xfs_hook_start() - have the functions replaced
 * @hook: those
 *
 * From now on, or from when XFS is loaded.
 *
 * Context: may sleep.
 * Return: 0; -EBUSY if one of the functions is replaced already, as by a livepatch; another
 * negative errno.
 */
int xfs_hook_start(struct xfs_hook *hook)
{
	struct file_system_type *type;
	int rc = 0;

	mutex_lock(&xfs_hook_lock);
	/* while XFS is being loaded xfs_hook_notify() does it */
	type = supers_get_type("xfs");
	if (type)
		rc = redirect_install(hook->set);
	hook->wanted = !rc;
	xfs_hook_switch(hook, type);
	if (type)
		module_put(type->owner);
	mutex_unlock(&xfs_hook_lock);
	return rc;
}

/**
 * xfs_hook_stop() - want the hook no more, when XFS comes
 * @hook: it
 *
 * Context: may sleep.
 */
void xfs_hook_stop(struct xfs_hook *hook)
{
	mutex_lock(&xfs_hook_lock);
	hook->wanted = false;
	mutex_unlock(&xfs_hook_lock);
}

/* XFS comes or goes. */
static int xfs_hook_notify(struct notifier_block *notifier, unsigned long state, void *data)
{
	struct xfs_hook *hook = container_of(notifier, struct xfs_hook, notifier);
	const struct module *module = data;
	struct file_system_type *type = NULL;
	int rc = 0;

	if (strcmp(module->name, "xfs"))
		return NOTIFY_DONE;
	mutex_lock(&xfs_hook_lock);
	if ((state == MODULE_STATE_COMING || state == MODULE_STATE_LIVE) && hook->wanted)
		rc = redirect_install(hook->set);
	else if (state == MODULE_STATE_GOING)
		redirect_remove(hook->set);
	if (state == MODULE_STATE_LIVE)
		type = supers_get_type("xfs");
	xfs_hook_switch(hook, type);
	if (type)
		module_put(type->owner);
	mutex_unlock(&xfs_hook_lock);
	if (rc)
		pr_err("fsdev: XFS cannot be hooked (error %d): %s\n", rc, hook->lost);
	return NOTIFY_OK;
}

/**
 * xfs_hook_init() - set up
 * @hook: with set, hooked and lost; stays until xfs_hook_exit()
 *
 * Context: loading the module.
 * Return: 0 or a negative errno.
 */
int xfs_hook_init(struct xfs_hook *hook)
{
	hook->notifier.notifier_call = xfs_hook_notify;
	return register_module_notifier(&hook->notifier);
}

/**
 * xfs_hook_exit() - take the hook off
 * @hook: it
 *
 * Callers may still be inside the replacements, or on their way.
 *
 * Context: unloading the module, after xfs_hook_stop(); may sleep.
 */
void xfs_hook_exit(struct xfs_hook *hook)
{
	/* while it is still heard of that XFS goes */
	mutex_lock(&xfs_hook_lock);
	redirect_remove(hook->set);
	mutex_unlock(&xfs_hook_lock);
	unregister_module_notifier(&hook->notifier);
}
