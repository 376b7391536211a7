/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/cmd.h"

enum status
cmd_hub(struct cli *cli, int argc, char *const *argv)
{
	static const struct cmd_verb verbs[] = {
		{ "registry", cmd_hub_registry, MSG_VERB_HUB_REGISTRY },
		{ "org", cmd_hub_org, MSG_VERB_HUB_ORG },
		{ "pairing", cmd_hub_pairing, MSG_VERB_HUB_PAIRING },
		{ "channel", cmd_hub_channel, MSG_VERB_HUB_CHANNEL },
		{ "root", cmd_hub_root, MSG_VERB_HUB_ROOT },
		{ "recover", cmd_hub_recover, MSG_VERB_HUB_RECOVER },
		{ "status", cmd_hub_status, MSG_VERB_HUB_STATUS },
		{ "invite", cmd_hub_invite, MSG_VERB_HUB_INVITE },
		{ "enrolments", cmd_hub_enrolments, MSG_VERB_HUB_ENROLMENTS },
		{ "revoke", cmd_hub_revoke, MSG_VERB_HUB_REVOKE },
		{ "audit", cmd_hub_audit, MSG_VERB_HUB_AUDIT },
		{ "purge", cmd_hub_purge, MSG_VERB_HUB_PURGE },
		{ NULL, NULL, MSG_COUNT },
	};

	return cmd_dispatch(cli, verbs, MSG_HELP_HUB, argc, argv);
}
