/* SPDX-License-Identifier: Apache-2.0 */
/* Private keys: what is made, kept, refused; public keys: what verifies and what does not. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "catalog/base/file.h"
#include "catalog/base/hex.h"
#include "catalog/trust/sign.h"
#include "tests/unit/fault.h"

#define OK(call) assert_int_equal((call), 0)
#define PASS "correct horse 电池"

static const struct sign_passphrase right = { PASS, sizeof(PASS) - 1 };
static const struct sign_passphrase wrong = { "correct horse", 13 };
static const struct sign_passphrase empty = { "", 0 };

static struct sign_key *
generated(enum sign_kind kind)
{
	struct sign_key *k = NULL;

	OK(sign_generate(kind, &k, NULL));
	return k;
}

static void
refused(const struct buf *pem, const struct sign_passphrase *pass, enum err_class class,
    const char *says)
{
	struct sign_key *k = NULL;
	struct err e = { 0 };

	assert_int_equal(sign_parse(buf_data(pem), buf_len(pem), pass, &k, &e), -1);
	assert_null(k);
	if (e.class != class || strstr(e.text, says) == NULL)
		fail_msg("wanted \"%s\", got %s \"%s\"", says, err_class_name(e.class), e.text);
}

static void
what_a_key_signs_its_public_half_verifies(void **state)
{
	(void)state;
	for (int kind = SIGN_ED25519; kind <= SIGN_P256; kind++) {
		struct sign_key *k = generated((enum sign_kind)kind);
		struct sign_key *other = generated((enum sign_kind)kind);
		struct buf sig = BUF_INIT;
		struct err e = { 0 };

		OK(sign_bytes(k, "message", 7, &sig, NULL));
		OK(key_verify(sign_public(k), "message", 7, &sig, NULL));
		assert_int_equal(key_verify(sign_public(k), "massage", 7, &sig, &e), -1);
		assert_int_equal(e.class, ERR_UNTRUSTED);
		assert_int_equal(key_verify(sign_public(k), "message", 6, &sig, NULL), -1);
		assert_int_equal(key_verify(sign_public(other), "message", 7, &sig, NULL), -1);
		sig.data[buf_len(&sig) - 1] ^= 1;
		assert_int_equal(key_verify(sign_public(k), "message", 7, &sig, NULL), -1);
		buf_truncate(&sig, buf_len(&sig) - 1);
		assert_int_equal(key_verify(sign_public(k), "message", 7, &sig, NULL), -1);
		buf_truncate(&sig, 0);
		assert_int_equal(key_verify(sign_public(k), "message", 7, &sig, NULL), -1);
		OK(sign_bytes(k, "", 0, &sig, NULL));
		OK(key_verify(sign_public(k), "", 0, &sig, NULL));
		assert_false(key_is_same(sign_public(k), sign_public(other)));
		buf_clear(&sig);
		sign_free(k);
		sign_free(other);
	}
}

static void
a_kept_key_is_the_same_key(void **state)
{
	(void)state;
	for (int kind = SIGN_ED25519; kind <= SIGN_P256; kind++) {
		struct sign_key *k = generated((enum sign_kind)kind), *again = NULL;
		struct buf pem = BUF_INIT, sig = BUF_INIT;

		OK(sign_encode(k, &right, &pem, NULL));
		assert_non_null(strstr(buf_text(&pem), "-----BEGIN ENCRYPTED PRIVATE KEY-----"));
		OK(sign_parse(buf_data(&pem), buf_len(&pem), &right, &again, NULL));
		assert_string_equal(key_id(sign_public(k)), key_id(sign_public(again)));
		assert_true(key_is_same(sign_public(k), sign_public(again)));
		OK(sign_bytes(again, "m", 1, &sig, NULL));
		OK(key_verify(sign_public(k), "m", 1, &sig, NULL));
		buf_clear(&pem);
		buf_clear(&sig);
		sign_free(k);
		sign_free(again);
	}
}

static void
a_wrong_passphrase_is_denied(void **state)
{
	struct sign_key *k = generated(SIGN_ED25519);
	struct sign_passphrase half = { PASS, sizeof(PASS) - 2 };
	struct sign_passphrase with_nul = { PASS "\0x", sizeof(PASS) + 1 };
	struct buf pem = BUF_INIT;
	struct err e;

	(void)state;
	assert_int_equal(sign_encode(k, &empty, &pem, &e), -1);
	assert_int_equal(e.class, ERR_BAD_INPUT);
	OK(sign_encode(k, &right, &pem, NULL));
	refused(&pem, &wrong, ERR_DENIED, "wrong passphrase");
	refused(&pem, &half, ERR_DENIED, "wrong passphrase");
	refused(&pem, &with_nul, ERR_DENIED, "wrong passphrase");
	refused(&pem, &empty, ERR_BAD_INPUT, "the passphrase is empty");
	buf_clear(&pem);
	sign_free(k);
}

static void
take_bio(BIO *bio, struct buf *out)
{
	char *bytes;
	long len = BIO_get_mem_data(bio, &bytes);

	assert_true(len > 0);
	buf_truncate(out, 0);
	OK(buf_add(out, bytes, (size_t)len, NULL));
	BIO_free(bio);
}

/* Encrypted PKCS#8 by a method of our choice. */
static void
seal(EVP_PKEY *pkey, X509_ALGOR *how, struct buf *out)
{
	PKCS8_PRIV_KEY_INFO *plain = EVP_PKEY2PKCS8(pkey);
	BIO *bio = BIO_new(BIO_s_mem());
	X509_SIG *sealed;

	assert_non_null(how);
	sealed = PKCS8_set0_pbe(PASS, sizeof(PASS) - 1, plain, how);
	assert_non_null(sealed);
	assert_int_equal(PEM_write_bio_PKCS8(bio, sealed), 1);
	take_bio(bio, out);
	X509_SIG_free(sealed);
	PKCS8_PRIV_KEY_INFO_free(plain);
}

