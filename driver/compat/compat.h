/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What older kernels lack, and the private structures of this one. Included by the compiler in
 * front of every file of the driver, never by hand. Which branch is taken is decided by what
 * layout.h says of the kernel.
 */
#ifndef FSDEV_COMPAT_H
#define FSDEV_COMPAT_H

#ifndef CONFIG_64BIT
#error "fsdev needs a 64-bit kernel"
#endif
#ifndef CONFIG_FS_DAX
#error "fsdev needs a kernel with CONFIG_FS_DAX"
#endif

#include "layout.h"
#include "dax_private.h"
#include "dax_ops.h"
#include "fs_dax.h"
#include "block.h"
#include "failure.h"
#include "revoke.h"
#include "ras.h"

#endif
