/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bad line, for tests and measurements: a TCP proxy on the loopback that counts what passes,
 * and delays, slows, cuts, resets or swallows it when told to.
 *
 *	line --to PORT [--listen PORT] [--control PORT] [--connect USER:PASSWORD]
 *
 * Connections to 127.0.0.1:LISTEN are forwarded to 127.0.0.1:TO.  With --connect it is an HTTP
 * proxy instead: it wants CONNECT with that Basic password (407 otherwise), and whatever
 * host the request names, TO is where it goes.  Ports that are not given (or 0) are chosen by the
 * kernel; the first line on standard output says which: "LISTEN CONTROL".  Ends with SIGTERM.
 *
 * To 127.0.0.1:CONTROL one writes a command a line, and gets one line for each, so that a
 * shell can steer it without sleeping (lib.sh knows `line COMMAND`):
 *
 *	stats          connections N open N up BYTES down BYTES refused N unread BYTES hole N
 *	               arrived BYTES
 *	               since the start; "up" goes to the hub, "down" comes from it; "unread"
 *	               are those of "down" that no client has read yet; "hole" is 1 in one;
 *	               "arrived" are those of "down" that the client's kernel has, read or not
 *	rate N         bytes a second, each direction, all connections together; 0: as it comes
 *	each N         bytes a second, each direction, of every single connection: what a lossy
 *	               long line is like, where TCP does not find its speed; 0: as it comes
 *	delay MS       that much later, each direction: a round trip costs twice that
 *	cut N          when N more bytes have come down: end all connections (FIN), then as before
 *	reset N        the same with RST
 *	hole N         when N more bytes have come down: nothing passes any more, nothing ends;
 *	               if that is so already, so many may pass before it is so again
 *	hole-up N      the same when N more bytes have gone up
 *	shut           end all connections, and every new one at once
 *	pass           hole, shut and a waiting cut are over; what was held goes on
 *
 * Commands answer "ok" or "?".  Rates are kept in steps of 2 ms.  Bytes count that were
 * given to the kernel for the other side.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <inttypes.h>
#include <linux/sockios.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TICK_MS 2
#define OUT_BYTES (256u << 10)   /* given to a socket and not taken yet */
#define HELD_BYTES (256u << 10)  /* read and not yet due, without a delay */
#define LATE_BYTES (8u << 20)    /* the same with one: a line holds what is under way */
#define SLOW_SNDBUF (32 << 10)   /* so that what counts is not far ahead of what arrives */
#define HEAD_BYTES 8192u

/* Bytes under way in one direction, and when each part is due. */
struct late {
	int64_t due_ms;
	size_t len;
};

struct flow {
	struct link *link;
	struct bufferevent *from, *to; /* borrowed from the link */
	struct evbuffer *held;         /* owned */
	struct late *late;             /* owned; parts of held, oldest first */
	size_t n_late, late_room;
	double tokens;                 /* of "each" */
	bool is_ended;                 /* nothing more will come from from */
};

struct link {
	struct link *next, *prev;
	struct bufferevent *client, *hub; /* owned */
	struct flow up, down;
	bool awaits_head; /* an HTTP proxy that has not heard its CONNECT yet */
};

enum fate { FATE_NONE, FATE_CUT, FATE_RESET, FATE_HOLE };

static struct {
	struct event_base *base;
	struct event *tick;
	uint16_t to_port;
	const char *password; /* base64 of USER:PASSWORD; NULL: a plain forwarder */
	struct link *links;
	uint64_t n_links, n_open, n_refused, up_bytes, down_bytes;
	double rate, each, up_tokens, down_tokens;
	int64_t delay_ms, ticked_ms;
	enum fate fate;
	bool is_fate_up;     /* what goes up is counted for it, not what comes down */
	uint64_t fate_bytes; /* pass until then */
	bool is_hole, is_shut;
} line;

static int64_t
now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail with this clock */
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void
link_free(struct link *l, bool with_reset)
{
	const struct linger now = { 1, 0 };

	if (with_reset) {
		(void)setsockopt(bufferevent_getfd(l->client), SOL_SOCKET, SO_LINGER, &now,
		    sizeof(now)); /* else it is a FIN */
	}
	if (l->prev != NULL)
		l->prev->next = l->next;
	else
		line.links = l->next;
	if (l->next != NULL)
		l->next->prev = l->prev;
	line.down_bytes -= evbuffer_get_length(bufferevent_get_output(l->client));
	if (l->hub != NULL)
		line.up_bytes -= evbuffer_get_length(bufferevent_get_output(l->hub));
	bufferevent_free(l->client);
	if (l->hub != NULL)
		bufferevent_free(l->hub);
	evbuffer_free(l->up.held);
	evbuffer_free(l->down.held);
	free(l->up.late);
	free(l->down.late);
	free(l);
	line.n_open--;
}

