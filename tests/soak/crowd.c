/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A crowd of clients for `make soak`: N connections of TLS to a port of the loopback, 100 from each
 * address of 127.1.0.0/16, idle but for a small request now and then, so that the hub has no reason
 * to end them.  Every twentieth request is made on a new connection instead.
 *
 *	crowd PORT N PATH
 *
 * Prints `up N seconds S` when all are there; then, for each line NAME on standard input, what was
 * seen since the line before, in one line of names and numbers:
 *
 *	NAME up asked failed cut p50_us p99_us max_us new new_p50_us new_p99_us new_max_us
 *
 * Where NAME begins with "=", since the last such line.
 * Latencies are from the request to the whole answer; those of new connections from connect().
 * failed: no 200, or ended within an answer; cut: ended while idle (both dial again).
 * Ends with standard input.
 */
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include "tests/abuse/peer.h"

#define PER_ADDRESS 100
#define AT_ONCE 100 /* connections being made */
#define EVENTS 256
#define PAUSE_MS 30000u /* between two requests, at least; at most twice as much */
#define TURN_MS 20
#define NEW_ONE_IN 20
#define PATIENCE_MS 60000u /* for an answer */

enum phase { PHASE_GONE, PHASE_CONNECT, PHASE_ANSWER, PHASE_IDLE };

struct client {
	int fd;
	SSL *ssl;
	enum phase phase;
	bool is_new; /* this request counts from connect() */
	bool has_been_up;
	uint64_t began_us;
	uint64_t due_ms;      /* of the next request; of the answer, at the latest */
	uint64_t got, wanted; /* bytes of the answer; wanted 0: not known yet */
	char in[2048];
};

struct samples {
	uint32_t *us; /* of the time since a line with "=" */
	size_t n, room;
	size_t told; /* so many of them were there at the last line */
};

struct tally {
	unsigned asked, failed, cut;
};

static unsigned port;
static unsigned n_clients, n_up, n_connecting, n_ever;
static struct client *clients;
static struct samples kept, fresh;
static struct tally tally, before; /* since the last line; until then */
static SSL_CTX *ctx;
static int epoll_fd;
static char request[512];
static uint64_t seed = 1;

static uint64_t
now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static unsigned
dice(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)((seed >> 33) % n);
}

static void
add_sample(struct samples *s, uint64_t us)
{
	if (s->n == s->room) {
		s->room = s->room == 0 ? 4096 : s->room * 2;
		s->us = realloc(s->us, s->room * sizeof(s->us[0]));
		if (s->us == NULL)
			die("memory");
	}
	s->us[s->n++] = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

static void
hang_up(struct client *c)
{
	if (c->phase == PHASE_CONNECT)
		n_connecting--;
	if (c->phase == PHASE_ANSWER || c->phase == PHASE_IDLE)
		n_up--;
	SSL_free(c->ssl);
	if (c->fd != -1)
		(void)close(c->fd);
	c->ssl = NULL;
	c->fd = -1;
	c->phase = PHASE_GONE;
	c->due_ms = 0;
}

/* Nobody fails who has never been up: the crowd gathers as fast as the hub lets it. */
static void
fail(struct client *c)
{
	if (c->has_been_up)
		tally.failed++;
	hang_up(c);
}

static void
dial_from(struct client *c)
{
	unsigned i = (unsigned)(c - clients) / PER_ADDRESS;
	struct sockaddr_in from = { .sin_family = AF_INET },
			   to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c };
	const int on = 1;

	from.sin_addr.s_addr = htonl(0x7f010001u + i);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd == -1)
		die("socket");
	(void)setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	if (bind(c->fd, (struct sockaddr *)&from, sizeof(from)) == -1)
		die("bind");
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	c->ssl = SSL_new(ctx);
	if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1)
		die("TLS");
	SSL_set_connect_state(c->ssl);
	c->phase = PHASE_CONNECT;
	c->is_new = true;
	c->began_us = now_us();
	c->due_ms = now_ms() + PATIENCE_MS;
	n_connecting++;
	if (connect(c->fd, (struct sockaddr *)&to, sizeof(to)) == -1 && errno != EINPROGRESS)
		fail(c);
	else if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &ev) == -1)
		die("epoll_ctl");
}

