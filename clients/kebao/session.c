/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/session.h"

#include <string.h>
#include <time.h>

#include "clients/kebao/text.h"
#include "clients/kebao/ticks.h"

#define TOLD_MS 60000

/* Of tries that follow one another the first is told: the last one's reason is the end's. */
static void
on_retry(void *ctx, const struct err *why, unsigned pause_ms)
{
	struct session *s = ctx;
	const struct cli *cli = s->cli;
	struct buf b = BUF_INIT;
	struct text pause;

	if (!cli->is_verbose && s->told_ms > 0 && ticks_ms() - s->told_ms < TOLD_MS)
		return;
	s->told_ms = ticks_ms();
	CLI_NOTE(cli, MSG_RETRY, cli_reason(cli, why->text, &b),
	    text_duration(&pause, cli->lang, (pause_ms + 999) / 1000));
	buf_clear(&b);
}

/* A renewal that fails is tried again next time; there is a third of a year for it. */
static void
renew(struct session *s)
{
	const struct identity_facts *facts = hub_identity(s->hub);
	int64_t now = (int64_t)time(NULL);
	struct buf why = BUF_INIT;
	struct err e = { 0 };
	struct text until;

	if (now >= facts->valid_until) {
		CLI_WARN(s->cli, MSG_EXPIRED, text_time(&until, facts->valid_until));
		return;
	}
	if (!hub_renewal_is_due(facts, now))
		return;
	if (hub_renew(s->hub, &e) == -1) {
		CLI_WARN(s->cli, MSG_NOT_RENEWED, text_time(&until, facts->valid_until),
		    cli_reason(s->cli, e.text, &why));
		buf_clear(&why);
		return;
	}
	transfer_on_retry(hub_transfer(s->hub), on_retry, s);
	CLI_NOTE(s->cli, MSG_RENEWED, text_time(&until, hub_identity(s->hub)->valid_until));
}

static enum status
not_enrolled(const struct cli *cli)
{
	CLI_WARN(cli, MSG_NOT_ENROLLED);
	return STATUS_DENIED;
}

enum status
session_open(struct session *s, const struct cli *cli)
{
	struct err e = { 0 };

	memset(s, 0, sizeof(*s));
	s->cli = cli;
	if (home_open(cli->home, HOME_EXISTING, &s->home, &e) == -1 ||
	    home_lock(s->home, &e) == -1 || hub_open(s->home, &s->hub, &e) == -1) {
		enum status status =
		    e.class == ERR_NOT_FOUND ? not_enrolled(cli) : cli_fail(cli, &e);

		session_close(s);
		return status;
	}
	transfer_on_retry(hub_transfer(s->hub), on_retry, s);
	renew(s);
	return STATUS_OK;
}

enum status
session_open_offline(struct session *s, const struct cli *cli)
{
	struct err e = { 0 };

	memset(s, 0, sizeof(*s));
	s->cli = cli;
	if (home_open(cli->home, HOME_EXISTING, &s->home, &e) == -1)
		/* A place that somebody named is named in the answer. */
		return e.class == ERR_NOT_FOUND && cli->home == NULL ? not_enrolled(cli)
		                                                     : cli_fail(cli, &e);
	return STATUS_OK;
}

void
session_close(struct session *s)
{
	hub_close(s->hub);
	home_close(s->home);
	s->hub = NULL;
	s->home = NULL;
}

enum status
session_fail(const struct session *s, const struct err *e)
{
	enum status status = cli_fail(s->cli, e);
	const struct transfer_clock *clock;
	struct text now, from, until;

	if (s->hub == NULL)
		return status;
	clock = transfer_clock(hub_transfer(s->hub));
	if (clock->is_wrong)
		CLI_WARN(s->cli, MSG_CLOCK, text_time(&now, clock->now),
		    text_time(&from, clock->valid_from), text_time(&until, clock->valid_until));
	return status;
}
