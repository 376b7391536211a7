/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/signer/signer.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/signer/child.h"
#include "daemon/signer/talk.h"

struct signer {
	pthread_mutex_t lock; /* of all that follows */
	struct child child;
	char *program, *state_dir, *passphrase_file; /* owned; the last may be NULL */
};

/* ---- the child ---- */

static int
start_child(struct signer *s, struct err *e)
{
	const char *argv[6] = { s->program, "--state", s->state_dir };
	struct talk_message m = { .bytes = BUF_INIT };
	int rc;

	if (s->passphrase_file != NULL) {
		argv[3] = "--passphrase-file";
		argv[4] = s->passphrase_file;
	}
	if (child_start(argv, &s->child, e) == -1)
		return -1;
	rc = talk_receive_answer(s->child.fd, &m, 0, e);
	talk_clear(&m);
	if (rc == -1) {
		err_within(e, "kebaod-signer");
		child_end(&s->child);
	}
	return rc;
}

static int
copy(char **to, const char *from, struct err *e)
{
	*to = strdup(from);
	return *to != NULL ? 0 : err_nomem(e);
}

int
signer_start(const char *program, const char *state_dir, const char *passphrase_file,
    struct signer **out, struct err *e)
{
	struct signer *s = calloc(1, sizeof(*s));

	if (s == NULL || pthread_mutex_init(&s->lock, NULL) != 0) {
		free(s);
		return err_nomem(e);
	}
	s->child = (struct child)CHILD_INIT;
	if (copy(&s->program, program, e) == -1 || copy(&s->state_dir, state_dir, e) == -1 ||
	    (passphrase_file != NULL && copy(&s->passphrase_file, passphrase_file, e) == -1) ||
	    start_child(s, e) == -1) {
		signer_stop(s);
		return -1;
	}
	*out = s;
	return 0;
}

void
signer_stop(struct signer *s)
{
	if (s == NULL)
		return;
	child_end(&s->child);
	(void)pthread_mutex_destroy(&s->lock);
	free(s->program);
	free(s->state_dir);
	free(s->passphrase_file);
	free(s);
}

pid_t
signer_pid(struct signer *s)
{
	pid_t pid;

	(void)pthread_mutex_lock(&s->lock); /* fails on misuse only */
	pid = s->child.pid;
	(void)pthread_mutex_unlock(&s->lock);
	return pid;
}

int
signer_find_program(struct buf *out, struct err *e)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash;

	if (n == -1)
		return err_errno(e, "cannot tell where this program is");
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (slash == NULL)
		return err_set(e, ERR_SYSTEM, "cannot tell where this program is");
	*slash = '\0';
	return buf_printf(out, e, "%s/kebaod-signer", path);
}

/* ---- calls ---- */

struct request {
	enum talk_op op;
	const struct talk_part *parts;
	size_t n_parts;
	size_t n_answer; /* parts of the answer */
};

static int
try_once(struct signer *s, const struct request *r, struct talk_message *m, struct err *e)
{
	if (talk_send(s->child.fd, (uint32_t)r->op, r->parts, r->n_parts, e) == -1)
		return -1;
	return talk_receive_answer(s->child.fd, m, r->n_answer, e);
}

/*
 * Only ERR_NETWORK means that the child is gone or stuck: it never answers with it.  A call may
 * be repeated, since what a dead child may have signed was never shown to anybody.
 */
static int
call(struct signer *s, const struct request *r, struct talk_message *m, struct err *e)
{
	struct err why = { 0 };
	int rc = -1;

	(void)pthread_mutex_lock(&s->lock); /* fails on misuse only */
	if (s->child.pid != -1)
		rc = try_once(s, r, m, &why);
	if (s->child.pid == -1 || (rc == -1 && why.class == ERR_NETWORK)) {
		child_end(&s->child);
		rc = start_child(s, &why);
		if (rc == 0)
			rc = try_once(s, r, m, &why);
		if (rc == -1 && why.class == ERR_NETWORK) {
			child_end(&s->child);
			why.class = ERR_SYSTEM; /* no network is at fault */
		}
	}
	(void)pthread_mutex_unlock(&s->lock);
	if (rc == -1 && e != NULL)
		*e = why;
	return rc;
}

static int
get_number(const struct talk_message *m, size_t part, int64_t *out, struct err *e)
{
	char text[24], *end;

	if (talk_text(m, part, text, sizeof(text), e) == -1)
		return -1;
	errno = 0;
	*out = strtoll(text, &end, 10);
	if (end == text || *end != '\0' || errno != 0 || *out < 0)
		return err_set(e, ERR_SYSTEM, "kebaod-signer answered \"%s\" for a number", text);
	return 0;
}

