/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One bad client against a hub on the loopback, and beside it a good one:
 *
 *	flood PORT PID MODE N MILLISECONDS PATH [CERTIFICATE KEY]
 *	flood --list
 *
 * The bad one has N connections from 127.0.0.3 and does with them what MODE says; PATH is a large
 * object that anybody may have, or "@FILE", a path in each line, which connections take in turn.
 * A bad client with a certificate is one of the hub's own.  The good one comes from 127.0.0.2,
 * makes a new connection for each request and measures how long that takes; it asks three times at
 * least, however long that is.  PID is the hub's,
 * whose anonymous memory is watched.  Printed is one line of names and numbers: memory before, at
 * its highest and after (KiB), good requests that were answered and that were not, their latencies
 * (ms: median and highest), what the bad client did: connections made, refused, cut by the hub.
 * --list prints the modes that need no certificate, each with an N: as many as one address may
 * have, few where connections are brief.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "tests/abuse/peer.h"

#define MAX_PEERS 1024
#define GOOD_ADDRESS (INADDR_LOOPBACK + 1)
#define BAD_ADDRESS (INADDR_LOOPBACK + 2)
#define N_LASTING 128
#define N_BRIEF 8
#define LEAST_ASKED 3u /* good requests, however slow this machine is */
#define MAX_SAMPLES 4096
#define HEAD "GET %s HTTP/1.1\r\nHost: localhost\r\n"

/* What one kind of bad client does. */
struct mode {
	const char *name;
	const char *first;   /* a format: sent once, with the path */
	const char *then;    /* a format: sent again and again; "" nothing */
	size_t at_once;      /* bytes of it per turn */
	size_t reads;        /* bytes it reads per turn at most */
	bool is_plain;       /* no TLS */
	bool says_hello;     /* the first is what a handshake begins with: it costs the hub more */
	bool announces;      /* ... of which only 100 bytes come, and which says to be of 128 KiB */
	bool is_brief;       /* ends as soon as the first is sent, and comes again */
	bool is_reset;       /* ends with a reset */
	bool renews_keys;    /* asks for new keys of TLS all the time */
	bool is_own;         /* needs a certificate */
	bool is_patient;     /* a turn every 10 ms; else as fast as it can */
};

static const struct mode modes[] = {
	{ .name = "idle", .first = "", .then = "", .is_patient = true },
	{ .name = "silent", .first = "", .then = "", .is_plain = true, .is_patient = true },
	{ .name = "handshakes", .first = "", .then = "", .is_brief = true },
	{ .name = "hellos", .first = "", .then = "", .is_plain = true, .says_hello = true,
	    .is_brief = true },
	{ .name = "held-hellos", .first = "", .then = "", .is_plain = true, .says_hello = true,
	    .is_patient = true },
	{ .name = "announcing-hellos", .first = "", .then = "", .is_plain = true,
	    .says_hello = true, .announces = true, .is_patient = true },
	{ .name = "connection-per-byte", .first = "G", .then = "", .is_plain = true,
	    .is_brief = true },
	{ .name = "resets", .first = HEAD "\r\n", .then = "", .is_brief = true, .is_reset = true },
	{ .name = "slow-head", .first = HEAD, .then = "X", .at_once = 1, .is_patient = true },
	{ .name = "endless-head", .first = HEAD, .then = "XXXXXXXXXXXXXXXX", .at_once = 16384 },
	{ .name = "endless-chunk-size", .first = "POST /api/v1/enroll HTTP/1.1\r\n"
	    "Host: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
	    .then = "0000000000000000", .at_once = 16384 },
	{ .name = "slow-body", .first = "POST /api/v1/enroll HTTP/1.1\r\nHost: localhost\r\n"
	    "Content-Length: 16384\r\n\r\n", .then = " ", .at_once = 1, .is_patient = true },
	{ .name = "held-body", .first = "POST /api/v1/enroll HTTP/1.1\r\nHost: localhost\r\n"
	    "Content-Length: 16384\r\n\r\n%16000s", .then = "", .is_patient = true },
	{ .name = "slow-reader", .first = HEAD "\r\n", .then = "", .reads = 1, .is_patient = true },
	{ .name = "flood-while-streaming", .first = HEAD "\r\n", .then = "GET / HTTP/1.1\r\n",
	    .at_once = 16384, .reads = 4096 },
	{ .name = "pipeline", .first = "", .then = HEAD "\r\n", .at_once = 16384, .reads = 4096 },
	{ .name = "unread-pipeline", .first = "", .then = "GET /api/v1/trust HTTP/1.1\r\n"
	    "Host: localhost\r\n\r\n", .at_once = 16384 },
	{ .name = "unread-answers", .first = "", .then = HEAD "\r\n", .at_once = 16384 },
	{ .name = "tiny-ranges", .first = HEAD "Range: bytes=%s\r\n\r\n", .then = "",
	    .reads = 65536, .is_brief = true },
	{ .name = "overlapping-ranges", .first = "", .then = HEAD
	    "Range: bytes=0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-\r\n\r\n",
	    .at_once = 16384, .reads = 65536 },
	{ .name = "huge-ranges", .first = "", .then = HEAD
	    "Range: bytes=0-18446744073709551615\r\n\r\n" HEAD
	    "Range: bytes=18446744073709551615-18446744073709551616\r\n\r\n" HEAD
	    "Range: bytes=-18446744073709551615\r\n\r\n", .at_once = 16384, .reads = 65536 },
	{ .name = "single-bytes", .first = "", .then = HEAD "Range: bytes=7-7\r\n\r\n",
	    .at_once = 16384, .reads = 65536 },
	{ .name = "new-keys", .first = "", .then = "", .renews_keys = true },
	{ .name = "slow-upload", .first = "PATCH %s HTTP/1.1\r\nHost: localhost\r\n"
	    "Tus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n"
	    "Content-Type: application/offset+octet-stream\r\n"
	    "Content-Length: 4000000\r\n\r\n%300000s", .then = "X", .at_once = 1,
	    .is_patient = true, .is_own = true },
	{ .name = "long-body", .first = "PUT %s HTTP/1.1\r\nHost: localhost\r\n"
	    "Content-Type: application/json\r\nContent-Length: 4900000\r\n\r\n",
	    .then = " ", .at_once = 16384, .is_patient = true, .is_own = true },
};

