/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/net/duct.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/limits.h"
#include "daemon/net/slab.h"

/* What one record adds to its bytes, at most: header, explicit nonce, tag, content type. */
#define RECORD_BYTES 16384
#define RECORD_EXTRA 64
#define JOIN_BYTES 2048u /* two tickets, with a certificate in them */

/* Room for bytes in the block; 0 when there is no memory either. */
static size_t
out_room(struct duct *w)
{
	if (w->out == NULL) {
		w->out = slab_take(w->slab);
		w->out_off = w->out_len = 0;
		w->out_size = LIMIT_SLAB_BYTES;
		if (w->out == NULL)
			return 0;
	}
	return w->out_size - w->out_len;
}

static void
drop_out(struct duct *w)
{
	if (w->out_size == LIMIT_SLAB_BYTES)
		slab_give(w->slab, w->out);
	else
		free(w->out);
	w->out = NULL;
}

/* The BIO below TLS: reads from the socket, writes into the block. */

static int
bio_read(BIO *bio, char *bytes, size_t size, size_t *n)
{
	struct duct *w = BIO_get_data(bio);
	ssize_t got;

	BIO_clear_retry_flags(bio);
	do
		got = recv(w->fd, bytes, size, 0);
	while (got == -1 && errno == EINTR);
	/* Who announces more than a hello has is read no further: as if he had gone. */
	if (got > 0 && !w->is_open && !hello_may_go_on(&w->hello, (const uint8_t *)bytes,
	    (size_t)got, SSL_version(w->ssl) == TLS1_2_VERSION))
		got = 0;
	*n = got > 0 ? (size_t)got : 0;
	if (got == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
		BIO_set_retry_read(bio);
	if (got == 0)
		BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
	return got > 0;
}

static int
bio_write(BIO *bio, const char *bytes, size_t len, size_t *n)
{
	struct duct *w = BIO_get_data(bio);
	size_t room = out_room(w);

	BIO_clear_retry_flags(bio);
	*n = len < room ? len : room;
	if (*n == 0) {
		BIO_set_retry_write(bio);
		return 0;
	}
	memcpy(w->out + w->out_len, bytes, *n);
	w->out_len += *n;
	return 1;
}

static long
bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	(void)number;
	(void)pointer;
	if (command == BIO_CTRL_FLUSH)
		return 1;
	if (command == BIO_CTRL_EOF)
		return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
	return 0;
}

static BIO_METHOD *method; /* made once, never changed, kept until the process ends */

static void
make_method(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "duct");

	if (m == NULL)
		return;
	if (BIO_meth_set_read_ex(m, bio_read) == 1 && BIO_meth_set_write_ex(m, bio_write) == 1 &&
	    BIO_meth_set_ctrl(m, bio_ctrl) == 1)
		method = m;
	else
		BIO_meth_free(m);
}

void
duct_init(struct duct *w, int fd, struct slab *slab)
{
	memset(w, 0, sizeof(*w));
	w->fd = fd;
	w->slab = slab;
	w->is_open = true;
}

int
duct_secure(struct duct *w, SSL *ssl, struct err *e)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	BIO *bio;

	(void)pthread_once(&once, make_method);
	bio = method == NULL ? NULL : BIO_new(method);
	if (bio == NULL)
		return err_nomem(e);
	BIO_set_data(bio, w);
	BIO_set_init(bio, 1);
	SSL_set_bio(ssl, bio, bio);
	w->ssl = ssl;
	w->is_open = false;
	return 0;
}

void
duct_on_step(const SSL *ssl, int where, int value)
{
	struct duct *w = BIO_get_data(SSL_get_rbio(ssl));

	(void)where;
	(void)value;
	/* The read that goes on sees an end; OpenSSL gives us no other SSL to say so. */
	if (w->is_open && ++w->n_steps > LIMIT_TLS_STEPS)
		SSL_set_shutdown((SSL *)(uintptr_t)ssl, SSL_RECEIVED_SHUTDOWN);
}

