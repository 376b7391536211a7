/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kebaod: the hub.
 *
 *   kebaod [serve] --config FILE     serve until SIGTERM
 *   kebaod --check-config --config FILE
 *   kebaod init ...                  make a new hub (app/init_cmd.h)
 *
 * Exit code 0: ended as asked.  1: failed, said on standard error.  2: wrong usage or
 * configuration.
 */
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "catalog/base/version.h"
#include "daemon/app/app.h"
#include "daemon/app/hot.h"
#include "daemon/app/init_cmd.h"
#include "daemon/app/startcheck.h"
#include "daemon/config.h"
#include "daemon/log.h"
#include "daemon/net/server.h"

#define DEFAULT_CONFIG "/etc/kebao/kebaod.conf"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct arguments {
	const char *config;
	bool only_checks;
};

static void
print_help(FILE *to)
{
	(void)fprintf(to,
	    "usage: kebaod [serve] [--config FILE]           serve the hub until SIGTERM\n"
	    "       kebaod --check-config [--config FILE]    would it start with that\n"
	    "       kebaod init --state DIR ...              make a new hub; init --help\n"
	    "       kebaod --version | --help\n"
	    "The configuration is " DEFAULT_CONFIG " where --config names none; kebaod.conf(5).\n");
}

static int
fail(const struct err *e)
{
	(void)fprintf(stderr, "kebaod: %s\n", e->text);
	return EXIT_FAILED;
}

/* -1: go on; else the exit code. */
static int
parse(int argc, char **argv, struct arguments *a)
{
	static const struct option known[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check-config", no_argument, NULL, 'k' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	*a = (struct arguments){ .config = DEFAULT_CONFIG };
	while ((option = getopt_long(argc, argv, "c:h", known, NULL)) != -1) {
		switch (option) {
		case 'c':
			a->config = optarg;
			break;
		case 'k':
			a->only_checks = true;
			break;
		case 'v':
			(void)printf("kebaod %s\n", VERSION_TEXT);
			return EXIT_DONE;
		case 'h':
			print_help(stdout);
			return EXIT_DONE;
		default: /* getopt has said what it is */
			print_help(stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc && strcmp(argv[optind], "serve") == 0)
		optind++;
	if (optind == argc)
		return -1;
	print_help(stderr);
	return EXIT_USAGE;
}

/* A connection needs a descriptor, a transfer two; the default of most systems is 1,024. */
static void
raise_descriptors(unsigned max_connections)
{
	const rlim_t wanted = (rlim_t)max_connections * 2 + HOT_OBJECTS + 256;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1 || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
	/* Where it is too low, accepting pauses, and the log says so. */
	if (setrlimit(RLIMIT_NOFILE, &limit) == -1 || limit.rlim_cur < wanted)
		log_note(LOG_LEVEL_WARN, "few-descriptors", "%llu, wanted %llu for max_connections",
		    (unsigned long long)limit.rlim_cur, (unsigned long long)wanted);
}

static void
log_listening(const struct config *config, const struct server *server)
{
	struct log_line l;

	for (size_t i = 0; i < config->listen.n; i++) {
		if (server_port(server, i) == 0)
			continue; /* an address that this machine does not have */
		log_begin(&l, LOG_LEVEL_INFO, "listening");
		log_text(&l, "address", config->listen.item[i]);
		log_number(&l, "port", server_port(server, i));
		log_end(&l);
	}
	if (config->local_listen == NULL)
		return;
	log_begin(&l, LOG_LEVEL_INFO, "listening-local");
	log_text(&l, "address", config->local_listen);
	log_number(&l, "port", server_local_port(server));
	log_end(&l);
}

static int
run_server(const struct config *config, struct app *app, struct err *e)
{
	struct server_config sc;
	struct server *server;
	int rc;

	server_config_init(&sc);
	sc.listen = (const char *const *)config->listen.item;
	sc.n_listen = config->listen.n;
	sc.local_listen = config->local_listen;
	sc.n_workers = config->workers;
	sc.n_pool = config->pool_threads;
	sc.max_connections = config->max_connections;
	sc.max_connections_per_address = config->max_connections_per_address;
	sc.max_connections_per_certificate = config->max_connections_per_certificate;
	sc.line = (struct share_config){ .rate_bytes_s = config->line_rate,
		.max_transfers = config->max_transfers_per_organisation };
	if (server_new(&sc, app_service(app), &server, e) == -1)
		return -1;
	log_listening(config, server);
	app_serving(app, server);
	rc = server_run(server, e);
	app_serving(app, NULL);
	server_free(server);
	return rc;
}

static int
serve(const struct config *config)
{
	struct err e = { 0 };
	struct app *app;
	int rc;

	if (geteuid() == 0) {
		err_set(&e, ERR_DENIED, "refuses to serve as root; run it as a user of its own");
		return fail(&e);
	}
	/* Until the server listens to it, a request to reload is early, not fatal. */
	(void)signal(SIGHUP, SIG_IGN);
	(void)umask(077);
	log_set_level(config->log_level);
	raise_descriptors(config->max_connections);
	/* Blocks of output go back to the kernel as a whole instead of leaving holes in the heap:
	 * the first threshold, kept from growing.  Where it fails, memory is only less tidy. */
	(void)mallopt(M_MMAP_THRESHOLD, 128 << 10);
	if (app_start(config, &app, &e) == -1)
		return fail(&e);
	rc = run_server(config, app, &e);
	app_stop(app);
	if (rc == -1)
		return fail(&e);
	log_note(LOG_LEVEL_INFO, "ended", "all connections are closed");
	return EXIT_DONE;
}

static int
check(const struct config *config)
{
	struct err e = { 0 };

	return startcheck_run(config, &e) == 0 ? EXIT_DONE : fail(&e);
}

int
main(int argc, char **argv)
{
	struct config config;
	struct arguments a;
	struct err e = { 0 };
	int rc;

	if (argc > 1 && strcmp(argv[1], "init") == 0)
		return init_cmd_run(argc - 1, argv + 1);
	rc = parse(argc, argv, &a);
	if (rc != -1)
		return rc;
	if (config_load(a.config, &config, &e) == -1) {
		(void)fail(&e);
		return EXIT_USAGE;
	}
	rc = a.only_checks ? check(&config) : serve(&config);
	config_clear(&config);
	return rc;
}
