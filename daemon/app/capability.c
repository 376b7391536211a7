/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/app/capability.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "catalog/base/hex.h"

#define MAC_BYTES 16u /* 128 bits: nobody guesses one in ten minutes */
#define BODY_BYTES 256u /* expiry, release and three ids with room */

int
capability_key_make(struct capability_key *out, struct err *e)
{
	if (getrandom(out->bytes, sizeof(out->bytes), 0) != (ssize_t)sizeof(out->bytes))
		return err_errno(e, "no random bytes from the kernel");
	return 0;
}

static int
seal(const char *body, size_t len, const struct capability_key *key, uint8_t mac[MAC_BYTES],
    struct err *e)
{
	uint8_t full[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (HMAC(EVP_sha256(), key->bytes, (int)sizeof(key->bytes), (const uint8_t *)body, len,
	    full, &n) == NULL || n < MAC_BYTES)
		return err_nomem(e);
	memcpy(mac, full, MAC_BYTES);
	return 0;
}

int
capability_encode(const struct capability *c, const struct capability_key *key, struct buf *out,
    struct err *e)
{
	char body[BODY_BYTES], hex[2 * (BODY_BYTES + MAC_BYTES) + 1];
	uint8_t mac[MAC_BYTES];
	int len = snprintf(body, sizeof(body), "%lld %u %s %s %s", (long long)c->expires_at,
	    (unsigned)c->release, c->channel, c->course, c->serial);

	if (len < 0 || (size_t)len >= sizeof(body))
		return err_set(e, ERR_BAD_INPUT, "a capability is too long");
	if (seal(body, (size_t)len, key, mac, e) == -1)
		return -1;
	hex_encode(hex, mac, sizeof(mac));
	hex_encode(hex + 2 * MAC_BYTES, body, (size_t)len);
	return buf_printf(out, e, "~%s", hex);
}

static int
refuse(struct err *e)
{
	return err_set(e, ERR_NOT_FOUND,
	    "this preview has expired, or is none of this hub: open it again");
}

/* What seal() has covered is ours and of our form. */
static int
read_body(const char *body, struct capability *out)
{
	long long expires_at;
	unsigned release;

	memset(out, 0, sizeof(*out));
	if (sscanf(body, "%lld %u %48s %48s %32s", &expires_at, &release, out->channel,
	    out->course, out->serial) < 4)
		return -1;
	out->expires_at = expires_at;
	out->release = release;
	return 0;
}

int
capability_parse(const char *word, const struct capability_key *key, int64_t now,
    struct capability *out, struct err *e)
{
	uint8_t bytes[MAC_BYTES + BODY_BYTES + 1], mac[MAC_BYTES];
	size_t digits = strlen(word), len = digits / 2;
	const char *body = (const char *)bytes + MAC_BYTES;

	if (*word != '~')
		return refuse(e);
	word++;
	len = (digits - 1) / 2;
	if (len <= MAC_BYTES || len > MAC_BYTES + BODY_BYTES ||
	    hex_decode(bytes, len, word, digits - 1) == -1)
		return refuse(e);
	bytes[len] = '\0';
	if (seal(body, len - MAC_BYTES, key, mac, e) == -1)
		return -1;
	if (CRYPTO_memcmp(mac, bytes, MAC_BYTES) != 0 || read_body(body, out) == -1 ||
	    now > out->expires_at)
		return refuse(e);
	return 0;
}
