/* SPDX-License-Identifier: Apache-2.0 */
/* All that is signed: versions, dates, and what nobody can read. */
#include <time.h>

#include "clients/kebao/belief.h"
#include "clients/kebao/cmd.h"
#include "clients/kebao/expiry.h"
#include "clients/kebao/session.h"
#include "clients/kebao/source.h"
#include "clients/kebao/text.h"

static void
say_role(const struct cli *cli, const char *name, const struct meta *m, int64_t now)
{
	struct text version, until;

	CLI_SAY(cli, MSG_STATUS_ROLE, name, text_number(&version, (uint64_t)m->version),
	    text_time(&until, m->expires_at));
	(void)expiry_warn(cli, name, m, now); /* said, if there is something to say */
}

/* Whether others can read it, too. */
static bool
say_channel(const struct cli *cli, struct trust *trust, const struct trust_source *source,
    const char *name, int64_t now)
{
	struct belief_role present;
	struct buf why = BUF_INIT;
	struct err e = { 0 };
	bool is_good;

	if (belief_role(trust, source, name, now, &present, &e) == -1) {
		CLI_SAY(cli, MSG_STATUS_BAD, name, cli_reason(cli, e.text, &why));
		buf_clear(&why);
		return false;
	}
	if (present.role == NULL)
		CLI_SAY(cli, MSG_STATUS_NONE, name);
	else
		say_role(cli, name, present.role, now);
	if (present.is_former)
		CLI_WARN(cli, MSG_CHANNEL_ORPHANED, name);
	is_good = !present.is_former && !present.is_expired;
	belief_role_clear(&present);
	return is_good;
}

static enum status
say_all(const struct session *s, struct trust *trust)
{
	struct trust_source source = source_of(hub_transfer(s->hub));
	int64_t now = (int64_t)time(NULL);
	const struct meta *targets;
	struct err e = { 0 };
	bool is_expired, is_good;

	if (belief_refresh(trust, &source, now, &is_expired, &e) == -1)
		return session_fail(s, &e);
	is_good = !is_expired;
	targets = trust_targets(trust);
	say_role(s->cli, "root", trust_root(trust), now);
	say_role(s->cli, "targets", targets, now);
	say_role(s->cli, "snapshot", trust_snapshot(trust), now);
	say_role(s->cli, "timestamp", trust_timestamp(trust), now);
	for (size_t i = 0; i < targets->n_roles; i++)
		is_good &= say_channel(s->cli, trust, &source, targets->roles[i].name, now);
	return is_good ? STATUS_OK : STATUS_UNTRUSTED;
}

enum status
cmd_hub_status(struct cli *cli, int argc, char *const *argv)
{
	const struct args_option options[] = { { .name = NULL } };
	const struct cli_usage usage = { options, 0, 0, MSG_USAGE_HUB_STATUS };
	struct trust *trust = NULL;
	struct session s;
	struct args_list words;
	struct err e = { 0 };
	enum status status = cli_parse(cli, &usage, argc, argv, &words);

	if (status != STATUS_OK || cli->is_help)
		return status;
	status = session_open(&s, cli);
	if (status != STATUS_OK)
		return status;
	if (belief_open(s.home, &trust, &e) == -1)
		status = session_fail(&s, &e);
	else
		status = say_all(&s, trust);
	trust_close(trust);
	session_close(&s);
	return status;
}
