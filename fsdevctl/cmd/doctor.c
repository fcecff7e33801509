// SPDX-License-Identifier: GPL-2.0
/*
 * fsdevctl doctor: diagnose configuration problems. Looks at everything that has to be so, from
 * the kernel to the options of what is mounted, and says of what is not what to do.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "lib/c.h"
#include "cmd.h"
#include "lib/conf.h"
#include "lib/daxconf.h"
#include "lib/fstab.h"
#include "lib/journal.h"
#include "lib/json.h"
#include "lib/module.h"
#include "lib/page.h"
#include "lib/report.h"
#include "lib/sysfs.h"
#include "lib/users.h"

static bool verbose;

static const struct opt opts[] = {
	{ "verbose", OPT_FLAG, NULL, &verbose, "also what is as it should be" },
	REPORT_OPT,
	{ NULL }
};

static unsigned int problems;

/* In JSON both kinds, always: a program chooses by itself. */
static void tell(bool is_good, const char *format, va_list args)
{
	struct json_object *one;
	char *text;

	if (vasprintf(&text, format, args) < 0)
		return;
	if (!report_wanted) {
		say_result("%-9s%s", is_good ? "ok" : "PROBLEM", text);
	} else {
		one = json_object_new_object();
		json_object_object_add(one, "good", json_object_new_boolean(is_good));
		json_add_text(one, "text", text);
		report_append("checks", one);
	}
	free(text);
}

__printf(1, 2)
static void good(const char *format, ...)
{
	va_list args;

	if (!verbose && !report_wanted)
		return;
	va_start(args, format);
	tell(true, format, args);
	va_end(args);
}

__printf(1, 2)
static void problem(const char *format, ...)
{
	va_list args;

	problems++;
	va_start(args, format);
	tell(false, format, args);
	va_end(args);
}

/* One option of the running kernel: 'y', 'm', 'n', or '?' where its configuration is nowhere. */
static char config_option(const char *release, const char *name)
{
	static const char * const places[] = { "/boot/config-%s", "/usr/lib/modules/%s/config",
				 "/lib/modules/%s/build/.config" };
	char path[PATH_MAX], line[256];
	size_t len = strlen(name);
	char answer = '?';

	for (unsigned int i = 0; i < 3 && answer == '?'; i++) {
		FILE *file;

		snprintf(path, sizeof(path), places[i], release);
		file = fopen(path, "re");
		if (!file)
			continue;
		answer = 'n';
		while (fgets(line, sizeof(line), file))
			if (!strncmp(line, name, len) && line[len] == '=')
				answer = line[len + 1];
		fclose(file);
	}
	return answer;
}

static void look_at_kernel(const struct utsname *kernel)
{
	static const struct {
		const char *name, *why;
	} wanted[] = {
		{ "CONFIG_FS_DAX", "no file system can do DAX" },
		{ "CONFIG_DEV_DAX", "there is no /dev/daxX.Y" },
		{ "CONFIG_ZONE_DEVICE", "device memory has no page structures" },
		{ "CONFIG_MEMORY_FAILURE", "a bad page brings the machine down" },
	};

	good("kernel %s", kernel->release);
	if (strcmp(kernel->machine, "x86_64") && strcmp(kernel->machine, "aarch64"))
		problem("the processor is %s: fsdev is for 64-bit x86 and Arm", kernel->machine);
	for (unsigned int i = 0; i < ARRAY_SIZE(wanted); i++) {
		char answer = config_option(kernel->release, wanted[i].name);

		if (answer == 'n')
			problem("this kernel is without %s: %s; use a Debian kernel", wanted[i].name,
				wanted[i].why);
		else
			good("%s=%c", wanted[i].name, answer);
	}
	if (sysfs_there("/sys/kernel/btf/vmlinux"))
		good("the kernel describes its types (BTF), so the module can be built for it");
	else
		problem("/sys/kernel/btf/vmlinux is missing: the module is built from the kernel's own type information; use a kernel with CONFIG_DEBUG_INFO_BTF");
}