static void
end_all(bool with_reset)
{
	while (line.links != NULL)
		link_free(line.links, with_reset);
}

/* --- what passes --- */

static size_t
due_bytes(const struct flow *f, int64_t now)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n_late && f->late[i].due_ms <= now; i++)
		n += f->late[i].len;
	return n;
}

static void
forget_due(struct flow *f, size_t len)
{
	size_t i = 0;

	while (len > 0) {
		size_t n = f->late[i].len < len ? f->late[i].len : len;

		f->late[i].len -= n;
		len -= n;
		if (f->late[i].len == 0)
			i++;
	}
	memmove(f->late, f->late + i, (f->n_late - i) * sizeof(*f->late));
	f->n_late -= i;
}

static size_t
least(size_t a, double b)
{
	return b <= 0 ? 0 : (double)a < b ? a : (size_t)b;
}

/* The bytes have come that something was to happen after.  True: the links are gone. */
static bool
meet_fate(void)
{
	enum fate fate = line.fate;

	line.fate = FATE_NONE;
	if (fate == FATE_HOLE)
		line.is_hole = true;
	else
		end_all(fate == FATE_RESET);
	return fate != FATE_HOLE;
}

/* Move what is due and allowed.  True: the link is gone. */
static bool
pump(struct flow *f)
{
	struct link *l = f->link;
	bool is_down = f == &l->down;
	double *tokens = is_down ? &line.down_tokens : &line.up_tokens;
	size_t out, n, most = line.delay_ms > 0 ? LATE_BYTES : HELD_BYTES;
	bool is_fated = line.fate != FATE_NONE && is_down == !line.is_fate_up;

	if (line.is_hole || f->to == NULL)
		return false;
	out = evbuffer_get_length(bufferevent_get_output(f->to));
	n = due_bytes(f, now_ms());
	n = out >= OUT_BYTES ? 0 : n < OUT_BYTES - out ? n : OUT_BYTES - out;
	n = line.rate > 0 ? least(n, *tokens) : n;
	n = line.each > 0 ? least(n, f->tokens) : n;
	if (is_fated && n > line.fate_bytes)
		n = line.fate_bytes;
	if (n > 0) {
		(void)evbuffer_remove_buffer(f->held, bufferevent_get_output(f->to), n);
		forget_due(f, n);
		*tokens -= line.rate > 0 ? (double)n : 0;
		f->tokens -= line.each > 0 ? (double)n : 0;
		*(is_down ? &line.down_bytes : &line.up_bytes) += n;
		if (is_fated)
			line.fate_bytes -= n;
	}
	if (is_fated && line.fate_bytes == 0 && meet_fate())
		return true;
	if (evbuffer_get_length(f->held) < most)
		(void)bufferevent_enable(f->from, EV_READ);
	if (f->is_ended && evbuffer_get_length(f->held) == 0 &&
	    evbuffer_get_length(bufferevent_get_output(f->to)) == 0) {
		link_free(l, false);
		return true;
	}
	return false;
}

static void
hold(struct flow *f)
{
	struct evbuffer *in = bufferevent_get_input(f->from);
	size_t len = evbuffer_get_length(in);

	if (len == 0)
		return;
	if (f->n_late == f->late_room) {
		f->late_room = 2 * f->late_room + 64;
		f->late = reallocarray(f->late, f->late_room, sizeof(*f->late));
		assert(f->late != NULL);
	}
	f->late[f->n_late++] = (struct late){ now_ms() + line.delay_ms, len };
	(void)evbuffer_add_buffer(f->held, in);
	if (evbuffer_get_length(f->held) >= (line.delay_ms > 0 ? LATE_BYTES : HELD_BYTES))
		(void)bufferevent_disable(f->from, EV_READ);
}

static void
refill(double *tokens, double rate, double ms)
{
	double most = rate * 0.05 > 1500 ? rate * 0.05 : 1500;

	*tokens += rate * ms / 1000;
	if (*tokens > most)
		*tokens = most;
}

