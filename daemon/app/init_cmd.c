/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/app/init_cmd.h"

#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "catalog/base/buf.h"
#include "daemon/app/init.h"
#include "daemon/signer/passfile.h"
#include "daemon/signer/signer.h"

#define HOSTNAMES 32 /* of one server certificate */

struct arguments {
	struct init_options o;
	const char *hostnames[HOSTNAMES];
	const char *passphrase_file, *online_file;
	int passphrase_fd; /* -1: none */
	bool wants_help;
};

static void
print_usage(FILE *to)
{
	(void)fprintf(to,
	    "usage: kebaod init --state DIR --offline-keys DIR --hostname NAME...\n"
	    "           [--name-zh NAME] [--name-en NAME] [--org ID] [--port N]\n"
	    "           [--passphrase-file FILE | --passphrase-fd N]\n"
	    "           [--online-passphrase-file FILE] [--root-keys N --root-threshold M]\n");
}

static int
wrong_usage(const struct err *why)
{
	(void)fprintf(stderr, "kebaod init: %s\n", why->text);
	print_usage(stderr);
	return 2;
}

static int
get_number(const char *text, unsigned long max, unsigned long *out)
{
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return -1;
	*out = strtoul(text, &end, 10);
	return *end == '\0' && *out <= max ? 0 : -1;
}

static int
add_hostname(struct arguments *a, const char *name, struct err *e)
{
	if (a->o.n_hostnames == HOSTNAMES)
		return err_set(e, ERR_BAD_INPUT, "more than %d times --hostname", HOSTNAMES);
	a->hostnames[a->o.n_hostnames++] = name;
	return 0;
}

enum choice {
	OPT_STATE = 1, OPT_OFFLINE, OPT_HOSTNAME, OPT_NAME_ZH, OPT_NAME_EN, OPT_ORG, OPT_PORT,
	OPT_PASS_FILE, OPT_PASS_FD, OPT_ONLINE_FILE, OPT_ROOT_KEYS, OPT_ROOT_THRESHOLD,
	OPT_HELP,
};

static const struct option long_options[] = {
	{ "state", required_argument, NULL, OPT_STATE },
	{ "offline-keys", required_argument, NULL, OPT_OFFLINE },
	{ "hostname", required_argument, NULL, OPT_HOSTNAME },
	{ "name-zh", required_argument, NULL, OPT_NAME_ZH },
	{ "name-en", required_argument, NULL, OPT_NAME_EN },
	{ "org", required_argument, NULL, OPT_ORG },
	{ "port", required_argument, NULL, OPT_PORT },
	{ "passphrase-file", required_argument, NULL, OPT_PASS_FILE },
	{ "passphrase-fd", required_argument, NULL, OPT_PASS_FD },
	{ "online-passphrase-file", required_argument, NULL, OPT_ONLINE_FILE },
	{ "root-keys", required_argument, NULL, OPT_ROOT_KEYS },
	{ "root-threshold", required_argument, NULL, OPT_ROOT_THRESHOLD },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

/* A numeric option into the arguments. */
static int
take_number(struct arguments *a, int option, const char *text, struct err *e)
{
	unsigned long v;

	if (get_number(text, option == OPT_PORT ? UINT16_MAX : INT_MAX, &v) == -1)
		return err_set(e, ERR_BAD_INPUT, "%.60s is no number that fits here", text);
	if (option == OPT_PORT)
		a->o.port = (uint16_t)v;
	else if (option == OPT_PASS_FD)
		a->passphrase_fd = (int)v;
	else if (option == OPT_ROOT_KEYS)
		a->o.n_root_keys = (unsigned)v;
	else
		a->o.root_threshold = (unsigned)v;
	return 0;
}

static int
take(struct arguments *a, int option, const char *text, struct err *e)
{
	const char **const texts[] = {
		[OPT_STATE] = &a->o.state_dir,
		[OPT_OFFLINE] = &a->o.offline_dir,
		[OPT_NAME_ZH] = &a->o.name_zh,
		[OPT_NAME_EN] = &a->o.name_en,
		[OPT_ORG] = &a->o.org,
		[OPT_PASS_FILE] = &a->passphrase_file,
		[OPT_ONLINE_FILE] = &a->online_file,
		[OPT_ROOT_THRESHOLD] = NULL,
	};

	if (option == OPT_HOSTNAME)
		return add_hostname(a, text, e);
	if (texts[option] == NULL)
		return take_number(a, option, text, e);
	*texts[option] = text;
	return 0;
}

/* What must be there. */
static int
check_wanted(struct arguments *a, struct err *e)
{
	const char *missing = NULL;

	missing = a->o.n_hostnames == 0 ? "--hostname" : missing;
	missing = a->o.offline_dir == NULL ? "--offline-keys" : missing;
	missing = a->o.state_dir == NULL ? "--state" : missing;
	if (missing != NULL)
		return err_set(e, ERR_BAD_INPUT, "%s is missing", missing);
	if (a->o.name_zh == NULL && a->o.name_en == NULL)
		a->o.name_zh = a->hostnames[0];
	a->o.hostnames = a->hostnames;
	return 0;
}

static int
parse(int argc, char **argv, struct arguments *a, struct err *e)
{
	int option;

	optind = 1;
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":h", long_options, NULL)) != -1) {
		if (option == OPT_HELP || option == 'h') {
			a->wants_help = true;
			return 0;
		}
		if (option == ':')
			return err_set(e, ERR_BAD_INPUT, "%.60s needs a value", argv[optind - 1]);
		if (option == '?')
			return err_set(
			    e, ERR_BAD_INPUT, "there is no option %.60s", argv[optind - 1]);
		if (take(a, option, optarg, e) == -1)
			return -1;
	}
	if (optind != argc)
		return err_set(e, ERR_BAD_INPUT, "%.60s is too much", argv[optind]);
	return check_wanted(a, e);
}

