/* SPDX-License-Identifier: Apache-2.0 */
/* kebaod: options, the life of the process, exit codes.  kebaod(8). */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "catalog/base/err.h"
#include "daemon/app/app.h"
#include "daemon/app/init_cmd.h"
#include "daemon/config.h"
#include "daemon/log.h"
#include "daemon/net/server.h"

#define EXIT_USAGE 2

static const char default_config[] = "/etc/kebao/kebaod.conf";

static const char usage_text[] =
    "usage: kebaod [--config FILE]                  serve\n"
    "       kebaod [--config FILE] --check-config   read the configuration and say what is wrong\n"
    "       kebaod init ...                         make a new hub; kebaod init --help\n";

struct options {
	const char *config;
	bool check_only;
};

static int
usage(void)
{
	(void)fputs(usage_text, stderr);
	return EXIT_USAGE;
}

/* -1: go on. */
static int
parse_options(int argc, char **argv, struct options *out)
{
	static const struct option known[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check-config", no_argument, NULL, 'k' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	out->config = default_config;
	out->check_only = false;
	while ((option = getopt_long(argc, argv, "c:h", known, NULL)) != -1)
		switch (option) {
		case 'c':
			out->config = optarg;
			break;
		case 'k':
			out->check_only = true;
			break;
		case 'h':
			(void)fputs(usage_text, stdout);
			return EXIT_SUCCESS;
		default:
			return usage();
		}
	return optind == argc ? -1 : usage();
}

static int
fail(const struct err *e)
{
	(void)fprintf(stderr, "kebaod: %s\n", e->text);
	return EXIT_FAILURE;
}

static void
fill(struct server_config *out, const struct config *config)
{
	server_config_init(out);
	out->listen = (const char *const *)config->listen.item;
	out->n_listen = config->listen.n;
	out->local_listen = config->local_listen;
	out->n_workers = config->workers;
	out->n_pool = config->pool_threads;
	out->max_connections = config->max_connections;
	out->max_connections_per_address = config->max_connections_per_address;
}

static int
serve(const struct config *config, struct app *app, struct err *e)
{
	struct server_config sc;
	struct server *server;
	int rc;

	fill(&sc, config);
	if (server_new(&sc, app_service(app), &server, e) == -1)
		return -1;
	app_serving(app, server);
	log_note(LOG_LEVEL_INFO, "serving", "port %u", server_port(server, 0));
	rc = server_run(server, e);
	app_serving(app, NULL);
	server_free(server);
	return rc;
}

static int
run(const struct config *config, struct err *e)
{
	struct app *app;
	int rc;

	if (geteuid() == 0)
		return err_set(e, ERR_DENIED,
		    "kebaod does not serve as root: run it as a user of its own");
	(void)umask(027);
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return err_errno(e, "ignore SIGPIPE");
	log_set_level(config->log_level);
	if (app_start(config, &app, e) == -1)
		return -1;
	rc = serve(config, app, e);
	app_stop(app);
	log_note(LOG_LEVEL_INFO, "ended", "%s", rc == 0 ? "as asked" : e->text);
	return rc;
}

int
main(int argc, char **argv)
{
	struct options o;
	struct config config;
	struct err e = { 0 };
	int rc;

	if (argc > 1 && strcmp(argv[1], "init") == 0)
		return init_cmd_run(argc - 1, argv + 1);
	rc = parse_options(argc, argv, &o);
	if (rc != -1)
		return rc;
	if (config_load(o.config, &config, &e) == -1)
		return fail(&e);
	rc = EXIT_SUCCESS;
	if (!o.check_only && run(&config, &e) == -1)
		rc = fail(&e);
	config_clear(&config);
	return rc;
}
