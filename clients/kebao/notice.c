/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/notice.h"

#include <string.h>

#include "clients/kebao/expiry.h"

void
notice_ended(const struct cli *cli, const struct catalogue *c, const struct library *l)
{
	for (size_t i = 0; i < l->n_held; i++) {
		const char *channel = l->held[i].channel;

		/* Sorted by channel: each is spoken of once. */
		if ((i == 0 || strcmp(channel, l->held[i - 1].channel) != 0) &&
		    catalogue_has_ended(c, channel))
			CLI_NOTE(cli, MSG_CHANNEL_ENDED, channel);
	}
}

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
