/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs.  Each lives in cmd_<verb>.c, is given the words behind its name,
 * and answers the program's exit status (status.h).
 */
#ifndef KEBAO_CLIENTS_KEBAO_CMD_H
#define KEBAO_CLIENTS_KEBAO_CMD_H

#include "clients/kebao/cli.h"

typedef enum status cmd_run(struct cli *cli, int argc, char *const *argv);

/* For recipients. */
cmd_run cmd_enroll;
cmd_run cmd_check;
cmd_run cmd_fetch;
cmd_run cmd_status;
cmd_run cmd_pause;
cmd_run cmd_resume;
cmd_run cmd_config;
cmd_run cmd_list;
cmd_run cmd_show;
cmd_run cmd_verify;
cmd_run cmd_dump;

/* For publishers. */
cmd_run cmd_publish;
cmd_run cmd_sign;
cmd_run cmd_recall;
cmd_run cmd_key;
cmd_run cmd_key_rotate;

/* For administrators: hub VERB ...; each file has the verbs of one subject. */
cmd_run cmd_hub;
cmd_run cmd_hub_registry;
cmd_run cmd_hub_org;
cmd_run cmd_hub_pairing;
cmd_run cmd_hub_channel;
cmd_run cmd_hub_channel_keys;
cmd_run cmd_hub_channel_close;
cmd_run cmd_hub_root;
cmd_run cmd_hub_recover;
cmd_run cmd_hub_status;
cmd_run cmd_hub_invite;
cmd_run cmd_hub_enrolments;
cmd_run cmd_hub_revoke;
cmd_run cmd_hub_audit;
cmd_run cmd_hub_purge;

/* One line of a table of verbs; a NULL name ends it. */
struct cmd_verb {
	const char *name;
	cmd_run *run;
	enum message summary;
};

/*
 * Run the verb that argv[0] names with the words behind it.  No verb, an unknown
 * one or --help: the table is printed.
 */
enum status cmd_dispatch(struct cli *cli, const struct cmd_verb *verbs, enum message title,
    int argc, char *const *argv);

#endif
