/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks a hub on the loopback, one request after another on one connection:
 *
 *	ask PORT [cert FILE key FILE] [save SESSION | resume SESSION] [from ADDRESS] <requests
 *
 * A line of requests is "METHOD TARGET [BODY]", with blanks between.  Each is answered by a line
 * "STATUS IDENTITY" (of Kebao-Identity).  With resume, it is an error where the hub does not
 * resume the session: no certificate is sent then.  Headers that some route needs stand on all.
 */
#include <openssl/pem.h>

#include "tests/abuse/peer.h"

#define LINE_BYTES 8192

struct asker {
	unsigned port;
	in_addr_t from;       /* of the loopback */
	SSL_CTX *ctx;
	SSL_SESSION *session; /* owned: to resume */
	SSL *ssl;             /* owned; NULL: not connected */
	char in[1 << 16];
	size_t in_len;
};

static const char *save_to;

static int
on_session(SSL *ssl, SSL_SESSION *session)
{
	FILE *f = fopen(save_to, "w");

	(void)ssl;
	if (f == NULL || PEM_write_SSL_SESSION(f, session) != 1 || fclose(f) != 0)
		die(save_to);
	return 0;
}

static void
hang_up(struct asker *a)
{
	int fd = SSL_get_fd(a->ssl);

	SSL_free(a->ssl);
	(void)close(fd);
	a->ssl = NULL;
	a->in_len = 0;
}

static void
call(struct asker *a)
{
	int fd = dial(a->from, a->port, 0);
	const struct timeval patience = { .tv_sec = 60 };
	SSL_SESSION *session;

	if (fd == -1)
		die("connect");
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	/* A copy each time: a session of TLS 1.3 is good for one connection. */
	session = a->session == NULL ? NULL : SSL_SESSION_dup(a->session);
	a->ssl = shake_hands(a->ctx, fd, session);
	SSL_SESSION_free(session);
	if (a->ssl == NULL)
		die("handshake");
	if (a->session != NULL && !SSL_session_reused(a->ssl))
		die("the session was not resumed");
}

/* More bytes of the reply; false at its end. */
static bool
receive(struct asker *a)
{
	int n;

	if (a->in_len + 1 >= sizeof(a->in))
		return false;
	n = SSL_read(a->ssl, a->in + a->in_len, (int)(sizeof(a->in) - a->in_len - 1));
	if (n <= 0)
		return false;
	a->in_len += (size_t)n;
	a->in[a->in_len] = '\0';
	return true;
}

static bool
header(const char *head, const char *name, char *out, size_t size)
{
	const char *at = strcasestr(head, name);
	size_t len;

	if (at == NULL)
		return false;
	at += strlen(name);
	len = strcspn(at, "\r");
	if (len >= size)
		return false;
	memcpy(out, at, len);
	out[len] = '\0';
	return true;
}

/* The reply to a request; its body is thrown away.  False: the connection is over. */
static bool
reply(struct asker *a, bool is_head)
{
	char value[200], who[200] = "-";
	unsigned long left = 0;
	int status = 0;
	char *end;

	while ((end = strstr(a->in, "\r\n\r\n")) == NULL)
		if (!receive(a))
			die("no reply");
	*end = '\0';
	if (sscanf(a->in, "HTTP/1.1 %d", &status) != 1)
		die("no status");
	(void)header(a->in, "\nKebao-Identity: ", who, sizeof(who));
	if (!is_head && header(a->in, "\nContent-Length: ", value, sizeof(value)))
		left = strtoul(value, NULL, 10);
	(void)printf("%d %s\n", status, who);
	if (header(a->in, "\nConnection: ", value, sizeof(value)) &&
	    strcasecmp(value, "close") == 0)
		return false;
	a->in_len -= (size_t)(end + 4 - a->in);
	while (left > a->in_len) {
		left -= a->in_len;
		a->in_len = 0;
		if (!receive(a))
			die("half a body");
	}
	if (left != a->in_len)
		die("more than a reply");
	a->in_len = 0;
	a->in[0] = '\0';
	return true;
}

static void
ask(struct asker *a, char *line)
{
	char text[2 * LINE_BYTES];
	char *method = line, *target, *body;
	int len;

	line[strcspn(line, "\n")] = '\0';
	target = strchr(method, ' ');
	if (target == NULL)
		die("a line without a target");
	*target++ = '\0';
	body = strchr(target, ' ');
	if (body != NULL)
		*body++ = '\0';
	if (a->ssl == NULL)
		call(a);
	a->in[0] = '\0';
	len = snprintf(text, sizeof(text), "%s %s HTTP/1.1\r\nHost: localhost\r\n"
	    "Tus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\nContent-Type: %s\r\n", method, target,
	    strcmp(method, "PATCH") == 0 && strncmp(target, "/uploads/", 9) == 0 ?
	    "application/offset+octet-stream" : "application/json");
	if (body == NULL)
		len += snprintf(text + len, sizeof(text) - (size_t)len, "\r\n");
	else
		len += snprintf(text + len, sizeof(text) - (size_t)len,
		    "Content-Length: %zu\r\n\r\n%s", strlen(body), body);
	if (SSL_write(a->ssl, text, len) != len)
		die("send");
	if (!reply(a, strcmp(method, "HEAD") == 0))
		hang_up(a);
}

int
main(int argc, char **argv)
{
	static struct asker a;
	const char *cert = NULL, *key = NULL;
	char line[LINE_BYTES];

	if (argc < 2)
		die("usage: ask PORT ...");
	a.port = (unsigned)strtoul(argv[1], NULL, 10);
	a.from = INADDR_LOOPBACK;
	(void)setvbuf(stdout, NULL, _IOLBF, 0); /* who asks line by line sees each answer */
	for (int i = 2; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "cert") == 0)
			cert = argv[i + 1];
		else if (strcmp(argv[i], "key") == 0)
			key = argv[i + 1];
		else if (strcmp(argv[i], "save") == 0)
			save_to = argv[i + 1];
		else if (strcmp(argv[i], "from") == 0)
			a.from = ntohl(inet_addr(argv[i + 1]));
		else if (strcmp(argv[i], "resume") == 0) {
			FILE *f = fopen(argv[i + 1], "r");

			if (f == NULL || (a.session = PEM_read_SSL_SESSION(f, NULL, NULL,
			    NULL)) == NULL || fclose(f) != 0)
				die(argv[i + 1]);
		}
	}
	a.ctx = tls_context(cert, key);
	if (save_to != NULL) {
		(void)SSL_CTX_set_session_cache_mode(a.ctx, SSL_SESS_CACHE_CLIENT |
		    SSL_SESS_CACHE_NO_INTERNAL);
		SSL_CTX_sess_set_new_cb(a.ctx, on_session);
	}
	while (fgets(line, sizeof(line), stdin) != NULL)
		ask(&a, line);
	if (a.ssl != NULL)
		hang_up(&a);
	SSL_SESSION_free(a.session);
	SSL_CTX_free(a.ctx);
	return 0;
}