static void
on_tick(evutil_socket_t fd, short what, void *ctx)
{
	int64_t now = now_ms();
	double ms = (double)(now - line.ticked_ms);

	(void)fd;
	(void)what;
	(void)ctx;
	line.ticked_ms = now;
	refill(&line.up_tokens, line.rate, ms);
	refill(&line.down_tokens, line.rate, ms);
	for (struct link *l = line.links, *next; l != NULL; l = next) {
		next = l->next;
		refill(&l->up.tokens, line.each, ms);
		refill(&l->down.tokens, line.each, ms);
		if (pump(&l->up)) {
			if (line.links == NULL)
				break;
			continue;
		}
		if (pump(&l->down) && line.links == NULL)
			break; /* a cut: next is gone as well */
	}
}

static void
on_readable(struct bufferevent *b, void *ctx)
{
	struct link *l = ctx;
	struct flow *f = b == l->client ? &l->up : &l->down;

	hold(f);
	(void)pump(f);
}

static void
on_writable(struct bufferevent *b, void *ctx)
{
	struct link *l = ctx;

	(void)pump(b == l->client ? &l->down : &l->up);
}

static void
on_ended(struct bufferevent *b, short what, void *ctx)
{
	struct link *l = ctx;
	struct flow *f = b == l->client ? &l->up : &l->down;

	if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) == 0)
		return;
	if (l->awaits_head || (what & BEV_EVENT_ERROR) != 0 || f == &l->up) {
		link_free(l, (what & BEV_EVENT_ERROR) != 0);
		return;
	}
	f->is_ended = true;
	(void)pump(f);
}

/* --- links --- */

static bool
connect_hub(struct link *l)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(line.to_port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	l->hub = bufferevent_socket_new(line.base, -1, BEV_OPT_CLOSE_ON_FREE);
	assert(l->hub != NULL);
	l->up.from = l->down.to = l->client;
	l->up.to = l->down.from = l->hub;
	bufferevent_setcb(l->client, on_readable, on_writable, on_ended, l);
	bufferevent_setcb(l->hub, on_readable, on_writable, on_ended, l);
	if (bufferevent_socket_connect(l->hub, (struct sockaddr *)&to, sizeof(to)) == -1)
		return false;
	(void)bufferevent_enable(l->hub, EV_READ | EV_WRITE);
	return true;
}

/* An HTTP proxy's first request. */
static void
on_head(struct bufferevent *b, void *ctx)
{
	struct link *l = ctx;
	struct evbuffer *in = bufferevent_get_input(b);
	struct evbuffer_ptr end = evbuffer_search(in, "\r\n\r\n", 4, NULL);
	char head[HEAD_BYTES], want[512];
	size_t len;

	if (end.pos == -1) {
		if (evbuffer_get_length(in) > HEAD_BYTES - 8)
			link_free(l, false);
		return;
	}
	len = (size_t)end.pos + 4;
	if (len >= sizeof(head)) {
		link_free(l, false);
		return;
	}
	(void)evbuffer_remove(in, head, len);
	head[len] = '\0';
	(void)snprintf(want, sizeof(want), "\r\nProxy-Authorization: Basic %s\r\n", line.password);
	if (strncmp(head, "CONNECT ", 8) != 0 || strcasestr(head, want) == NULL) {
		static const char no[] = "HTTP/1.1 407 Proxy Authentication Required\r\n"
		    "Proxy-Authenticate: Basic realm=\"line\"\r\nContent-Length: 0\r\n\r\n";

		line.n_refused++;
		line.down_bytes += sizeof(no) - 1;
		(void)bufferevent_write(b, no, sizeof(no) - 1);
		return; /* it may try again on this connection */
	}
	l->awaits_head = false;
	line.down_bytes += 26;
	(void)bufferevent_write(b, "HTTP/1.1 200 Connected\r\n\r\n", 26);
	if (!connect_hub(l))
		link_free(l, true);
}

static void
on_connection(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from, int len,
    void *ctx)
{
	struct link *l;
	int sndbuf = SLOW_SNDBUF;

	(void)listener;
	(void)from;
	(void)len;
	(void)ctx;
	line.n_links++;
	if (line.is_shut) {
		(void)close(fd);
		return;
	}
	if (line.rate > 0 || line.each > 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &sndbuf, sizeof(sndbuf)); /* a help */
	l = calloc(1, sizeof(*l));
	assert(l != NULL);
	l->client = bufferevent_socket_new(line.base, fd, BEV_OPT_CLOSE_ON_FREE);
	l->up.held = evbuffer_new();
	l->down.held = evbuffer_new();
	assert(l->client != NULL && l->up.held != NULL && l->down.held != NULL);
	l->up.link = l->down.link = l;
	l->next = line.links;
	if (l->next != NULL)
		l->next->prev = l;
	line.links = l;
	line.n_open++;
	l->awaits_head = line.password != NULL;
	if (l->awaits_head)
		bufferevent_setcb(l->client, on_head, NULL, on_ended, l);
	else if (!connect_hub(l)) {
		link_free(l, true);
		return;
	}
	(void)bufferevent_enable(l->client, EV_READ | EV_WRITE);
}

