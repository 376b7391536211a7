/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of one connection: a socket, TLS on it or not, and one block of
 * output.  What is written becomes TLS records in that block; wire_flush sends
 * the block with as few system calls as the kernel allows.  Nothing here
 * waits, and nothing grows: what does not fit the block is not taken.
 */
#ifndef KEBAO_DAEMON_NET_WIRE_H
#define KEBAO_DAEMON_NET_WIRE_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/err.h"

struct slab;

enum wire_result {
	WIRE_OK,
	WIRE_READ,   /* wait until the socket is readable */
	WIRE_WRITE,  /* wait until it is writable (wire_flush first) */
	WIRE_CLOSED, /* the peer has ended the connection in order */
	WIRE_BROKEN, /* reset, TLS violated, memory: nothing more can be read or written */
};

struct wire {
	int fd;            /* owned */
	SSL *ssl;          /* owned; NULL: plain */
	struct slab *slab; /* borrowed from the worker */
	uint8_t *out;      /* owned; NULL while there is nothing to send */
	size_t out_off, out_len;
	uint64_t sent_bytes; /* since the start, records and all */
	bool is_broken;
	bool is_open;      /* the handshake is over */
};

/* Take fd and ssl (NULL: plain).  On -1 both stay the caller's. */
int wire_init(struct wire *w, int fd, SSL *ssl, struct slab *slab, struct err *e);

/* End TLS in order if that is possible without waiting, close, free. */
void wire_clear(struct wire *w);

/* WIRE_OK when TLS stands (at once where there is none). */
enum wire_result wire_handshake(struct wire *w);

/* Read at least one and at most size bytes. */
enum wire_result wire_read(struct wire *w, void *bytes, size_t size, size_t *n);

/* Whether bytes were received that wire_read has not given yet: no event will come for them. */
bool wire_has_input(const struct wire *w);

/* Throw away what the socket has, undecrypted; *n is how much. */
enum wire_result wire_discard(struct wire *w, size_t *n);

/* Take as many of len bytes as fit the block; WIRE_WRITE where none do. */
enum wire_result wire_write(struct wire *w, const void *bytes, size_t len, size_t *n);

/* Send what is in the block: WIRE_OK when it is empty. */
enum wire_result wire_flush(struct wire *w);

bool wire_has_output(const struct wire *w);

/* No more output will come: end TLS and the sending half of the socket (flush first). */
void wire_finish(struct wire *w);

#endif
