/* SPDX-License-Identifier: GPL-2.0 */
/* Kernel modules, through libkmod. */
#ifndef FSDEVCTL_MODULE_H
#define FSDEVCTL_MODULE_H

#include <stdbool.h>
#include <stddef.h>

/**
 * struct module_facts - what is known of a module without loading it
 * @there: there is a file of it for the running kernel
 * @loaded: it is in the kernel, or part of it
 * @path: where the file is
 * @vermagic: the kernel it was built for, empty if the file cannot be read as a module
 * @signer: who signed it, empty if it is not signed
 * @version: its version, empty if it has none
 */
struct module_facts {
	bool there, loaded;
	char path[512], vermagic[128], signer[128], version[64];
};

int module_load(const char *name);
int module_facts(const char *name, struct module_facts *facts);

#endif