/* --- control --- */

/* Bytes in the kernel that the program at the other end of a connection has not read. */
static uint64_t
queued_bytes(const struct sockaddr_in *there, const struct sockaddr_in *here)
{
	char row[256], want[64];
	uint64_t bytes = 0;
	FILE *f = fopen("/proc/net/tcp", "r");

	assert(f != NULL);
	(void)snprintf(want, sizeof(want), ": %08X:%04X %08X:%04X ",
	    there->sin_addr.s_addr, ntohs(there->sin_port), here->sin_addr.s_addr,
	    ntohs(here->sin_port));
	while (fgets(row, sizeof(row), f) != NULL) {
		const char *at = strstr(row, want);

		if (at != NULL)
			(void)sscanf(at + strlen(want), "%*x %*x:%" SCNx64, &bytes);
	}
	(void)fclose(f); /* only read */
	return bytes;
}

/* They move from here to there, and are looked for in that order: none is missed. */
static uint64_t
unread_bytes(const struct link *l)
{
	evutil_socket_t fd = bufferevent_getfd(l->client);
	uint64_t bytes = evbuffer_get_length(bufferevent_get_output(l->client));
	struct sockaddr_in here, there;
	socklen_t len = sizeof(here);
	int unsent = 0;

	if (ioctl(fd, SIOCOUTQ, &unsent) == -1 ||
	    getsockname(fd, (struct sockaddr *)&here, &len) == -1 ||
	    getpeername(fd, (struct sockaddr *)&there, &len) == -1)
		return bytes; /* it has gone */
	return bytes + (uint64_t)unsent + queued_bytes(&there, &here);
}

static uint64_t
all_unread_bytes(void)
{
	uint64_t bytes = 0;

	for (const struct link *l = line.links; l != NULL; l = l->next)
		bytes += unread_bytes(l);
	return bytes;
}

/* What has been given to the kernel or is about to be, and has not been acknowledged. */
static uint64_t
all_unsent_bytes(void)
{
	uint64_t bytes = 0;

	for (const struct link *l = line.links; l != NULL; l = l->next) {
		int unsent = 0;

		bytes += evbuffer_get_length(bufferevent_get_output(l->client));
		if (ioctl(bufferevent_getfd(l->client), SIOCOUTQ, &unsent) == 0)
			bytes += (uint64_t)unsent;
	}
	return bytes;
}

static bool
obey(const char *word, uint64_t n)
{
	line.is_hole = line.is_hole && strcmp(word, "pass") != 0;
	if (strcmp(word, "rate") == 0) {
		line.rate = (double)n;
	} else if (strcmp(word, "each") == 0) {
		line.each = (double)n;
	} else if (strcmp(word, "delay") == 0) {
		line.delay_ms = (int64_t)n;
	} else if (strcmp(word, "cut") == 0 || strcmp(word, "reset") == 0 ||
	    strcmp(word, "hole") == 0 || strcmp(word, "hole-up") == 0) {
		line.is_fate_up = strcmp(word, "hole-up") == 0;
		line.fate = *word == 'c' ? FATE_CUT : *word == 'r' ? FATE_RESET : FATE_HOLE;
		line.fate_bytes = n;
		line.is_hole = line.is_hole && line.fate != FATE_HOLE;
		if (n == 0)
			(void)meet_fate();
	} else if (strcmp(word, "shut") == 0) {
		line.is_shut = true;
		end_all(false);
	} else if (strcmp(word, "pass") == 0) {
		line.is_shut = false;
		line.fate = FATE_NONE;
	} else {
		return false;
	}
	return true;
}

