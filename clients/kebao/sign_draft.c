/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/sign_draft.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "catalog/repo/ids.h"
#include "clients/kebao/contents.h"
#include "clients/kebao/cosign.h"
#include "clients/kebao/draft.h"
#include "clients/kebao/pending.h"
#include "clients/kebao/recalls.h"
#include "clients/kebao/session.h"
#include "clients/kebao/source.h"
#include "clients/kebao/text.h"

/* --- --list and --drop --- */

static int
say_list(const struct cli *cli, struct json *doc, struct err *e)
{
	struct json_at list;
	struct pending p;

	if (json_get_array(json_top(doc), "pending", &list, e) == -1)
		return -1;
	if (json_count(list) == 0)
		CLI_SAY(cli, MSG_PENDING_NOTHING);
	for (struct json_at it = json_first(list); json_is(it); it = json_next(it)) {
		if (pending_read(it, &p, e) == -1)
			return -1;
		pending_say(cli, &p);
	}
	return 0;
}

enum status
sign_draft_list(struct cli *cli)
{
	struct json *doc = NULL;
	struct session s;
	struct err e = { 0 };
	enum status status = session_open(&s, cli);

	if (status != STATUS_OK)
		return status;
	if (hub_get(s.hub, "/api/v1/pending", &doc, &e) == -1 || say_list(cli, doc, &e) == -1)
		status = session_fail(&s, &e);
	json_free(doc);
	session_close(&s);
	return status;
}

enum status
sign_draft_drop(struct cli *cli, const char *channel)
{
	char path[IDS_SIZE + 24];
	const struct hub_message m = { .method = TRANSFER_DELETE, .path = path };
	struct session s;
	struct err e = { 0 };
	enum status status;

	if (ids_check(IDS_CHANNEL, channel, strlen(channel), &e) == -1)
		return cli_fail(cli, &e);
	(void)snprintf(path, sizeof(path), "/api/v1/pending/%s", channel); /* an id fits */
	status = session_open(&s, cli);
	if (status != STATUS_OK)
		return status;
	if (hub_send(s.hub, &m, NULL, &e) == -1)
		status = session_fail(&s, &e);
	else
		CLI_SAY(cli, MSG_PENDING_GIVEN_UP, channel);
	session_close(&s);
	return status;
}

/* --- signing --- */

struct signing {
	const struct cli *cli;
	const struct sign_draft *args;
	struct session session;
	struct keyring ring;
	struct trust *trust;
	struct channel channel;
	struct pending pending;
	struct cosign mine;
};

static int
look(struct signing *s, struct err *e)
{
	struct trust_source source = source_of(hub_transfer(s->session.hub));
	int64_t now = (int64_t)time(NULL);
	int fd = home_open_dir(s->session.home, "trust", e), rc;

	if (fd == -1)
		return -1;
	rc = trust_open(fd, NULL, &s->trust, e);
	(void)close(fd); /* trust_open() made its own */
	if (rc == -1 || trust_refresh(s->trust, &source, now, e) == -1 ||
	    channel_open(&s->channel, s->trust, &source, s->args->channel, now, e) == -1 ||
	    channel_check_keys(&s->channel, s->ring.keys, s->ring.n, e) == -1 ||
	    pending_get(s->session.hub, s->args->channel, &s->pending, e) == -1)
		return -1;
	if (s->pending.kind == PENDING_NONE) {
		pending_say(s->cli, &s->pending); /* of signatures that were dropped */
		return err_set(e, ERR_NOT_FOUND, "nothing waits for signatures in %s",
		    s->args->channel);
	}
	return cosign_make(s->session.home, s->session.hub, &s->channel, &s->pending, now,
	    &s->mine, e);
}

static void
say_recall(const struct signing *s)
{
	struct catalogue_recall r = { .what = s->mine.what };
	struct text release;

	(void)snprintf(r.name.channel, sizeof(r.name.channel), "%s", s->args->channel);
	memcpy(r.name.course, s->mine.course, sizeof(r.name.course));
	r.name.release = s->mine.release;
	if (s->pending.kind == PENDING_UNDO)
		CLI_SAY(s->cli, MSG_SIGN_UNDO, r.name.channel, r.name.course,
		    text_number(&release, r.name.release));
	else
		recalls_say_one(s->cli, &r, false);
}