struct peer {
	int fd;   /* -1: none */
	SSL *ssl; /* owned */
	size_t then_off;
};

static unsigned port;
static long hub_pid;
static const struct mode *mode;
static SSL_CTX *ctx;
static char *firsts[MAX_PEERS], *then; /* a first for each path */
static size_t first_lens[MAX_PEERS], n_firsts, then_len;
static struct peer peers[MAX_PEERS];
static unsigned long n_made, n_refused, n_cut;
static atomic_bool is_over;
static atomic_uint n_asked; /* by the good client */
static atomic_long peak_kib;

/* Memory of the hub. */

static long
anonymous_kib(void)
{
	char path[64], line[200];
	long kib = -1;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%ld/status", hub_pid);
	f = fopen(path, "r");
	if (f == NULL)
		die("the hub has gone");
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "RssAnon: %ld", &kib) == 1)
			break;
	(void)fclose(f);
	if (kib == -1)
		die("no RssAnon");
	if (kib > atomic_load(&peak_kib))
		atomic_store(&peak_kib, kib);
	return kib;
}

/* The good client. */

struct good {
	unsigned latency_ms[MAX_SAMPLES];
	unsigned n, n_failed;
	SSL_CTX *ctx;
};

static bool
ask_once(struct good *g)
{
	static const char text[] = "GET /api/v1/hub HTTP/1.1\r\nHost: localhost\r\n"
	    "Connection: close\r\n\r\n";
	struct sockaddr_in from = { .sin_family = AF_INET }, to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port) };
	const struct timeval patience = { .tv_sec = 20 };
	char reply[4096];
	bool is_good = false;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	SSL *ssl;

	from.sin_addr.s_addr = htonl(GOOD_ADDRESS);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd == -1 || bind(fd, (struct sockaddr *)&from, sizeof(from)) == -1)
		die("127.0.0.2");
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == -1) {
		(void)close(fd);
		return false;
	}
	ssl = shake_hands(g->ctx, fd, NULL);
	if (ssl == NULL)
		return false;
	if (SSL_write(ssl, text, sizeof(text) - 1) > 0 &&
	    SSL_read(ssl, reply, sizeof(reply)) > 12)
		is_good = strncmp(reply, "HTTP/1.1 200", 12) == 0;
	SSL_free(ssl);
	(void)close(fd);
	return is_good;
}

static void *
be_good(void *arg)
{
	struct good *g = arg;

	while (!atomic_load(&is_over)) {
		uint64_t began = now_ms();

		if (!ask_once(g))
			g->n_failed++;
		else if (g->n < MAX_SAMPLES)
			g->latency_ms[g->n++] = (unsigned)(now_ms() - began);
		(void)atomic_fetch_add(&n_asked, 1);
		(void)anonymous_kib();
		(void)poll(NULL, 0, 10); /* it asks a hundred times a second at most */
	}
	return NULL;
}

