/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LAYOUT_ARRAY_H
#define LAYOUT_ARRAY_H

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#endif
