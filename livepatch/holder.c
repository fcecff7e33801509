// SPDX-License-Identifier: GPL-2.0
/* The protocol's source as it is. An object of its own, since fsdev.ko has the other. */
#include "core/holder.c"