static bool secure_boot(void)
{
	unsigned char bytes[5] = { 0 };
	DIR *dir = opendir("/sys/firmware/efi/efivars");
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		int fd;

		if (strncmp(entry->d_name, "SecureBoot-", 11))
			continue;
		fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_CLOEXEC);
		if (fd >= 0) {
			/* four bytes of attributes come first */
			if (read(fd, bytes, sizeof(bytes)) != sizeof(bytes))
				bytes[4] = 0;
			close(fd);
		}
	}
	if (dir)
		closedir(dir);
	return bytes[4] == 1;
}

static bool locked_down(void)
{
	char text[64];

	return !sysfs_read(text, sizeof(text), "/sys/kernel/security/lockdown") &&
		!strstr(text, "[none]");
}

static void look_at_signing(const struct module_facts *facts)
{
	char enforced[8] = "";

	sysfs_read(enforced, sizeof(enforced), "/sys/module/module/parameters/sig_enforce");
	if (!secure_boot() && !locked_down() && enforced[0] != 'Y') {
		good("modules need no signature here (Secure Boot is off)");
		return;
	}
	if (!facts->signer[0])
		problem("Secure Boot takes only signed modules, and fsdev is not signed: enrol DKMS's key with 'mokutil --import /var/lib/dkms/mok.pub', reboot and confirm it, then 'dkms install --force fsdev/VERSION'");
	else
		good("fsdev is signed by %s; if it is refused, that key is not enrolled: mokutil --import /var/lib/dkms/mok.pub",
		     facts->signer);
}

/* An upgrade leaves the module that is loaded where it is. */
static void look_at_version(const struct module_facts *facts)
{
	char loaded[64];

	if (!facts->loaded || !facts->path[0] ||
	    sysfs_read(loaded, sizeof(loaded), "/sys/module/fsdev/version"))
		return;
	if (strcmp(loaded, facts->version))
		problem("version %s of the module is loaded and %s is installed: disable the devices, 'modprobe -r fsdev', enable them; or reboot",
			loaded, facts->version);
	else
		good("version %s of the module is loaded", loaded);
}

static void look_at_module(const struct utsname *kernel)
{
	struct module_facts facts;
	size_t len = strlen(kernel->release);

	if (module_facts("fsdev", &facts)) {
		problem("libkmod cannot read /lib/modules/%s: run depmod", kernel->release);
		return;
	}
	look_at_version(&facts);
	if (!facts.there && !facts.loaded) {
		problem("there is no module fsdev for kernel %s: install fsdev-dkms and linux-headers-%s; 'dkms status fsdev' and /var/lib/dkms/fsdev/*/build/make.log say what became of the build",
			kernel->release, kernel->release);
		return;
	}
	if (facts.path[0] && !facts.vermagic[0])
		problem("%s is damaged: dkms install --force fsdev/VERSION -k %s", facts.path,
			kernel->release);
	else if (facts.path[0] &&
		 (strncmp(facts.vermagic, kernel->release, len) || facts.vermagic[len] != ' '))
		problem("%s is built for kernel %s, and %s runs: dkms install --force fsdev/VERSION -k %s",
			facts.path, facts.vermagic, kernel->release, kernel->release);
	else if (facts.path[0])
		good("module %s is built for this kernel", facts.path);
	look_at_signing(&facts);
}

static void look_at_boot(struct conf *conf)
{
	if (cmd_conf_load(conf, "/etc/fsdev.d"))
		problem("the configuration has the mistakes above; none of it is used at boot");
	else
		good("%u sections in /etc/fsdev.d", conf->rules);
	if (conf->rules && !sysfs_there("/usr/lib/udev/rules.d/59-fsdev.rules") &&
	    !sysfs_there("/etc/udev/rules.d/59-fsdev.rules"))
		problem("the udev rule 59-fsdev.rules is missing: nothing happens at boot; install the package fsdevctl again");
}

static bool has_option(const char *options, const char *option)
{
	size_t len = strlen(option);

	for (const char *at = options; (at = strstr(at, option)); at += len)
		if ((at == options || at[-1] == ',') && (!at[len] || at[len] == ','))
			return true;
	return false;
}

