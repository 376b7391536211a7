/* SPDX-License-Identifier: Apache-2.0 */
/* The root: shown, its next version begun, signed off line by one keeper after another, sent. */
#include <string.h>
#include <time.h>

#include "catalog/base/file.h"
#include "catalog/base/limits.h"
#include "catalog/trust/role.h"
#include "clients/kebao/belief.h"
#include "clients/kebao/cmd.h"
#include "clients/kebao/keyring.h"
#include "clients/kebao/rootwork.h"
#include "clients/kebao/session.h"
#include "clients/kebao/source.h"
#include "clients/kebao/text.h"

/* --- in words --- */

static void
say_role(const struct cli *cli, const struct meta_role *role)
{
	struct text wanted, n;

	CLI_SAY(cli, MSG_ROOT_ROLE, role->name, text_number(&wanted, (uint64_t)role->threshold),
	    text_number(&n, role->n_keyids));
	for (size_t i = 0; i < role->n_keyids; i++)
		CLI_SAY(cli, MSG_ROOT_KEY, role->keyids[i]);
}

static void
say_root(const struct cli *cli, const struct meta *root)
{
	struct text version, until;

	CLI_SAY(cli, MSG_ROOT_HEAD, text_number(&version, (uint64_t)root->version),
	    text_time(&until, root->expires_at));
	for (size_t i = 0; i < META_N_TYPES; i++)
		say_role(cli, &root->roles[i]);
}

/* Keys of a that b does not list for the role. */
static bool
say_keys_only_in(const struct cli *cli, const struct meta *a, const struct meta *b,
    enum meta_type type, enum message what)
{
	const struct meta_role *role = &a->roles[type];
	bool said = false;

	for (size_t i = 0; i < role->n_keyids; i++) {
		const struct key *key = meta_find_key(a, role->keyids[i]);

		if (key != NULL && collect_keyid(b, role->name, key) != NULL)
			continue;
		CLI_SAY(cli, what, role->name, role->keyids[i]);
		said = true;
	}
	return said;
}

static void
say_changes(const struct cli *cli, const struct rootwork *w)
{
	struct text from, to, was, is;
	bool said = false;

	CLI_SAY(cli, MSG_ROOT_CHANGES, text_number(&from, (uint64_t)w->present->version),
	    text_number(&to, (uint64_t)w->next->version),
	    text_time(&was, w->present->expires_at), text_time(&is, w->next->expires_at));
	for (int i = 0; i < META_N_TYPES; i++) {
		const struct meta_role *a = &w->present->roles[i], *b = &w->next->roles[i];

		said |= say_keys_only_in(cli, w->next, w->present, (enum meta_type)i,
		    MSG_ROOT_KEY_ADDED);
		said |= say_keys_only_in(cli, w->present, w->next, (enum meta_type)i,
		    MSG_ROOT_KEY_GONE);
		if (a->threshold != b->threshold || a->n_keyids != b->n_keyids) {
			struct text m, n, k, l;

			CLI_SAY(cli, MSG_ROOT_THRESHOLD, a->name,
			    text_number(&m, (uint64_t)a->threshold),
			    text_number(&n, a->n_keyids),
			    text_number(&k, (uint64_t)b->threshold),
			    text_number(&l, b->n_keyids));
			said = true;
		}
	}
	if (!said)
		CLI_SAY(cli, MSG_ROOT_SAME_KEYS);
}

static void
say_missing(const struct cli *cli, const struct collect_state *s, int64_t version)
{
	struct text n, v;

	if (!collect_is_complete(s))
		CLI_SAY(cli, MSG_ROOT_MISSING, text_number(&v, (uint64_t)version),
		    text_number(&n, (uint64_t)(s->wanted - s->signatures)),
		    buf_text(&s->unsigned_by));
}

/* What changes, who has signed, who must. */
static int
say_work(const struct cli *cli, const char *dir, const struct rootwork *w, struct err *e)
{
	struct collect_state present, next;
	char digest[65];

	if (rootwork_digest(w, digest, e) == -1 || rootwork_look(w, &present, &next, e) == -1)
		return -1;
	say_changes(cli, w);
	CLI_SAY(cli, MSG_ROOT_DIGEST, digest);
	say_missing(cli, &present, w->present->version);
	say_missing(cli, &next, w->next->version);
	if (collect_is_complete(&present) && collect_is_complete(&next))
		CLI_SAY(cli, MSG_ROOT_COMPLETE, dir);
	collect_state_clear(&present);
	collect_state_clear(&next);
	return 0;
}

