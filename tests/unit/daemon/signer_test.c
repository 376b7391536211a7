/* SPDX-License-Identifier: Apache-2.0 */
/* kebaod-signer through its socket: what it signs, what it refuses, and its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "catalog/base/digest.h"
#include "catalog/base/limits.h"
#include "catalog/trust/role.h"
#include "catalog/trust/sign.h"
#include "catalog/trust/verify.h"
#include "daemon/signer/csr.h"
#include "daemon/signer/current.h"
#include "daemon/signer/signer.h"
#include "tests/unit/daemon/hub.h"

/* Founded once: keys take a second.  Each test works on a copy of its state directory. */
static struct hub founded;
static struct sign_key *targets_key, *channel_key, *root_key;

struct desk {
	char dir[64];
	struct signer *signer;
	int metadata; /* descriptor of repo/metadata */
	struct meta *root;
};

static int
found_once(void **state)
{
	const struct sign_passphrase pass = { HUB_PASSPHRASE, strlen(HUB_PASSPHRASE) };
	struct err e = { 0 };
	int fd;

	(void)state;
	if (hub_prepare(&founded) == -1 || hub_found(&founded, &e) == -1) {
		print_error("%s\n", e.text);
		return -1;
	}
	fd = open(founded.offline, O_RDONLY | O_DIRECTORY);
	if (sign_load(fd, "targets.pem", &pass, &targets_key, &e) == -1 ||
	    sign_load(fd, "root-1.pem", &pass, &root_key, &e) == -1 ||
	    sign_generate(SIGN_ED25519, &channel_key, &e) == -1)
		return -1;
	return close(fd);
}

static int
remove_all(void **state)
{
	(void)state;
	sign_free(targets_key);
	sign_free(channel_key);
	sign_free(root_key);
	hub_remove(&founded);
	return 0;
}

static int
copy_tree(const char *from, const char *to)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		execlp("cp", "cp", "-a", from, to, (char *)NULL);
		_exit(127);
	}
	return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : -1;
}

static struct meta *
load_root(int metadata)
{
	struct meta_claim *claim = NULL;
	struct buf b = BUF_INIT;
	struct meta *root = NULL;
	struct err e = { 0 };

	assert_int_equal(file_load(metadata, "1.root.json", LIMIT_ROOT_BYTES, &b, &e), 0);
	assert_int_equal(meta_parse(buf_data(&b), buf_len(&b), &claim, &e), 0);
	assert_int_equal(verify_root_first(&claim, &root, &e), 0);
	buf_clear(&b);
	return root;
}

static int
sit_down(void **state)
{
	struct desk *d = calloc(1, sizeof(*d));
	struct err e = { 0 };
	char path[100];

	if (d == NULL)
		return -1;
	(void)snprintf(d->dir, sizeof(d->dir), "/tmp/kebao-signer-test-XXXXXX");
	if (mkdtemp(d->dir) == NULL || rmdir(d->dir) == -1 ||
	    copy_tree(founded.state, d->dir) == -1)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/repo/metadata", d->dir);
	d->metadata = open(path, O_RDONLY | O_DIRECTORY);
	d->root = load_root(d->metadata);
	if (signer_start(founded.program, d->dir, NULL, &d->signer, &e) == -1) {
		print_error("%s\n", e.text);
		return -1;
	}
	*state = d;
	return 0;
}

static int
get_up(void **state)
{
	struct desk *d = *state;

	signer_stop(d->signer);
	meta_free(d->root);
	close(d->metadata);
	(void)file_remove_tree(AT_FDCWD, d->dir, NULL);
	free(d);
	return 0;
}

/* ---- making and writing roles ---- */

static void
look(const struct desk *d, struct current *c)
{
	struct err e = { 0 };

	if (current_load(d->metadata, d->root, c, &e) == -1)
		fail_msg("%s", e.text);
}

static void
write_role(const struct desk *d, const char *role, int64_t version, const struct buf *b)
{
	struct err e = { 0 };
	char name[100];

	(void)snprintf(name, sizeof(name), "%lld.%s.json", (long long)version, role);
	if (file_create(d->metadata, name, buf_data(b), buf_len(b), 0644, &e) == -1)
		fail_msg("%s", e.text);
}