static void
on_command(struct bufferevent *b, void *ctx)
{
	char *text;

	(void)ctx;
	while ((text = evbuffer_readln(bufferevent_get_input(b), NULL, EVBUFFER_EOL_LF)) != NULL) {
		char word[16] = "";
		uint64_t n = 0;

		if (strcmp(text, "stats") == 0)
			(void)evbuffer_add_printf(bufferevent_get_output(b),
			    "connections %" PRIu64 " open %" PRIu64 " up %" PRIu64 " down %" PRIu64
			    " refused %" PRIu64 " unread %" PRIu64 " hole %d arrived %" PRIu64 "\n",
			    line.n_links,
			    line.n_open, line.up_bytes, line.down_bytes, line.n_refused,
			    all_unread_bytes(), line.is_hole,
			    line.down_bytes - all_unsent_bytes());
		else
			(void)evbuffer_add_printf(bufferevent_get_output(b), "%s\n",
			    sscanf(text, "%15s %" SCNu64, word, &n) >= 1 && obey(word, n) ? "ok"
			                                                                  : "?");
		free(text);
	}
}

static void
on_control_ended(struct bufferevent *b, short what, void *ctx)
{
	(void)ctx;
	if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0)
		bufferevent_free(b);
}

static void
on_control(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from, int len,
    void *ctx)
{
	struct bufferevent *b = bufferevent_socket_new(line.base, fd, BEV_OPT_CLOSE_ON_FREE);

	(void)listener;
	(void)from;
	(void)len;
	(void)ctx;
	assert(b != NULL);
	bufferevent_setcb(b, on_command, NULL, on_control_ended, NULL);
	(void)bufferevent_enable(b, EV_READ | EV_WRITE);
}

/* --- the program --- */

static struct evconnlistener *
listen_at(uint16_t port, evconnlistener_cb cb, uint16_t *got)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	struct evconnlistener *l = evconnlistener_new_bind(line.base, cb, NULL,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE | LEV_OPT_CLOSE_ON_EXEC, 64,
	    (struct sockaddr *)&at, sizeof(at));

	if (l == NULL ||
	    getsockname(evconnlistener_get_fd(l), (struct sockaddr *)&at, &len) == -1) {
		perror("line: listen");
		exit(1);
	}
	*got = ntohs(at.sin_port);
	return l;
}

static char *
base64(const char *text)
{
	static const char letters[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t len = strlen(text);
	char *out = calloc(1, len * 2 + 8), *o = out;

	assert(out != NULL);
	for (size_t i = 0; i < len; i += 3) {
		uint32_t v = (uint32_t)(uint8_t)text[i] << 16;

		v |= i + 1 < len ? (uint32_t)(uint8_t)text[i + 1] << 8 : 0;
		v |= i + 2 < len ? (uint32_t)(uint8_t)text[i + 2] : 0;
		*o++ = letters[v >> 18];
		*o++ = letters[v >> 12 & 63];
		*o++ = i + 1 < len ? letters[v >> 6 & 63] : '=';
		*o++ = i + 2 < len ? letters[v & 63] : '=';
	}
	return out;
}

static void
on_term(evutil_socket_t signo, short what, void *ctx)
{
	(void)signo;
	(void)what;
	(void)ctx;
	(void)event_base_loopbreak(line.base);
}

int
main(int argc, char **argv)
{
	static const struct timeval tick = { 0, TICK_MS * 1000 };
	uint16_t listen_port = 0, control_port = 0;
	struct evconnlistener *in, *control;
	struct event *term;
	char *password = NULL;

	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--to") == 0)
			line.to_port = (uint16_t)strtoul(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--listen") == 0)
			listen_port = (uint16_t)strtoul(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--control") == 0)
			control_port = (uint16_t)strtoul(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--connect") == 0)
			line.password = password = base64(argv[i + 1]);
	}
	if (line.to_port == 0) {
		(void)fputs("usage: line --to PORT [--listen PORT] [--control PORT]"
		    " [--connect USER:PASSWORD]\n", stderr);
		return 2;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	line.base = event_base_new();
	assert(line.base != NULL);
	line.ticked_ms = now_ms();
	in = listen_at(listen_port, on_connection, &listen_port);
	control = listen_at(control_port, on_control, &control_port);
	line.tick = event_new(line.base, -1, EV_PERSIST, on_tick, NULL);
	term = evsignal_new(line.base, SIGTERM, on_term, NULL);
	assert(line.tick != NULL && term != NULL);
	(void)event_add(line.tick, &tick);
	(void)event_add(term, NULL);
	(void)printf("%u %u\n", listen_port, control_port);
	(void)fflush(stdout);
	(void)event_base_dispatch(line.base);
	end_all(false);
	evconnlistener_free(in);
	evconnlistener_free(control);
	event_free(line.tick);
	event_free(term);
	event_base_free(line.base); /* a control connection may still be open: the process ends */
	free(password);
	return 0;
}
