/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load for `make bench-serve`: HTTPS requests from one thread, and what they cost the
 * server.  Prints one line, `key=value` pairs:
 *
 *	requests bytes errors seconds own_cpu_s server_cpu_s p50_us p99_us max_us
 *
 *	load --port P --paths FILE [--connections N] [--seconds S] [--cipher NAME]
 *	     [--host NAME] [--from ADDRESS] [--range BYTES] [--new] [--cert F --key F]
 *	     [--server-pid PID] [--idle]
 *
 * --paths    one path a line, asked for in turn
 * --range    ask for so many bytes at a random multiple of them below --size
 * --from     the address of this machine to ask from
 * --new      a connection for each request, full handshakes
 * --idle     after one request each, hold the connections until standard input ends
 *
 * Everything that is not a 2xx of the expected form, and every broken connection, is an error.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <dirent.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEAD_BYTES 8192
#define BULK_BYTES (256u << 10)
#define EVENTS 256
#define SAMPLES (4u << 20) /* latencies kept; more are not recorded */

struct options {
	const char *host, *from, *cipher, *cert, *key;
	uint16_t port;
	unsigned connections;
	double seconds;
	uint64_t range, size;
	bool is_new, is_idle;
	long server_pid;
	char **paths;
	size_t n_paths;
};

enum phase { PHASE_SHAKE, PHASE_SEND, PHASE_HEAD, PHASE_BODY, PHASE_IDLE };

struct client {
	int fd;
	SSL *ssl;
	enum phase phase;
	uint32_t armed;
	char out[1024];
	size_t out_len, out_off;
	char head[HEAD_BYTES];
	size_t head_len;
	uint64_t body_left;
	uint64_t began_ns;
	bool must_close;
};

struct load {
	struct options opt;
	SSL_CTX *ctx;
	int epoll;
	struct client *clients;
	unsigned n_idle;
	size_t next_path;
	uint64_t seed;
	uint64_t requests, bytes, errors;
	uint32_t *samples; /* microseconds */
	size_t n_samples;
	bool is_over;
};

static uint64_t
now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail with this clock */
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void
die(const char *what)
{
	(void)fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Processor time of all threads of a process, seconds, as the scheduler counts it. */
static double
cpu_of(long pid)
{
	char path[300];
	unsigned long long ns, sum = 0;
	struct dirent *d;
	DIR *dir;

	if (pid <= 0)
		return 0;
	(void)snprintf(path, sizeof(path), "/proc/%ld/task", pid);
	dir = opendir(path);
	if (dir == NULL)
		die(path);
	while ((d = readdir(dir)) != NULL) {
		FILE *f;

		if (d->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%ld/task/%s/schedstat", pid, d->d_name);
		f = fopen(path, "r");
		if (f == NULL)
			continue; /* a thread that has just ended */
		if (fscanf(f, "%llu", &ns) == 1)
			sum += ns;
		(void)fclose(f);
	}
	(void)closedir(dir);
	return (double)sum / 1e9;
}

static double
own_cpu(void)
{
	struct rusage u;

	(void)getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	    (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* --- one connection --- */

static void
arm(struct load *l, struct client *c, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = c };

	if (c->armed == events)
		return;
	if (epoll_ctl(l->epoll, c->armed == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, c->fd, &ev) == -1)
		die("epoll_ctl");
	c->armed = events;
}

static void
hang_up(struct client *c)
{
	if (c->ssl != NULL) {
		SSL_set_quiet_shutdown(c->ssl, 1);
		SSL_free(c->ssl);
	}
	if (c->fd != -1)
		(void)close(c->fd);
	c->ssl = NULL;
	c->fd = -1;
	c->armed = 0;
}

static void
dial(struct load *l, struct client *c)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(l->opt.port) };
	int one = 1;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd == -1)
		die("socket");
	if (l->opt.from != NULL) {
		struct sockaddr_in from = { .sin_family = AF_INET };

		(void)setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
		if (inet_pton(AF_INET, l->opt.from, &from.sin_addr) != 1 ||
		    bind(c->fd, (const struct sockaddr *)&from, sizeof(from)) == -1)
			die("--from");
	}
	if (connect(c->fd, (const struct sockaddr *)&to, sizeof(to)) == -1)
		die("connect");
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	(void)fcntl(c->fd, F_SETFL, O_NONBLOCK);
	c->ssl = SSL_new(l->ctx);
	if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1)
		die("SSL_new");
	(void)SSL_set_tlsext_host_name(c->ssl, l->opt.host);
	SSL_set_connect_state(c->ssl);
	c->phase = PHASE_SHAKE;
	c->armed = 0;
	c->began_ns = now_ns();
}

