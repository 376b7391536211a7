/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/hub/code.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <string.h>
#include <sys/random.h>

#include "catalog/base/hex.h"

#define CODE_VERSION 1
#define CODE_CHECK_LEN 2
#define CODE_BODY_LEN (1 + 2 + CODE_SECRET_LEN + CODE_FINGERPRINT_LEN)
#define CODE_LEN (CODE_BODY_LEN + CODE_CHECK_LEN)
#define CODE_DIGITS ((CODE_LEN * 8 + 4) / 5)
#define CODE_GROUP 5

static const char code_prefix[] = "KB1";

_Static_assert(sizeof(code_prefix) + CODE_DIGITS + (CODE_DIGITS + 4) / CODE_GROUP <=
    CODE_TEXT_SIZE, "CODE_TEXT_SIZE is too small");

int
code_new_secret(uint8_t secret[CODE_SECRET_LEN], struct err *e)
{
	if (getrandom(secret, CODE_SECRET_LEN, 0) != CODE_SECRET_LEN)
		return err_errno(e, "no random bytes from the kernel");
	return 0;
}

void
code_encode(char *text, const struct code *c)
{
	char digits[CODE_DIGITS + 1];
	uint8_t raw[CODE_LEN], *p = raw;
	struct digest sum;
	char *t = text;

	*p++ = CODE_VERSION;
	*p++ = (uint8_t)(c->root_version >> 8);
	*p++ = (uint8_t)c->root_version;
	memcpy(p, c->secret, CODE_SECRET_LEN);
	memcpy(p + CODE_SECRET_LEN, c->fingerprint, CODE_FINGERPRINT_LEN);
	digest_of(&sum, raw, CODE_BODY_LEN);
	memcpy(raw + CODE_BODY_LEN, sum.bytes, CODE_CHECK_LEN);
	hex_base32_encode(digits, raw, sizeof(raw));

	memcpy(t, code_prefix, sizeof(code_prefix) - 1);
	t += sizeof(code_prefix) - 1;
	for (size_t i = 0; i < CODE_DIGITS; i++) {
		if (i % CODE_GROUP == 0)
			*t++ = '-';
		*t++ = digits[i];
	}
	*t = '\0';
	OPENSSL_cleanse(raw, sizeof(raw));
	OPENSSL_cleanse(digits, sizeof(digits));
}

static bool
is_separator(char c)
{
	return c == '-' || c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* What follows the prefix, or NULL; the prefix is read as forgivingly as the rest. */
static const char *
after_prefix(const char *text)
{
	for (const char *want = code_prefix; *want != '\0'; want++) {
		int c;

		while (is_separator(*text))
			text++;
		c = toupper((unsigned char)*text);
		if (*want == '1' && (c == 'I' || c == 'L'))
			c = '1';
		if (c != *want)
			return NULL;
		text++;
	}
	return text;
}

int
code_decode(struct code *out, const char *text, struct err *e)
{
	uint8_t raw[CODE_LEN];
	struct digest sum;
	size_t n_digits = 0;
	int rc = -1;

	text = after_prefix(text);
	if (text == NULL)
		return err_set(e, ERR_BAD_INPUT,
		    "this is not an enrolment code: one begins with KB1-");
	for (const char *t = text; *t != '\0'; t++)
		if (!is_separator(*t))
			n_digits++;
	if (n_digits != CODE_DIGITS)
		return err_set(e, ERR_BAD_INPUT,
		    "the enrolment code is not complete: %d characters follow KB1-, here are %zu",
		    CODE_DIGITS, n_digits);
	if (hex_base32_decode(raw, sizeof(raw), text) == -1) {
		err_set(e, ERR_BAD_INPUT, "the enrolment code is mistyped: no code is"
		    " written so; type it again, it is not used up");
		goto out;
	}
	digest_of(&sum, raw, CODE_BODY_LEN);
	if (memcmp(raw + CODE_BODY_LEN, sum.bytes, CODE_CHECK_LEN) != 0) {
		err_set(e, ERR_BAD_INPUT,
		    "the enrolment code is mistyped: its check does not fit; type it again, it is"
		    " not used up");
		goto out;
	}
	if (raw[0] != CODE_VERSION) {
		err_set(e, ERR_BAD_INPUT,
		    "the enrolment code is of version %u, this program knows %d",
		    raw[0], CODE_VERSION);
		goto out;
	}
	if (raw[1] == 0 && raw[2] == 0) {
		err_set(e, ERR_BAD_INPUT, "the enrolment code names root version 0");
		goto out;
	}
	out->root_version = (uint16_t)(raw[1] << 8 | raw[2]);
	memcpy(out->secret, raw + 3, CODE_SECRET_LEN);
	memcpy(out->fingerprint, raw + 3 + CODE_SECRET_LEN, CODE_FINGERPRINT_LEN);
	rc = 0;
out:
	OPENSSL_cleanse(raw, sizeof(raw));
	return rc;
}

void
code_fingerprint(uint8_t out[CODE_FINGERPRINT_LEN], const void *ca_der, size_t ca_der_len,
    const void *root_json, size_t root_json_len)
{
	struct digest parts[2], all;

	digest_of(&parts[0], ca_der, ca_der_len);
	digest_of(&parts[1], root_json, root_json_len);
	digest_of(&all, parts, sizeof(parts));
	memcpy(out, all.bytes, CODE_FINGERPRINT_LEN);
}

bool
code_matches(const struct code *c, const void *ca_der, size_t ca_der_len, const void *root_json,
    size_t root_json_len)
{
	uint8_t is[CODE_FINGERPRINT_LEN];

	code_fingerprint(is, ca_der, ca_der_len, root_json, root_json_len);
	return CRYPTO_memcmp(is, c->fingerprint, sizeof(is)) == 0;
}

void
code_secret_hash(struct digest *out, const uint8_t secret[CODE_SECRET_LEN])
{
	static const char label[] = "kebao invitation 1";
	uint8_t bytes[sizeof(label) - 1 + CODE_SECRET_LEN];

	memcpy(bytes, label, sizeof(label) - 1);
	memcpy(bytes + sizeof(label) - 1, secret, CODE_SECRET_LEN);
	digest_of(out, bytes, sizeof(bytes));
	OPENSSL_cleanse(bytes, sizeof(bytes));
}