/* --- show --- */

static enum status
show(struct cli *cli, int argc, char *const *argv)
{
	const struct args_option options[] = { { .name = NULL } };
	const struct cli_usage usage = { options, 0, 0, MSG_USAGE_ROOT_SHOW };
	struct trust_source source;
	struct trust *trust = NULL;
	struct session s;
	struct args_list words;
	struct err e = { 0 };
	bool is_expired;
	enum status status = cli_parse(cli, &usage, argc, argv, &words);

	if (status != STATUS_OK || cli->is_help)
		return status;
	status = session_open(&s, cli);
	if (status != STATUS_OK)
		return status;
	source = source_of(hub_transfer(s.hub));
	if (belief_open(s.home, &trust, &e) == -1 ||
	    belief_refresh(trust, &source, (int64_t)time(NULL), &is_expired, &e) == -1)
		status = session_fail(&s, &e);
	else
		say_root(cli, trust_root(trust));
	trust_close(trust);
	session_close(&s);
	return status;
}

/* --- next --- */

struct next_args {
	const char *dir, *days, *root_threshold, *targets_threshold;
	bool online_keys;
	struct args_list add_root, remove_root, add_targets, remove_targets;
};

/* Everything the plan borrows from. */
struct next_parts {
	struct keyring_publics root, targets;
	struct key *online[2];
	const struct key *snapshot, *timestamp;
	struct buf present;
};

static void
parts_clear(struct next_parts *p)
{
	keyring_publics_clear(&p->root);
	keyring_publics_clear(&p->targets);
	key_free(p->online[0]);
	key_free(p->online[1]);
	buf_clear(&p->present);
}

static int
threshold_of(const char *option, const char *text, int64_t *out, struct err *e)
{
	long long n;

	if (text == NULL)
		return 0;
	if (args_number(text, 1, LIMIT_ROLE_KEYS, &n) == -1)
		return err_set(e, ERR_BAD_INPUT, "%s %s: want 1 to %u", option, text,
		    LIMIT_ROLE_KEYS);
	*out = n;
	return 0;
}

/* The hub's next online keys, in place of the present ones. */
static int
take_online(struct hub *hub, struct next_parts *parts, struct rootwork_plan *plan, struct err *e)
{
	const struct hub_message m = { .method = TRANSFER_POST, .path = "/api/v1/online-keys" };
	struct json *doc = NULL;
	struct json_at snapshot, timestamp;
	int rc = -1;

	if (hub_send_again(hub, &m, &doc, e) == -1 ||
	    json_get_object(json_top(doc), "snapshot", &snapshot, e) == -1 ||
	    json_get_object(json_top(doc), "timestamp", &timestamp, e) == -1 ||
	    key_parse(snapshot, NULL, &parts->online[0], e) == -1 ||
	    key_parse(timestamp, NULL, &parts->online[1], e) == -1)
		goto out;
	parts->snapshot = parts->online[0];
	parts->timestamp = parts->online[1];
	plan->edits[META_SNAPSHOT] = (struct rootwork_edit){ .add = &parts->snapshot, .n_add = 1,
		.replaces = true, .threshold = 1 };
	plan->edits[META_TIMESTAMP] = (struct rootwork_edit){ .add = &parts->timestamp, .n_add = 1,
		.replaces = true, .threshold = 1 };
	rc = 0;
out:
	json_free(doc);
	return rc;
}

static int
make_plan(const struct session *s, const struct next_args *a, struct next_parts *parts,
    struct rootwork_plan *plan, struct err *e)
{
	struct rootwork_edit *root = &plan->edits[META_ROOT];
	struct rootwork_edit *targets = &plan->edits[META_TARGETS];
	long long days = 0;

