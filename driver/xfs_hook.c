// SPDX-License-Identifier: GPL-2.0
/*
 * XFS hook: have ftrace redirect functions of XFS.
 *
 * XFS is a module: it can come after the hook was asked for, and go. The hook is there from the
 * first time that it is asked for with XFS until XFS or this module is unloaded, as direct_map.c's.
 * It does nothing while it is not asked for.
 *
 * What stands in for a function calls the original by a static call, behind the place where ftrace
 * comes in: a processor that tracks branches lets none but direct calls reach a static function,
 * and no other tracer sees the call twice.
 *
 * The hook is permanent while it is there: kernel.ftrace_enabled cannot be cleared meanwhile.
 */
#include <linux/errno.h>
#include <linux/kprobes.h>
#include <linux/lockdep.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/rcupdate.h>
#include <linux/string.h>

#include "compat/ftrace.h"
#include "supers.h"
#include "xfs_hook.h"

/* Protects all that is below, and struct xfs_hook.at. */
static DEFINE_MUTEX(xfs_hook_lock);

static const struct xfs_hook_user *xfs_hook_user;
static bool xfs_hook_wanted;
static bool xfs_hook_there;

/* Both: calls are redirected. */
static bool xfs_hook_active;

/* Caller must hold xfs_hook_lock. */
static void xfs_hook_set_active(bool active)
{
	lockdep_assert_held(&xfs_hook_lock);
	WRITE_ONCE(xfs_hook_active, active);
	xfs_hook_user->hooked(active);
}

#ifdef COMPAT_FTRACE_IPMODIFY
/* Runs while the hook is there, when nothing but xfs_hook_active is written. */
static void notrace xfs_hook_redirect(unsigned long ip, unsigned long parent_ip,
				      struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	const struct xfs_hook_user *user = xfs_hook_user;

	if (!READ_ONCE(xfs_hook_active))
		return;
	for (unsigned int i = 0; i < user->nr; i++)
		if (user->hooks[i]->at == ip)
			compat_ftrace_set_ip(fregs, (unsigned long)user->hooks[i]->replacement);
}

static struct ftrace_ops xfs_hook_ops = {
	.func = xfs_hook_redirect,
	.flags = COMPAT_FTRACE_IPMODIFY,
};

/* Find where ftrace comes into a function of XFS, and where that goes on. */
static int xfs_hook_find(struct xfs_hook *hook)
{
	struct kprobe probe = { .symbol_name = hook->name };
	unsigned long body;
	int rc;

	rc = register_kprobe(&probe);
	if (rc)
		return rc;
	hook->at = (unsigned long)probe.addr;
	unregister_kprobe(&probe);
	body = compat_ftrace_body(hook->at);
	if (!body)
		return -EOPNOTSUPP;
	hook->set_original(body);
	return 0;
}

static void xfs_hook_unfilter(unsigned int nr)
{
	while (nr--)
		ftrace_set_filter_ip(&xfs_hook_ops, xfs_hook_user->hooks[nr]->at, 1, 0);
}

/* Caller must hold xfs_hook_lock; XFS is there, and ftrace knows of it. */
static int xfs_hook_set(void)
{
	const struct xfs_hook_user *user = xfs_hook_user;
	unsigned int filtered = 0;
	int rc = 0;

	lockdep_assert_held(&xfs_hook_lock);
	for (unsigned int i = 0; i < user->nr && !rc; i++)
		rc = xfs_hook_find(user->hooks[i]);
	for (; filtered < user->nr && !rc; filtered++)
		rc = ftrace_set_filter_ip(&xfs_hook_ops, user->hooks[filtered]->at, 0, 0);
	if (!rc)
		rc = register_ftrace_function(&xfs_hook_ops);
	if (rc)
		xfs_hook_unfilter(filtered);
	xfs_hook_there = !rc;
	return rc;
}

/* Caller must hold xfs_hook_lock. */
static void xfs_hook_clear(void)
{
	lockdep_assert_held(&xfs_hook_lock);
	if (!xfs_hook_there)
		return;
	xfs_hook_set_active(false);
	unregister_ftrace_function(&xfs_hook_ops);
	xfs_hook_unfilter(xfs_hook_user->nr);
	xfs_hook_there = false;
}
#else
static int xfs_hook_set(void)
{
	return -EOPNOTSUPP;
}

static void xfs_hook_clear(void)
{
}
#endif

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
	int rc = 0;

	mutex_lock(&xfs_hook_lock);
	/* while XFS is being loaded xfs_hook_notify() does it */
	if (!xfs_hook_there && supers_know_type("xfs"))
		rc = xfs_hook_set();
	xfs_hook_wanted = !rc;
	xfs_hook_set_active(xfs_hook_there);
	mutex_unlock(&xfs_hook_lock);
	return rc;
}

/**
 * xfs_hook_stop() - undo xfs_hook_start()
 *
 * Callers may still be inside the replacements.
 *
 * Context: may sleep.
 */
void xfs_hook_stop(void)
{
	mutex_lock(&xfs_hook_lock);
	xfs_hook_wanted = false;
	xfs_hook_set_active(false);
	mutex_unlock(&xfs_hook_lock);
}

/* XFS comes or goes. */
static int xfs_hook_notify(struct notifier_block *notifier, unsigned long state, void *data)
{
	const struct module *module = data;
	int rc = 0;

	if (strcmp(module->name, "xfs"))
		return NOTIFY_DONE;
	mutex_lock(&xfs_hook_lock);
	if ((state == MODULE_STATE_COMING || state == MODULE_STATE_LIVE) && xfs_hook_wanted &&
	    !xfs_hook_there)
		rc = xfs_hook_set();
	else if (state == MODULE_STATE_GOING)
		xfs_hook_clear();
	xfs_hook_set_active(xfs_hook_there && xfs_hook_wanted);
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
 * @user: what is to be replaced; stays until xfs_hook_exit()
 *
 * Context: loading the module.
 * Return: 0 or a negative errno.
 */
int xfs_hook_init(const struct xfs_hook_user *user)
{
	xfs_hook_user = user;
	return register_module_notifier(&xfs_hook_notifier);
}

/**
 * xfs_hook_exit() - take the hook off, and wait until each redirected caller has arrived
 *
 * Context: unloading the module, after xfs_hook_stop(); may sleep.
 */
void xfs_hook_exit(void)
{
	/* while it is still heard of that XFS goes */
	mutex_lock(&xfs_hook_lock);
	xfs_hook_clear();
	mutex_unlock(&xfs_hook_lock);
	unregister_module_notifier(&xfs_hook_notifier);
	synchronize_rcu_tasks();
}