/* Whether the answer on standard input means yes; its end means no. */
static bool
asks_yes(const struct cli *cli)
{
	static const char *const yes[] = { "y", "yes", "是", "好", "同意" };
	char line[64];

	(void)fflush(stdout);
	(void)fprintf(stderr, "%s", messages_text(cli->lang, MSG_SIGN_ASK));
	(void)fflush(stderr);
	if (fgets(line, sizeof(line), stdin) == NULL)
		return false;
	line[strcspn(line, "\r\n")] = '\0';
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		if (strcmp(line, yes[i]) == 0)
			return true;
	return false;
}

/* Show what it is and be told whether to sign.  1: yes.  0: no.  -1. */
static int
decide(const struct signing *s, struct err *e)
{
	const struct contents c = {
		.cli = s->cli, .home = s->session.home, .hub = s->session.hub,
		.channel = &s->channel, .pending = &s->pending, .record = s->mine.record,
	};

	if (s->pending.kind == PENDING_RELEASE && s->args->against != NULL) {
		if (contents_against(&c, s->args->against, e) == -1)
			return -1;
		CLI_SAY(s->cli, MSG_AGAINST_SAME, s->pending.object, s->args->against);
		return 1;
	}
	if (s->args->against != NULL)
		return err_set(e, ERR_BAD_INPUT, "%s is no release: there is nothing to compare "
		    "with a folder", s->pending.object);
	if (s->pending.kind == PENDING_RELEASE) {
		if (contents_show(&c, e) == -1)
			return -1;
	} else if (s->pending.kind == PENDING_RENEWAL)
		CLI_SAY(s->cli, MSG_SIGN_RENEWAL, s->args->channel);
	else
		say_recall(s);
	return asks_yes(s->cli) ? 1 : 0;
}

static int
send(struct signing *s, struct err *e)
{
	struct trust_source source = source_of(hub_transfer(s->session.hub));
	char path[IDS_SIZE + 32];
	struct hub_message m = { .method = TRANSFER_PUT, .path = path };
	struct pending_outcome outcome;
	struct json *answer = NULL;
	struct buf file = BUF_INIT;
	int rc = -1;

	if (channel_sign(&s->channel, s->mine.role, s->ring.keys, s->ring.n, &file, e) == -1)
		goto out;
	(void)snprintf(path, sizeof(path), "/api/v1/metadata/%s", s->args->channel);
	m.body = buf_data(&file);
	m.body_len = buf_len(&file);
	if (s->pending.kind == PENDING_RELEASE)
		rc = draft_publish(s->session.hub, s->pending.draft, &file, &answer, e);
	else
		rc = hub_send_again(s->session.hub, &m, &answer, e);
	if (rc == -1 || (rc = pending_outcome(answer, &outcome, e)) == -1)
		goto out;
	if (!outcome.is_waiting)
		rc = channel_confirm(&s->channel, &source, &file, (int64_t)time(NULL), e);
	if (rc == 0) {
		CLI_SAY(s->cli, outcome.is_waiting ? MSG_SIGN_DONE : MSG_SIGN_LAST,
		    s->pending.object);
		pending_outcome_say(s->cli, &outcome);
	}
	pending_outcome_clear(&outcome);
out:
	buf_clear(&file);
	return rc;
}

enum status
sign_draft(struct cli *cli, const struct sign_draft *args)
{
	struct signing s = { .cli = cli, .args = args };
	struct err e = { 0 };
	enum status status;
	int yes = 0;

	if (ids_check(IDS_CHANNEL, args->channel, strlen(args->channel), &e) == -1 ||
	    keyring_open(&s.ring, args->keys, &e) == -1)
		return cli_fail(cli, &e);
	status = session_open(&s.session, cli);
	if (status == STATUS_OK) {
		if (look(&s, &e) == -1 || (yes = decide(&s, &e)) == -1 ||
		    (yes == 1 && send(&s, &e) == -1))
			status = session_fail(&s.session, &e);
		else if (yes == 0) {
			CLI_WARN(cli, MSG_SIGN_NOT, s.pending.object);
			status = STATUS_DENIED;
		}
		cosign_clear(&s.mine);
		pending_clear(&s.pending);
		trust_close(s.trust);
		session_close(&s.session);
	}
	keyring_close(&s.ring);
	return status;
}
