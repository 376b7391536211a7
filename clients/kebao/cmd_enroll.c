/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "clients/kebao/cmd.h"
#include "clients/kebao/enrol.h"
#include "clients/kebao/report.h"
#include "clients/kebao/text.h"

static enum status
run(const struct cli *cli, const struct enrol_request *request)
{
	struct home *home = NULL;
	struct enrol_result result;
	struct text until;
	struct err e = { 0 };
	enum status status = STATUS_OK;

	if (home_open(cli->home, HOME_CREATE, &home, &e) == -1 || home_lock(home, &e) == -1 ||
	    enrol(home, request, &result, &e) == -1) {
		status = cli_fail(cli, &e);
	} else {
		report_forget(home);
		CLI_SAY(cli, MSG_ENROLLED, result.config.hub, result.config.org, result.config.role,
		    text_time(&until, result.facts.valid_until), home_path(home));
	}
	home_close(home);
	return status;
}

enum status
cmd_enroll(struct cli *cli, int argc, char *const *argv)
{
	struct enrol_request request = { NULL, NULL, NULL };
	const struct args_option options[] = {
		{ .name = "passphrase-file", .value = &request.passphrase_file }, { .name = NULL },
	};
	const struct cli_usage usage = { options, 2, 2, MSG_USAGE_ENROLL };
	struct args_list words;
	enum status status = cli_parse(cli, &usage, argc, argv, &words);

	if (status != STATUS_OK || cli->is_help)
		return status;
	request.url = words.words[0];
	request.code = words.words[1];
	return run(cli, &request);
}