static void look_at_mount(const struct device *device, const struct user *user)
{
	static const char * const dax[] = { "xfs", "ext4", "erofs", NULL };
	unsigned int i = 0;

	while (dax[i] && strcmp(dax[i], user->type))
		i++;
	/* one that claims the node itself, as famfs, knows nothing else */
	if (!strncmp(user->where, "/dev/dax", 8) && !sysfs_there("/sys/module/fsdev_livepatch"))
		note("%s: %s (%s) claims it without the block device, and the kernel's claim and release have faults where that comes and goes with the device: modprobe fsdev_livepatch",
		     device->name, user->what, user->type);
	if (!strncmp(user->where, "/dev/dax", 8))
		good("%s: %s (%s) has it without the block device", device->name, user->what,
		     user->type);
	else if (!dax[i])
		problem("%s: %s on %s cannot do DAX: xfs, ext4 and erofs can", device->name,
			user->type, user->what);
	else if (has_option(user->options, "dax=never"))
		problem("%s: %s is mounted with dax=never: mount it with -o dax=always", device->name,
			user->what);
	else if (has_option(user->options, "dax=inode"))
		good("%s: %s (%s) is mounted with dax=inode: files that are marked are DAX",
		     device->name, user->what, user->type);
	else if (has_option(user->options, "dax") || has_option(user->options, "dax=always"))
		good("%s: %s (%s) is mounted with dax=always", device->name, user->what, user->type);
	else
		problem("%s: %s is mounted without dax=always: only files that are marked (xfs_io -c 'chattr +x') are DAX; unmount it and mount it with -o dax=always",
			device->name, user->what);
}

static void look_at_users(const struct device *device)
{
	struct users users;
	char text[512];

	if (users_load(device, &users))
		return;
	for (unsigned int i = 0; i < users.count; i++) {
		const struct user *user = &users.user[i];

		if (user->kind == USER_MOUNT && user->where[0])
			look_at_mount(device, user);
		if (user->kind != USER_STALE)
			continue;
		user_text(user, text, sizeof(text));
		problem("%s: %s", device->name, text);
	}
	users_free(&users);
}

/* Its rule of udev, or its service, takes the device away again. */
static void look_at_daxctl(const struct device *device)
{
	struct daxconf found;

	if (daxconf_find(device, "/etc/daxctl.conf.d", &found))
		problem("%s: %s has daxctl bring it to mode %s as well; keep one of the two: take the section out there, or out of /etc/fsdev.d",
			device->name, found.file, found.mode);
}

/* What a section, or /etc/fstab, says of a device and is not so. */
static void look_at_plan(const struct device *device, const struct conf_rule *rule)
{
	char mounted[256];

	if (rule && rule->mode != MODE_NONE && rule->mode != device->mode)
		problem("%s: [%s] in %s:%u says mode %s, and it is in mode %s: fsdevctl config apply --device %s says why%s",
			device->name, rule->name, rule->file, rule->line, mode_name(rule->mode),
			mode_name(device->mode), device->name, device->mode == MODE_SYSTEM_RAM ?
			"; a kernel that has kmem loaded takes the device before any rule: boot with memhp_default_state=offline, so that it stays offline" : "");
	if (device->mode == MODE_FSDEV && !(rule && rule->mode == MODE_FSDEV) &&
	    fstab_mounts(device, mounted, sizeof(mounted)))
		problem("%s: /etc/fstab mounts it on %s, and no section brings it to fsdev mode at boot: fsdevctl config add --device %s --name NAME",
			device->name, mounted, device->name);
	if (!strcmp(device->kind, "cxl") && device->mode == MODE_FSDEV &&
	    !sysfs_there("/sys/kernel/tracing/events"))
		problem("%s: tracefs is not mounted on /sys/kernel/tracing, so the poison list of its CXL memory cannot be read: mount -t tracefs none /sys/kernel/tracing",
			device->name);
}