	if (keyring_load_publics(&parts->root, &a->add_root, e) == -1 ||
	    keyring_load_publics(&parts->targets, &a->add_targets, e) == -1)
		return -1;
	*root = (struct rootwork_edit){ .add = parts->root.keys, .n_add = parts->root.n,
		.remove = a->remove_root.words, .n_remove = a->remove_root.n };
	*targets = (struct rootwork_edit){ .add = parts->targets.keys, .n_add = parts->targets.n,
		.remove = a->remove_targets.words, .n_remove = a->remove_targets.n };
	if (threshold_of("--root-threshold", a->root_threshold, &root->threshold, e) == -1 ||
	    threshold_of("--targets-threshold", a->targets_threshold, &targets->threshold, e) == -1)
		return -1;
	if (a->days != NULL && args_number(a->days, 1, ROLE_ROOT_DAYS, &days) == -1)
		return err_set(e, ERR_BAD_INPUT, "--days %s: want 1 to %d", a->days,
		    ROLE_ROOT_DAYS);
	plan->days = (int)days;
	return a->online_keys ? take_online(s->hub, parts, plan, e) : 0;
}

/* From the root in force, as this home believes it after a refresh. */
static int
begin(const struct session *s, const struct next_args *a, struct err *e)
{
	struct trust_source source = source_of(hub_transfer(s->hub));
	struct rootwork_plan plan = { .now = (int64_t)time(NULL) };
	struct next_parts parts = { .snapshot = NULL };
	struct rootwork w = { .present = NULL };
	struct trust *trust = NULL;
	bool is_expired;
	int rc = -1;

	plan.present = &parts.present;
	if (belief_open(s->home, &trust, e) == -1 ||
	    belief_refresh(trust, &source, plan.now, &is_expired, e) == -1 ||
	    file_load(home_dirfd(s->home), "trust/root.json", LIMIT_ROOT_BYTES, &parts.present,
		e) == -1 ||
	    make_plan(s, a, &parts, &plan, e) == -1 || rootwork_begin(a->dir, &plan, e) == -1 ||
	    rootwork_open(a->dir, &w, e) == -1)
		goto out;
	rc = say_work(s->cli, a->dir, &w, e);
out:
	rootwork_clear(&w);
	trust_close(trust);
	parts_clear(&parts);
	return rc;
}

static enum status
next(struct cli *cli, int argc, char *const *argv)
{
	struct next_args a = { .dir = NULL };
	const struct args_option options[] = {
		{ .name = "add-root-key", .list = &a.add_root },
		{ .name = "remove-root-key", .list = &a.remove_root },
		{ .name = "root-threshold", .value = &a.root_threshold },
		{ .name = "add-targets-key", .list = &a.add_targets },
		{ .name = "remove-targets-key", .list = &a.remove_targets },
		{ .name = "targets-threshold", .value = &a.targets_threshold },
		{ .name = "online-keys", .flag = &a.online_keys },
		{ .name = "days", .value = &a.days }, { .name = NULL },
	};
	const struct cli_usage usage = { options, 1, 1, MSG_USAGE_ROOT_NEXT };
	struct args_list words;
	struct session s;
	struct err e = { 0 };
	enum status status = cli_parse(cli, &usage, argc, argv, &words);

	if (status != STATUS_OK || cli->is_help)
		return status;
	a.dir = words.words[0];
	status = session_open(&s, cli);
	if (status != STATUS_OK)
		return status;
	if (begin(&s, &a, &e) == -1)
		status = session_fail(&s, &e);
	session_close(&s);
	return status;
}

/* --- check and sign: without a network, without a home --- */

static enum status
check(struct cli *cli, int argc, char *const *argv)
{
	const struct args_option options[] = { { .name = NULL } };
	const struct cli_usage usage = { options, 1, 1, MSG_USAGE_ROOT_CHECK };
	struct rootwork w = { .present = NULL };
	struct args_list words;
	struct err e = { 0 };
	enum status status = cli_parse(cli, &usage, argc, argv, &words);

	if (status != STATUS_OK || cli->is_help)
		return status;
	if (rootwork_open(words.words[0], &w, &e) == -1 ||
	    say_work(cli, words.words[0], &w, &e) == -1)
		status = cli_fail(cli, &e);
	rootwork_clear(&w);
	return status;
}

