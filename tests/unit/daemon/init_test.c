/* SPDX-License-Identifier: Apache-2.0 */
/* `kebaod init`: what it leaves behind, and what it does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "catalog/base/limits.h"
#include "catalog/hub/code.h"
#include "catalog/hub/registry.h"
#include "catalog/hub/state.h"
#include "catalog/hub/state_audit.h"
#include "catalog/hub/state_enrol.h"
#include "catalog/hub/state_registry.h"
#include "catalog/trust/meta.h"
#include "catalog/trust/trust.h"
#include "daemon/config.h"
#include "daemon/signer/vault.h"
#include "tests/unit/daemon/hub.h"

static int
prepare(void **state)
{
	struct hub *h = calloc(1, sizeof(*h));

	*state = h;
	return h != NULL ? hub_prepare(h) : -1;
}

static int
clean(void **state)
{
	hub_remove(*state);
	free(*state);
	return 0;
}

/* Founding costs seconds (a scrypt for each key): tests that only look share one hub. */
static struct hub shared;
static struct buf shared_advice;

static int
found_once(void **state)
{
	struct err e = { 0 };

	(void)state;
	if (hub_prepare(&shared) == -1 || init_hub(&shared.options, &shared_advice, &e) == -1) {
		print_error("%s\n", e.text);
		return -1;
	}
	return 0;
}

static int
remove_shared(void **state)
{
	(void)state;
	buf_wipe(&shared_advice);
	hub_remove(&shared);
	return 0;
}

static bool
has(const char *dir, const char *name)
{
	char path[4600];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return file_exists(AT_FDCWD, path);
}

static mode_t
mode_of(const char *dir, const char *name)
{
	char path[4600];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 0777;
}

static void
load(const char *dir, const char *name, struct buf *b)
{
	char path[4600];
	struct err e = { 0 };

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(file_load(AT_FDCWD, path, 1 << 20, b, &e), 0);
}

static void
founding_leaves_everything_and_only_that(void **state)
{
	static const char *const files[] = {
		"kebaod.conf", "state.db", "keys/online.pass", "keys/snapshot.pem",
		"keys/timestamp.pem", "keys/ca.key", "keys/ca.pem", "keys/server.key",
		"keys/server.pem", "keys/root.json", "keys/numbers.json",
		"repo/metadata/1.root.json", "repo/metadata/1.targets.json",
		"repo/metadata/1.snapshot.json", "repo/metadata/timestamp.json",
	};
	const struct hub *h = &shared;

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		assert_true(has(h->state, files[i]));
	assert_true(has(h->offline, "root-1.pem"));
	assert_true(has(h->offline, "targets.pem"));
	assert_false(has(h->state, VAULT_UNFINISHED));
	assert_false(has(h->offline, VAULT_UNFINISHED));
	assert_false(has(h->state, "keys/root-1.pem"));
	assert_false(has(h->state, "keys/targets.pem"));
	assert_int_equal(mode_of(h->state, "keys"), 0700);
	assert_int_equal(mode_of(h->state, "keys/online.pass"), 0600);
	assert_int_equal(mode_of(h->state, "keys/server.key"), 0600);
	assert_int_equal(mode_of(h->state, "keys/ca.key"), 0600);
	assert_int_equal(mode_of(h->offline, "root-1.pem"), 0600);
}

/* A source for trust.h that reads the repository's directory. */
static int
on_fetch(void *ctx, const char *path, size_t max_bytes, struct buf *out, struct err *e)
{
	int *fd = ctx;

	return file_load(*fd, path, max_bytes, out, e);
}