/* What kebaod does with a switch. */
static void
publish(const struct desk *d, const char *role, const struct buf *bytes,
    const struct signer_switch *sw)
{
	struct err e = { 0 };

	if (role != NULL)
		write_role(d, role, sw->role_version, bytes);
	if (sw->snapshot_version != 0)
		write_role(d, "snapshot", sw->snapshot_version, &sw->snapshot);
	assert_int_equal(file_save(d->metadata, "timestamp.json", buf_data(&sw->timestamp),
	                     buf_len(&sw->timestamp), 0644, &e),
	    0);
}

/* A new targets role that delegates gd.ip to the channel key, signed by key. */
static void
make_targets(const struct desk *d, struct sign_key *key, int64_t version, struct buf *out)
{
	const struct key *keys[] = { sign_public(channel_key) };
	const struct role_signer signer = sign_signer(key);
	struct current c;
	struct role *r = NULL;
	struct err e = { 0 };

	look(d, &c);
	assert_int_equal(role_new(META_TARGETS, c.targets, time(NULL), &r, &e), 0);
	role_set_version(r, version);
	role_set_channel(r, "gd.ip", keys, 1, 1);
	assert_int_equal(role_file(r, &signer, 1, out, &e), 0);
	role_free(r);
	current_clear(&c);
}

/* A channel role with one target, signed by key. */
static void
make_channel(struct sign_key *key, int64_t version, const char *path, struct buf *out)
{
	const struct role_signer signer = sign_signer(key);
	struct digest hash = { { 7 } };
	struct role *r = NULL;
	struct err e = { 0 };

	assert_int_equal(role_new(META_TARGETS, NULL, time(NULL), &r, &e), 0);
	role_set_version(r, version);
	role_set_target(r, path, 100, &hash, (struct json_at){ 0 });
	assert_int_equal(role_file(r, &signer, 1, out, &e), 0);
	role_free(r);
}

#define GOOD_TARGET "gd.ip/trademark/1/record.json"

static int
advance(const struct desk *d, const char *role, const struct buf *b, struct signer_switch *sw,
    struct err *e)
{
	return signer_advance(d->signer, role, buf_data(b), buf_len(b), sw, e);
}

static void
add_channel(const struct desk *d)
{
	struct signer_switch sw = { 0 };
	struct buf targets = BUF_INIT;
	struct err e = { 0 };

	make_targets(d, targets_key, 2, &targets);
	if (advance(d, "targets", &targets, &sw, &e) == -1)
		fail_msg("%s", e.text);
	assert_int_equal(sw.role_version, 2);
	publish(d, "targets", &targets, &sw);
	signer_switch_clear(&sw);
	buf_clear(&targets);
}

static void
expect_refusal(const struct desk *d, const char *role, struct buf *b, enum err_class class,
    const char *text)
{
	struct signer_switch sw = { 0 };
	struct err e = { 0 };

	assert_int_equal(advance(d, role, b, &sw, &e), -1);
	if (e.class != class || strstr(e.text, text) == NULL)
		fail_msg("%s: %s; wanted %s: %s", err_class_name(e.class), e.text,
		    err_class_name(class), text);
	buf_clear(b);
}

/* ---- switches ---- */

static void
a_channel_is_delegated_and_published(void **state)
{
	struct signer_switch sw = { 0 };
	struct desk *d = *state;
	struct buf role = BUF_INIT;
	struct current c;
	struct err e = { 0 };

	add_channel(d);
	make_channel(channel_key, 1, GOOD_TARGET, &role);
	if (advance(d, "gd.ip", &role, &sw, &e) == -1)
		fail_msg("%s", e.text);
	assert_int_equal(sw.role_version, 1);
	publish(d, "gd.ip", &role, &sw);
	look(d, &c);
	assert_int_equal(current_version(&c, "gd.ip"), 1);
	assert_int_equal(current_version(&c, "targets"), 2);
	assert_int_equal(c.snapshot->version, 3);
	assert_int_equal(c.timestamp->version, 3);
	current_clear(&c);
	signer_switch_clear(&sw);
	buf_clear(&role);
}