static X509_ALGOR *
scrypt(const EVP_CIPHER *cipher, uint64_t n, uint64_t p)
{
	return PKCS5_pbe2_set_scrypt(cipher, NULL, 0, NULL, n, 8, p);
}

static void
other_forms_of_private_keys_are_refused(void **state)
{
	EVP_PKEY *pkey = EVP_EC_gen("P-256");
	struct buf pem = BUF_INIT;
	BIO *bio;

	(void)state;
	bio = BIO_new(BIO_s_mem());
	assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL), 1);
	take_bio(bio, &pem);
	refused(&pem, &right, ERR_BAD_INPUT, "not encrypted as PKCS#8");

	bio = BIO_new(BIO_s_mem());
	assert_int_equal(PEM_write_bio_PrivateKey_traditional(bio, pkey, EVP_aes_256_cbc(),
	    (const unsigned char *)PASS, sizeof(PASS) - 1, NULL, NULL), 1);
	take_bio(bio, &pem);
	refused(&pem, &right, ERR_BAD_INPUT, "not encrypted as PKCS#8");

	bio = BIO_new(BIO_s_mem());
	assert_int_equal(PEM_write_bio_PUBKEY(bio, pkey), 1);
	take_bio(bio, &pem);
	refused(&pem, &right, ERR_BAD_INPUT, "PEM, but not a private key");

	seal(pkey, PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), 2048, NULL, 0, NULL, -1), &pem);
	refused(&pem, &right, ERR_BAD_INPUT, "another method");
	seal(pkey, scrypt(EVP_aes_128_cbc(), 1 << 14, 5), &pem);
	refused(&pem, &right, ERR_BAD_INPUT, "another method");
	seal(pkey, scrypt(EVP_aes_256_cbc(), 1 << 13, 5), &pem);
	refused(&pem, &right, ERR_BAD_INPUT, "another method");
	seal(pkey, scrypt(EVP_aes_256_cbc(), 1 << 14, 5), &pem);
	refused(&pem, &wrong, ERR_DENIED, "wrong passphrase");
	EVP_PKEY_free(pkey);
	buf_clear(&pem);
}