/* What a failed call of OpenSSL means for us. */
static enum duct_result
judge(struct duct *w, int rc)
{
	switch (SSL_get_error(w->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		return DUCT_READ;
	case SSL_ERROR_WANT_WRITE:
		return DUCT_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return DUCT_CLOSED;
	default: /* an int of OpenSSL, not an enum of ours: all else ends the connection */
		w->is_broken = true;
		return DUCT_BROKEN;
	}
}

enum duct_result
duct_handshake(struct duct *w)
{
	int rc;

	if (w->is_open)
		return DUCT_OK;
	ERR_clear_error();
	rc = SSL_do_handshake(w->ssl);
	if (rc != 1)
		return judge(w, rc);
	w->is_open = true;
	return DUCT_OK;
}

static enum duct_result
read_plain(struct duct *w, void *bytes, size_t size, size_t *n)
{
	ssize_t got;

	do
		got = recv(w->fd, bytes, size, 0);
	while (got == -1 && errno == EINTR);
	if (got > 0) {
		*n = (size_t)got;
		return DUCT_OK;
	}
	if (got == 0)
		return DUCT_CLOSED;
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return DUCT_READ;
	w->is_broken = true;
	return DUCT_BROKEN;
}

enum duct_result
duct_read(struct duct *w, void *bytes, size_t size, size_t *n)
{
	int rc;

	if (w->ssl == NULL)
		return read_plain(w, bytes, size, n);
	ERR_clear_error();
	rc = SSL_read_ex(w->ssl, bytes, size, n);
	if (rc == 1)
		return DUCT_OK;
	if (w->n_steps > LIMIT_TLS_STEPS) {
		w->is_broken = true;
		return DUCT_BROKEN;
	}
	return judge(w, rc);
}

enum duct_result
duct_discard(struct duct *w, size_t *n)
{
	uint8_t waste[RECORD_BYTES];

	return read_plain(w, waste, sizeof(waste), n);
}

bool
duct_has_input(const struct duct *w)
{
	return w->ssl != NULL && SSL_has_pending(w->ssl) == 1;
}

enum duct_result
duct_write(struct duct *w, const void *bytes, size_t len, size_t *n)
{
	const uint8_t *p = bytes;
	size_t room = out_room(w);

	*n = 0;
	if (w->out == NULL) {
		w->is_broken = true;
		return DUCT_BROKEN;
	}
	if (w->ssl == NULL) {
		*n = len < room ? len : room;
		memcpy(w->out + w->out_len, p, *n);
		w->out_len += *n;
		return *n > 0 ? DUCT_OK : DUCT_WRITE;
	}
	ERR_clear_error();
	while (*n < len && out_room(w) >= RECORD_BYTES + RECORD_EXTRA) {
		size_t piece = len - *n < RECORD_BYTES ? len - *n : RECORD_BYTES, done;
		int rc = SSL_write_ex(w->ssl, p + *n, piece, &done);

		if (rc != 1)
			return judge(w, rc);
		*n += done;
	}
	return *n > 0 ? DUCT_OK : DUCT_WRITE;
}

void
duct_park(struct duct *w)
{
	size_t left = w->out_len - w->out_off;
	uint8_t *small;

	if (!duct_has_output(w) || w->out_size < LIMIT_SLAB_BYTES || left > LIMIT_PARKED_BYTES)
		return;
	small = malloc(left);
	if (small == NULL)
		return;
	memcpy(small, w->out + w->out_off, left);
	drop_out(w);
	w->out = small;
	w->out_off = 0;
	w->out_len = w->out_size = left;
}

static uint32_t
min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

size_t
duct_send_room(const struct duct *w)
{
	uint32_t memory[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof(memory);
	uint32_t usable, unsent = 0, room;

	/* Cannot fail on a socket.  It counts as writable while two thirds are not in use. */
	if (getsockopt(w->fd, SOL_SOCKET, SO_MEMINFO, memory, &len) == -1)
		return 0;
	usable = memory[SK_MEMINFO_SNDBUF] / 3 * 2;
	room = usable > memory[SK_MEMINFO_WMEM_QUEUED] ? usable - memory[SK_MEMINFO_WMEM_QUEUED]
	                                               : 0;
	/* TCP_NOTSENT_LOWAT; fails where it is no TCP, as in unit tests. */
	if (ioctl(w->fd, SIOCOUTQNSD, &unsent) == 0)
		room = min_u32(room, LIMIT_UNSENT_BYTES - min_u32(unsent, LIMIT_UNSENT_BYTES));
	return room;
}

bool
duct_has_output(const struct duct *w)
{
	return w->out != NULL && w->out_off < w->out_len;
}

enum duct_result
duct_flush(struct duct *w)
{
	while (duct_has_output(w)) {
		ssize_t sent = send(w->fd, w->out + w->out_off, w->out_len - w->out_off,
		    MSG_NOSIGNAL);

		if (sent == -1 && errno == EINTR)
			continue;
		if (sent == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return DUCT_WRITE;
		if (sent == -1) {
			w->is_broken = true;
			return DUCT_BROKEN;
		}
		w->out_off += (size_t)sent;
		w->sent_bytes += (uint64_t)sent;
	}
	drop_out(w);
	return DUCT_OK;
}

bool
duct_may_join(const struct duct *w)
{
	return w->out != NULL && w->out_off == 0 && w->out_size == LIMIT_SLAB_BYTES &&
	    w->out_len <= JOIN_BYTES;
}

void
duct_say_end(struct duct *w)
{
	if (w->ssl == NULL || !w->is_open || w->is_broken ||
	    (SSL_get_shutdown(w->ssl) & SSL_SENT_SHUTDOWN) != 0)
		return;
	ERR_clear_error();
	(void)SSL_shutdown(w->ssl); /* 0 and -1 are as good: the peer may not answer */
}

void
duct_finish(struct duct *w)
{
	if (w->is_broken)
		return;
	duct_say_end(w);
	if (duct_flush(w) != DUCT_OK)
		return;
	SSL_free(w->ssl); /* what is read from here on is thrown away */
	w->ssl = NULL;
	(void)shutdown(w->fd, SHUT_WR); /* fails where the peer is gone: then nobody cares */
}

void
duct_clear(struct duct *w)
{
	if (w->ssl != NULL && w->is_open && !w->is_broken && !duct_has_output(w)) {
		duct_say_end(w); /* a courtesy */
		(void)duct_flush(w);
	}
	SSL_free(w->ssl);
	ERR_clear_error();
	drop_out(w);
	(void)close(w->fd); /* nothing was promised for what is still in it */
	memset(w, 0, sizeof(*w));
	w->fd = -1;
}