static void
what_is_not_signed_as_delegated_is_refused(void **state)
{
	struct desk *d = *state;
	struct buf b = BUF_INIT;

	make_targets(d, channel_key, 2, &b);
	expect_refusal(d, "targets", &b, ERR_UNTRUSTED, "");
	make_channel(channel_key, 1, GOOD_TARGET, &b);
	expect_refusal(d, "gd.ip", &b, ERR_NOT_FOUND, "no channel gd.ip");
	add_channel(d);
	make_channel(targets_key, 1, GOOD_TARGET, &b);
	expect_refusal(d, "gd.ip", &b, ERR_UNTRUSTED, "");
	make_channel(channel_key, 1, "sd.ip/trademark/1/record.json", &b);
	expect_refusal(d, "gd.ip", &b, ERR_BAD_INPUT, "of another");
	assert_int_equal(buf_add_text(&b, "not json", NULL), 0);
	expect_refusal(d, "gd.ip", &b, ERR_BAD_INPUT, "");
	make_channel(channel_key, 1, GOOD_TARGET, &b);
	expect_refusal(d, "snapshot", &b, ERR_NOT_FOUND, "no channel snapshot");
	make_channel(channel_key, 1, GOOD_TARGET, &b);
	expect_refusal(d, "../gd.ip", &b, ERR_NOT_FOUND, "no channel ../gd.ip");
}

static void
only_the_version_after_the_current_one_is_taken(void **state)
{
	struct signer_switch sw = { 0 };
	struct desk *d = *state;
	struct buf b = BUF_INIT;
	struct err e = { 0 };

	add_channel(d);
	make_channel(channel_key, 2, GOOD_TARGET, &b);
	expect_refusal(d, "gd.ip", &b, ERR_CONFLICT, "version 1 of gd.ip is wanted");
	make_channel(channel_key, 1, GOOD_TARGET, &b);
	assert_int_equal(advance(d, "gd.ip", &b, &sw, &e), 0);
	publish(d, "gd.ip", &b, &sw);
	signer_switch_clear(&sw);
	expect_refusal(d, "gd.ip", &b, ERR_CONFLICT, "version 2 of gd.ip is wanted");
}

static void
an_expired_role_is_refused(void **state)
{
	const struct role_signer signer = sign_signer(targets_key);
	struct desk *d = *state;
	struct buf b = BUF_INIT;
	struct role *r = NULL;
	struct current c;
	struct err e = { 0 };

	look(d, &c);
	assert_int_equal(role_new(META_TARGETS, c.targets, time(NULL), &r, &e), 0);
	role_set_expiry(r, time(NULL) - 1);
	assert_int_equal(role_file(r, &signer, 1, &b, &e), 0);
	expect_refusal(d, "targets", &b, ERR_UNTRUSTED, "expired");
	role_free(r);
	current_clear(&c);
}

static void
a_number_is_never_signed_twice(void **state)
{
	struct signer_switch first = { 0 }, second = { 0 };
	struct desk *d = *state;
	struct buf b = BUF_INIT;
	struct err e = { 0 };

	make_targets(d, targets_key, 2, &b);
	assert_int_equal(advance(d, "targets", &b, &first, &e), 0);
	signer_stop(d->signer); /* a crash of the hub: nothing of this was written */
	d->signer = NULL;
	assert_int_equal(signer_start(founded.program, d->dir, NULL, &d->signer, &e), 0);
	assert_int_equal(advance(d, "targets", &b, &second, &e), 0);
	assert_int_equal(second.snapshot_version, first.snapshot_version + 1);
	assert_int_equal(second.timestamp_version, first.timestamp_version + 1);
	signer_switch_clear(&first);
	publish(d, "targets", &b, &second);
	signer_switch_clear(&second);
	buf_clear(&b);
}

