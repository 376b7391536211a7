/* SPDX-License-Identifier: Apache-2.0 */
/* After a restore from a backup: the hub goes on above what was seen, and what is lost is said. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "catalog/base/limits.h"
#include "catalog/json/canon.h"
#include "clients/kebao/belief.h"
#include "clients/kebao/cmd.h"
#include "clients/kebao/session.h"
#include "clients/kebao/source.h"
#include "clients/kebao/text.h"

/* What this home had seen before. */
struct seen {
	struct trust *trust;    /* owned */
	const char *highest;    /* the role with the highest version */
	int64_t version;
};

static void
note(struct seen *s, const char *role, int64_t version)
{
	if (version <= s->version)
		return;
	s->highest = role;
	s->version = version;
}

static int
look_back(const struct session *s, struct seen *seen, struct err *e)
{
	const struct meta *m;

	if (belief_open(s->home, &seen->trust, e) == -1)
		return -1;
	if (trust_load(seen->trust, NULL) == -1)
		return 0; /* this home has seen nothing yet */
	m = trust_timestamp(seen->trust);
	if (m != NULL)
		note(seen, "timestamp", m->version);
	m = trust_snapshot(seen->trust);
	if (m != NULL)
		note(seen, "snapshot", m->version);
	for (size_t i = 0; m != NULL && i < m->n_files; i++)
		note(seen, m->files[i].name, m->files[i].version);
	return 0;
}

static int
ask(struct hub *hub, int64_t above, int64_t *version, struct err *e)
{
	struct hub_message m = { .method = TRANSFER_POST, .path = "/api/v1/recover" };
	struct json *ask = json_new(), *answer = NULL;
	struct buf body = BUF_INIT;
	int rc = -1;

	json_put_int(json_top(ask), "above", above);
	if (canon_write(json_top(ask), &body, e) == -1)
		goto out;
	m.body = buf_data(&body);
	m.body_len = buf_len(&body);
	if (hub_send(hub, &m, &answer, e) == 0)
		rc = json_get_int(json_top(answer), "version", version, e);
out:
	json_free(ask);
	json_free(answer);
	buf_clear(&body);
	return rc;
}

static bool
say_lost(const struct cli *cli, const struct meta *now, const struct meta_file *was,
    const char *above)
{
	const struct meta_file *is = meta_find_file(now, was->name);
	char role[LIMIT_ID_BYTES + 1];
	struct text a, b;

	size_t len = strlen(was->name), end = strlen(".json");

	if (len <= end || len - end > LIMIT_ID_BYTES)
		return false; /* not a role of ours: "gd.ip.json" */
	(void)snprintf(role, sizeof(role), "%.*s", (int)(len - end), was->name);
	if (is != NULL && is->version >= was->version)
		return false;
	if (is == NULL)
		CLI_SAY(cli, MSG_RECOVER_CHANNEL_LOST, role, above);
	else
		CLI_SAY(cli, MSG_RECOVER_LOST, role, text_number(&a, (uint64_t)is->version),
		    text_number(&b, (uint64_t)was->version), above);
	return true;
}

/* Compare with what the hub has now, read afresh: it may stand behind what we saw. */
static int
compare(const struct session *s, const struct seen *seen, const char *above, struct err *e)
{
	struct trust_source source = source_of(hub_transfer(s->hub));
	const struct meta *was = trust_snapshot(seen->trust);
	struct trust *fresh = NULL;
	bool is_expired, lost = false;
	int rc = -1;

	if (belief_open_afresh(s->home, &fresh, e) == 0 &&
	    belief_refresh(fresh, &source, (int64_t)time(NULL), &is_expired, e) == 0) {
		for (size_t i = 0; was != NULL && i < was->n_files; i++)
			lost |= say_lost(s->cli, trust_snapshot(fresh), &was->files[i], above);
		if (!lost)
			CLI_SAY(s->cli, MSG_RECOVER_NOTHING);
		CLI_SAY(s->cli, MSG_RECOVER_REST);
		rc = 0;
	}
	trust_close(fresh);
	return rc;
}

static int
recover(const struct session *s, int64_t above, struct err *e)
{
	struct seen seen = { .version = 0 };
	struct text version, text;
	int64_t snapshot;
	int rc = -1;

	if (look_back(s, &seen, e) == -1)
		goto out;
	if (seen.version > above) {
		err_set(e, ERR_BAD_INPUT,
		    "this home has seen version %" PRId64 " of %s: --above must be at least that",
		    seen.version, seen.highest);
		goto out;
	}
	if (ask(s->hub, above, &snapshot, e) == -1)
		goto out;
	CLI_SAY(s->cli, MSG_RECOVERED, text_number(&version, (uint64_t)snapshot));
	rc = compare(s, &seen, text_number(&text, (uint64_t)above), e);
out:
	trust_close(seen.trust);
	return rc;
}

enum status
cmd_hub_recover(struct cli *cli, int argc, char *const *argv)
{
	const char *above = NULL;
	const struct args_option options[] = {
		{ .name = "above", .value = &above }, { .name = NULL },
	};
	const struct cli_usage usage = { options, 0, 0, MSG_USAGE_HUB_RECOVER };
	struct args_list words;
	struct session s;
	struct err e = { 0 };
	struct cli_number number = {
		.option = "--above", .least = 1, .most = LIMIT_RECOVER_ABOVE,
		.usage = MSG_USAGE_HUB_RECOVER,
	};
	long long n = 0;
	enum status status = cli_parse(cli, &usage, argc, argv, &words);

	if (status != STATUS_OK || cli->is_help)
		return status;
	if (above == NULL) {
		CLI_WARN(cli, MSG_ARGS_WANTED, "--above");
		cli_warn(cli, MSG_USAGE_HUB_RECOVER, NULL);
		return STATUS_USAGE;
	}
	number.text = above;
	status = cli_number(cli, &number, &n);
	if (status != STATUS_OK)
		return status;
	status = session_open(&s, cli);
	if (status != STATUS_OK)
		return status;
	if (recover(&s, n, &e) == -1)
		status = session_fail(&s, &e);
	session_close(&s);
	return status;
}
