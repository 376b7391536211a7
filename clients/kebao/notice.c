/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/notice.h"

#include <string.h>

#include "catalog/base/file.h"
#include "catalog/json/canon.h"
#include "catalog/json/json.h"
#include "clients/kebao/expiry.h"

#define TOLD "told.json"
#define TOLD_BYTES (1u << 20)

/* --- channels that have ended --- */

/* What was told; NULL where there is nothing or nobody can read it: then it is told again. */
static struct json *
load_told(const struct home *h)
{
	struct buf bytes = BUF_INIT;
	struct json *doc = NULL;

	if (file_load(home_dirfd(h), TOLD, TOLD_BYTES, &bytes, NULL) == 0 &&
	    json_parse(buf_data(&bytes), buf_len(&bytes), GATE_ANY, &doc, NULL) == -1)
		doc = NULL;
	buf_clear(&bytes);
	return doc;
}

static void
save_told(const struct home *h, struct json *doc)
{
	struct buf bytes = BUF_INIT;

	if (canon_write(json_top(doc), &bytes, NULL) == 0)
		/* Else it is told again, which does no harm. */
		(void)file_save(home_dirfd(h), TOLD, buf_data(&bytes), buf_len(&bytes), 0600, NULL);
	buf_clear(&bytes);
}

static bool
is_told(struct json *told, const char *channel)
{
	struct json_at list;
	const char *name;

	if (told == NULL || json_get_array(json_top(told), "ended", &list, NULL) == -1)
		return false;
	for (struct json_at it = json_first(list); json_is(it); it = json_next(it))
		if (json_text(it, &name, NULL) == 0 && strcmp(name, channel) == 0)
			return true;
	return false;
}

const char *
notice_ended(const struct session *s, const struct catalogue *c, const struct library *l)
{
	struct json *told = load_told(s->home), *now = json_new();
	struct json_at list = json_put_array(json_top(now), "ended");
	const char *news = NULL;

	for (size_t i = 0; i < l->n_held; i++) {
		const char *channel = l->held[i].channel;

		if (!library_begins_channel(l, i) || !catalogue_has_ended(c, channel))
			continue;
		json_add_text(list, channel);
		if (is_told(told, channel))
			continue;
		CLI_WARN(s->cli, MSG_CHANNEL_ENDED, channel);
		news = channel;
	}
	if (news != NULL)
		save_told(s->home, now);
	json_free(told);
	json_free(now);
	return news;
}

/* --- signatures that run out --- */

void
notice_expiry(const struct session *s, const struct catalogue *c, int64_t now)
{
	const struct home_config *config = hub_config(s->hub);
	const struct trust *trust = catalogue_trust(c);

	if (strcmp(config->role, "admin") == 0) {
		(void)expiry_warn(s->cli, "root", trust_root(trust), now);
		(void)expiry_warn(s->cli, "targets", trust_targets(trust), now);
	}
	if (strcmp(config->role, "publisher") != 0)
		return;
	for (size_t i = 0; i < catalogue_n_channels(c); i++) {
		const struct meta *role;
		const char *channel = catalogue_channel(c, i, &role);

		if (catalogue_is_publisher(c, channel, config->org) && role->n_targets > 0)
			(void)expiry_warn(s->cli, channel, role, now);
	}
}