static void
a_repository_that_went_back_is_refused(void **state)
{
	struct desk *d = *state;
	struct signer_switch sw = { 0 };
	struct buf old = BUF_INIT;
	struct err e = { 0 };

	assert_int_equal(file_load(d->metadata, "timestamp.json", LIMIT_TIMESTAMP_BYTES, &old, &e),
	    0);
	add_channel(d);
	assert_int_equal(signer_resign(d->signer, &sw, &e), 0); /* it sees the new one */
	signer_switch_clear(&sw);
	assert_int_equal(file_save(d->metadata, "timestamp.json", buf_data(&old), buf_len(&old),
	                     0644, &e),
	    0);
	assert_int_equal(signer_resign(d->signer, &sw, &e), -1);
	assert_int_equal(e.class, ERR_UNTRUSTED);
	assert_non_null(strstr(e.text, "went back"));
	buf_clear(&old);
}

static void
signing_anew_changes_the_timestamp_only(void **state)
{
	struct desk *d = *state;
	struct signer_switch sw = { 0 };
	struct current c;
	struct err e = { 0 };

	assert_int_equal(signer_resign(d->signer, &sw, &e), 0);
	assert_int_equal(sw.snapshot_version, 0);
	assert_int_equal(buf_len(&sw.snapshot), 0);
	assert_int_equal(sw.timestamp_version, 2);
	publish(d, NULL, NULL, &sw);
	look(d, &c);
	assert_int_equal(c.timestamp->version, 2);
	assert_int_equal(c.snapshot->version, 1);
	assert_true(c.timestamp->expires_at > time(NULL) + 6 * 86400);
	current_clear(&c);
	signer_switch_clear(&sw);
}

static void
a_next_root_is_judged_and_followed(void **state)
{
	const struct role_signer signer = sign_signer(root_key);
	struct desk *d = *state;
	struct signer_switch sw = { 0 };
	struct buf b = BUF_INIT;
	struct role *r = NULL;
	struct err e = { 0 };

	assert_int_equal(role_new(META_ROOT, d->root, time(NULL), &r, &e), 0);
	assert_int_equal(role_file(r, &signer, 1, &b, &e), 0);
	if (advance(d, "root", &b, &sw, &e) == -1)
		fail_msg("%s", e.text);
	assert_int_equal(sw.role_version, 2);
	assert_int_equal(buf_len(&sw.timestamp), 0);
	write_role(d, "root", 2, &b);
	expect_refusal(d, "root", &b, ERR_CONFLICT, "version 3 of root is wanted");
	signer_switch_clear(&sw);
	assert_int_equal(signer_resign(d->signer, &sw, &e), 0);
	signer_switch_clear(&sw);
	role_free(r);
}

static void
a_root_without_our_keys_is_refused(void **state)
{
	const struct role_signer signer = sign_signer(root_key);
	const struct key *keys[] = { sign_public(channel_key) };
	struct desk *d = *state;
	struct buf b = BUF_INIT;
	struct role *r = NULL;
	struct err e = { 0 };

	assert_int_equal(role_new(META_ROOT, d->root, time(NULL), &r, &e), 0);
	role_set_top(r, META_SNAPSHOT, keys, 1, 1);
	assert_int_equal(role_file(r, &signer, 1, &b, &e), 0);
	expect_refusal(d, "root", &b, ERR_UNTRUSTED, "snapshot key");
	role_free(r);
}

/* ---- other online keys ---- */

/* How many of the role's keys have signed, by the word of root. */
static int
count(const struct meta *root, const char *role, const struct buf *file)
{
	struct meta_claim *claim = NULL;
	struct err e = { 0 };
	int n;

	assert_int_equal(meta_parse(buf_data(file), buf_len(file), &claim, &e), 0);
	n = verify_count(root, role, claim, &e);
	meta_claim_free(claim);
	return n;
}

static void
prepare_keys(const struct desk *d, struct key **snapshot, struct key **timestamp)
{
	struct buf first = BUF_INIT, again = BUF_INIT;
	struct json *doc = NULL;
	struct err e = { 0 };

	assert_int_equal(signer_prepare_keys(d->signer, &first, &e), 0);
	assert_int_equal(signer_prepare_keys(d->signer, &again, &e), 0);
	assert_string_equal(buf_text(&first), buf_text(&again));
	assert_int_equal(json_parse(buf_data(&first), buf_len(&first), GATE_SIGNED, &doc, &e), 0);
	assert_int_equal(key_parse(json_member(json_top(doc), "snapshot"), NULL, snapshot, &e), 0);
	assert_int_equal(key_parse(json_member(json_top(doc), "timestamp"), NULL, timestamp, &e),
	    0);
	json_free(doc);
	buf_clear(&first);
	buf_clear(&again);
}