static int
get_passphrases(const struct arguments *a, struct buf *offline, struct buf *online,
    struct err *e)
{
	if (a->online_file != NULL && passfile_load(AT_FDCWD, a->online_file, online, e) == -1)
		return -1;
	if (a->passphrase_file != NULL)
		return passfile_load(AT_FDCWD, a->passphrase_file, offline, e);
	if (a->passphrase_fd != -1)
		return passfile_read(a->passphrase_fd, offline, e);
	return passfile_ask("离线密钥的口令 / Passphrase for the offline keys: ",
	    "再输入一次 / Once more: ", offline, e);
}

int
init_cmd_run(int argc, char **argv)
{
	struct arguments a = {
		.o = { .org = "hub", .n_root_keys = 1, .root_threshold = 1, .port = 8443 },
		.passphrase_fd = -1,
	};
	struct buf offline = BUF_INIT, online = BUF_INIT, program = BUF_INIT, advice = BUF_INIT;
	struct err e = { 0 };
	int rc = -1;

	if (parse(argc, argv, &a, &e) == -1)
		return wrong_usage(&e);
	if (a.wants_help) {
		print_usage(stdout);
		return 0;
	}
	if (signer_find_program(&program, &e) == -1 || init_check(&a.o, &e) == -1 ||
	    get_passphrases(&a, &offline, &online, &e) == -1)
		goto out;
	a.o.signer_program = buf_text(&program);
	a.o.passphrase = buf_data(&offline);
	a.o.passphrase_len = buf_len(&offline);
	if (a.online_file != NULL) {
		a.o.online_passphrase = buf_data(&online);
		a.o.online_passphrase_len = buf_len(&online);
	}
	a.o.now = time(NULL);
	if (init_hub(&a.o, &advice, &e) == -1)
		goto out;
	rc = 0;
	/* The invitation is shown once: where it cannot be, the administrator must know. */
	if (fputs(buf_text(&advice), stdout) == EOF || fflush(stdout) == EOF)
		rc = err_set(&e, ERR_SYSTEM, "the hub is ready, but its invitation could not be"
		    " printed: make a new one with a fresh init");
out:
	if (rc == -1)
		(void)fprintf(stderr, "kebaod init: %s\n", e.text);
	buf_wipe(&offline);
	buf_wipe(&online);
	buf_wipe(&advice);
	buf_clear(&program);
	return rc == 0 ? 0 : 1;
}