static void
a_random_passphrase_needs_no_slow_derivation(void **state)
{
	static const char digits[] = "00112233445566778899aabbccddeeff";
	const struct sign_passphrase random = { digits, 32 }, short_one = { digits, 31 },
		upper = { "00112233445566778899AABBCCDDEEFF", 32 };
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	struct sign_key *k = NULL, *again = NULL;
	struct buf pem = BUF_INIT;
	struct err e = { 0 };

	(void)state;
	assert_true(sign_is_random(&random));
	assert_false(sign_is_random(&short_one));
	assert_false(sign_is_random(&upper));
	assert_true(sign_scrypt_n(&random) < sign_scrypt_n(&short_one));
	assert_int_equal(sign_generate(SIGN_ED25519, &k, &e), 0);
	assert_int_equal(sign_encode(k, &random, &pem, &e), 0);
	assert_int_equal(sign_parse(buf_data(&pem), buf_len(&pem), &random, &again, &e), 0);
	sign_free(again);
	/* One that people choose may not open such a file, even where it is the right one. */
	refused(&pem, &right, ERR_DENIED, "wrong passphrase");
	seal(pkey, scrypt(EVP_aes_256_cbc(), 1 << 10, 1), &pem); /* under PASS */
	refused(&pem, &right, ERR_DENIED, "wrong passphrase");
	EVP_PKEY_free(pkey);
	sign_free(k);
	buf_clear(&pem);
}

static void
keys_we_do_not_sign_with_are_refused(void **state)
{
	EVP_PKEY *pkey = EVP_EC_gen("P-384");
	struct buf pem = BUF_INIT;

	(void)state;
	seal(pkey, scrypt(EVP_aes_256_cbc(), 1 << 14, 1), &pem);
	refused(&pem, &right, ERR_BAD_INPUT, "another kind than Ed25519 and P-256");
	EVP_PKEY_free(pkey);
	pkey = EVP_RSA_gen(2048);
	seal(pkey, scrypt(EVP_aes_256_cbc(), 1 << 14, 1), &pem);
	refused(&pem, &right, ERR_BAD_INPUT, "another kind");
	EVP_PKEY_free(pkey);
	buf_clear(&pem);
}

static void
what_is_no_key_at_all_is_refused(void **state)
{
	struct sign_key *k = generated(SIGN_ED25519);
	struct buf pem = BUF_INIT, cut = BUF_INIT;

	(void)state;
	refused(&pem, &right, ERR_BAD_INPUT, "not a private key in PEM");
	OK(buf_add_text(&pem, "hello\n", NULL));
	refused(&pem, &right, ERR_BAD_INPUT, "not a private key in PEM");
	buf_truncate(&pem, 0);
	OK(buf_add_text(&pem, "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n"
	    "-----END ENCRYPTED PRIVATE KEY-----\n", NULL));
	refused(&pem, &right, ERR_BAD_INPUT, "not an encrypted private key");
	buf_truncate(&pem, 0);
	OK(sign_encode(k, &right, &pem, NULL));
	for (size_t len = 0; len + 40 < buf_len(&pem); len += 9) {
		buf_truncate(&cut, 0);
		OK(buf_add(&cut, buf_data(&pem), len, NULL));
		refused(&cut, &right, ERR_BAD_INPUT, "");
	}
	while (buf_len(&pem) <= 16384)
		OK(buf_add_text(&pem, "\n\n\n\n\n\n\n\n", NULL));
	refused(&pem, &right, ERR_BAD_INPUT, "too long");
	buf_clear(&pem);
	buf_clear(&cut);
	sign_free(k);
}

