/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every sentence kebao says, in Chinese and in English, in one table:
 * messages.def.  A text names its arguments {1} to {9}, so each language may
 * put them where its grammar wants them; arguments are strings, numbers are
 * made words by text.h first.  What the library reports stands behind a prefix in the user's
 * language; reasons.h says it in Chinese where it knows it.
 *
 * Arguments may come from a hub or a file: control characters and invalid
 * UTF-8 in them become '?', so that nobody's title moves the cursor.
 */
#ifndef KEBAO_CLIENTS_KEBAO_MESSAGES_H
#define KEBAO_CLIENTS_KEBAO_MESSAGES_H

#include <stdio.h>

#include "catalog/base/buf.h"
#include "catalog/base/err.h"

enum language { LANGUAGE_ZH, LANGUAGE_EN };

enum message {
#define MESSAGE(id, zh, en) MSG_##id,
#include "clients/kebao/messages.def"
#undef MESSAGE
	MSG_COUNT
};

/* The text with its placeholders; never NULL. */
const char *messages_text(enum language lang, enum message id);

/* Print the message, its placeholders filled from args (NULL-terminated), and a newline. */
void messages_say(FILE *f, enum language lang, enum message id, const char *const *args);

/* The same into a buffer, without the newline. */
int messages_add(struct buf *b, enum language lang, enum message id, const char *const *args,
    struct err *e);

/*
 * The language of the interface: what word names ("zh", "en", "zh_CN.UTF-8" ...),
 * where that is NULL the first of KEBAO_LANG, LC_ALL, LC_MESSAGES and LANG that
 * is set and not empty, where none is: Chinese.
 */
enum language messages_language(const char *word);

/* 0 when word names one of the two languages. */
int messages_parse_language(const char *word, enum language *out);

#define MESSAGES_ARGS(...) ((const char *const[]){ __VA_ARGS__, NULL })

#endif