static void
ask(struct client *c)
{
	if (!c->is_new)
		c->began_us = now_us();
	c->due_ms = now_ms() + PATIENCE_MS;
	c->phase = PHASE_ANSWER;
	c->got = c->wanted = 0;
	/* Less than a socket's buffer: it fits, or the connection has ended. */
	if (SSL_write(c->ssl, request, (int)strlen(request)) <= 0)
		fail(c);
}

static void
answered(struct client *c)
{
	uint64_t us = now_us() - c->began_us;

	tally.asked++;
	if (c->has_been_up)
		add_sample(c->is_new ? &fresh : &kept, us);
	else
		n_ever++;
	c->phase = PHASE_IDLE;
	/* At first spread over all of a pause: they have come together. */
	c->due_ms = now_ms() + (c->has_been_up ? PAUSE_MS + dice(PAUSE_MS) : dice(PAUSE_MS * 2));
	c->has_been_up = true;
	c->is_new = false;
}

/* The head arrives with the first bytes: it is small, and written at once. */
static void
take(struct client *c, const char *bytes, size_t len)
{
	if (c->wanted == 0) {
		const char *end, *length;

		if (c->got + len >= sizeof(c->in)) {
			fail(c);
			return;
		}
		memcpy(c->in + c->got, bytes, len);
		c->got += len;
		c->in[c->got] = '\0';
		end = strstr(c->in, "\r\n\r\n");
		if (end == NULL)
			return;
		length = strcasestr(c->in, "\r\nContent-Length: ");
		if (strncmp(c->in, "HTTP/1.1 200", 12) != 0 || length == NULL || length > end) {
			fail(c);
			return;
		}
		c->wanted = (uint64_t)(end + 4 - c->in) + strtoull(length + 18, NULL, 10);
	} else {
		c->got += len;
	}
	if (c->got == c->wanted)
		answered(c);
	else if (c->got > c->wanted)
		fail(c);
}

/* Read until the socket is empty or the connection has ended. */
static void
listen_to(struct client *c)
{
	char bytes[1024];

	while (c->phase == PHASE_ANSWER || c->phase == PHASE_IDLE) {
		int rc = SSL_read(c->ssl, bytes, sizeof(bytes));

		if (rc > 0 && c->phase == PHASE_ANSWER) {
			take(c, bytes, (size_t)rc);
		} else if (rc > 0) {
			fail(c); /* nothing was asked */
		} else if (SSL_get_error(c->ssl, rc) == SSL_ERROR_WANT_READ) {
			return;
		} else if (c->phase == PHASE_IDLE) {
			tally.cut++;
			hang_up(c);
		} else {
			fail(c);
		}
	}
}

static void
run(struct client *c)
{
	int rc;

	ERR_clear_error();
	if (c->phase == PHASE_CONNECT) {
		rc = SSL_do_handshake(c->ssl);
		if (rc == 1) {
			n_connecting--;
			n_up++;
			ask(c);
		} else if (SSL_get_error(c->ssl, rc) != SSL_ERROR_WANT_READ &&
			   SSL_get_error(c->ssl, rc) != SSL_ERROR_WANT_WRITE) {
			fail(c);
		}
	}
	listen_to(c);
}

/* Who is to be dialled, who to ask, who has waited too long. */
static void
look_around(void)
{
	uint64_t now = now_ms();

	for (unsigned i = 0; i < n_clients; i++) {
		struct client *c = &clients[i];

		if (now < c->due_ms)
			continue;
		ERR_clear_error();
		switch (c->phase) {
		case PHASE_GONE:
			if (n_connecting < AT_ONCE)
				dial_from(c);
			break;
		case PHASE_CONNECT:
		case PHASE_ANSWER:
			fail(c);
			break;
		case PHASE_IDLE:
			if (dice(NEW_ONE_IN) == 0)
				hang_up(c);
			else
				ask(c);
			break;
		}
	}
}