/* Root version 2 with these online keys; *out is what readers of it believe. */
static void
make_root_with(const struct desk *d, const struct key *snapshot, const struct key *timestamp,
    struct buf *file, struct meta **out)
{
	const struct role_signer signer = sign_signer(root_key);
	struct meta_claim *claim = NULL;
	struct role *r = NULL;
	struct err e = { 0 };

	assert_int_equal(role_new(META_ROOT, d->root, time(NULL), &r, &e), 0);
	role_set_top(r, META_SNAPSHOT, &snapshot, 1, 1);
	role_set_top(r, META_TIMESTAMP, &timestamp, 1, 1);
	assert_int_equal(role_file(r, &signer, 1, file, &e), 0);
	assert_int_equal(meta_parse(buf_data(file), buf_len(file), &claim, &e), 0);
	assert_int_equal(verify_root_next(d->root, &claim, out, &e), 0);
	role_free(r);
}

static void
next_keys_come_into_use_with_the_root_that_names_them(void **state)
{
	struct desk *d = *state;
	struct signer_switch sw = { 0 };
	struct key *snapshot, *timestamp;
	struct buf root = BUF_INIT;
	struct meta *next = NULL;
	struct err e = { 0 };
	char path[120];

	prepare_keys(d, &snapshot, &timestamp);
	make_root_with(d, snapshot, timestamp, &root, &next);
	if (advance(d, "root", &root, &sw, &e) == -1)
		fail_msg("%s", e.text);
	/* Who stands before the new root and who stands behind it believe the same files. */
	assert_int_equal(count(d->root, "timestamp", &sw.timestamp), 1);
	assert_int_equal(count(next, "timestamp", &sw.timestamp), 1);
	assert_int_equal(count(d->root, "snapshot", &sw.snapshot), 1);
	assert_int_equal(count(next, "snapshot", &sw.snapshot), 1);
	publish(d, NULL, NULL, &sw);
	signer_switch_clear(&sw);
	/* The root is not there yet: the old keys go on. */
	assert_int_equal(signer_resign(d->signer, &sw, &e), 0);
	assert_int_equal(count(d->root, "timestamp", &sw.timestamp), 1);
	signer_switch_clear(&sw);
	write_role(d, "root", 2, &root);
	assert_int_equal(signer_resign(d->signer, &sw, &e), 0);
	assert_int_equal(count(d->root, "timestamp", &sw.timestamp), 0);
	assert_int_equal(count(next, "timestamp", &sw.timestamp), 1);
	signer_switch_clear(&sw);
	(void)snprintf(path, sizeof(path), "%s/keys/timestamp.next.pem", d->dir);
	assert_false(file_exists(AT_FDCWD, path));
	signer_stop(d->signer);
	d->signer = NULL;
	if (signer_start(founded.program, d->dir, NULL, &d->signer, &e) == -1)
		fail_msg("%s", e.text);
	meta_free(next);
	key_free(snapshot);
	key_free(timestamp);
	buf_clear(&root);
}

/* The hub stopped after the root was written, and after one key was put into place. */
static void
taking_next_keys_into_use_goes_on_after_a_crash(void **state)
{
	struct desk *d = *state;
	struct signer_switch sw = { 0 };
	struct key *snapshot, *timestamp;
	struct buf root = BUF_INIT;
	struct meta *next = NULL;
	struct err e = { 0 };
	char from[120], to[120];

	prepare_keys(d, &snapshot, &timestamp);
	make_root_with(d, snapshot, timestamp, &root, &next);
	assert_int_equal(advance(d, "root", &root, &sw, &e), 0);
	publish(d, NULL, NULL, &sw);
	signer_switch_clear(&sw);
	write_role(d, "root", 2, &root);
	signer_stop(d->signer);
	d->signer = NULL;
	(void)snprintf(from, sizeof(from), "%s/keys/snapshot.next.pem", d->dir);
	(void)snprintf(to, sizeof(to), "%s/keys/snapshot.pem", d->dir);
	assert_int_equal(rename(from, to), 0);
	if (signer_start(founded.program, d->dir, NULL, &d->signer, &e) == -1)
		fail_msg("%s", e.text);
	assert_int_equal(signer_resign(d->signer, &sw, &e), 0);
	assert_int_equal(count(next, "timestamp", &sw.timestamp), 1);
	signer_switch_clear(&sw);
	meta_free(next);
	key_free(snapshot);
	key_free(timestamp);
	buf_clear(&root);
}

