// SPDX-License-Identifier: GPL-2.0
/*
 * The modes of a device and the drivers that make them.
 */
#include <string.h>

#include "mode.h"

static const struct {
	enum mode mode;
	const char *name, *driver;
} modes[] = {
	{ MODE_NONE, "none", "" },
	{ MODE_DEVDAX, "devdax", "device_dax" },
	{ MODE_SYSTEM_RAM, "system-ram", "kmem" },
	{ MODE_FSDEV, "fsdev", "fsdev" },
	{ MODE_KERNEL_FSDEV, "kernel-fsdev", NAMED_DRIVER },
	{ MODE_OTHER, "other", NULL },
};

/**
 * mode_name() - get a mode's name, as daxctl writes it
 * @mode: the mode
 *
 * Return: its name.
 */
const char *mode_name(enum mode mode)
{
	return modes[mode].name;
}

/**
 * mode_driver() - get the driver that makes a mode
 * @mode: the mode
 *
 * Return: its name, empty for no driver, NULL for an unknown one.
 */
const char *mode_driver(enum mode mode)
{
	return modes[mode].driver;
}

/**
 * mode_parse() - read the name of a mode that a device can be given
 * @text: the name
 * @mode: the mode
 *
 * Return: whether it is one.
 */
bool mode_parse(const char *text, enum mode *mode)
{
	for (unsigned int i = MODE_DEVDAX; i < MODE_OTHER; i++) {
		if (!strcmp(text, modes[i].name)) {
			*mode = modes[i].mode;
			return true;
		}
	}
	return false;
}

/**
 * mode_of_driver() - get the mode that a driver makes
 * @driver: its name, empty for none
 *
 * Return: the mode; MODE_OTHER for a driver that is not known.
 */
enum mode mode_of_driver(const char *driver)
{
	for (unsigned int i = 0; i < MODE_OTHER; i++)
		if (!strcmp(driver, modes[i].driver))
			return modes[i].mode;
	return MODE_OTHER;
}
