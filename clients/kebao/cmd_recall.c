/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "catalog/base/limits.h"
#include "catalog/repo/ids.h"
#include "clients/kebao/cmd.h"
#include "clients/kebao/keyring.h"
#include "clients/kebao/recall.h"
#include "clients/kebao/session.h"
#include "clients/kebao/text.h"

struct recall_args {
	bool undo;
	const char *release, *reason, *successor;
	const char *passphrase_file, *passphrase_fd;
	struct args_list keys;
	char channel[IDS_SIZE], course[IDS_SIZE];
};

/* CHANNEL/COURSE */
static int
split(const char *word, struct recall_args *a, struct err *e)
{
	const char *slash = strchr(word, '/');

	if (slash == NULL)
		return err_set(e, ERR_BAD_INPUT, "%s: CHANNEL/COURSE is wanted", word);
	if (ids_copy(IDS_CHANNEL, a->channel, word, (size_t)(slash - word), e) == -1)
		return -1;
	return ids_copy(IDS_COURSE, a->course, slash + 1, strlen(slash + 1), e);
}

static int
number(const char *text, uint32_t *out, struct err *e)
{
	if (text == NULL)
		return 0;
	return ids_parse_release(out, text, strlen(text), e);
}

static int
fill(const struct recall_args *a, struct recall *r, struct err *e)
{
	r->what.date = (int64_t)time(NULL);
	if (number(a->release, &r->release, e) == -1 ||
	    number(a->successor, &r->what.successor, e) == -1)
		return -1;
	return a->undo ? 0 : withdrawn_set_reason(&r->what, a->reason, e);
}

static enum status
run(struct cli *cli, const struct recall_args *a)
{
	struct recall r = { .channel = a->channel, .course = a->course, .is_undo = a->undo };
	const struct keyring_options o = {
		.files = &a->keys, .passphrase_file = a->passphrase_file,
		.passphrase_fd = a->passphrase_fd, .lang = cli->lang,
	};
	struct keyring ring;
	struct session s;
	struct pending_outcome outcome = { .doc = NULL };
	struct text text;
	struct err e = { 0 };
	uint32_t release;
	enum status status;

	if (fill(a, &r, &e) == -1 || keyring_open(&ring, &o, &e) == -1)
		return cli_fail(cli, &e);
	status = session_open(&s, cli);
	if (status == STATUS_OK) {
		r.home = s.home;
		r.hub = s.hub;
		r.keys = ring.keys;
		r.n_keys = ring.n;
		if (recall_send(&r, &release, &outcome, &e) == -1)
			status = session_fail(&s, &e);
		else if (!outcome.is_waiting)
			CLI_SAY(cli, a->undo ? MSG_RECALL_TAKEN_BACK : MSG_RECALLED, a->channel,
			    a->course, text_number(&text, release));
		pending_outcome_say(cli, &outcome);
		pending_outcome_clear(&outcome);
		session_close(&s);
	}
	keyring_close(&ring);
	return status;
}

enum status
cmd_recall(struct cli *cli, int argc, char *const *argv)
{
	struct recall_args a = { .undo = false };
	const struct args_option options[] = {
		{ .name = "undo", .flag = &a.undo }, { .name = "release", .value = &a.release },
		{ .name = "reason", .value = &a.reason },
		{ .name = "successor", .value = &a.successor }, { .name = "key", .list = &a.keys },
		{ .name = "passphrase-file", .value = &a.passphrase_file },
		{ .name = "passphrase-fd", .value = &a.passphrase_fd }, { .name = NULL },
	};
	const struct cli_usage usage = { options, 1, 1, MSG_USAGE_RECALL };
	struct args_list words;
	struct err e = { 0 };
	enum status status = cli_parse(cli, &usage, argc, argv, &words);

	if (status != STATUS_OK || cli->is_help)
		return status;
	if (a.keys.n == 0 || (!a.undo && a.reason == NULL)) {
		CLI_WARN(cli, MSG_ARGS_WANTED, a.keys.n == 0 ? "--key" : "--reason");
		cli_warn(cli, MSG_USAGE_RECALL, NULL);
		return STATUS_USAGE;
	}
	if (split(words.words[0], &a, &e) == -1)
		return cli_fail(cli, &e);
	return run(cli, &a);
}