static void
a_key_file_is_private_and_never_replaced(void **state)
{
	char dir[] = "/tmp/kebao-unit-XXXXXX";
	struct sign_key *k = generated(SIGN_ED25519), *again = NULL;
	struct stat st;
	struct err e;
	int dirfd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(dirfd >= 0);
	OK(sign_save(k, dirfd, "me.key", &right, NULL));
	OK(fstatat(dirfd, "me.key", &st, 0));
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(sign_save(k, dirfd, "me.key", &right, &e), -1);
	assert_int_equal(e.class, ERR_CONFLICT);
	OK(sign_load(dirfd, "me.key", &right, &again, NULL));
	assert_true(key_is_same(sign_public(k), sign_public(again)));
	sign_free(again);
	again = NULL;
	assert_int_equal(sign_load(dirfd, "me.key", &wrong, &again, &e), -1);
	assert_int_equal(e.class, ERR_DENIED);
	assert_string_equal(e.text, "key file me.key: wrong passphrase");
	assert_int_equal(sign_load(dirfd, "none.key", &right, &again, &e), -1);
	assert_int_equal(e.class, ERR_NOT_FOUND);
	for (long nth = 1; nth <= 2; nth++) {
		fault_arm(nth == 1 ? FAULT_WRITE : FAULT_FSYNC, 1);
		assert_int_equal(sign_save(k, dirfd, "other.key", &right, &e), -1);
		assert_true(fault_disarm());
		assert_int_equal(e.class, ERR_SYSTEM);
		assert_false(file_exists(dirfd, "other.key"));
	}
	sign_free(k);
	assert_int_equal(close(dirfd), 0);
	OK(file_remove_tree(AT_FDCWD, dir, NULL));
}

static void
making_a_key_survives_failing_allocations(void **state)
{
	long n = 0;

	(void)state;
	for (int kind = SIGN_ED25519; kind <= SIGN_P256; kind++) {
		for (long nth = 1;; nth++, n++) {
			struct sign_key *k = NULL;
			struct err e = { 0 };
			int rc;

			fault_arm(FAULT_ALLOC, nth);
			rc = sign_generate((enum sign_kind)kind, &k, &e);
			if (!fault_disarm()) {
				sign_free(k);
				break;
			}
			assert_int_equal(rc, -1);
			assert_null(k);
			assert_int_equal(e.class, ERR_SYSTEM);
		}
	}
	assert_true(n > 20);
}

/* --- public keys --- */

static struct key *
public_of(const char *text)
{
	struct key *k = NULL;
	struct err e = { 0 };

	if (key_parse_bytes(text, strlen(text), &k, &e) == -1)
		fail_msg("%s: %s", text, e.text);
	return k;
}

static void
the_keyid_is_the_hash_of_the_canonical_form(void **state)
{
	/* RFC 8032, test 1 */
	static const char text[] = "{\"scheme\":\"ed25519\", \"keytype\":\"ed25519\",\"keyval\":"
	    "{\"public\":\"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a\"}}";
	static const char canonical[] =
	    "{\"keytype\":\"ed25519\",\"keyval\":{\"public\":"
	    "\"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a\"},"
	    "\"scheme\":\"ed25519\"}";
	static const char sig_hex[] =
	    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bac"
	    "c61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b";
	struct key *k = public_of(text);
	struct buf bytes = BUF_INIT, sig = BUF_INIT;
	char hex[DIGEST_HEX_LEN + 1];
	struct digest d;

	(void)state;
	OK(key_encode(k, &bytes, NULL));
	assert_string_equal(buf_text(&bytes), canonical);
	digest_of(&d, canonical, sizeof(canonical) - 1);
	digest_hex(hex, &d);
	assert_string_equal(key_id(k), hex);
	OK(hex_decode(buf_extend(&sig, 64, NULL), 64, sig_hex, 128));
	OK(key_verify(k, "", 0, &sig, NULL));
	assert_int_equal(key_verify(k, "x", 1, &sig, NULL), -1);
	buf_clear(&bytes);
	buf_clear(&sig);
	key_free(k);
}

