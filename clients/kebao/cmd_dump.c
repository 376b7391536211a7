/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/cmd.h"
#include "clients/kebao/dump.h"

enum status
cmd_dump(struct cli *cli, int argc, char *const *argv)
{
	const struct cli_usage usage = { NULL, 1, 1, MSG_USAGE_DUMP };
	struct args_list words;
	struct err e = { 0 };
	enum status status = cli_parse(cli, &usage, argc, argv, &words);

	if (status != STATUS_OK || cli->is_help)
		return status;
	return dump_file(words.words[0], stdout, &e) == 0 ? STATUS_OK : cli_fail(cli, &e);
}
