/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/signer/talk.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

void
talk_clear(struct talk_message *m)
{
	buf_wipe(&m->bytes);
	memset(m, 0, sizeof(*m));
}

/* ---- sending ---- */

static int
send_all(int fd, const void *bytes, size_t len, struct err *e)
{
	const uint8_t *p = bytes;

	while (len > 0) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			err_errno(e, "the other process does not take a message");
			if (e != NULL)
				e->class = ERR_NETWORK;
			return -1;
		}
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int
talk_send(int fd, uint32_t word, const struct talk_part *parts, size_t n, struct err *e)
{
	struct buf b = BUF_INIT;
	size_t len = 8;
	int rc = -1;

	if (n > TALK_PARTS)
		return err_set(e, ERR_BAD_INPUT, "a message of %zu parts, the limit is %d", n,
		    TALK_PARTS);
	for (size_t i = 0; i < n; i++)
		if (__builtin_add_overflow(len, parts[i].len, &len) ||
		    __builtin_add_overflow(len, (size_t)4, &len) || len > TALK_BYTES)
			return err_set(e, ERR_BAD_INPUT, "a message of more than %u bytes",
			    TALK_BYTES);
	if (buf_add_u32le(&b, (uint32_t)len, e) == -1 || buf_add_u32le(&b, word, e) == -1 ||
	    buf_add_u32le(&b, (uint32_t)n, e) == -1)
		goto out;
	for (size_t i = 0; i < n; i++)
		if (buf_add_u32le(&b, (uint32_t)parts[i].len, e) == -1 ||
		    buf_add(&b, parts[i].data, parts[i].len, e) == -1)
			goto out;
	rc = send_all(fd, buf_data(&b), buf_len(&b), e);
out:
	buf_wipe(&b);
	return rc;
}

int
talk_send_error(int fd, const struct err *why, struct err *e)
{
	struct talk_part text = { why->text, strlen(why->text) };

	return talk_send(fd, (uint32_t)why->class, &text, 1, e);
}

/* ---- receiving ---- */

/* 1, or 0 where the stream ends before the first byte, or -1. */
static int
receive_all(int fd, void *bytes, size_t len, struct err *e)
{
	uint8_t *p = bytes;
	size_t got = 0;

	while (got < len) {
		ssize_t n = recv(fd, p + got, len - got, 0);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			err_errno(e, "the other process does not answer");
			if (e != NULL)
				e->class = ERR_NETWORK;
			return -1;
		}
		if (n == 0)
			return got == 0 ? 0 : err_set(e, ERR_NETWORK,
			    "the other process broke off");
		got += (size_t)n;
	}
	return 1;
}

static int
cut(struct talk_message *m, struct err *e)
{
	const uint8_t *p = buf_data(&m->bytes);
	size_t left = buf_len(&m->bytes) - 8;
	uint32_t n = buf_get_u32le(p + 4);

	m->word = buf_get_u32le(p);
	if (n > TALK_PARTS)
		return err_set(e, ERR_BAD_INPUT, "a message with %u parts", n);
	p += 8;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t len;

		if (left < 4 || (len = buf_get_u32le(p)) > left - 4)
			return err_set(e, ERR_BAD_INPUT, "a message cut short");
		m->parts[i].data = p + 4;
		m->parts[i].len = len;
		p += 4 + len;
		left -= 4 + len;
	}
	if (left != 0)
		return err_set(e, ERR_BAD_INPUT, "a message with %zu bytes left over", left);
	m->n_parts = n;
	return 0;
}

int
talk_receive(int fd, struct talk_message *m, struct err *e)
{
	uint8_t head[4], *room;
	uint32_t len;
	int got;

	talk_clear(m);
	got = receive_all(fd, head, sizeof(head), e);
	if (got != 1)
		return got;
	len = buf_get_u32le(head);
	if (len < 8 || len > TALK_BYTES)
		return err_set(e, ERR_BAD_INPUT, "a message of %u bytes", len);
	room = buf_extend(&m->bytes, len, e);
	if (room == NULL)
		return -1;
	got = receive_all(fd, room, len, e);
	if (got == 0)
		got = err_set(e, ERR_NETWORK, "the other process broke off");
	if (got == -1 || cut(m, e) == -1) {
		talk_clear(m);
		return -1;
	}
	return 1;
}

int
talk_receive_answer(int fd, struct talk_message *m, size_t n_parts, struct err *e)
{
	int got = talk_receive(fd, m, e);

	if (got == 0)
		return err_set(e, ERR_NETWORK, "the other process has ended");
	if (got == -1)
		return -1;
	if (m->word != ERR_NONE) {
		enum err_class class = ERR_SYSTEM;
		char text[sizeof(e->text)] = "?";

		if (m->word <= ERR_SYSTEM)
			class = (enum err_class)m->word;
		if (m->n_parts == 1)
			(void)err_quote(text, sizeof(text), m->parts[0].data, m->parts[0].len);
		talk_clear(m);
		return err_set(e, class, "%s", text);
	}
	if (m->n_parts != n_parts) {
		talk_clear(m);
		return err_set(e, ERR_BAD_INPUT, "an answer of the wrong form");
	}
	return 0;
}

int
talk_text(const struct talk_message *m, size_t part, char *out, size_t size, struct err *e)
{
	if (part >= m->n_parts || m->parts[part].len >= size ||
	    memchr(m->parts[part].data, '\0', m->parts[part].len) != NULL)
		return err_set(e, ERR_BAD_INPUT, "part %zu of a message is no such text", part);
	memcpy(out, m->parts[part].data, m->parts[part].len);
	out[m->parts[part].len] = '\0';
	return 0;
}