static void
members_we_do_not_know_stay_part_of_a_key(void **state)
{
	static const char text[] = "{\"keyid_hash_algorithms\":[\"md5\"],\"keytype\":\"new\","
	    "\"keyval\":{\"public\":\"?\",\"x\":1},\"scheme\":\"newer\"}";
	struct key *k = public_of(text), *same = public_of(text);
	struct buf b = BUF_INIT;
	struct err e;

	(void)state;
	assert_false(key_is_usable(k));
	assert_int_equal(key_verify(k, "", 0, &b, &e), -1);
	assert_int_equal(e.class, ERR_UNTRUSTED);
	OK(key_encode(k, &b, NULL));
	assert_string_equal(buf_text(&b), text);
	assert_true(key_is_same(k, same));
	buf_clear(&b);
	key_free(k);
	key_free(same);
}

static struct key *
key_of_pkey(const char *type, const char *scheme, EVP_PKEY *pkey)
{
	struct json *doc = json_new();
	struct buf pem = BUF_INIT;
	BIO *bio = BIO_new(BIO_s_mem());
	struct key *k = NULL;

	assert_int_equal(PEM_write_bio_PUBKEY(bio, pkey), 1);
	take_bio(bio, &pem);
	json_put_text(json_top(doc), "keytype", type);
	json_put_text(json_top(doc), "scheme", scheme);
	json_put_text(json_put_object(json_top(doc), "keyval"), "public", buf_text(&pem));
	OK(key_parse(json_top(doc), "given", &k, NULL));
	assert_string_equal(key_id(k), "given");
	json_free(doc);
	buf_clear(&pem);
	return k;
}

static void
sign_pss(EVP_PKEY *pkey, int salt, struct buf *sig)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx;
	size_t len = 1024;

	buf_truncate(sig, 0);
	assert_int_equal(EVP_DigestSignInit(ctx, &pctx, EVP_sha256(), NULL, pkey), 1);
	if (salt != 0) {
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, salt), 1);
	}
	assert_int_equal(EVP_DigestSign(ctx, buf_extend(sig, len, NULL), &len,
	    (const unsigned char *)"m", 1), 1);
	buf_truncate(sig, len);
	EVP_MD_CTX_free(ctx);
}

static void
rsa_verifies_with_any_salt_but_only_pss(void **state)
{
	EVP_PKEY *pkey = EVP_RSA_gen(2048), *small = EVP_RSA_gen(1024);
	struct key *k = key_of_pkey("rsa", "rsassa-pss-sha256", pkey);
	struct key *weak = key_of_pkey("rsa", "rsassa-pss-sha256", small);
	struct key *mixed = key_of_pkey("ecdsa", "ecdsa-sha2-nistp256", pkey);
	struct buf sig = BUF_INIT;

	(void)state;
	assert_true(key_is_usable(k));
	sign_pss(pkey, 32, &sig);
	OK(key_verify(k, "m", 1, &sig, NULL));
	assert_int_equal(key_verify(k, "n", 1, &sig, NULL), -1);
	sign_pss(pkey, RSA_PSS_SALTLEN_MAX, &sig);
	OK(key_verify(k, "m", 1, &sig, NULL));
	sign_pss(pkey, 0, &sig); /* PKCS#1 v1.5 */
	assert_int_equal(key_verify(k, "m", 1, &sig, NULL), -1);
	assert_false(key_is_usable(weak));
	assert_false(key_is_usable(mixed));
	buf_clear(&sig);
	key_free(k);
	key_free(weak);
	key_free(mixed);
	EVP_PKEY_free(pkey);
	EVP_PKEY_free(small);
}

