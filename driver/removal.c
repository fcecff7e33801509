// SPDX-License-Identifier: GPL-2.0
/*
 * Removal: the only place that states in which order a binding is undone, on unbind as after a
 * probe that failed. Each step needs the ones before it; docs/architecture.md has the reasons.
 *
 * "dyndbg=+p" for this file logs each step as it begins. A step that waits says for what: see
 * blocked.c; one that does not know better says which step it is. Where the machine goes down
 * meanwhile, the rest is left undone, but for what must not outlive the driver data.
 */
#include <linux/dax.h>
#include <linux/device.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/rcupdate.h>

#include "access.h"
#include "badblocks.h"
#include "blocked.h"
#include "chardev.h"
#include "clamp.h"
#include "device.h"
#include "discover.h"
#include "disk.h"
#include "failure.h"
#include "holder.h"
#include "late.h"
#include "memory.h"
#include "mounts.h"
#include "pagemap.h"
#include "parent.h"
#include "platform.h"
#include "readonly.h"
#include "removal.h"
#include "revoke.h"
#include "shared.h"
#include "sleep.h"
#include "trace.h"
#include "unload.h"

static bool announce_first;
module_param(announce_first, bool, 0644);
MODULE_PARM_DESC(announce_first,
		 "notify the holder of a device of removal before deleting its disk, as the kernel's drivers do; XFS of 7.x may then loop for a very long time (default: N)");

/* True if probe has come so far that there is something to undo, also of an abandoned removal. */
static bool step_always(struct fsdev *fsdev, enum removal_stage stage, unsigned int number,
			const char *what)
{
	if (fsdev->removal.stage < stage)
		return false;
	dev_dbg(fsdev_dev(fsdev), "removal step %u: %s\n", number, what);
	blocked_over(fsdev);
	blocked_by(fsdev, "step %u (%s) is under way, waiting for it to end", number, what);
	return true;
}

static bool step(struct fsdev *fsdev, enum removal_stage stage, unsigned int number,
		 const char *what)
{
	return !fsdev->removal.abandoned && step_always(fsdev, stage, number, what);
}

/* What no file owns: the structure and the geometry. */
static void free_device(struct fsdev *fsdev)
{
	sleep_forget(fsdev);
	blocked_over(fsdev);
	dev_set_drvdata(fsdev_dev(fsdev), NULL);
	kvfree(fsdev->geometry);
	/* nothing looks anything up any more */
	kvfree(rcu_dereference_protected(fsdev->grown, true));
	kvfree(fsdev);
}

/*
 * device_shutdown() takes the device_lock, which the unbind holds, so the unbind has to return. The
 * driver core then clears the driver data, which the operations read after they have found the
 * device alive: so none finds it alive any more.
 */
static void abandon(struct fsdev *fsdev)
{
	access_kill(fsdev);
	fsdev->removal.abandoned = true;
	blocked_abandon(fsdev);
}

/*
 * A holder that is notified of removal while it has its disk answers with what it knows to do: XFS
 * of 7.x with a walk over four billion pages for each file.
 */
static void notify_first(struct fsdev *fsdev)
{
	if (READ_ONCE(announce_first))
		fsdev_holder_announce(fsdev, mounts_holder_start(fsdev));
	else if (fsdev_holder_exists(fsdev) && compat_disk_claimed(fsdev->disk))
		dev_info(fsdev_dev(fsdev),
			 "deleting the disk before its holder is notified of removal, as XFS of 7.x may loop for a very long time otherwise (announce_first=N)\n");
}

/**
 * removal_run() - undo what probe has done
 * @fsdev: a device that is being unbound, or whose probe has failed; freed, unless the machine goes
 *	down meanwhile
 *
 * Context: the device_lock is held; may sleep, as long as something uses the device.
 */