static int
compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* " p50 p99 max" of those from the given one on. */
static void
put_percentiles(struct samples *s, size_t from, const char *prefix)
{
	static const struct {
		const char *name;
		unsigned permille;
	} wanted[] = {
		{ "p50_us", 500 },
		{ "p99_us", 990 },
		{ "max_us", 1000 },
	};

	size_t n = s->n - from;

	if (n > 0)
		qsort(s->us + from, n, sizeof(s->us[0]), compare);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		(void)printf(" %s%s %u", prefix, wanted[i].name,
		    n == 0 ? 0 : s->us[from + (n - 1) * wanted[i].permille / 1000]);
}

/* A line was written: the next one begins here; after a total one all begins anew. */
static void
forget(bool is_total)
{
	if (is_total) {
		kept.n = fresh.n = 0;
		before = (struct tally){ 0 };
	} else {
		before.asked += tally.asked;
		before.failed += tally.failed;
		before.cut += tally.cut;
	}
	kept.told = kept.n;
	fresh.told = fresh.n;
	tally = (struct tally){ 0 };
}

static void
report(const char *name)
{
	bool is_total = name[0] == '=';
	struct tally t = tally;
	size_t kept_from = is_total ? 0 : kept.told, fresh_from = is_total ? 0 : fresh.told;

	if (is_total) {
		t.asked += before.asked;
		t.failed += before.failed;
		t.cut += before.cut;
	}
	(void)printf("%s up %u asked %u failed %u cut %u", name, n_up, t.asked, t.failed, t.cut);
	put_percentiles(&kept, kept_from, "");
	(void)printf(" new %zu", fresh.n - fresh_from);
	put_percentiles(&fresh, fresh_from, "new_");
	(void)printf("\n");
	(void)fflush(stdout);
	forget(is_total);
}

/* Lines of standard input; false at its end. */
static bool
obey(void)
{
	static char line[128];
	static size_t len;
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };

	while (poll(&p, 1, 0) == 1) {
		ssize_t n = read(STDIN_FILENO, line + len, 1);

		if (n <= 0)
			return false;
		if (line[len] != '\n') {
			len += len + 1 < sizeof(line) ? 1 : 0;
			continue;
		}
		line[len] = '\0';
		len = 0;
		report(line);
	}
	return true;
}

int
main(int argc, char **argv)
{
	struct rlimit limit;
	struct epoll_event events[EVENTS];
	uint64_t began = now_ms(), looked_ms = 0;
	bool is_complete = false;

	if (argc != 4)
		die("usage: crowd PORT N PATH");
	port = (unsigned)strtoul(argv[1], NULL, 10);
	n_clients = (unsigned)strtoul(argv[2], NULL, 10);
	(void)snprintf(
	    request, sizeof(request), "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", argv[3]);
	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		die("RLIMIT_NOFILE");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) == -1 || limit.rlim_max < n_clients + 64)
		die("descriptors");
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		die("signal");
	ctx = tls_context(NULL, NULL);
	(void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	clients = calloc(n_clients, sizeof(clients[0]));
	if (epoll_fd == -1 || clients == NULL)
		die("memory");
	for (unsigned i = 0; i < n_clients; i++)
		clients[i].fd = -1;
	while (obey()) {
		int n = epoll_wait(epoll_fd, events, EVENTS, TURN_MS);

		for (int i = 0; i < n; i++)
			run(events[i].data.ptr);
		if (now_ms() - looked_ms >= TURN_MS) {
			looked_ms = now_ms();
			look_around();
		}
		if (!is_complete && n_ever == n_clients) {
			is_complete = true;
			(void)printf(
			    "up %u seconds %.1f\n", n_up, (double)(now_ms() - began) / 1000);
			(void)fflush(stdout);
		}
	}
	for (unsigned i = 0; i < n_clients; i++)
		hang_up(&clients[i]);
	return 0;
}
