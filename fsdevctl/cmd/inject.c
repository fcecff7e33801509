// SPDX-License-Identifier: GPL-2.0
/*
 * fsdevctl inject: has the kernel handle a failure of a page, as a test.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "lib/audit.h"
#include "lib/node.h"
#include "lib/page.h"
#include "lib/report.h"
#include "lib/size.h"

static bool yes, dry_run;

static const struct opt opts[] = {
	{ "yes", OPT_FLAG, NULL, &yes, "do not ask" },
	{ "dry-run", OPT_FLAG, NULL, &dry_run, "say what would be done, change nothing" },
	REPORT_OPT,
	{ NULL }
};

static enum outcome inject_page(const struct device *device, uint64_t offset)
{
	int node = node_open(device, O_RDWR), rc;

	if (node < 0)
		return say(FAILED, "%s: cannot open its node: %s", device->name, node_error(node));
	rc = node_span(node, FSDEV_IOC_INJECT, offset, page_size(), 0, NULL);
	close(node);
	audit("%s: failure injected at %#llx: %s", device->name, (unsigned long long)offset,
	      rc ? strerror(-rc) : "done");
	if (rc)
		return say(FAILED, "%s: no failure was injected: %s", device->name, node_error(rc));
	report_changed();
	say_result("%s: the page at %#llx has failed, as a test; 'fsdevctl repair %s %#llx' repairs it",
		   device->name, (unsigned long long)offset, device->name,
		   (unsigned long long)offset);
	return DONE;
}

static enum outcome inject(int argc, char **argv)
{
	struct devices devices;
	struct device *device;
	enum outcome outcome = cmd_one_fsdev(argv[0], &devices, &device);
	uint64_t offset = 0, phys = 0;
	char question[160];

	(void)argc;
	if (outcome == DONE && size_parse(argv[1], &offset))
		outcome = say(BAD_INPUT, "'%s' is no device offset; write it like 0x20003000 or 512M",
			      argv[1]);
	if (outcome == DONE && offset >= device->size)
		outcome = say(BAD_INPUT, "'%s' lies past the end of %s, which is at %#llx", argv[1],
			      device->name, (unsigned long long)device->size);
	if (outcome == DONE) {
		offset = page_down(offset);
		report_text("chardev", device->name);
		report_number("offset", offset);
		report_number("length", page_size());
		if (device_phys(device, offset, &phys))
			report_number("start", phys);
		snprintf(question, sizeof(question),
			 "%s: the page at %#llx (memory %#llx) will fail: who has it mapped gets SIGBUS, its data is lost",
			 device->name, (unsigned long long)offset, (unsigned long long)phys);
		if (dry_run) {
			say_result("%s", question);
			say_result("nothing was changed");
		} else if (cmd_agreed(question, yes, &outcome)) {
			outcome = inject_page(device, offset);
		}
	}
	devices_free(&devices);
	return outcome;
}

const struct command cmd_inject = {
	.name = "inject", .args = "DEV OFFSET", .help = "have a page fail, for tests; asks first",
	.opts = opts, .least = 2, .most = 2, .run = inject,
};