void removal_run(struct fsdev *fsdev)
{
	if (step(fsdev, STAGE_BOUND, 1, "refuse suspend and hibernation, unwatch the region")) {
		sleep_unbind(fsdev);
		readonly_unwatch(fsdev);
	}
	if (fsdev->removal.stage >= STAGE_BOUND)
		trace_fsdev_removal(fsdev_dev(fsdev), memory_size(fsdev),
				    poison_bytes(&fsdev->poison));
	if (step(fsdev, STAGE_NODE, 2, "close the node, tell owner and watchers")) {
		blocked_by(fsdev,
			   "a command on the character device is under way, waiting for it to end");
		chardev_close(fsdev);
	}

	/* the disk, while the device is alive: what is dirty is written back */
	if (step(fsdev, STAGE_DISK, 3, "hide the DAX device from claims")) {
		disk_hide(fsdev);
		fsdev_holder_kill_unheld(fsdev);
	}
	if (step(fsdev, STAGE_DISK, 4, "pin what is mounted, wait for unmounts and swapoff") &&
	    (!mounts_note(fsdev) || !mounts_wait_swap(fsdev)))
		abandon(fsdev);
	if (step(fsdev, STAGE_DISK, 5, "notify the holder first, if asked to")) {
		blocked_by(fsdev,
			   "%s is claimed, waiting for its holder to handle the notification",
			   fsdev->disk->disk_name);
		notify_first(fsdev);
	}
	if (step(fsdev, STAGE_DISK, 6, "delete the disk: sync, shut file systems down")) {
		blocked_by(fsdev,
			   "%s has a file system that syncs, freezes or is being mounted, waiting for that to end",
			   fsdev->disk->disk_name);
		disk_delete(fsdev);
	}
	/* what was being mounted; the deletion has waited for that */
	if (step(fsdev, STAGE_DISK, 7, "pin what was being mounted")) {
		if (mounts_note(fsdev))
			mounts_lost_swap(fsdev);
		else
			abandon(fsdev);
	}
	if (step(fsdev, STAGE_DISK, 8, "put the disk"))
		disk_put(fsdev);
	if (step(fsdev, STAGE_BADBLOCKS, 9, "stop the list of bad blocks"))
		badblocks_mirror_stop(fsdev);

	/* the device dies: no operation starts any more, and none runs */
	if (step_always(fsdev, STAGE_COMMANDS, 10, "wait for commands")) {
		blocked_by(fsdev,
			   "a command on the character device is under way, waiting for it to end");
		chardev_detach(fsdev);
	}
	if (step(fsdev, STAGE_ACCESS, 11, "notify the holder, kill, drain")) {
		/* a flush does not ask whether the device is alive */
		access_stop_flushes(fsdev);
		blocked_by(fsdev,
			   "a read, write or notice on a DAX device is under way, waiting for its process to go on or end");
		fsdev_holder_remove(fsdev, mounts_holder_start(fsdev));
		/* finds it dead, and clears what the bus keeps of it */
		kill_dev_dax(fsdev->dev_dax);
		access_restore(fsdev);
	}

	/* no operation: what is left are mappings, and pages in the hands of the kernel */
	if (step(fsdev, STAGE_ACCESS, 12, "revoke mappings, wait for pages in use") &&
	    !revoke_mappings(fsdev))
		abandon(fsdev);
	if (step(fsdev, STAGE_ACCESS, 13, "take the operations off the bus")) {
		/* while nothing stores, and the memory is mapped */
		shared_stop(fsdev);
		late_leave(fsdev);
		unload_unwatch(fsdev);
	}
	if (step_always(fsdev, STAGE_PAGEMAP, 14, "stop clamping mappings"))
		clamp_stop(fsdev);

	/* no mapping: the page structures go */
	if (step(fsdev, STAGE_DISCOVER, 15, "stop discovery, wait for its reports"))
		discover_stop(fsdev);
	if (step(fsdev, STAGE_PAGEMAP, 16, "wait for failures, restore direct map") &&
	    !failure_stop(fsdev))
		abandon(fsdev);
	if (step(fsdev, STAGE_PAGEMAP, 17, "unmap the page structures")) {
		pagemap_stop(fsdev);
		failure_put_end(fsdev);
		pagemap_free(fsdev);
	}

	if (step(fsdev, STAGE_POISON, 18, "free the poison set"))
		failure_free(fsdev);
	if (step(fsdev, STAGE_DAX, 19, "put the block device's DAX device"))
		access_free(fsdev);
	if (step(fsdev, STAGE_CHARDEV, 20, "put what descriptors share"))
		chardev_put(fsdev);
	if (step_always(fsdev, STAGE_PLATFORM, 21, "flush the last stores")) {
		blocked_by(fsdev, "the last stores are being flushed, waiting for the platform");
		platform_stop(fsdev);
	}
	if (step_always(fsdev, STAGE_PARENT, 22, "forget the device above"))
		parent_forget(fsdev);
	if (step(fsdev, STAGE_CREATED, 23, "free the device"))
		free_device(fsdev);
	else
		blocked_over(fsdev);
}
