/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <time.h>

#include "clients/kebao/cmd.h"
#include "clients/kebao/collect.h"
#include "clients/kebao/keyring.h"
#include "clients/kebao/renew.h"
#include "clients/kebao/session.h"
#include "clients/kebao/sign_draft.h"
#include "clients/kebao/source.h"
#include "clients/kebao/text.h"

#define RENEW_MOST 1000000000000ll /* of --above: no more than a hub needs in its life */

struct sign_args {
	bool renew, accept_former;
	bool list, drop;
	const char *against;
	const char *file, *above, *days;
	struct args_list keys, heirs;
	const char *passphrase_file, *passphrase_fd;
	struct args_list roles;
};

/* The keys at hand. */
struct signers {
	struct keyring keys, heirs;
};

/* --- renewals --- */

static void
on_note(void *ctx, enum renew_note what, const char *text)
{
	const struct cli *cli = ctx;

	switch (what) {
	case RENEW_EXPIRED:
		CLI_WARN(cli, MSG_RENEW_EXPIRED, text);
		break;
	case RENEW_FORMER:
		CLI_WARN(cli, MSG_RENEW_FORMER, text);
		break;
	case RENEW_KEPT:
		CLI_WARN(cli, MSG_RENEW_KEPT, text);
		break;
	case RENEW_LOST:
		CLI_WARN(cli, MSG_RENEW_LOST, text);
		break;
	}
}

static void
say_renewed(const struct cli *cli, const char *role, const char *file,
    const struct renew_done *done)
{
	struct text version, until, missing;

	(void)text_number(&version, (uint64_t)done->version);
	(void)text_time(&until, done->expires_at);
	(void)text_number(&missing, (uint64_t)done->n_missing);
	if (done->is_nothing)
		CLI_SAY(cli, MSG_RENEW_NOTHING, role);
	else if (done->is_sent)
		CLI_SAY(cli, MSG_RENEWED_ROLE, role, version.s, until.s);
	else
		CLI_SAY(cli, MSG_RENEW_WAITS, role, version.s, file, missing.s,
		    buf_text(&done->missing));
}

static int
renew_one(const struct session *s, const struct sign_args *a, const struct signers *by,
    const char *role, struct err *e)
{
	struct renew r = {
		.home = s->home, .hub = s->hub, .role = role, .keys = by->keys.keys,
		.n_keys = by->keys.n, .heirs = by->heirs.keys, .n_heirs = by->heirs.n,
		.file = a->file, .takes_former = a->accept_former,
		.on_note = on_note, .ctx = (void *)s->cli,
	};
	struct renew_done done;
	long long n;

	if (a->above != NULL) {
		if (args_number(a->above, 1, RENEW_MOST, &n) == -1)
			return err_set(e, ERR_BAD_INPUT, "--above %s: want 1 to %lld", a->above,
			    RENEW_MOST);
		r.above = n;
	}
	if (a->days != NULL) {
		if (args_number(a->days, 1, ROLE_TARGETS_DAYS, &n) == -1)
			return err_set(e, ERR_BAD_INPUT, "--days %s: want 1 to %d", a->days,
			    ROLE_TARGETS_DAYS);
		r.days = (int)n;
	}
	if (renew_role(&r, &done, e) == -1)
		return -1;
	say_renewed(s->cli, role, a->file, &done);
	renew_done_clear(&done);
	return 0;
}

/* Whether the role is one of those that these keys sign, and its time has come. */
static int
is_wanted(struct trust *trust, const struct trust_source *source, const struct keyring *ring,
    const char *role, struct err *e)
{
	const struct meta *delegator =
	    strcmp(role, "targets") == 0 ? trust_root(trust) : trust_targets(trust);
	int64_t now = (int64_t)time(NULL);
	struct belief_role present;
	int wanted = 0;

	for (size_t i = 0; i < ring->n; i++)
		if (collect_keyid(delegator, role, sign_public(ring->keys[i])) != NULL)
			wanted = 1;
	if (wanted == 0)
		return 0;
	if (belief_role(trust, source, role, now, &present, e) == -1)
		return -1;
	if (present.role == NULL || !renew_is_due(present.role->expires_at, now))
		wanted = 0;
	belief_role_clear(&present);
	return wanted;
}

/* All roles the keys sign that have less than RENEW_EARLY_DAYS left. */
static int
find_due(const struct session *s, const struct keyring *ring, struct args_list *roles,
    struct trust *trust, struct err *e)
{
	struct trust_source source = source_of(hub_transfer(s->hub));
	const struct meta *targets;
	bool is_expired;

	if (belief_refresh(trust, &source, (int64_t)time(NULL), &is_expired, e) == -1)
		return -1;
	targets = trust_targets(trust);
	for (size_t i = 0; i <= targets->n_roles && roles->n < ARGS_MAX_WORDS; i++) {
		const char *role = i == 0 ? "targets" : targets->roles[i - 1].name;
		int wanted = is_wanted(trust, &source, ring, role, e);

		if (wanted == -1)
			return -1;
		if (wanted == 1)
			roles->words[roles->n++] = role;
	}
	return 0;
}

