// SPDX-License-Identifier: GPL-2.0
/*
 * Kernel modules, through libkmod.
 */
#include <errno.h>
#include <libkmod.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "module.h"

static int lookup(const char *name, struct kmod_ctx **ctx, struct kmod_module **module)
{
	int rc;

	*ctx = kmod_new(NULL, NULL);
	if (!*ctx)
		return -ENOMEM;
	rc = kmod_module_new_from_name(*ctx, name, module);
	if (rc < 0)
		kmod_unref(*ctx);
	return rc < 0 ? rc : 0;
}

/**
 * module_load() - load a module with what it needs
 * @name: its name
 *
 * Return: 0, also if it is loaded already; -ENOENT if there is none for the running kernel; or
 * the kernel's answer as a negative errno.
 */
int module_load(const char *name)
{
	struct kmod_module *module;
	struct kmod_ctx *ctx;
	int rc = lookup(name, &ctx, &module);

	if (rc)
		return rc;
	rc = kmod_module_probe_insert_module(module, 0, NULL, NULL, NULL, NULL);
	kmod_module_unref(module);
	kmod_unref(ctx);
	return rc > 0 ? -EPERM : rc;
}

static void read_info(struct kmod_module *module, struct module_facts *facts)
{
	struct kmod_list *list = NULL, *item;

	if (kmod_module_get_info(module, &list) < 0)
		return;
	kmod_list_foreach(item, list) {
		const char *key = kmod_module_info_get_key(item);
		const char *value = kmod_module_info_get_value(item);

		if (!strcmp(key, "vermagic"))
			snprintf(facts->vermagic, sizeof(facts->vermagic), "%s", value);
		else if (!strcmp(key, "signer"))
			snprintf(facts->signer, sizeof(facts->signer), "%s", value);
		else if (!strcmp(key, "version"))
			snprintf(facts->version, sizeof(facts->version), "%s", value);
	}
	kmod_module_info_free_list(list);
}

/**
 * module_facts() - collect what is known of a module
 * @name: its name
 * @facts: what is known
 *
 * Return: 0 or a negative errno; a module that is nowhere is no error.
 */
int module_facts(const char *name, struct module_facts *facts)
{
	struct kmod_module *module;
	struct kmod_ctx *ctx;
	const char *path;
	int rc, state;

	memset(facts, 0, sizeof(*facts));
	rc = lookup(name, &ctx, &module);
	if (rc)
		return rc;
	path = kmod_module_get_path(module);
	state = kmod_module_get_initstate(module);
	facts->loaded = state == KMOD_MODULE_LIVE || state == KMOD_MODULE_BUILTIN;
	/* an index that is older than what it names */
	if (path && access(path, F_OK))
		path = NULL;
	facts->there = path || state == KMOD_MODULE_BUILTIN;
	if (path) {
		snprintf(facts->path, sizeof(facts->path), "%s", path);
		read_info(module, facts);
	}
	kmod_module_unref(module);
	kmod_unref(ctx);
	return 0;
}
