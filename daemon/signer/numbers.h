/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signer's durable numbers, STATE/keys/numbers.json: the highest versions it has
 * ever signed, and the highest snapshot it has seen in the repository.  A number is
 * written before the signature is made, so no version is ever signed twice.
 */
#ifndef KEBAO_DAEMON_SIGNER_NUMBERS_H
#define KEBAO_DAEMON_SIGNER_NUMBERS_H

#include <stdint.h>

#include "catalog/base/err.h"

#define NUMBERS_FILE "numbers.json"

struct numbers {
	int64_t snapshot;      /* highest version signed */
	int64_t timestamp;
	int64_t seen_snapshot; /* highest version found published */
	int64_t above;         /* after a restore, roles may go on above this; 0: never restored */
};

/* -1: ERR_NOT_FOUND, ERR_BAD_INPUT, ERR_SYSTEM. */
int numbers_load(int keys_fd, struct numbers *out, struct err *e);
/* Durable when it returns 0. */
int numbers_save(int keys_fd, const struct numbers *n, struct err *e);

#endif
