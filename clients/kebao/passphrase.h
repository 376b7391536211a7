/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Passphrases come from a person at the terminal, from a file or from a
 * descriptor; never from an argument or the environment, which other users of
 * the machine can read.  A file or descriptor gives its first line.
 */
#ifndef KEBAO_CLIENTS_KEBAO_PASSPHRASE_H
#define KEBAO_CLIENTS_KEBAO_PASSPHRASE_H

#include <stdbool.h>

#include "catalog/base/buf.h"
#include "catalog/base/err.h"

/* At most one of file and fd is given; neither: ask at the terminal. */
struct passphrase_source {
	const char *file; /* --passphrase-file; NULL: not given */
	const char *fd;   /* --passphrase-fd, a decimal number; NULL: not given */
	const char *prompt;        /* for the terminal, in the user's language */
	const char *prompt_again;  /* not NULL: a new one, asked twice and compared */
};

/*
 * Fill *out (empty; the caller wipes it) with the passphrase, without its end of
 * line.  -1: ERR_BAD_INPUT where it is empty, over 1,024 bytes, holds a NUL, the
 * two typed differ, or there is neither source nor terminal; ERR_NOT_FOUND
 * where the file is not there.  A new one has at least 8 bytes.
 */
int passphrase_read(const struct passphrase_source *src, struct buf *out, struct err *e)
    __attribute__((warn_unused_result));

/* A random one of 160 bits, as text, for keys that a machine uses by itself. */
int passphrase_make(struct buf *out, struct err *e) __attribute__((warn_unused_result));

#endif
