/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The library's and the hub's reasons are English sentences around names and numbers.  What
 * people meet often (a folder that cannot be published, a code, a passphrase, a full disk) is
 * said in Chinese here: reasons.def has the pieces of those sentences.  A reason that is not in
 * the table stays English; nothing but words follows from the table.
 */
#ifndef KEBAO_CLIENTS_KEBAO_REASONS_H
#define KEBAO_CLIENTS_KEBAO_REASONS_H

#include "catalog/base/buf.h"
#include "catalog/base/err.h"
#include "clients/kebao/messages.h"

/*
 * Append text in the language: each piece of the table that it holds is replaced, the longest
 * first; everything between, and whatever stands in quotes, is kept as it is.  -1 with *e: no
 * memory.
 */
int reasons_add(struct buf *b, enum language lang, const char *text, struct err *e);

#endif
