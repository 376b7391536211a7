/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/expiry.h"

#include <string.h>

#include "catalog/base/utc.h"
#include "clients/kebao/renew.h"
#include "clients/kebao/text.h"

#define TIMESTAMP_LEFT_S (5 * UTC_DAY_S) /* of 7 days, and signed daily: then it was missed */
#define SNAPSHOT_LEFT_S (60 * UTC_DAY_S) /* signed anew with 90 days left: then it was missed */

/* Append what to do about it. */
static int
add_advice(const struct cli *cli, const char *role, struct buf *out)
{
	enum message what = MSG_EXPIRES_SIGN;

	if (strcmp(role, "root") == 0)
		what = MSG_EXPIRES_ROOT;
	else if (strcmp(role, "snapshot") == 0 || strcmp(role, "timestamp") == 0)
		what = MSG_EXPIRES_HUB;
	return messages_add(out, cli->lang, what, MESSAGES_ARGS(role), NULL);
}

static bool
is_time(const char *role, int64_t left_s)
{
	if (strcmp(role, "timestamp") == 0)
		return left_s < TIMESTAMP_LEFT_S;
	if (strcmp(role, "snapshot") == 0)
		return left_s < SNAPSHOT_LEFT_S;
	return renew_is_due(left_s, 0);
}

bool
expiry_warn(const struct cli *cli, const char *role, const struct meta *m, int64_t now)
{
	struct buf advice = BUF_INIT;
	struct text when;

	if (m == NULL || !is_time(role, m->expires_at - now))
		return false;
	if (add_advice(cli, role, &advice) == 0)
		CLI_WARN(cli, MSG_EXPIRES_SOON, role, text_time(&when, m->expires_at),
		    buf_text(&advice));
	buf_clear(&advice);
	return true;
}
