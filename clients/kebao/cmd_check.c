/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <time.h>

#include "clients/kebao/catalogue.h"
#include "clients/kebao/checked.h"
#include "clients/kebao/cmd.h"
#include "clients/kebao/notice.h"
#include "clients/kebao/plan.h"
#include "clients/kebao/recalls.h"
#include "clients/kebao/session.h"

static int
say_json(const struct catalogue *c, const struct plan *p, struct err *e)
{
	struct buf bytes = BUF_INIT;
	int rc = plan_encode(p, c, &bytes, e);

	if (rc == 0)
		(void)printf("%s\n", buf_text(&bytes)); /* main() sees a full disk at the end */
	buf_clear(&bytes);
	return rc;
}

static void
say(const struct cli *cli, const struct catalogue *c, const struct plan *p)
{
	struct recalls recalls = { .is_aside = false };

	recalls_say(cli, c, p->library, p->hidden, &recalls);
	plan_say(p, cli);
	for (size_t i = 0; i < catalogue_n_withheld(c); i++)
		CLI_WARN(cli, MSG_WITHHELD, catalogue_withheld(c, i));
	if (p->n_courses + recalls.n_recalled + recalls.n_undone == 0)
		CLI_CHAT(cli, MSG_CHECK_NOTHING);
}

static enum status
check(const struct session *s, bool is_json)
{
	struct catalogue *c = NULL;
	struct library library = { NULL, 0 }, hidden = { NULL, 0 };
	struct recalls recalls = { .is_aside = false };
	struct plan plan = { .courses = NULL };
	struct plan_want want = {
		.home = s->home, .transfer = hub_transfer(s->hub), .library = &library,
		.hidden = &hidden,
		.settings = hub_settings(s->hub), .keeps_old = hub_settings(s->hub)->keeps_old,
	};
	struct err e = { 0 };
	const struct err *why = &e;
	enum status status = STATUS_OK;
	bool has_ended;

	if (library_load(s->home, &library, &e) == -1 ||
	    library_load_hidden(s->home, &hidden, &e) == -1 ||
	    catalogue_open(s->home, s->hub, (int64_t)time(NULL), &c, &e) == -1) {
		status = session_fail(s, &e);
		goto out;
	}
	want.catalogue = c;
	if (plan_make(&want, &plan, &e) == -1) {
		status = session_fail(s, &e);
		goto out;
	}
	notice_expiry(s, c, (int64_t)time(NULL));
	has_ended = notice_ended(s, c, &library) != NULL;
	if (!is_json)
		say(s->cli, c, &plan);
	else if (say_json(c, &plan, &e) == -1)
		status = cli_fail(s->cli, &e);
	recalls_look(c, &library, &hidden, &recalls);
	for (size_t i = 0; i < catalogue_n_refused(c); i++) {
		why = &catalogue_refused(c, i)->why;
		status = cli_fail(s->cli, why);
	}
	if (status == STATUS_OK && (catalogue_n_withheld(c) > 0 || has_ended))
		status = STATUS_WITHHELD;
	else if (status == STATUS_OK && recalls.n_recalled > 0)
		status = STATUS_WITHDRAWN;
	else if (status == STATUS_OK && plan.n_courses + recalls.n_undone > 0)
		status = STATUS_NEW;
out:
	if (status != STATUS_INTERRUPTED)
		checked_save(s->home, status, why);
	plan_clear(&plan);
	catalogue_close(c);
	library_clear(&library);
	library_clear(&hidden);
	return status;
}

enum status
cmd_check(struct cli *cli, int argc, char *const *argv)
{
	bool is_json = false;
	const struct args_option options[] = {
		{ .name = "json", .flag = &is_json }, { .name = NULL },
	};
	const struct cli_usage usage = { options, 0, 0, MSG_USAGE_CHECK };
	struct args_list words;
	struct session s;
	enum status status = cli_parse(cli, &usage, argc, argv, &words);

	if (status != STATUS_OK || cli->is_help)
		return status;
	status = session_open(&s, cli);
	if (status != STATUS_OK)
		return status;
	status = check(&s, is_json);
	session_close(&s);
	return status;
}