static void
after_a_restore_numbers_go_on_above(void **state)
{
	struct desk *d = *state;
	struct signer_switch sw = { 0 };
	struct buf old = BUF_INIT, b = BUF_INIT;
	struct err e = { 0 };

	assert_int_equal(file_load(d->metadata, "timestamp.json", LIMIT_TIMESTAMP_BYTES, &old, &e),
	    0);
	add_channel(d);
	assert_int_equal(signer_resign(d->signer, &sw, &e), 0);
	signer_switch_clear(&sw);
	assert_int_equal(file_save(d->metadata, "timestamp.json", buf_data(&old), buf_len(&old),
	                     0644, &e),
	    0);
	assert_int_equal(signer_resign(d->signer, &sw, &e), -1);
	assert_int_equal(signer_recover(d->signer, 0, &sw, &e), -1);
	assert_int_equal(e.class, ERR_BAD_INPUT);
	assert_int_equal(signer_recover(d->signer, LIMIT_RECOVER_ABOVE + 1, &sw, &e), -1);
	if (signer_recover(d->signer, 100, &sw, &e) == -1)
		fail_msg("%s", e.text);
	assert_int_equal(sw.snapshot_version, 101);
	assert_int_equal(sw.timestamp_version, 101);
	publish(d, NULL, NULL, &sw);
	signer_switch_clear(&sw);
	/* A role goes on at its next version, or right above; nowhere else. */
	make_targets(d, targets_key, 50, &b);
	expect_refusal(d, "targets", &b, ERR_CONFLICT, "version 2 of targets is wanted");
	make_targets(d, targets_key, 102, &b);
	expect_refusal(d, "targets", &b, ERR_CONFLICT, "version 2 of targets is wanted");
	make_targets(d, targets_key, 101, &b);
	assert_int_equal(advance(d, "targets", &b, &sw, &e), 0);
	assert_int_equal(sw.snapshot_version, 102);
	publish(d, "targets", &b, &sw);
	signer_switch_clear(&sw);
	buf_clear(&b);
	make_targets(d, targets_key, 101, &b);
	expect_refusal(d, "targets", &b, ERR_CONFLICT, "version 102 of targets is wanted");
	/* A start reads the raised numbers. */
	signer_stop(d->signer);
	d->signer = NULL;
	assert_int_equal(signer_start(founded.program, d->dir, NULL, &d->signer, &e), 0);
	assert_int_equal(signer_resign(d->signer, &sw, &e), 0);
	assert_int_equal(sw.timestamp_version, 103);
	signer_switch_clear(&sw);
	buf_clear(&old);
}

/* ---- certificates ---- */

static X509 *
parse_certificate(const struct buf *pem)
{
	BIO *bio = BIO_new_mem_buf(buf_data(pem), (int)buf_len(pem));
	X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	BIO_free(bio);
	assert_non_null(x);
	return x;
}

static void
a_client_certificate_has_the_key_and_nothing_else_of_the_request(void **state)
{
	struct signer_certificate cert = { 0 };
	struct desk *d = *state;
	struct buf csr = BUF_INIT;
	EVP_PKEY *key = NULL;
	struct err e = { 0 };
	char name[100];
	X509 *x;

	assert_int_equal(csr_new_key(&key, &e), 0);
	assert_int_equal(csr_write(key, &csr, &e), 0);
	if (signer_certify(d->signer, buf_data(&csr), buf_len(&csr), "xz", &cert, &e) == -1)
		fail_msg("%s", e.text);
	x = parse_certificate(&cert.pem);
	assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(x), key), 1);
	assert_int_equal(X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, name,
	                     sizeof(name)),
	    2);
	assert_string_equal(name, "xz");
	assert_int_equal(X509_NAME_entry_count(X509_get_subject_name(x)), 1);
	assert_int_equal(X509_check_purpose(x, X509_PURPOSE_SSL_CLIENT, 0), 1);
	assert_int_equal(X509_check_purpose(x, X509_PURPOSE_SSL_SERVER, 0), 0);
	assert_int_equal(strlen(cert.serial), 32);
	assert_int_equal(cert.expires_at - cert.issued_at, 365 * 86400);
	X509_free(x);
	signer_certificate_clear(&cert);
	buf_clear(&csr);
	EVP_PKEY_free(key);
}