static void
a_client_believes_the_first_metadata(void **state)
{
	const struct hub *h = &shared;
	struct buf root = BUF_INIT;
	struct trust *t = NULL;
	struct err e = { 0 };
	char path[4600];
	int repo, dir;
	struct trust_source source = { &repo, on_fetch };

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/repo", h->state);
	repo = open(path, O_RDONLY | O_DIRECTORY);
	(void)snprintf(path, sizeof(path), "%s/trust", h->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	dir = open(path, O_RDONLY | O_DIRECTORY);
	load(h->state, "repo/metadata/1.root.json", &root);
	assert_int_equal(trust_init(dir, buf_data(&root), buf_len(&root), &e), 0);
	assert_int_equal(trust_open(dir, NULL, &t, &e), 0);
	if (trust_refresh(t, &source, time(NULL), &e) == -1)
		fail_msg("%s", e.text);
	assert_int_equal(trust_targets(t)->version, 1);
	assert_int_equal(trust_targets(t)->n_roles, 0);
	trust_close(t);
	buf_clear(&root);
	close(repo);
	close(dir);
}

static X509 *
load_certificate(const struct hub *h, const char *name)
{
	struct buf b = BUF_INIT;
	BIO *bio;
	X509 *x;

	load(h->state, name, &b);
	bio = BIO_new_mem_buf(buf_data(&b), (int)buf_len(&b));
	x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	BIO_free(bio);
	buf_clear(&b);
	assert_non_null(x);
	return x;
}

static void
the_server_certificate_is_of_the_ca_and_has_all_names(void **state)
{
	const struct hub *h = &shared;
	X509 *ca, *server;

	(void)state;
	ca = load_certificate(h, "keys/ca.pem");
	server = load_certificate(h, "keys/server.pem");
	assert_int_equal(X509_verify(server, X509_get0_pubkey(ca)), 1);
	assert_int_equal(X509_check_host(server, "localhost", 0, 0, NULL), 1);
	assert_int_equal(X509_check_ip_asc(server, "127.0.0.1", 0), 1);
	assert_int_equal(X509_check_ip_asc(server, "::1", 0), 1);
	assert_int_equal(X509_check_ip_asc(server, "127.0.0.2", 0), 0);
	assert_int_equal(X509_check_purpose(server, X509_PURPOSE_SSL_SERVER, 0), 1);
	assert_int_equal(X509_check_purpose(server, X509_PURPOSE_SSL_CLIENT, 0), 0);
	assert_int_equal(X509_check_ca(ca), 1);
	assert_int_equal(X509_check_ca(server), 0);
	X509_free(ca);
	X509_free(server);
}

/* The code in the advice: from "KB1-" to the end of its line. */
static void
find_code(const struct buf *advice, struct code *out)
{
	const char *at = strstr(buf_text(advice), "KB1-");
	char text[200];
	struct err e = { 0 };

	assert_non_null(at);
	(void)snprintf(text, sizeof(text), "%.*s", (int)strcspn(at, "\n"), at);
	if (code_decode(out, text, &e) == -1)
		fail_msg("%s", e.text);
}

static void
the_first_invitation_is_for_an_admin_and_fits_ca_and_root(void **state)
{
	struct state_enrol_invitation inv = { 0 };
	const struct hub *h = &shared;
	struct buf root = BUF_INIT;
	struct state *s = NULL;
	struct digest hash, csr = { { 1 } };
	struct err e = { 0 };
	unsigned char *der = NULL;
	char path[4600];
	struct code code;
	X509 *ca;
	int der_len;

	find_code(&shared_advice, &code);
	ca = load_certificate(h, "keys/ca.pem");
	der_len = i2d_X509(ca, &der);
	load(h->state, "repo/metadata/1.root.json", &root);
	assert_true(code_matches(&code, der, (size_t)der_len, buf_data(&root), buf_len(&root)));
	(void)snprintf(path, sizeof(path), "%s/state.db", h->state);
	assert_int_equal(state_open(path, &s, &e), 0);
	code_secret_hash(&hash, code.secret);
	assert_int_equal(state_enrol_find(s, &hash, &csr, h->options.now, &inv, &e), 0);
	assert_string_equal(inv.org, "hub");
	assert_int_equal(inv.role, IDENT_ADMIN);
	assert_null(inv.certificate);
	assert_int_equal(state_audit_verify(s, NULL, &e), 0);
	state_enrol_invitation_clear(&inv);
	state_close(s);
	OPENSSL_free(der);
	X509_free(ca);
	buf_clear(&root);
	(void)state;
}

static void
the_sample_configuration_is_accepted(void **state)
{
	const struct hub *h = &shared;
	struct config config;
	struct err e = { 0 };
	char path[4600];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/kebaod.conf", h->state);
	if (config_load(path, &config, &e) == -1)
		fail_msg("%s", e.text);
	assert_string_equal(config.state, h->state);
	assert_int_equal(config.hostnames.n, 3);
	config_clear(&config);
}

static void
a_directory_with_something_in_it_is_refused_and_left_alone(void **state)
{
	struct hub *h = *state;
	struct err e = { 0 };

	assert_int_equal(mkdir(h->offline, 0700), 0);
	(void)snprintf(h->offline + strlen(h->offline), 20, "/precious");
	assert_int_equal(file_save(AT_FDCWD, h->offline, "x", 1, 0600, &e), 0);
	h->offline[strlen(h->offline) - strlen("/precious")] = '\0';
	assert_int_equal(hub_found(h, &e), -1);
	assert_int_equal(e.class, ERR_CONFLICT);
	assert_non_null(strstr(e.text, "is not empty"));
	assert_true(has(h->offline, "precious"));
	assert_false(has(h->offline, VAULT_UNFINISHED));
	assert_false(file_exists(AT_FDCWD, h->state));
}

static void
a_failure_leaves_nothing(void **state)
{
	static const char *const bad[] = { "not a host" };
	struct hub *h = *state;
	struct err e = { 0 };

	h->options.hostnames = bad;
	h->options.n_hostnames = 1;
	assert_int_equal(hub_found(h, &e), -1);
	assert_int_equal(e.class, ERR_BAD_INPUT);
	assert_non_null(strstr(e.text, "not a host"));
	assert_false(file_exists(AT_FDCWD, h->state));
	assert_false(file_exists(AT_FDCWD, h->offline));
	h->options.hostnames = hub_names;
	h->options.signer_program = "/nonexistent/kebaod-signer";
	assert_int_equal(hub_found(h, &e), -1);
	assert_non_null(strstr(e.text, "/nonexistent/kebaod-signer"));
	assert_false(file_exists(AT_FDCWD, h->state));
}

static void
an_init_that_was_cut_off_is_begun_anew(void **state)
{
	struct hub *h = *state;
	struct err e = { 0 };
	char path[4600];

	assert_int_equal(mkdir(h->state, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/" VAULT_UNFINISHED, h->state);
	assert_int_equal(file_create(AT_FDCWD, path, "", 0, 0600, &e), 0);
	(void)snprintf(path, sizeof(path), "%s/keys", h->state);
	assert_int_equal(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/keys/ca.pem", h->state);
	assert_int_equal(file_save(AT_FDCWD, path, "half", 4, 0600, &e), 0);
	if (hub_found(h, &e) == -1)
		fail_msg("%s", e.text);
	X509_free(load_certificate(h, "keys/ca.pem"));
}

static void
three_root_keys_make_a_root_of_two(void **state)
{
	struct hub *h = *state;
	struct meta_claim *claim = NULL;
	struct buf root = BUF_INIT;
	const struct meta_role *role;
	struct err e = { 0 };

	h->options.n_root_keys = 3;
	h->options.root_threshold = 2;
	assert_int_equal(hub_found(h, &e), 0);
	assert_true(has(h->offline, "root-3.pem"));
	load(h->state, "repo/metadata/1.root.json", &root);
	assert_int_equal(meta_parse(buf_data(&root), buf_len(&root), &claim, &e), 0);
	role = meta_find_role(meta_claim_peek(claim), "root");
	assert_int_equal(role->n_keyids, 3);
	assert_int_equal(role->threshold, 2);
	meta_claim_free(claim);
	buf_clear(&root);
}

/* Keys that are to be carried off are not made where the hub's own things are. */
static void
the_offline_keys_lie_outside_the_state(void **state)
{
	static const char *const places[][2] = {
		{ "same", "same" },
		{ "state", "state/offline" },
		{ "state", "./state//offline/" },
		{ "offline/state", "offline" },
		{ "real", "link" },
	};
	struct hub *h = *state;
	char a[4600], b[4600];

	(void)snprintf(a, sizeof(a), "%s/offline", h->dir);
	assert_int_equal(mkdir(a, 0700), 0);
	(void)snprintf(a, sizeof(a), "%s/state", h->dir);
	assert_int_equal(mkdir(a, 0700), 0);
	(void)snprintf(a, sizeof(a), "%s/real", h->dir);
	assert_int_equal(mkdir(a, 0700), 0);
	(void)snprintf(b, sizeof(b), "%s/link", h->dir);
	assert_int_equal(symlink("real", b), 0);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct err e = { 0 };

		(void)snprintf(a, sizeof(a), "%s/%s", h->dir, places[i][0]);
		(void)snprintf(b, sizeof(b), "%s/%s", h->dir, places[i][1]);
		h->options.state_dir = a;
		h->options.offline_dir = b;
		assert_int_equal(init_check(&h->options, &e), -1);
		assert_int_equal(e.class, ERR_BAD_INPUT);
		assert_non_null(strstr(e.text, "carried off"));
		assert_int_equal(hub_found(h, &e), -1);
	}
	(void)snprintf(a, sizeof(a), "%s/state", h->dir);
	(void)snprintf(b, sizeof(b), "%s/state-offline", h->dir); /* not in it: beside it */
	assert_int_equal(init_check(&h->options, NULL), 0);
	assert_false(file_exists(AT_FDCWD, b));
}

static void
a_short_passphrase_is_refused(void **state)
{
	struct hub *h = *state;
	struct err e = { 0 };

	h->options.passphrase_len = 7;
	assert_int_equal(init_check(&h->options, NULL), 0); /* nobody was asked for it yet */
	assert_int_equal(hub_found(h, &e), -1);
	assert_non_null(strstr(e.text, "offline keys is too short: at least 8 bytes"));
	h->options.passphrase_len = 8;
	h->options.online_passphrase = "seven..";
	h->options.online_passphrase_len = 7;
	assert_int_equal(hub_found(h, &e), -1);
	assert_non_null(strstr(e.text, "online passphrase is too short"));
	assert_false(file_exists(AT_FDCWD, h->state));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(founding_leaves_everything_and_only_that),
		cmocka_unit_test(a_client_believes_the_first_metadata),
		cmocka_unit_test(the_server_certificate_is_of_the_ca_and_has_all_names),
		cmocka_unit_test(the_first_invitation_is_for_an_admin_and_fits_ca_and_root),
		cmocka_unit_test(the_sample_configuration_is_accepted),
		cmocka_unit_test_setup_teardown(
		    a_directory_with_something_in_it_is_refused_and_left_alone, prepare, clean),
		cmocka_unit_test_setup_teardown(a_failure_leaves_nothing, prepare, clean),
		cmocka_unit_test_setup_teardown(an_init_that_was_cut_off_is_begun_anew, prepare,
		    clean),
		cmocka_unit_test_setup_teardown(the_offline_keys_lie_outside_the_state, prepare,
		    clean),
		cmocka_unit_test_setup_teardown(a_short_passphrase_is_refused, prepare, clean),
		cmocka_unit_test_setup_teardown(three_root_keys_make_a_root_of_two, prepare, clean),
	};

	return cmocka_run_group_tests_name("init", tests, found_once, remove_shared);
}
