/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests: an HTTPS server that serves a directory and lies on demand.  One thread per
 * connection, one connection per request: slow and simple.
 *
 *	hostile PORT CERTIFICATE KEY DIRECTORY FAULTS LOG
 *
 * GET and HEAD of /a/b give DIRECTORY/a/b, single ranges included; everything else, and what is
 * not there, is 404.  LOG gets a line for every request: method, target.  FAULTS is read anew for
 * every request; a line is a path and what happens to it:
 *
 *	/metadata/timestamp.json endless    the file, then blanks without end and without a length
 *	/metadata/timestamp.json padded N   the file and N blanks, honestly announced
 *	/metadata/timestamp.json claims N   the file, announced as N bytes, then the end
 *	/metadata/timestamp.json slow       the head, then one blank a second and never an end
 *	/metadata/timestamp.json says N     the status N without a body
 *	/metadata/timestamp.json moans N    the status N and blanks without end
 *	/metadata/timestamp.json headers    headers without end
 *	/metadata/timestamp.json interim    answers 103 without end
 *	/metadata/timestamp.json moved URL  a redirect
 *	/packs/gd.ip/aa/aa...pack whole     the whole file where a range is asked for
 *	/packs/gd.ip/aa/aa...pack shifted   the bytes of another range, said to be those asked for
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define HEAD_SIZE 16384
#define PIECE 65536

static const char *directory, *faults, *log_path;
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;

struct request {
	SSL *ssl;
	char method[16], target[1024];
	bool has_range;
	unsigned long long first, last;
	char fault[16], value[256]; /* "": honest */
};

struct connection {
	SSL_CTX *ctx;
	int fd;
};

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static bool
put(struct request *r, const void *bytes, size_t len)
{
	return len == 0 || SSL_write(r->ssl, bytes, (int)len) == (int)len;
}

static void
find_fault(struct request *r)
{
	char line[2048], path[1024], fault[16], value[256];
	FILE *f = fopen(faults, "r");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		value[0] = '\0';
		if (sscanf(line, "%1023s %15s %255s", path, fault, value) < 2 ||
		    strcmp(path, r->target) != 0)
			continue;
		(void)snprintf(r->fault, sizeof(r->fault), "%s", fault);
		(void)snprintf(r->value, sizeof(r->value), "%s", value);
	}
	if (f != NULL)
		(void)fclose(f); /* only read */
}

static void
write_log(const struct request *r)
{
	FILE *f;

	pthread_mutex_lock(&log_lock);
	f = fopen(log_path, "a");
	if (f == NULL || fprintf(f, "%s %s\n", r->method, r->target) < 0 || fclose(f) != 0)
		die(log_path);
	pthread_mutex_unlock(&log_lock);
}

/* The head of a request; whatever follows it is not read. */
static bool
read_request(struct request *r)
{
	char head[HEAD_SIZE + 1], *range;
	size_t len = 0;

	do {
		int n = SSL_read(r->ssl, head + len, (int)(HEAD_SIZE - len));

		if (n <= 0)
			return false;
		len += (size_t)n;
		head[len] = '\0';
	} while (strstr(head, "\r\n\r\n") == NULL && len < HEAD_SIZE);
	if (sscanf(head, "%15s %1023s", r->method, r->target) != 2)
		return false;
	range = strcasestr(head, "\r\nrange: bytes=");
	r->has_range = range != NULL && sscanf(range + strlen("\r\nrange: bytes="), "%llu-%llu",
	    &r->first, &r->last) == 2 && r->first <= r->last;
	return true;
}

static void
say(struct request *r, const char *status, const char *headers)
{
	char head[1024];
	int n = snprintf(head, sizeof(head), "HTTP/1.1 %s\r\nConnection: close\r\n%s\r\n",
	    status, headers);

	if (n > 0)
		(void)put(r, head, (size_t)n); /* the peer may be gone: its business */
}

static void
say_length(struct request *r, const char *status, unsigned long long len)
{
	char headers[256];

	(void)snprintf(headers, sizeof(headers), "Content-Length: %llu\r\n", len); /* fits */
	say(r, status, headers);
}

/* len bytes of the file from off on. */
static bool
put_file(struct request *r, FILE *f, unsigned long long off, unsigned long long len)
{
	static const size_t most = PIECE;
	char *piece = malloc(most);
	bool ok = piece != NULL && fseeko(f, (off_t)off, SEEK_SET) == 0;

	while (ok && len > 0) {
		size_t n = fread(piece, 1, len < most ? (size_t)len : most, f);

		ok = n > 0 && put(r, piece, n);
		len -= n;
	}
	free(piece);
	return ok;
}

static void
put_blanks(struct request *r, unsigned long long n)
{
	char piece[PIECE];

	memset(piece, ' ', sizeof(piece));
	while (n > 0) {
		size_t some = n < sizeof(piece) ? (size_t)n : sizeof(piece);

		if (!put(r, piece, some))
			return;
		n -= some;
	}
}

static void
put_slowly(struct request *r)
{
	const struct timespec pause = { 1, 0 };

	say_length(r, "200 OK", 10000);
	while (put(r, " ", 1))
		(void)nanosleep(&pause, NULL); /* slow is the point */
}

static void
put_again(struct request *r, const char *text)
{
	while (put(r, text, strlen(text)))
		;
}

