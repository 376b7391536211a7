/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kebaod-signer: the online keys and the CA, away from the network.  Started by
 * kebaod with nothing but a socket at descriptor 3 (talk.h):
 *
 *   kebaod-signer --state DIR [--passphrase-file FILE]
 *   kebaod-signer --found
 *
 * Exit code 0: kebaod closed the socket.  1: something failed, said on the socket or,
 * where that is broken, on standard error.  2: started by hand.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/signer/serve.h"
#include "daemon/signer/vault.h"
#include "daemon/signer/talk.h"

struct arguments {
	const char *state_dir, *passphrase_file;
	bool is_founding;
};

static int
parse(int argc, char **argv, struct arguments *a)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--found") == 0)
			a->is_founding = true;
		else if (strcmp(argv[i], "--state") == 0 && i + 1 < argc)
			a->state_dir = argv[++i];
		else if (strcmp(argv[i], "--passphrase-file") == 0 && i + 1 < argc)
			a->passphrase_file = argv[++i];
		else
			return -1;
	}
	return (a->state_dir == NULL) == a->is_founding ? 0 : -1;
}

static bool
is_socket(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* No core file, no debugger of the same user, no way to more rights. */
static int
harden(struct err *e)
{
	const struct rlimit none = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &none) == -1 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return err_errno(e, "cannot give up rights");
	return 0;
}

/* Signals of the terminal and of the service are kebaod's business: it closes the socket. */
static void
ignore_signals(void)
{
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
}

/* 0, or -1 with *e where it could not be said on the socket. */
static int
work(const struct arguments *a, bool *failed, struct err *e)
{
	struct vault *v = NULL;
	struct err why = { 0 };
	int rc;

	if (harden(&why) == -1 ||
	    vault_open(a->state_dir, a->passphrase_file, &v, &why) == -1) {
		*failed = true;
		return talk_send_error(TALK_FD, &why, e);
	}
	rc = talk_send(TALK_FD, ERR_NONE, NULL, 0, e);
	if (rc == 0)
		rc = serve_requests(TALK_FD, v, e);
	vault_close(v);
	return rc;
}

int
main(int argc, char **argv)
{
	struct arguments a = { NULL, NULL, false };
	struct err e = { 0 };
	bool failed = false;

	if (parse(argc, argv, &a) == -1 || !is_socket(TALK_FD)) {
		(void)fprintf(stderr, "kebaod-signer: started by kebaod, see kebaod(8)\n");
		return 2;
	}
	ignore_signals();
	if ((a.is_founding ? serve_founding(TALK_FD, &e) : work(&a, &failed, &e)) == -1) {
		(void)fprintf(stderr, "kebaod-signer: %s\n", e.text);
		return 1;
	}
	return failed ? 1 : 0;
}
