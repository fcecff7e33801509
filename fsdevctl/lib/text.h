/* SPDX-License-Identifier: GPL-2.0 */
/* Texts from elsewhere, made fit to be shown. */
#ifndef FSDEVCTL_TEXT_H
#define FSDEVCTL_TEXT_H

char *text_utf8(const char *text);
void text_plain(char *text);

#endif
