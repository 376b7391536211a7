/* SPDX-License-Identifier: Apache-2.0 */
/* kebao pause, kebao resume. */
#include "clients/kebao/cmd.h"
#include "clients/kebao/pace.h"
#include "clients/kebao/session.h"

static enum status
change(struct cli *cli, int argc, char *const *argv, bool is_pause)
{
	const struct cli_usage usage = {
		NULL, 0, 0, is_pause ? MSG_USAGE_PAUSE : MSG_USAGE_RESUME,
	};
	struct args_list words;
	struct session s;
	struct err e = { 0 };
	enum status status = cli_parse(cli, &usage, argc, argv, &words);

	if (status != STATUS_OK || cli->is_help)
		return status;
	status = session_open_offline(&s, cli);
	if (status != STATUS_OK)
		return status;
	if ((is_pause ? pace_pause(s.home, &e) : pace_resume(s.home, &e)) == -1)
		status = cli_fail(cli, &e);
	else
		CLI_NOTE(cli, is_pause ? MSG_PAUSED : MSG_RESUMED);
	session_close(&s);
	return status;
}

enum status
cmd_pause(struct cli *cli, int argc, char *const *argv)
{
	return change(cli, argc, argv, true);
}

enum status
cmd_resume(struct cli *cli, int argc, char *const *argv)
{
	return change(cli, argc, argv, false);
}
