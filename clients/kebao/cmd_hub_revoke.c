/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "catalog/hub/ident.h"
#include "clients/kebao/cmd.h"
#include "clients/kebao/session.h"

static int
check_serial(const char *serial, struct err *e)
{
	if (strlen(serial) == IDENT_SERIAL_HEX_LEN &&
	    strspn(serial, "0123456789abcdef") == IDENT_SERIAL_HEX_LEN)
		return 0;
	return err_set(e, ERR_BAD_INPUT, "a serial has %d digits of 0-9 a-f: kebao hub enrolments",
	    IDENT_SERIAL_HEX_LEN);
}

enum status
cmd_hub_revoke(struct cli *cli, int argc, char *const *argv)
{
	const struct cli_usage usage = { NULL, 1, 1, MSG_USAGE_HUB_REVOKE };
	char path[96];
	const struct hub_message m = { .method = TRANSFER_DELETE, .path = path };
	struct args_list words;
	struct session s;
	struct err e = { 0 };
	enum status status = cli_parse(cli, &usage, argc, argv, &words);

	if (status != STATUS_OK || cli->is_help)
		return status;
	if (check_serial(words.words[0], &e) == -1)
		return cli_fail(cli, &e);
	(void)snprintf(path, sizeof(path), "/api/v1/enrolments/%s", words.words[0]);
	status = session_open(&s, cli);
	if (status != STATUS_OK)
		return status;
	if (hub_send_again(s.hub, &m, NULL, &e) == -1)
		status = session_fail(&s, &e);
	else
		CLI_SAY(cli, MSG_REVOKED, words.words[0]);
	session_close(&s);
	return status;
}
