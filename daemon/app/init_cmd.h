/* SPDX-License-Identifier: Apache-2.0 */
/* The verb `kebaod init`: arguments, passphrases, messages, exit code. */
#ifndef KEBAO_DAEMON_APP_INIT_CMD_H
#define KEBAO_DAEMON_APP_INIT_CMD_H

/* argv[0] is "init".  0: done.  1: failed, said on standard error.  2: wrong usage. */
int init_cmd_run(int argc, char **argv);

#endif
