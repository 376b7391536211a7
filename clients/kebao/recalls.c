/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/recalls.h"

#include <string.h>

#include "clients/kebao/text.h"

static void
tell(const struct cli *cli, bool is_aside, enum message id, const char *const *args)
{
	if (is_aside)
		cli_warn(cli, id, args);
	else
		cli_say(cli, id, args);
}

void
recalls_say_one(const struct cli *cli, const struct catalogue_recall *r, bool is_aside)
{
	struct text release, when, successor;

	(void)text_number(&release, r->name.release);
	(void)text_time(&when, r->what.date);
	(void)text_number(&successor, r->what.successor);
	tell(cli, is_aside,
	    r->what.successor == 0 ? MSG_RECALL_LINE : MSG_RECALL_LINE_SUCCESSOR,
	    MESSAGES_ARGS(r->name.channel, r->name.course, release.s, when.s, r->what.reason,
	        successor.s));
}

bool
recalls_is_undone(const struct catalogue *c, const struct library_name *hidden)
{
	return catalogue_find_recall(c, hidden) == NULL && catalogue_find(c, hidden) != NULL;
}

static void
say_undone(const struct cli *cli, bool is_aside, enum message id,
    const struct library_name *name)
{
	struct text release;

	(void)text_number(&release, name->release);
	tell(cli, is_aside, id, MESSAGES_ARGS(name->channel, name->course, release.s));
}

void
recalls_look(const struct catalogue *c, const struct library *held,
    const struct library *hidden, struct recalls *out)
{
	out->n_recalled = out->n_undone = 0;
	for (size_t i = 0; i < held->n_held; i++)
		out->n_recalled += catalogue_find_recall(c, &held->held[i]) != NULL;
	for (size_t i = 0; i < hidden->n_held; i++)
		out->n_undone += recalls_is_undone(c, &hidden->held[i]);
}

void
recalls_say(const struct cli *cli, const struct catalogue *c, const struct library *held,
    const struct library *hidden, struct recalls *out)
{
	recalls_look(c, held, hidden, out);
	for (size_t i = 0; i < held->n_held; i++) {
		const struct catalogue_recall *r = catalogue_find_recall(c, &held->held[i]);

		if (r != NULL)
			recalls_say_one(cli, r, out->is_aside);
	}
	for (size_t i = 0; i < hidden->n_held; i++)
		if (recalls_is_undone(c, &hidden->held[i]))
			say_undone(cli, out->is_aside, MSG_RECALL_UNDONE, &hidden->held[i]);
}

static int
hide(const struct cli *cli, const struct home *home, const struct catalogue *c,
    const struct library *held, struct recalls *out, struct err *e)
{
	for (size_t i = 0; i < held->n_held; i++) {
		const struct catalogue_recall *r = catalogue_find_recall(c, &held->held[i]);

		if (r == NULL)
			continue;
		if (library_hide(home, &r->name, e) == -1)
			return -1;
		out->n_recalled++;
		recalls_say_one(cli, r, out->is_aside);
		if (!out->is_to_go)
			tell(cli, out->is_aside, MSG_RECALL_HIDDEN, NULL);
	}
	return 0;
}

static int
bring_back(const struct cli *cli, const struct home *home, const struct catalogue *c,
    const struct library *held, const struct library *hidden, struct recalls *out,
    struct err *e)
{
	for (size_t i = 0; i < hidden->n_held; i++) {
		if (!recalls_is_undone(c, &hidden->held[i]) || library_has(held, &hidden->held[i]))
			continue;
		if (library_unhide(home, &hidden->held[i], e) == -1)
			return -1;
		out->n_undone++;
		say_undone(cli, out->is_aside, MSG_RECALL_BACK, &hidden->held[i]);
	}
	return 0;
}

int
recalls_apply(const struct cli *cli, const struct home *home, const struct catalogue *c,
    struct recalls *out, struct err *e)
{
	struct library held = { NULL, 0 }, hidden = { NULL, 0 };
	int rc = -1;

	out->n_recalled = out->n_undone = 0;
	if (library_load(home, &held, e) == 0 && library_load_hidden(home, &hidden, e) == 0 &&
	    hide(cli, home, c, &held, out, e) == 0)
		rc = bring_back(cli, home, c, &held, &hidden, out, e);
	library_clear(&held);
	library_clear(&hidden);
	return rc;
}

/* Another release of the course is to be had, and none is held. */
static bool
is_to_be_replaced(const struct catalogue *c, const struct library *held,
    const struct library_name *hidden)
{
	if (library_newest(held, hidden->channel, hidden->course) != NULL)
		return false;
	for (size_t i = 0; i < catalogue_n_offers(c); i++) {
		const struct library_name *name = &catalogue_offer(c, i)->name;

		if (strcmp(name->channel, hidden->channel) == 0 &&
		    strcmp(name->course, hidden->course) == 0)
			return true;
	}
	return false;
}

int
recalls_delete(const struct home *home, const struct catalogue *c, size_t *n, struct err *e)
{
	struct library held = { NULL, 0 }, hidden = { NULL, 0 };
	int rc = library_load(home, &held, e);

	*n = 0;
	if (rc == 0)
		rc = library_load_hidden(home, &hidden, e);
	for (size_t i = 0; rc == 0 && i < hidden.n_held; i++) {
		if (catalogue_find_recall(c, &hidden.held[i]) == NULL ||
		    is_to_be_replaced(c, &held, &hidden.held[i]))
			continue;
		rc = library_remove_hidden(home, &hidden.held[i], e);
		if (rc == 0)
			(*n)++;
	}
	library_clear(&held);
	library_clear(&hidden);
	return rc;
}
