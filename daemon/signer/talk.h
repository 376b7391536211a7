/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages between kebaod and kebaod-signer over a socketpair: a length (u32,
 * little-endian, of what follows), a word (u32), the number of parts (u32), and each
 * part as length (u32) and bytes, with nothing left over.  A request's word is an
 * operation; an answer's word is 0, or an error class and one part of text.
 *
 * Whoever calls is answered once; nothing is sent unasked but the signer's greeting,
 * which is an answer without parts, or the error that kept it from starting.
 */
#ifndef KEBAO_DAEMON_SIGNER_TALK_H
#define KEBAO_DAEMON_SIGNER_TALK_H

#include <stddef.h>
#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/err.h"
#include "catalog/base/limits.h"

#define TALK_FD 3             /* of kebaod-signer */
#define TALK_PARTS 40         /* of one message: names of a server certificate, mostly */
#define TALK_BYTES (LIMIT_TARGETS_BYTES + (1u << 20)) /* of one message: a role and its frame */

enum talk_op {
	TALK_ADVANCE = 1,   /* role, bytes -> versions, snapshot, timestamp */
	TALK_RESIGN,        /* -> versions, snapshot, timestamp */
	TALK_CERTIFY,       /* request, org -> times, serial, PEM */
	TALK_CERTIFY_SERVER, /* request, name... -> times, serial, PEM */
	TALK_PREPARE_KEYS,  /* -> public halves of the next online keys (JSON) */
	TALK_RECOVER,       /* above -> versions, snapshot, timestamp */
	TALK_FOUND,         /* options, passphrase, online passphrase -> CA (DER), root */
};

/* A message as received; parts point into bytes. */
struct talk_message {
	struct buf bytes; /* owned */
	uint32_t word;
	size_t n_parts;
	struct {
		const uint8_t *data; /* borrowed from bytes */
		size_t len;
	} parts[TALK_PARTS];
};

/* Wiped: a message may hold a passphrase. */
void talk_clear(struct talk_message *m);

struct talk_part {
	const void *data;
	size_t len;
};

/* -1: ERR_NETWORK where the other side is gone, ERR_SYSTEM, ERR_BAD_INPUT where it is too much. */
int talk_send(int fd, uint32_t word, const struct talk_part *parts, size_t n, struct err *e);

/* Send an error as an answer. */
int talk_send_error(int fd, const struct err *why, struct err *e);

/*
 * Receive one message into *m (cleared before).  1: received.  0: the other side closed
 * between messages.  -1: ERR_NETWORK where it broke off or was too slow (a timeout of the
 * socket), ERR_BAD_INPUT where what came is no message.
 */
int talk_receive(int fd, struct talk_message *m, struct err *e);

/* Receive an answer: an error in it becomes *e.  0, or -1; a closed socket is ERR_NETWORK. */
int talk_receive_answer(int fd, struct talk_message *m, size_t n_parts, struct err *e);

/* The part as a text of at most size - 1 bytes without NUL; ERR_BAD_INPUT. */
int talk_text(const struct talk_message *m, size_t part, char *out, size_t size, struct err *e);

#endif
