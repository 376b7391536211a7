/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of one connection: a socket, TLS on it or not, and one block of
 * output.  What is written becomes TLS records in that block; duct_flush sends
 * the block with as few system calls as the kernel allows.  Nothing here
 * waits, and nothing grows: what does not fit the block is not taken.
 */
#ifndef KEBAO_DAEMON_NET_DUCT_H
#define KEBAO_DAEMON_NET_DUCT_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/err.h"
#include "daemon/net/hello.h"

struct slab;

enum duct_result {
	DUCT_OK,
	DUCT_READ,   /* wait until the socket is readable */
	DUCT_WRITE,  /* wait until it is writable (duct_flush first) */
	DUCT_CLOSED, /* the peer has ended the connection in order */
	DUCT_BROKEN, /* reset, TLS violated, memory: nothing more can be read or written */
};

struct duct {
	int fd;            /* owned */
	SSL *ssl;          /* owned; NULL: plain, or finished */
	struct slab *slab; /* borrowed from the worker */
	uint8_t *out;      /* owned; NULL while there is nothing to send */
	size_t out_off, out_len, out_size; /* a slab, or a parked rest of just that size */
	uint64_t sent_bytes; /* since the start, records and all */
	unsigned n_steps;    /* of TLS beside data, since the handshake: new keys, alerts */
	struct hello hello;  /* until the handshake is over */
	bool is_broken;
	bool is_open;      /* the handshake is over */
};

/* Take fd: plain. */
void duct_init(struct duct *w, int fd, struct slab *slab);

/* Before anything was read or written: TLS on it.  Take ssl; on -1 it stays the caller's. */
int duct_secure(struct duct *w, SSL *ssl, struct err *e);

/* End TLS in order if that is possible without waiting, close, free. */
void duct_clear(struct duct *w);

/*
 * What OpenSSL calls when TLS does something beside data.  New keys cost us more than the peer, and
 * one read takes as many as have come: who wants more than LIMIT_TLS_STEPS of such is not read any
 * further.
 */
void duct_on_step(const SSL *ssl, int where, int value);

/* DUCT_OK when TLS stands (at once where there is none). */
enum duct_result duct_handshake(struct duct *w);

/* Read at least one and at most size bytes. */
enum duct_result duct_read(struct duct *w, void *bytes, size_t size, size_t *n);

/* Whether bytes were received that duct_read has not given yet: no event will come for them. */
bool duct_has_input(const struct duct *w);

/* Throw away what the socket has, undecrypted; *n is how much. */
enum duct_result duct_discard(struct duct *w, size_t *n);

/* Take as many of len bytes as fit the block; DUCT_WRITE where none do. */
enum duct_result duct_write(struct duct *w, const void *bytes, size_t len, size_t *n);

/*
 * About how many bytes the socket takes before it makes us wait, LIMIT_UNSENT_BYTES included.  What
 * is written beyond that stays in the block, for as long as the peer likes.
 */
size_t duct_send_room(const struct duct *w);

/* Send what is in the block: DUCT_OK when it is empty. */
enum duct_result duct_flush(struct duct *w);

/*
 * Whether what is to be sent is so little that it may go with what is written next, in one packet:
 * the tickets of a new session with the first answer.
 */
bool duct_may_join(const struct duct *w);

/* No more output will come: write the end of TLS behind what is to be sent, where it fits. */
void duct_say_end(struct duct *w);

/* The peer lets us wait: keep what is left to send in no more memory than it needs. */
void duct_park(struct duct *w);

bool duct_has_output(const struct duct *w);

/*
 * No more output will come, and input is only discarded: end TLS and the sending half of the socket
 * (flush first).
 */
void duct_finish(struct duct *w);

#endif