static void
ecdsa_is_p256_and_nothing_else(void **state)
{
	EVP_PKEY *pkey = EVP_EC_gen("P-256"), *wide = EVP_EC_gen("P-384");
	struct key *k = key_of_pkey("ecdsa", "ecdsa-sha2-nistp256", pkey);
	struct key *old = key_of_pkey("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", pkey);
	struct key *other = key_of_pkey("ecdsa", "ecdsa-sha2-nistp256", wide);
	struct key *named = key_of_pkey("ecdsa", "ecdsa-sha2-nistp384", wide);

	(void)state;
	assert_true(key_is_usable(k));
	assert_true(key_is_usable(old));
	assert_true(key_is_same(k, old));
	assert_false(key_is_usable(other));
	assert_false(key_is_usable(named));
	key_free(k);
	key_free(old);
	key_free(other);
	key_free(named);
	EVP_PKEY_free(pkey);
	EVP_PKEY_free(wide);
}

static void
values_that_are_no_keys_verify_nothing(void **state)
{
	static const char *const texts[] = {
		"{\"keytype\":\"ed25519\",\"scheme\":\"ed25519\",\"keyval\":{\"public\":\"\"}}",
		"{\"keytype\":\"ed25519\",\"scheme\":\"ed25519\",\"keyval\":{\"public\":\"d75a\"}}",
		"{\"keytype\":\"ed25519\",\"scheme\":\"ed25519\",\"keyval\":{\"public\":"
		"\"D75A980182B10AB7D54BFED3C964073A0EE172F3DAA62325AF021A68F707511A\"}}",
		"{\"keytype\":\"rsa\",\"scheme\":\"rsassa-pss-sha256\","
		"\"keyval\":{\"public\":\"x\"}}",
		"{\"keytype\":\"ecdsa\",\"scheme\":\"ecdsa-sha2-nistp256\",\"keyval\":{\"public\":"
		"\"-----BEGIN PUBLIC KEY-----\\nProc-Type: 4,ENCRYPTED\\nDEK-Info: AES-256-CBC,"
		"00000000000000000000000000000000\\n\\nAAAA\\n-----END PUBLIC KEY-----\\n\"}}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct key *k = public_of(texts[i]);

		assert_false(key_is_usable(k));
		key_free(k);
	}
}

static void
keys_without_their_members_are_refused(void **state)
{
	static const char *const texts[] = {
		"[]", "{}", "{\"keytype\":\"a\"}", "{\"keytype\":\"a\",\"scheme\":1,\"keyval\":{}}",
		"{\"keytype\":\"a\",\"scheme\":\"b\",\"keyval\":\"c\"}",
		"{\"keytype\":\"a\",\"scheme\":\"b\",\"keyval\":{}}",
		"{\"keytype\":\"a\",\"scheme\":\"b\",\"keyval\":{\"public\":null}}",
	};
	struct key *k = NULL;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(key_parse_bytes(texts[i], strlen(texts[i]), &k, &e), -1);
		assert_int_equal(e.class, ERR_BAD_INPUT);
		assert_null(k);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_key_signs_its_public_half_verifies),
		cmocka_unit_test(a_kept_key_is_the_same_key),
		cmocka_unit_test(a_wrong_passphrase_is_denied),
		cmocka_unit_test(other_forms_of_private_keys_are_refused),
		cmocka_unit_test(a_random_passphrase_needs_no_slow_derivation),
		cmocka_unit_test(keys_we_do_not_sign_with_are_refused),
		cmocka_unit_test(what_is_no_key_at_all_is_refused),
		cmocka_unit_test(a_key_file_is_private_and_never_replaced),
		cmocka_unit_test(making_a_key_survives_failing_allocations),
		cmocka_unit_test(the_keyid_is_the_hash_of_the_canonical_form),
		cmocka_unit_test(members_we_do_not_know_stay_part_of_a_key),
		cmocka_unit_test(rsa_verifies_with_any_salt_but_only_pss),
		cmocka_unit_test(ecdsa_is_p256_and_nothing_else),
		cmocka_unit_test(values_that_are_no_keys_verify_nothing),
		cmocka_unit_test(keys_without_their_members_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