static enum status
renew_all(const struct session *s, const struct sign_args *a, const struct signers *by)
{
	struct args_list roles = a->roles;
	struct trust *trust = NULL;
	struct err e = { 0 };
	enum status status = STATUS_OK;

	if (roles.n == 0) {
		if (belief_open(s->home, &trust, &e) == -1 ||
		    find_due(s, &by->keys, &roles, trust, &e) == -1)
			status = session_fail(s, &e);
		else if (roles.n == 0)
			CLI_SAY(s->cli, MSG_RENEW_NONE_DUE);
	}
	for (size_t i = 0; i < roles.n && status == STATUS_OK; i++)
		if (renew_one(s, a, by, roles.words[i], &e) == -1)
			status = session_fail(s, &e);
	trust_close(trust);
	return status;
}

static int
open_keys(const struct cli *cli, const struct sign_args *a, struct signers *by, struct err *e)
{
	struct keyring_options o = {
		.files = &a->keys, .passphrase_file = a->passphrase_file,
		.passphrase_fd = a->passphrase_fd, .lang = cli->lang,
	};

	memset(by, 0, sizeof(*by));
	if (keyring_open(&by->keys, &o, e) == -1)
		return -1;
	o.files = &a->heirs;
	if (keyring_open(&by->heirs, &o, e) == 0)
		return 0;
	keyring_close(&by->keys);
	return -1;
}

static enum status
renew(struct cli *cli, const struct sign_args *a)
{
	struct signers by;
	struct session s;
	struct err e = { 0 };
	enum status status;

	if (a->roles.n != 1 && (a->file != NULL || a->above != NULL)) {
		(void)err_set(&e, ERR_BAD_INPUT, "--file and --above are for one role, named");
		return cli_fail(cli, &e);
	}
	if (open_keys(cli, a, &by, &e) == -1)
		return cli_fail(cli, &e);
	status = session_open(&s, cli);
	if (status == STATUS_OK) {
		status = renew_all(&s, a, &by);
		session_close(&s);
	}
	keyring_close(&by.keys);
	keyring_close(&by.heirs);
	return status;
}

/* --- what waits for signatures --- */

static enum status
cosign(struct cli *cli, const struct sign_args *a)
{
	const struct keyring_options o = {
		.files = &a->keys, .passphrase_file = a->passphrase_file,
		.passphrase_fd = a->passphrase_fd, .lang = cli->lang,
	};
	const struct sign_draft s = {
		.channel = a->roles.n == 1 ? a->roles.words[0] : NULL, .against = a->against,
		.keys = &o,
	};
	const char *of_renewal = a->file != NULL ? "--file"
	    : a->above != NULL                   ? "--above"
	    : a->days != NULL                    ? "--days"
	    : a->accept_former                   ? "--accept-former"
	                                         : NULL;

	if (a->list && a->roles.n == 0)
		return sign_draft_list(cli);
	if (s.channel == NULL || a->list || of_renewal != NULL) {
		if (of_renewal != NULL)
			CLI_WARN(cli, MSG_ARGS_ONLY_WITH, of_renewal, "--renew");
		else
			CLI_WARN(cli, a->roles.n == 0 ? MSG_ARGS_MISSING : MSG_ARGS_TOO_MANY_WORDS);
		cli_warn(cli, MSG_USAGE_SIGN, NULL);
		return STATUS_USAGE;
	}
	if (a->drop)
		return sign_draft_drop(cli, s.channel);
	return sign_draft(cli, &s);
}

/* --- the verb --- */

static enum status
wanted(const struct cli *cli, const char *option)
{
	CLI_WARN(cli, MSG_ARGS_WANTED, option);
	cli_warn(cli, MSG_USAGE_SIGN, NULL);
	return STATUS_USAGE;
}

enum status
cmd_sign(struct cli *cli, int argc, char *const *argv)
{
	struct sign_args a = { .renew = false };
	const struct args_option options[] = {
		{ .name = "renew", .flag = &a.renew }, { .name = "list", .flag = &a.list },
		{ .name = "drop", .flag = &a.drop }, { .name = "against", .value = &a.against },
		{ .name = "accept-former", .flag = &a.accept_former },
		{ .name = "file", .value = &a.file }, { .name = "above", .value = &a.above },
		{ .name = "days", .value = &a.days }, { .name = "key", .list = &a.keys },
		{ .name = "heir", .list = &a.heirs },
		{ .name = "passphrase-file", .value = &a.passphrase_file },
		{ .name = "passphrase-fd", .value = &a.passphrase_fd }, { .name = NULL },
	};
	const struct cli_usage usage = { options, 0, ARGS_MAX_WORDS, MSG_USAGE_SIGN };
	enum status status = cli_parse(cli, &usage, argc, argv, &a.roles);

	if (status != STATUS_OK || cli->is_help)
		return status;
	if (!a.renew && a.keys.n == 0 && !a.list && !a.drop)
		return wanted(cli, "--key");
	if (!a.renew)
		return cosign(cli, &a);
	/* A file that others have signed may need nothing more than to be sent. */
	if (a.keys.n == 0 && a.file == NULL)
		return wanted(cli, "--key");
	return renew(cli, &a);
}