static int
compare(const void *a, const void *b)
{
	unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;

	return (x > y) - (x < y);
}

/* The bad client. */

static void
end_peer(struct peer *p, bool is_reset)
{
	SSL_free(p->ssl);
	p->ssl = NULL;
	if (p->fd != -1 && is_reset)
		reset(p->fd);
	else if (p->fd != -1)
		(void)close(p->fd);
	p->fd = -1;
}

static void
begin_peer(struct peer *p)
{
	const struct timeval patience = { .tv_sec = 2 };
	const char *first = firsts[(size_t)(p - peers) % n_firsts];
	size_t first_len = first_lens[(size_t)(p - peers) % n_firsts];

	p->then_off = 0;
	p->fd = dial(BAD_ADDRESS, port, mode->reads < 4096 ? 4096 : 0);
	if (p->fd == -1) {
		n_refused++;
		return;
	}
	n_made++;
	(void)setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	(void)setsockopt(p->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (mode->is_plain) {
		(void)!write(p->fd, first, first_len); /* who has hung up is found out later */
	} else if ((p->ssl = shake_hands(ctx, p->fd, NULL)) == NULL) {
		p->fd = -1;
		n_refused++;
		return;
	} else if (first_len > 0) {
		(void)SSL_write(p->ssl, first, (int)first_len);
	}
	set_blocking(p->fd, false);
}

/* false where the hub has ended the connection. */
static bool
is_alive(SSL *ssl, int rc)
{
	int error = SSL_get_error(ssl, rc);

	ERR_clear_error();
	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

static bool
write_some(struct peer *p)
{
	static char text[65536 + 16384];
	size_t len = 0;
	int rc;

	while (len < mode->at_once) { /* the endless text, from where this one is */
		text[len] = then[(p->then_off + len) % then_len];
		len++;
	}
	rc = SSL_write(p->ssl, text, (int)len);
	if (rc > 0)
		p->then_off += (size_t)rc;
	return rc > 0 || is_alive(p->ssl, rc);
}

static bool
read_some(struct peer *p)
{
	char text[65536];
	int rc = SSL_read(p->ssl, text, (int)(mode->reads == 0 ? 1 : mode->reads));

	return rc > 0 || is_alive(p->ssl, rc);
}

static bool
renew_keys(struct peer *p)
{
	for (unsigned i = 0; i < 100; i++) {
		int rc;

		if (SSL_key_update(p->ssl, SSL_KEY_UPDATE_REQUESTED) != 1)
			return true; /* the last one is still to be sent */
		rc = SSL_do_handshake(p->ssl);
		if (rc != 1)
			return is_alive(p->ssl, rc);
	}
	return true;
}

static void
turn(struct peer *p)
{
	bool is_up = true;

	if (p->fd == -1)
		begin_peer(p);
	if (p->fd == -1)
		return;
	if (mode->is_brief) {
		if (mode->reads > 0 && p->ssl != NULL)
			(void)read_some(p);
		end_peer(p, mode->is_reset);
		return;
	}
	ERR_clear_error();
	if (p->ssl == NULL)
		return;
	if (then_len > 0)
		is_up = write_some(p);
	if (is_up && mode->renews_keys)
		is_up = renew_keys(p);
	if (is_up && mode->reads > 0)
		is_up = read_some(p);
	if (!is_up) {
		n_cut++;
		end_peer(p, false);
	}
}

/* "0-0,2-2,..." */
static char *
tiny_ranges(void)
{
	size_t size = 15000, len = 0;
	char *text = malloc(size);

	if (text == NULL)
		die("memory");
	for (unsigned i = 0; len + 30 < size; i += 2)
		len += (size_t)snprintf(text + len, size - len, "%s%u-%u", i == 0 ? "" : ",", i, i);
	return text;
}

/* A format of the table with the path in every place; ranges and fillings take their own. */
static char *
fill(const char *format, const char *path, size_t *len)
{
	size_t size = strlen(format) + 8 * strlen(path) + 400000;
	char *text = malloc(size), *ranges = tiny_ranges();
	const char *at = format;

	*len = 0;
	if (text == NULL)
		die("memory");
	while (*at != '\0') {
		if (strncmp(at, "=%s", 3) == 0) {
			*len += (size_t)snprintf(text + *len, size - *len, "=%s", ranges);
			at += 3;
		} else if (*at == '%' && at[1] >= '0' && at[1] <= '9') {
			char *end;
			size_t n = strtoul(at + 1, &end, 10);

			memset(text + *len, ' ', n);
			*len += n;
			at = end + 1;
		} else if (strncmp(at, "%s", 2) == 0) {
			*len += (size_t)snprintf(text + *len, size - *len, "%s", path);
			at += 2;
		} else {
			text[(*len)++] = *at++;
		}
	}
	free(ranges);
	return text;
}

/* The first bytes of a handshake. */
static char *
client_hello(size_t *len)
{
	SSL *ssl = SSL_new(ctx);
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
	char *text, *copy;

	if (ssl == NULL || in == NULL || out == NULL)
		die("TLS");
	SSL_set_bio(ssl, in, out);
	(void)SSL_connect(ssl); /* waits for an answer */
	*len = (size_t)BIO_get_mem_data(out, &text);
	copy = malloc(*len);
	if (*len == 0 || copy == NULL)
		die("hello");
	memcpy(copy, text, *len);
	if (mode->announces && *len > 100) {
		/* A record of 95 bytes: a hello of 131,300. */
		memcpy(copy + 3, "\x00\x5f\x01\x02\x00\xe4", 6);
		*len = 100;
	}
	SSL_free(ssl);
	return copy;
}

static void
report(struct good *g, long before, long after)
{
	qsort(g->latency_ms, g->n, sizeof(g->latency_ms[0]), compare);
	(void)printf("before %ld peak %ld after %ld answered %u failed %u median %u highest %u "
	    "made %lu refused %lu cut %lu\n", before, atomic_load(&peak_kib), after, g->n,
	    g->n_failed, g->n == 0 ? 0 : g->latency_ms[g->n / 2],
	    g->n == 0 ? 0 : g->latency_ms[g->n - 1], n_made, n_refused, n_cut);
}

static int
list_modes(void)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (!modes[i].is_own)
			(void)printf("%s %d\n", modes[i].name,
			    modes[i].is_brief ? N_BRIEF : N_LASTING);
	return 0;
}

/* What each connection begins with, by PATH. */
static void
make_firsts(char *path)
{
	char line[300];
	FILE *f;

	if (mode->says_hello || path[0] != '@') {
		firsts[0] = mode->says_hello ? client_hello(&first_lens[0]) :
		    fill(mode->first, path, &first_lens[0]);
		n_firsts = 1;
		return;
	}
	f = fopen(path + 1, "r");
	if (f == NULL)
		die(path + 1);
	while (n_firsts < MAX_PEERS && fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		firsts[n_firsts] = fill(mode->first, line, &first_lens[n_firsts]);
		n_firsts++;
	}
	(void)fclose(f);
	if (n_firsts == 0)
		die(path + 1);
}

int
main(int argc, char **argv)
{
	static struct good good;
	pthread_t thread;
	unsigned n;
	uint64_t end;
	long before;

	if (argc == 2 && strcmp(argv[1], "--list") == 0)
		return list_modes();
	if (argc != 7 && argc != 9)
		die("usage: flood PORT PID MODE N MILLISECONDS PATH [CERTIFICATE KEY]");
	port = (unsigned)strtoul(argv[1], NULL, 10);
	hub_pid = strtol(argv[2], NULL, 10);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(modes[i].name, argv[3]) == 0)
			mode = &modes[i];
	n = (unsigned)strtoul(argv[4], NULL, 10);
	if (mode == NULL || n == 0 || n > MAX_PEERS)
		die(argv[3]);
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		die("signal");
	ctx = argc == 9 ? tls_context(argv[7], argv[8]) : tls_context(NULL, NULL);
	make_firsts(argv[6]);
	then = fill(mode->then, argv[6], &then_len);
	good.ctx = tls_context(NULL, NULL);
	if (!ask_once(&good))
		die("the hub does not answer");
	before = anonymous_kib();
	for (unsigned i = 0; i < n; i++)
		peers[i].fd = -1;
	if (pthread_create(&thread, NULL, be_good, &good) != 0)
		die("thread");
	end = now_ms() + strtoul(argv[5], NULL, 10);
	while (now_ms() < end || atomic_load(&n_asked) < LEAST_ASKED) {
		for (unsigned i = 0; i < n; i++)
			turn(&peers[i]);
		if (mode->is_patient)
			(void)poll(NULL, 0, 10);
	}
	atomic_store(&is_over, true);
	if (pthread_join(thread, NULL) != 0)
		die("thread");
	for (unsigned i = 0; i < n; i++)
		end_peer(&peers[i], true);
	for (unsigned i = 0; i < 3; i++)
		if (!ask_once(&good)) /* by then the hub has seen them go */
			good.n_failed++;
	report(&good, before, anonymous_kib());
	for (size_t i = 0; i < n_firsts; i++)
		free(firsts[i]);
	free(then);
	SSL_CTX_free(ctx);
	SSL_CTX_free(good.ctx);
	return 0;
}
