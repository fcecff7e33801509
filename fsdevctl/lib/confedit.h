/* SPDX-License-Identifier: GPL-2.0 */
/* Changing one line of the configuration. */
#ifndef FSDEVCTL_CONFEDIT_H
#define FSDEVCTL_CONFEDIT_H

#include "conf.h"

int conf_edit(const struct conf_rule *rule, enum conf_key key, uint64_t value);

#endif