/* Memory that comes later, where a section is to decide about it. */
static void look_at_policy(const struct conf *conf)
{
	char policy[32];

	if (!conf->rules || !sysfs_there(DAX_BUS "/drivers/kmem") ||
	    sysfs_read(policy, sizeof(policy), "/sys/devices/system/memory/auto_online_blocks"))
		return;
	if (strcmp(policy, "offline"))
		problem("kmem is loaded and new memory is put online (%s): a device that comes later is ordinary memory before its section counts, and what lies on it is lost: boot with memhp_default_state=offline",
			policy);
	else
		good("kmem is loaded, and new memory stays offline until it is asked for");
}

static void look_at_device(const struct device *device, const struct conf *conf)
{
	const struct conf_rule *rule = conf_match(conf, device);

	if (device->interrupted != MODE_OTHER)
		problem("%s: a change of mode was cut off; it was in mode %s before: fsdevctl enable %s, or fsdevctl disable %s --mode %s",
			device->name, mode_name(device->interrupted), device->name, device->name,
			mode_name(device->interrupted));
	if (device->mode == MODE_FSDEV && journal_held(device))
		problem("%s: /dev/%s is held back since a change of mode was cut off, and is not mounted by the system: fsdevctl enable %s",
			device->name, device->disk, device->name);
	if (device->mode == MODE_FSDEV && !device->disk[0])
		problem("%s: is in fsdev mode without a block device; see the kernel log",
			device->name);
	if (device->mode == MODE_KERNEL_FSDEV)
		problem("%s: the kernel's own driver fsdev_dax has it, which no file system can use: fsdevctl enable %s",
			device->name, device->name);
	if (device->size && device->align % page_huge())
		problem("%s: its alignment is %llu: huge mappings do not work; 'daxctl reconfigure-device -a %lluM' changes it where each range's length allows that",
			device->name, (unsigned long long)device->align,
			(unsigned long long)page_huge() >> 20);
	if (device->read_only)
		problem("%s: its memory is read-only, as an NVDIMM is not armed or the attribute read_only of its region says so ('ndctl list -DR' shows which): nothing on it can be written",
			device->name);
	if (device->nr_bad)
		problem("%s: %llu bytes are bad: fsdevctl errors %s --files", device->name,
			(unsigned long long)device->bad_bytes, device->name);
	good("%s: %s, %u ranges, %s", device->name, mode_name(device->mode), device->nr_ranges,
	     device->kind);
	look_at_plan(device, rule);
	if (device->mode == MODE_FSDEV || (rule && rule->mode != MODE_NONE))
		look_at_daxctl(device);
	look_at_users(device);
}

static void look_at_devices(const struct devices *devices, const struct conf *conf)
{
	if (!devices->count) {
		problem("there is no DAX device. Persistent memory: ndctl create-namespace -m devdax. CXL: cxl create-region -t ram -m -d DECODER MEMDEV. Memory set aside by firmware (EFI soft-reserved): modprobe dax_hmem; check that the kernel is not booted with efi=nosoftreserve");
		return;
	}
	for (unsigned int i = 0; i < devices->count; i++)
		look_at_device(&devices->device[i], conf);
}

static enum outcome run(int argc, char **argv)
{
	struct utsname kernel;
	struct devices devices;
	enum outcome outcome;
	struct conf conf;

	(void)argc;
	(void)argv;
	if (uname(&kernel))
		return say(FAILED, "cannot ask for the kernel's release: %s", strerror(errno));
	if (geteuid())
		note("not root: physical addresses, other users' processes and bad memory cannot be seen");
	look_at_kernel(&kernel);
	look_at_module(&kernel);
	look_at_boot(&conf);
	look_at_policy(&conf);
	outcome = devices_load(&devices);
	if (outcome == DONE) {
		look_at_devices(&devices, &conf);
		devices_free(&devices);
	}
	conf_free(&conf);
	if (outcome != DONE)
		return outcome;
	report_number("problems", problems);
	if (problems)
		return FOUND;
	say_result("no problem was found");
	return DONE;
}

const struct command cmd_doctor = {
	.name = "doctor", .args = "", .help = "diagnose configuration problems", .opts = opts,
	.run = run,
};