static enum status
sign(struct cli *cli, int argc, char *const *argv)
{
	struct args_list words, keys = { .n = 0 };
	struct keyring_options o = { .files = &keys, .lang = cli->lang };
	const struct args_option options[] = {
		{ .name = "key", .list = &keys },
		{ .name = "passphrase-file", .value = &o.passphrase_file },
		{ .name = "passphrase-fd", .value = &o.passphrase_fd }, { .name = NULL },
	};
	const struct cli_usage usage = { options, 1, 1, MSG_USAGE_ROOT_SIGN };
	struct rootwork w = { .present = NULL };
	struct keyring ring = { .n = 0 };
	struct err e = { 0 };
	enum status status = cli_parse(cli, &usage, argc, argv, &words);

	if (status != STATUS_OK || cli->is_help)
		return status;
	if (keys.n == 0) {
		CLI_WARN(cli, MSG_ARGS_WANTED, "--key");
		cli_warn(cli, MSG_USAGE_ROOT_SIGN, NULL);
		return STATUS_USAGE;
	}
	if (rootwork_open(words.words[0], &w, &e) == -1) {
		status = cli_fail(cli, &e);
		goto out;
	}
	say_changes(cli, &w); /* before the passphrase is asked for */
	if (keyring_open(&ring, &o, &e) == -1 ||
	    rootwork_sign(words.words[0], &w, ring.keys, ring.n, &e) == -1 ||
	    say_work(cli, words.words[0], &w, &e) == -1)
		status = cli_fail(cli, &e);
out:
	keyring_close(&ring);
	rootwork_clear(&w);
	return status;
}

/* --- send --- */

static int
deliver(const struct session *s, const char *dir, struct err *e)
{
	struct hub_message m = { .method = TRANSFER_PUT, .path = "/api/v1/metadata/root" };
	struct trust_source source = source_of(hub_transfer(s->hub));
	struct rootwork w = { .present = NULL };
	struct trust *trust = NULL;
	struct text version, until;
	bool is_expired;
	int rc = -1;

	if (rootwork_open(dir, &w, e) == -1 || rootwork_check(&w, e) == -1)
		goto out;
	m.body = buf_data(&w.next_file);
	m.body_len = buf_len(&w.next_file);
	/* Then we follow it ourselves, as every client will. */
	if (hub_send_again(s->hub, &m, NULL, e) == -1 || belief_open(s->home, &trust, e) == -1 ||
	    belief_refresh(trust, &source, (int64_t)time(NULL), &is_expired, e) == -1)
		goto out;
	CLI_SAY(s->cli, MSG_ROOT_SENT, text_number(&version, (uint64_t)trust_root(trust)->version),
	    text_time(&until, trust_root(trust)->expires_at));
	rc = 0;
out:
	trust_close(trust);
	rootwork_clear(&w);
	return rc;
}

static enum status
send(struct cli *cli, int argc, char *const *argv)
{
	const struct args_option options[] = { { .name = NULL } };
	const struct cli_usage usage = { options, 1, 1, MSG_USAGE_ROOT_SEND };
	struct args_list words;
	struct session s;
	struct err e = { 0 };
	enum status status = cli_parse(cli, &usage, argc, argv, &words);

	if (status != STATUS_OK || cli->is_help)
		return status;
	status = session_open(&s, cli);
	if (status != STATUS_OK)
		return status;
	if (deliver(&s, words.words[0], &e) == -1)
		status = session_fail(&s, &e);
	session_close(&s);
	return status;
}

enum status
cmd_hub_root(struct cli *cli, int argc, char *const *argv)
{
	static const struct cmd_verb verbs[] = {
		{ "show", show, MSG_VERB_ROOT_SHOW }, { "next", next, MSG_VERB_ROOT_NEXT },
		{ "sign", sign, MSG_VERB_ROOT_SIGN }, { "check", check, MSG_VERB_ROOT_CHECK },
		{ "send", send, MSG_VERB_ROOT_SEND }, { NULL, NULL, MSG_COUNT },
	};

	return cmd_dispatch(cli, verbs, MSG_HELP_ROOT, argc, argv);
}