static void
ask(struct load *l, struct client *c)
{
	const char *path = l->opt.paths[l->next_path++ % l->opt.n_paths];
	char range[64] = "";

	if (l->opt.range > 0) {
		uint64_t slots = l->opt.size / l->opt.range, off;

		l->seed = l->seed * 6364136223846793005u + 1442695040888963407u;
		off = (l->seed >> 33) % (slots == 0 ? 1 : slots) * l->opt.range;
		(void)snprintf(range, sizeof(range), "Range: bytes=%" PRIu64 "-%" PRIu64 "\r\n",
		    off, off + l->opt.range - 1);
	}
	c->out_len = (size_t)snprintf(c->out, sizeof(c->out),
	    "GET %s HTTP/1.1\r\nHost: %s\r\n%s%s\r\n", path, l->opt.host, range,
	    l->opt.is_new ? "Connection: close\r\n" : "");
	c->out_off = c->head_len = 0;
	if (!l->opt.is_new)
		c->began_ns = now_ns(); /* a new connection counts from its beginning */
	c->phase = PHASE_SEND;
}

static void
count(struct load *l, struct client *c)
{
	l->requests++;
	if (l->n_samples < SAMPLES)
		l->samples[l->n_samples++] = (uint32_t)((now_ns() - c->began_ns) / 1000);
}

/* The head is whole: how long is the body?  -1: not what was asked for. */
static int
read_head(struct load *l, struct client *c, char *end)
{
	char *line;

	*end = '\0';
	if (strncmp(c->head, "HTTP/1.1 2", 10) != 0)
		return -1;
	if (l->opt.range > 0 && strncmp(c->head, "HTTP/1.1 206", 12) != 0)
		return -1;
	line = strcasestr(c->head, "\r\ncontent-length:");
	if (line == NULL)
		return -1;
	c->body_left = strtoull(line + 17, NULL, 10);
	c->must_close = strcasestr(c->head, "\r\nconnection: close") != NULL;
	if (l->opt.range > 0 && c->body_left != l->opt.range)
		return -1;
	return 0;
}

static void
fail(struct load *l, struct client *c)
{
	l->errors++;
	hang_up(c);
	if (l->errors > 1000)
		l->is_over = true;
	else
		dial(l, c);
}

/* One request is over: the next one, a new connection, or rest.  False: nothing to do now. */
static bool
finish(struct load *l, struct client *c)
{
	count(l, c);
	if (l->opt.is_idle) {
		c->phase = PHASE_IDLE;
		l->n_idle++;
		arm(l, c, EPOLLIN);
		return false;
	}
	if (l->opt.is_new || c->must_close) {
		hang_up(c);
		dial(l, c);
		return true;
	}
	ask(l, c);
	return true;
}

static uint8_t bulk[BULK_BYTES];