static void
expect_no_certificate(const struct desk *d, const char *csr, size_t len, const char *org,
    const char *text)
{
	struct signer_certificate cert = { 0 };
	struct err e = { 0 };

	assert_int_equal(signer_certify(d->signer, csr, len, org, &cert, &e), -1);
	assert_int_equal(e.class, ERR_BAD_INPUT);
	if (strstr(e.text, text) == NULL)
		fail_msg("%s; wanted %s", e.text, text);
}

static void
write_request(EVP_PKEY *key, EVP_PKEY *signed_by, struct buf *out)
{
	X509_REQ *req = X509_REQ_new();
	BIO *bio = BIO_new(BIO_s_mem());
	char *data;
	long len;

	assert_int_equal(X509_REQ_set_pubkey(req, key), 1);
	assert_true(X509_REQ_sign(req, signed_by, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_bio_X509_REQ(bio, req), 1);
	len = BIO_get_mem_data(bio, &data);
	assert_int_equal(buf_add(out, data, (size_t)len, NULL), 0);
	BIO_free(bio);
	X509_REQ_free(req);
}

static void
bad_requests_for_certificates_are_refused(void **state)
{
	EVP_PKEY *rsa = EVP_RSA_gen(2048), *p384 = EVP_EC_gen("P-384");
	EVP_PKEY *one = EVP_EC_gen("P-256"), *two = EVP_EC_gen("P-256");
	struct desk *d = *state;
	struct buf b = BUF_INIT;
	char *big = calloc(1, 10000);

	expect_no_certificate(d, "nonsense", 8, "xz", "not a PEM");
	expect_no_certificate(d, big, 10000, "xz", "limit");
	write_request(rsa, rsa, &b);
	expect_no_certificate(d, buf_text(&b), buf_len(&b), "xz", "neither P-256 nor Ed25519");
	buf_clear(&b);
	write_request(p384, p384, &b);
	expect_no_certificate(d, buf_text(&b), buf_len(&b), "xz", "neither P-256 nor Ed25519");
	buf_clear(&b);
	write_request(one, two, &b);
	expect_no_certificate(d, buf_text(&b), buf_len(&b), "xz", "own key");
	buf_clear(&b);
	write_request(one, one, &b);
	expect_no_certificate(d, buf_text(&b), buf_len(&b), "XZ/../", "");
	buf_clear(&b);
	free(big);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(p384);
	EVP_PKEY_free(one);
	EVP_PKEY_free(two);
}

static void
a_server_certificate_is_renewed_for_given_names(void **state)
{
	static const char *const names[] = { "hub.example", "10.0.0.1" };
	static const char *const bad[] = { "a,DNS:evil.example" };
	struct signer_certificate cert = { 0 };
	struct desk *d = *state;
	struct buf csr = BUF_INIT;
	EVP_PKEY *key = NULL;
	struct err e = { 0 };
	X509 *x;

	assert_int_equal(csr_new_key(&key, &e), 0);
	assert_int_equal(csr_write(key, &csr, &e), 0);
	assert_int_equal(signer_certify_server(d->signer, buf_data(&csr), buf_len(&csr), bad, 1,
	                     &cert, &e),
	    -1);
	assert_int_equal(e.class, ERR_BAD_INPUT);
	assert_int_equal(signer_certify_server(d->signer, buf_data(&csr), buf_len(&csr), names, 2,
	                     &cert, &e),
	    0);
	x = parse_certificate(&cert.pem);
	assert_int_equal(X509_check_host(x, "hub.example", 0, 0, NULL), 1);
	assert_int_equal(X509_check_ip_asc(x, "10.0.0.1", 0), 1);
	assert_int_equal(X509_check_purpose(x, X509_PURPOSE_SSL_CLIENT, 0), 0);
	X509_free(x);
	signer_certificate_clear(&cert);
	buf_clear(&csr);
	EVP_PKEY_free(key);
}

/* ---- life ---- */

static void
a_killed_signer_is_started_again(void **state)
{
	struct desk *d = *state;
	struct signer_switch sw = { 0 };
	pid_t first = signer_pid(d->signer);
	struct err e = { 0 };

	assert_int_equal(kill(first, SIGKILL), 0);
	if (signer_resign(d->signer, &sw, &e) == -1)
		fail_msg("%s", e.text);
	assert_true(signer_pid(d->signer) != first);
	signer_switch_clear(&sw);
}

static void
a_signer_that_cannot_start_says_why(void **state)
{
	struct desk *d = *state;
	struct signer *s = NULL;
	struct err e = { 0 };
	char path[100];

	(void)snprintf(path, sizeof(path), "%s/wrong.pass", d->dir);
	assert_int_equal(file_save(AT_FDCWD, path, "wrong\n", 6, 0600, &e), 0);
	assert_int_equal(signer_start(founded.program, d->dir, path, &s, &e), -1);
	assert_int_equal(e.class, ERR_DENIED);
	assert_non_null(strstr(e.text, "passphrase"));
	assert_int_equal(signer_start(founded.program, "/nonexistent", NULL, &s, &e), -1);
	assert_non_null(strstr(e.text, "/nonexistent"));
	assert_int_equal(signer_start("/bin/false", d->dir, NULL, &s, &e), -1);
	assert_non_null(strstr(e.text, "ended"));
	assert_null(s);
}

static void
a_swapped_online_key_is_noticed(void **state)
{
	struct desk *d = *state;
	struct signer *s = NULL;
	struct err e = { 0 };
	char from[100], to[100];

	(void)snprintf(from, sizeof(from), "%s/keys/timestamp.pem", d->dir);
	(void)snprintf(to, sizeof(to), "%s/keys/snapshot.pem", d->dir);
	assert_int_equal(rename(from, to), 0);
	assert_int_equal(link(to, from), 0);
	assert_int_equal(signer_start(founded.program, d->dir, NULL, &s, &e), -1);
	assert_int_equal(e.class, ERR_UNTRUSTED);
	assert_non_null(strstr(e.text, "does not list this hub's snapshot key"));
}

#define DESK(test) cmocka_unit_test_setup_teardown(test, sit_down, get_up)

/* Starting a signer costs a second (three scrypts): tests that change nothing share one. */
static void *shared;

static int
sit_down_together(void **state)
{
	if (shared == NULL && sit_down(&shared) == -1)
		return -1;
	*state = shared;
	return 0;
}

static int
remove_both(void **state)
{
	return (shared != NULL && get_up(&shared) == -1) | remove_all(state);
}

#define SHARED(test) cmocka_unit_test_setup(test, sit_down_together)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SHARED(an_expired_role_is_refused),
		SHARED(a_root_without_our_keys_is_refused),
		SHARED(a_client_certificate_has_the_key_and_nothing_else_of_the_request),
		SHARED(bad_requests_for_certificates_are_refused),
		SHARED(a_server_certificate_is_renewed_for_given_names),
		SHARED(signing_anew_changes_the_timestamp_only),
		DESK(a_channel_is_delegated_and_published),
		DESK(what_is_not_signed_as_delegated_is_refused),
		DESK(only_the_version_after_the_current_one_is_taken),
		DESK(a_number_is_never_signed_twice),
		DESK(a_repository_that_went_back_is_refused),
		DESK(a_next_root_is_judged_and_followed),
		DESK(next_keys_come_into_use_with_the_root_that_names_them),
		DESK(taking_next_keys_into_use_goes_on_after_a_crash),
		DESK(after_a_restore_numbers_go_on_above),
		DESK(a_killed_signer_is_started_again),
		DESK(a_signer_that_cannot_start_says_why),
		DESK(a_swapped_online_key_is_noticed),
	};

	return cmocka_run_group_tests_name("signer", tests, found_once, remove_both);
}