/* An answer that needs no file. */
static bool
answer_with_nothing(struct request *r)
{
	char status[16];

	(void)snprintf(status, sizeof(status), "%.3s Because", r->value);
	if (strcmp(r->fault, "says") == 0) {
		say_length(r, status, 0);
	} else if (strcmp(r->fault, "moans") == 0) {
		say(r, status, "");
		put_blanks(r, ~0ull);
	} else if (strcmp(r->fault, "headers") == 0) {
		if (put(r, "HTTP/1.1 200 OK\r\n", 17))
			put_again(r, "Link: </>; rel=preload\r\n");
	} else if (strcmp(r->fault, "interim") == 0) {
		put_again(r, "HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n");
	} else if (strcmp(r->fault, "slow") == 0) {
		put_slowly(r);
	} else {
		return false;
	}
	return true;
}

static void
answer_range(struct request *r, FILE *f, unsigned long long size)
{
	unsigned long long off = r->first, len;
	char headers[256];

	if (r->last >= size)
		r->last = size - 1;
	len = r->last - r->first + 1;
	if (strcmp(r->fault, "shifted") == 0)
		off = r->first > 0 ? r->first - 1 : r->first + 1;
	(void)snprintf(headers, sizeof(headers),
	    "Content-Length: %llu\r\nContent-Range: bytes %llu-%llu/%llu\r\n", len, r->first,
	    r->last, size); /* fits */
	say(r, "206 Partial Content", headers);
	if (off + len > size)
		off = size - len;
	(void)put_file(r, f, off, len);
}

static void
answer_file(struct request *r, FILE *f, unsigned long long size)
{
	unsigned long long n = strtoull(r->value, NULL, 10);

	if (strcmp(r->fault, "endless") == 0) {
		say(r, "200 OK", "");
		if (put_file(r, f, 0, size))
			put_blanks(r, ~0ull);
	} else if (strcmp(r->fault, "padded") == 0) {
		say_length(r, "200 OK", size + n);
		if (put_file(r, f, 0, size))
			put_blanks(r, n);
	} else if (strcmp(r->fault, "claims") == 0) {
		say_length(r, "200 OK", n);
		(void)put_file(r, f, 0, size);
	} else if (r->has_range && r->first < size && strcmp(r->fault, "whole") != 0) {
		answer_range(r, f, size);
	} else {
		say_length(r, "200 OK", size);
		if (strcmp(r->method, "HEAD") != 0)
			(void)put_file(r, f, 0, size);
	}
}

static void
answer(struct request *r)
{
	char path[4096], headers[600];
	struct stat st;
	FILE *f;

	write_log(r);
	find_fault(r);
	if (answer_with_nothing(r))
		return;
	if (strcmp(r->fault, "moved") == 0) {
		(void)snprintf(headers, sizeof(headers), "Location: %s\r\n", r->value);
		say(r, "302 Found", headers);
		return;
	}
	(void)snprintf(path, sizeof(path), "%s%s", directory, r->target); /* made by tests */
	f = strcmp(r->method, "GET") == 0 || strcmp(r->method, "HEAD") == 0 ? fopen(path, "rb")
	    : NULL;
	if (f != NULL && fstat(fileno(f), &st) == 0 && S_ISREG(st.st_mode))
		answer_file(r, f, (unsigned long long)st.st_size);
	else
		say_length(r, "404 Not Found", 0);
	if (f != NULL)
		(void)fclose(f); /* only read */
}

static void *
serve(void *arg)
{
	struct connection *c = arg;
	struct request r = { .ssl = SSL_new(c->ctx) };

	if (r.ssl != NULL && SSL_set_fd(r.ssl, c->fd) == 1 && SSL_accept(r.ssl) == 1 &&
	    read_request(&r)) {
		answer(&r);
		(void)SSL_shutdown(r.ssl); /* the peer may be gone */
	}
	SSL_free(r.ssl);
	(void)close(c->fd);
	free(c);
	return NULL;
}

static int
listen_on(const char *port)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (fd == -1 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) == -1 || listen(fd, 64) == -1)
		die(port);
	return fd;
}

int
main(int argc, char **argv)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	int fd;

	if (argc != 7) {
		fprintf(stderr, "usage: hostile PORT CERTIFICATE KEY DIRECTORY FAULTS LOG\n");
		return 2;
	}
	directory = argv[4];
	faults = argv[5];
	log_path = argv[6];
	(void)signal(SIGPIPE, SIG_IGN); /* writes say it */
	if (ctx == NULL || SSL_CTX_use_certificate_chain_file(ctx, argv[2]) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, argv[3], SSL_FILETYPE_PEM) != 1) {
		fprintf(stderr, "hostile: %s and %s are no certificate and key\n", argv[2],
		    argv[3]);
		return 1;
	}
	fd = listen_on(argv[1]);
	for (;;) {
		struct connection *c = malloc(sizeof(*c));
		pthread_t thread;

		if (c == NULL)
			die("malloc");
		c->ctx = ctx;
		c->fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
		if (c->fd == -1)
			die("accept");
		if (pthread_create(&thread, NULL, serve, c) != 0)
			die("thread");
		(void)pthread_detach(thread); /* cannot fail for a thread just made */
	}
}