/* What a failed call wants: true when it was armed. */
static bool
wait_for(struct load *l, struct client *c, int rc)
{
	switch (SSL_get_error(c->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		arm(l, c, EPOLLIN);
		return true;
	case SSL_ERROR_WANT_WRITE:
		arm(l, c, EPOLLOUT);
		return true;
	default: /* an int of OpenSSL */
		return false;
	}
}

static bool
take_head(struct load *l, struct client *c, size_t n)
{
	char *end;
	size_t rest;

	c->head_len += n;
	c->head[c->head_len] = '\0';
	end = strstr(c->head, "\r\n\r\n");
	if (end == NULL)
		return c->head_len < HEAD_BYTES - 1;
	rest = c->head_len - (size_t)(end + 4 - c->head);
	if (read_head(l, c, end) == -1 || rest > c->body_left)
		return false;
	c->body_left -= rest;
	l->bytes += rest;
	c->phase = PHASE_BODY;
	return true;
}

static void
run(struct load *l, struct client *c)
{
	size_t n;
	int rc;

	for (;;) {
		ERR_clear_error();
		switch (c->phase) {
		case PHASE_SHAKE:
			rc = SSL_do_handshake(c->ssl);
			if (rc == 1)
				ask(l, c);
			else if (wait_for(l, c, rc))
				return;
			else {
				fail(l, c);
				if (l->is_over)
					return;
			}
			break;
		case PHASE_SEND:
			rc = SSL_write_ex(c->ssl, c->out + c->out_off, c->out_len - c->out_off, &n);
			if (rc == 1) {
				c->out_off += n;
				if (c->out_off == c->out_len)
					c->phase = PHASE_HEAD;
			} else if (wait_for(l, c, rc))
				return;
			else {
				fail(l, c);
				if (l->is_over)
					return;
			}
			break;
		case PHASE_HEAD:
		case PHASE_BODY:
			if (c->phase == PHASE_BODY && c->body_left == 0) {
				if (!finish(l, c))
					return;
				break;
			}
			if (c->phase == PHASE_HEAD)
				rc = SSL_read_ex(c->ssl, c->head + c->head_len,
				    HEAD_BYTES - 1 - c->head_len, &n);
			else
				rc = SSL_read_ex(c->ssl, bulk,
				    c->body_left < BULK_BYTES ? (size_t)c->body_left
				                              : BULK_BYTES, &n);
			if (rc != 1) {
				if (wait_for(l, c, rc))
					return;
				fail(l, c);
				if (l->is_over)
					return;
				break;
			}
			if (c->phase == PHASE_BODY) {
				c->body_left -= n;
				l->bytes += n;
			} else if (!take_head(l, c, n)) {
				if (l->errors < 3)
					(void)fprintf(stderr, "load: %.60s\n", c->head);
				fail(l, c);
				if (l->is_over)
					return;
			}
			break;
		case PHASE_IDLE:
			/* Tickets and closes arrive here; a close is an error. */
			rc = SSL_read_ex(c->ssl, bulk, 1, &n);
			if (rc != 1 && wait_for(l, c, rc))
				return;
			l->errors++;
			l->n_idle--;
			hang_up(c);
			return;
		}
	}
}

/* --- all of them --- */

static void
drive(struct load *l)
{
	struct epoll_event events[EVENTS];
	uint64_t end = now_ns() + (uint64_t)(l->opt.seconds * 1e9);

	while (!l->is_over) {
		int n = epoll_wait(l->epoll, events, EVENTS, 100);

		for (int i = 0; i < n && !l->is_over; i++)
			run(l, events[i].data.ptr);
		if (l->opt.is_idle ? l->n_idle + l->errors >= l->opt.connections
		                   : now_ns() >= end)
			l->is_over = true;
	}
}

static SSL_CTX *
make_ctx(const struct options *opt)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (ctx == NULL || SSL_CTX_set_ciphersuites(ctx, opt->cipher) != 1 ||
	    SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set1_groups_list(ctx, "X25519") != 1) {
		(void)fprintf(stderr, "load: TLS\n");
		exit(1);
	}
	(void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL); /* a bench on this machine */
	SSL_CTX_set_read_ahead(ctx, 1);
	if (!opt->is_idle && opt->connections <= 256)
		SSL_CTX_set_default_read_buffer_len(ctx, 128u << 10);
	(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	if (opt->cert != NULL && (SSL_CTX_use_certificate_chain_file(ctx, opt->cert) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, opt->key, SSL_FILETYPE_PEM) != 1)) {
		(void)fprintf(stderr, "load: certificate or key\n");
		exit(1);
	}
	return ctx;
}

static void
read_paths(struct options *opt, const char *name)
{
	FILE *f = fopen(name, "r");
	char *line = NULL;
	size_t room = 0;
	ssize_t len;

	if (f == NULL)
		die(name);
	while ((len = getline(&line, &room, f)) > 0) {
		if (line[len - 1] == '\n')
			line[len - 1] = '\0';
		opt->paths = realloc(opt->paths, (opt->n_paths + 1) * sizeof(*opt->paths));
		if (opt->paths == NULL || (opt->paths[opt->n_paths++] = strdup(line)) == NULL)
			die("memory");
	}
	free(line);
	(void)fclose(f);
	if (opt->n_paths == 0) {
		(void)fprintf(stderr, "load: %s is empty\n", name);
		exit(1);
	}
}