void
signer_switch_clear(struct signer_switch *sw)
{
	buf_clear(&sw->snapshot);
	buf_clear(&sw->timestamp);
	memset(sw, 0, sizeof(*sw));
}

static int
call_switch(struct signer *s, const struct request *r, struct signer_switch *out, struct err *e)
{
	struct signer_switch sw = { .snapshot = BUF_INIT, .timestamp = BUF_INIT };
	struct talk_message m = { .bytes = BUF_INIT };
	int rc = -1;

	if (call(s, r, &m, e) == -1)
		return -1;
	if (get_number(&m, 0, &sw.role_version, e) == -1 ||
	    get_number(&m, 1, &sw.snapshot_version, e) == -1 ||
	    get_number(&m, 2, &sw.timestamp_version, e) == -1 ||
	    buf_add(&sw.snapshot, m.parts[3].data, m.parts[3].len, e) == -1 ||
	    buf_add(&sw.timestamp, m.parts[4].data, m.parts[4].len, e) == -1)
		goto out;
	*out = sw;
	sw = (struct signer_switch){ .snapshot = BUF_INIT, .timestamp = BUF_INIT };
	rc = 0;
out:
	signer_switch_clear(&sw);
	talk_clear(&m);
	return rc;
}

int
signer_advance(struct signer *s, const char *role, const void *bytes, size_t len,
    struct signer_switch *out, struct err *e)
{
	const struct talk_part parts[] = { { role, strlen(role) }, { bytes, len } };
	const struct request r = { TALK_ADVANCE, parts, 2, 5 };

	return call_switch(s, &r, out, e);
}

int
signer_resign(struct signer *s, struct signer_switch *out, struct err *e)
{
	const struct request r = { TALK_RESIGN, NULL, 0, 5 };

	return call_switch(s, &r, out, e);
}

int
signer_recover(struct signer *s, int64_t above, struct signer_switch *out, struct err *e)
{
	char text[24];
	const struct talk_part parts[] = {
		{ text, (size_t)snprintf(text, sizeof(text), "%" PRId64, above) },
	};
	const struct request r = { TALK_RECOVER, parts, 1, 5 };

	return call_switch(s, &r, out, e);
}

int
signer_prepare_keys(struct signer *s, struct buf *out, struct err *e)
{
	const struct request r = { TALK_PREPARE_KEYS, NULL, 0, 1 };
	struct talk_message m = { .bytes = BUF_INIT };
	int rc = -1;

	if (call(s, &r, &m, e) == 0)
		rc = buf_add(out, m.parts[0].data, m.parts[0].len, e);
	talk_clear(&m);
	return rc;
}

void
signer_certificate_clear(struct signer_certificate *c)
{
	buf_clear(&c->pem);
	memset(c, 0, sizeof(*c));
}

static int
call_certificate(struct signer *s, const struct request *r, struct signer_certificate *out,
    struct err *e)
{
	struct signer_certificate c = { .pem = BUF_INIT };
	struct talk_message m = { .bytes = BUF_INIT };
	int rc = -1;

	if (call(s, r, &m, e) == -1)
		return -1;
	if (get_number(&m, 0, &c.issued_at, e) == -1 || get_number(&m, 1, &c.expires_at, e) == -1 ||
	    talk_text(&m, 2, c.serial, sizeof(c.serial), e) == -1 ||
	    buf_add(&c.pem, m.parts[3].data, m.parts[3].len, e) == -1)
		goto out;
	*out = c;
	c.pem = (struct buf)BUF_INIT;
	rc = 0;
out:
	signer_certificate_clear(&c);
	talk_clear(&m);
	return rc;
}

int
signer_certify(struct signer *s, const void *csr, size_t csr_len, const char *org,
    struct signer_certificate *out, struct err *e)
{
	const struct talk_part parts[] = { { csr, csr_len }, { org, strlen(org) } };
	const struct request r = { TALK_CERTIFY, parts, 2, 4 };

	return call_certificate(s, &r, out, e);
}

int
signer_certify_server(struct signer *s, const void *csr, size_t csr_len,
    const char *const *names, size_t n_names, struct signer_certificate *out, struct err *e)
{
	struct talk_part parts[TALK_PARTS];
	const struct request r = { TALK_CERTIFY_SERVER, parts, n_names + 1, 4 };

	if (n_names >= TALK_PARTS)
		return err_set(e, ERR_BAD_INPUT, "%zu names for a server certificate, at most %d",
		    n_names, TALK_PARTS - 1);
	parts[0] = (struct talk_part){ csr, csr_len };
	for (size_t i = 0; i < n_names; i++)
		parts[i + 1] = (struct talk_part){ names[i], strlen(names[i]) };
	return call_certificate(s, &r, out, e);
}
