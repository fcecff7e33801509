// SPDX-License-Identifier: GPL-2.0
/* The check of the kernel's types, once more: this module needs nothing of the driver. */
#include "driver/kernel_types.c"
#include "core/type_record.c"