static void
parse(struct options *opt, int argc, char **argv)
{
	static const struct option names[] = {
		{ "host", required_argument, NULL, 'h' },
		{ "from", required_argument, NULL, 'F' },
		{ "port", required_argument, NULL, 'p' },
		{ "paths", required_argument, NULL, 'f' },
		{ "connections", required_argument, NULL, 'c' },
		{ "seconds", required_argument, NULL, 's' },
		{ "cipher", required_argument, NULL, 'C' },
		{ "range", required_argument, NULL, 'r' },
		{ "size", required_argument, NULL, 'z' },
		{ "new", no_argument, NULL, 'n' },
		{ "idle", no_argument, NULL, 'i' },
		{ "cert", required_argument, NULL, 'E' },
		{ "key", required_argument, NULL, 'K' },
		{ "server-pid", required_argument, NULL, 'P' },
		{ NULL, 0, NULL, 0 },
	};
	int o;

	*opt = (struct options){ .host = "localhost", .cipher = "TLS_AES_128_GCM_SHA256",
		.connections = 1, .seconds = 3 };
	while ((o = getopt_long(argc, argv, "", names, NULL)) != -1) {
		switch (o) {
		case 'h': opt->host = optarg; break;
		case 'F': opt->from = optarg; break;
		case 'p': opt->port = (uint16_t)strtoul(optarg, NULL, 10); break;
		case 'f': read_paths(opt, optarg); break;
		case 'c': opt->connections = (unsigned)strtoul(optarg, NULL, 10); break;
		case 's': opt->seconds = strtod(optarg, NULL); break;
		case 'C': opt->cipher = optarg; break;
		case 'r': opt->range = strtoull(optarg, NULL, 10); break;
		case 'z': opt->size = strtoull(optarg, NULL, 10); break;
		case 'n': opt->is_new = true; break;
		case 'i': opt->is_idle = true; break;
		case 'E': opt->cert = optarg; break;
		case 'K': opt->key = optarg; break;
		case 'P': opt->server_pid = strtol(optarg, NULL, 10); break;
		default: exit(2);
		}
	}
	if (opt->port == 0 || opt->n_paths == 0 || opt->connections == 0) {
		(void)fprintf(stderr, "load: --port, --paths and --connections are needed\n");
		exit(2);
	}
}

static int
by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static uint32_t
percentile(const struct load *l, double p)
{
	return l->n_samples == 0 ? 0 : l->samples[(size_t)((double)(l->n_samples - 1) * p)];
}

int
main(int argc, char **argv)
{
	struct load l = { .seed = 1 };
	double server, own;
	uint64_t began;

	parse(&l.opt, argc, argv);
	l.ctx = make_ctx(&l.opt);
	l.epoll = epoll_create1(EPOLL_CLOEXEC);
	l.clients = calloc(l.opt.connections, sizeof(*l.clients));
	l.samples = malloc(SAMPLES * sizeof(*l.samples));
	if (l.epoll == -1 || l.clients == NULL || l.samples == NULL)
		die("memory");
	/* Established before the clock starts, unless connections are what is measured. */
	for (unsigned i = 0; i < l.opt.connections; i++) {
		dial(&l, &l.clients[i]);
		if (!l.opt.is_new && !l.opt.is_idle) {
			(void)fcntl(l.clients[i].fd, F_SETFL, 0);
			if (SSL_do_handshake(l.clients[i].ssl) != 1)
				die("handshake");
			(void)fcntl(l.clients[i].fd, F_SETFL, O_NONBLOCK);
			ask(&l, &l.clients[i]);
		}
	}
	server = cpu_of(l.opt.server_pid);
	own = own_cpu();
	began = now_ns();
	for (unsigned i = 0; i < l.opt.connections; i++)
		run(&l, &l.clients[i]);
	drive(&l);
	began = now_ns() - began;
	server = cpu_of(l.opt.server_pid) - server;
	own = own_cpu() - own;
	qsort(l.samples, l.n_samples, sizeof(*l.samples), by_number);
	(void)printf("requests=%" PRIu64 " bytes=%" PRIu64 " errors=%" PRIu64
	    " seconds=%.3f own_cpu_s=%.3f server_cpu_s=%.4f p50_us=%u p99_us=%u max_us=%u\n",
	    l.requests, l.bytes, l.errors, (double)began / 1e9, own, server,
	    percentile(&l, 0.5), percentile(&l, 0.99), percentile(&l, 1));
	(void)fflush(stdout);
	if (l.opt.is_idle)
		while (getchar() != EOF)
			;
	return l.errors == 0 ? 0 : 1;
}
