/* SPDX-License-Identifier: GPL-2.0 */
/* A picture of a device: where its ranges lie, what is bad, what uses it. */
#ifndef FSDEVCTL_DRAW_H
#define FSDEVCTL_DRAW_H

#include <stdio.h>

struct device;
struct pieces;

void draw_text(const struct device *device, const struct pieces *pieces, FILE *out);
void draw_svg(const struct device *device, const struct pieces *pieces, FILE *out);

#endif
