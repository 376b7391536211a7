/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/outlook.h"

#include <string.h>
#include <time.h>

#include "clients/kebao/catalogue.h"
#include "clients/kebao/recalls.h"

/* Counted as plan_make() plans; what a channel listed that is withheld now is not to be had. */
static void
count_offers(const struct catalogue *c, const struct library *held, const struct library *hidden,
    struct outlook *out)
{
	for (size_t i = 0; i < catalogue_n_offers(c); i++) {
		const struct library_name *name = &catalogue_offer(c, i)->name;

		if (library_has(held, name) || library_has(hidden, name) ||
		    catalogue_is_behind(c, held, name) || !catalogue_is_listed(c, name->channel))
			continue;
		if (library_newest(held, name->channel, name->course) != NULL ||
		    library_newest(hidden, name->channel, name->course) != NULL)
			out->n_changed++;
		else
			out->n_new++;
	}
}

static void
count_damaged(const struct home *h, const struct catalogue *c, const struct library *held,
    struct outlook *out)
{
	for (size_t i = 0; i < held->n_held; i++) {
		const struct library_name *name = &held->held[i];

		if (!library_is_doubted(h, name) || (c != NULL && catalogue_find(c, name) == NULL))
			continue;
		if (out->n_damaged++ == 0)
			out->damaged = *name;
	}
}

int
outlook_look(struct home *h, struct outlook *out, struct err *e)
{
	struct library held = { NULL, 0 }, hidden = { NULL, 0 };
	struct catalogue *c = NULL;
	struct recalls recalls;
	int rc = -1;

	memset(out, 0, sizeof(*out));
	if (library_load(h, &held, e) == -1 || library_load_hidden(h, &hidden, e) == -1)
		goto out;
	if (catalogue_open(h, NULL, (int64_t)time(NULL), &c, NULL) == -1)
		c = NULL; /* nothing was believed yet */
	if (c != NULL) {
		count_offers(c, &held, &hidden, out);
		recalls_look(c, &held, &hidden, &recalls);
		out->n_recalls = recalls.n_recalled + recalls.n_undone;
	}
	count_damaged(h, c, &held, out);
	rc = 0;
out:
	catalogue_close(c);
	library_clear(&held);
	library_clear(&hidden);
	return rc;
}
