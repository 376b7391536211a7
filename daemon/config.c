/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/base/buf.h"
#include "catalog/base/file.h"
#include "catalog/base/utf8.h"
#include "catalog/repo/ids.h"
#include "daemon/limits.h"
#include "daemon/net/listener.h"
#include "daemon/net/share.h"

struct key {
	const char *name;
	int (*set)(struct config *c, const struct key *key, const char *value, struct err *e);
	size_t offset;     /* of the field in struct config */
	uint64_t min, max; /* of a number or size */
	bool is_list;
};

static int
copy_text(char **out, const char *value, struct err *e)
{
	char *copy = strdup(value);

	if (copy == NULL)
		return err_nomem(e);
	free(*out);
	*out = copy;
	return 0;
}

static void *
field(struct config *c, const struct key *key)
{
	return (char *)c + key->offset;
}

static int
set_text(struct config *c, const struct key *key, const char *value, struct err *e)
{
	return copy_text(field(c, key), value, e);
}

static int
set_path(struct config *c, const struct key *key, const char *value, struct err *e)
{
	if (value[0] != '/')
		return err_set(e, ERR_BAD_INPUT, "%s must be an absolute path, not \"%.100s\"",
		    key->name, value);
	return copy_text(field(c, key), value, e);
}

static int
add_item(struct config_list *list, const char *value, struct err *e)
{
	char **grown;
	char *copy;

	if (list->n == LIMIT_CONFIG_LIST)
		return err_set(e, ERR_BAD_INPUT, "more than %u values", LIMIT_CONFIG_LIST);
	grown = realloc(list->item, (list->n + 1) * sizeof(*grown));
	if (grown == NULL)
		return err_nomem(e);
	list->item = grown;
	copy = strdup(value);
	if (copy == NULL)
		return err_nomem(e);
	list->item[list->n++] = copy;
	return 0;
}

static int
set_list(struct config *c, const struct key *key, const char *value, struct err *e)
{
	if (add_item(field(c, key), value, e) == -1) {
		err_within(e, "%s", key->name);
		return -1;
	}
	return 0;
}

/* What can stand in a certificate: a name, or an address without brackets. */
static int
set_hostname(struct config *c, const struct key *key, const char *value, struct err *e)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789.-:";

	if (strspn(value, allowed) != strlen(value) || strchr("-.", value[0]) != NULL)
		return err_set(e, ERR_BAD_INPUT,
		    "hostname must be a name or an address, without port and brackets, not \"%s\"",
		    value);
	return set_list(c, key, value, e);
}

/* "ADDRESS:PORT" or "[ADDRESS]:PORT". */
static int
check_address(const struct key *key, const char *value, bool is_local, struct err *e)
{
	const char *colon = strrchr(value, ':');
	char *end;
	unsigned long port;

	if (colon == NULL || colon == value || !isdigit((unsigned char)colon[1]))
		goto bad;
	if (value[0] == '[' ? colon[-1] != ']' : memchr(value, ':',
	    (size_t)(colon - value)) != NULL)
		goto bad;
	port = strtoul(colon + 1, &end, 10);
	if (*end != '\0' || port > 65535)
		goto bad;
	if (listener_check(value, is_local, e) == 0)
		return 0;
	err_within(e, "%s", key->name);
	return -1;
bad:
	return err_set(e, ERR_BAD_INPUT,
	    "%s must be ADDRESS:PORT or [ADDRESS]:PORT, not \"%.100s\"", key->name, value);
}

static int
set_listen(struct config *c, const struct key *key, const char *value, struct err *e)
{
	if (check_address(key, value, false, e) == -1)
		return -1;
	if (c->listen.n == LIMIT_LISTEN)
		return err_set(e, ERR_BAD_INPUT, "listen: more than %u addresses", LIMIT_LISTEN);
	return set_list(c, key, value, e);
}

static int
set_local_listen(struct config *c, const struct key *key, const char *value, struct err *e)
{
	if (check_address(key, value, true, e) == -1)
		return -1;
	return copy_text(&c->local_listen, value, e);
}

/* Digits with an optional K, M, G or T (powers of base). */
static int
parse_scaled(const char *value, unsigned base, uint64_t *out)
{
	static const char suffixes[] = "KMGT";
	uint64_t n = 0;
	const char *p = value, *suffix;

	if (!isdigit((unsigned char)*p))
		return -1;
	for (; isdigit((unsigned char)*p); p++)
		if (__builtin_mul_overflow(n, 10u, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*p - '0'), &n))
			return -1;
	if (*p != '\0') {
		suffix = strchr(suffixes, *p);
		if (suffix == NULL || p[1] != '\0')
			return -1;
		for (const char *s = suffixes; s <= suffix; s++)
			if (__builtin_mul_overflow(n, base, &n))
				return -1;
	}
	*out = n;
	return 0;
}

static int
set_size(struct config *c, const struct key *key, const char *value, struct err *e)
{
	uint64_t n;

	if (parse_scaled(value, 1024, &n) == -1 || n < key->min || n > key->max)
		return err_set(e, ERR_BAD_INPUT,
		    "%s must be a number of bytes, as 500M or 2G, not \"%.100s\"", key->name,
		    value);
	*(uint64_t *)field(c, key) = n;
	return 0;
}

/* Bytes per second like a size, or as lines are sold: "100Mbit", powers of 1000. */
static int
set_rate(struct config *c, const struct key *key, const char *value, struct err *e)
{
	static const char unit[] = "bit";
	size_t len = strlen(value), unit_len = sizeof(unit) - 1;
	char digits[32] = "";
	uint64_t n = 0;
	int rc;

	if (len > unit_len && len - unit_len < sizeof(digits) &&
	    strcmp(value + len - unit_len, unit) == 0) {
		memcpy(digits, value, len - unit_len);
		rc = parse_scaled(digits, 1000, &n);
		n /= 8;
	} else {
		rc = parse_scaled(value, 1024, &n);
	}
	if (rc == -1 || (n != 0 && (n < key->min || n > key->max)))
		return err_set(e, ERR_BAD_INPUT, "%s must be 0 or a rate from %llu bytes per "
		    "second, as 12M (bytes) or 100Mbit, not \"%.100s\"", key->name,
		    (unsigned long long)key->min, value);
	*(uint64_t *)field(c, key) = n;
	return 0;
}

/* "51", "5101", "510100": how region codes begin. */
static bool
is_region(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isdigit((unsigned char)text[i]))
			return false;
	return len == 2 || len == 4 || len == 6;
}

static int
parse_weight(const char *value, struct config_weight *out)
{
	const char *colon = strrchr(value, ':');
	unsigned long n;
	char *end;

	if (colon == NULL || (size_t)(colon - value) >= sizeof(out->whom) ||
	    !isdigit((unsigned char)colon[1]))
		return -1;
	memcpy(out->whom, value, (size_t)(colon - value));
	out->whom[colon - value] = '\0';
	n = strtoul(colon + 1, &end, 10);
	if (*end != '\0' || n < 1 || n > SHARE_MAX_WEIGHT)
		return -1;
	out->weight = (unsigned)n;
	if (strcmp(out->whom, "anonymous") == 0)
		out->kind = CONFIG_WEIGHT_ANONYMOUS;
	else if (is_region(out->whom, strlen(out->whom)))
		out->kind = CONFIG_WEIGHT_REGION;
	else
		out->kind = CONFIG_WEIGHT_ORG;
	return out->kind != CONFIG_WEIGHT_ORG ? 0 :
	    ids_check(IDS_ORGANISATION, out->whom, strlen(out->whom), NULL);
}

static int
set_weight(struct config *c, const struct key *key, const char *value, struct err *e)
{
	struct config_weight weight = { 0 }, *grown;

	if (parse_weight(value, &weight) == -1)
		return err_set(e, ERR_BAD_INPUT, "%s must be WHOM:N, WHOM an organisation, the "
		    "first 2, 4 or 6 digits of a region code, or anonymous, N from 1 to %u, not "
		    "\"%.100s\"", key->name, SHARE_MAX_WEIGHT, value);
	for (size_t i = 0; i < c->n_weights; i++)
		if (strcmp(c->weights[i].whom, weight.whom) == 0)
			return err_set(e, ERR_BAD_INPUT, "%s of %s is given twice", key->name,
			    weight.whom);
	if (c->n_weights == LIMIT_WEIGHTS)
		return err_set(e, ERR_BAD_INPUT, "%s: more than %u values", key->name,
		    LIMIT_WEIGHTS);
	grown = realloc(c->weights, (c->n_weights + 1) * sizeof(*grown));
	if (grown == NULL)
		return err_nomem(e);
	c->weights = grown;
	c->weights[c->n_weights++] = weight;
	return 0;
}

static int
set_number(struct config *c, const struct key *key, const char *value, struct err *e)
{
	char *end;
	unsigned long n;

	if (!isdigit((unsigned char)value[0]))
		goto bad;
	n = strtoul(value, &end, 10);
	if (*end != '\0' || n < key->min || n > key->max)
		goto bad;
	*(unsigned *)field(c, key) = (unsigned)n;
	return 0;
bad:
	return err_set(e, ERR_BAD_INPUT, "%s must be a number from %llu to %llu, not \"%.100s\"",
	    key->name, (unsigned long long)key->min, (unsigned long long)key->max, value);
}

static int
set_level(struct config *c, const struct key *key, const char *value, struct err *e)
{
	if (log_parse_level(value, &c->log_level) == -1)
		return err_set(e, ERR_BAD_INPUT,
		    "%s must be error, warn, info or debug, not \"%.100s\"", key->name, value);
	return 0;
}

static int
set_switch(struct config *c, const struct key *key, const char *value, struct err *e)
{
	bool is_on = strcmp(value, "on") == 0;

	if (!is_on && strcmp(value, "off") != 0)
		return err_set(e, ERR_BAD_INPUT, "%s must be on or off, not \"%.100s\"", key->name,
		    value);
	*(bool *)field(c, key) = is_on;
	return 0;
}

#define AT(member) offsetof(struct config, member)

static const struct key keys[] = {
	{ "state", set_path, AT(state), 0, 0, false },
	{ "listen", set_listen, AT(listen), 0, 0, true },
	{ "local_listen", set_local_listen, AT(local_listen), 0, 0, false },
	{ "hostname", set_hostname, AT(hostnames), 0, 0, true },
	{ "name.zh", set_text, AT(name_zh), 0, 0, false },
	{ "name.en", set_text, AT(name_en), 0, 0, false },
	{ "timezone", set_text, AT(timezone), 0, 0, false },
	{ "passphrase_file", set_path, AT(passphrase_file), 0, 0, false },
	{ "free_space_reserve", set_size, AT(free_space_reserve), 0, INT64_MAX, false },
	{ "publisher_quota", set_size, AT(publisher_quota), 0, INT64_MAX, false },
	{ "workers", set_number, AT(workers), 0, LIMIT_WORKERS, false },
	{ "pool_threads", set_number, AT(pool_threads), 0, LIMIT_POOL_THREADS, false },
	{ "max_connections", set_number, AT(max_connections), 1, 1000000, false },
	{ "max_connections_per_address", set_number, AT(max_connections_per_address), 1, 1000000,
	    false },
	{ "max_connections_per_certificate", set_number, AT(max_connections_per_certificate), 1,
	    1000000, false },
	{ "line_rate", set_rate, AT(line_rate), LIMIT_LINE_RATE_MIN, LIMIT_LINE_RATE_MAX, false },
	{ "weight", set_weight, AT(weights), 0, 0, true },
	{ "max_transfers_per_organisation", set_number, AT(max_transfers_per_organisation), 0,
	    1000000, false },
	{ "log_level", set_level, AT(log_level), 0, 0, false },
	{ "patches", set_switch, AT(makes_patches), 0, 0, false },
	{ "patch.level", set_number, AT(patch_level), 1, LIMIT_PATCH_LEVEL, false },
	{ "patch.releases", set_number, AT(patch_releases), 0, LIMIT_PATCH_RELEASES, false },
};

#undef AT
#define N_KEYS (sizeof(keys) / sizeof(keys[0]))

static char *
trim(char *text)
{
	char *end;

	while (*text == ' ' || *text == '\t')
		text++;
	end = text + strlen(text);
	while (end > text && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
		end--;
	*end = '\0';
	return text;
}

static int
parse_line(struct config *c, char *line, bool *seen, struct err *e)
{
	char *name = trim(line), *value, *equals, quoted[80];

	if (*name == '\0' || *name == '#')
		return 0;
	equals = strchr(name, '=');
	if (equals == NULL)
		return err_set(e, ERR_BAD_INPUT, "not of the form key = value");
	*equals = '\0';
	name = trim(name);
	value = trim(equals + 1);
	for (size_t i = 0; i < N_KEYS; i++) {
		if (strcmp(name, keys[i].name) != 0)
			continue;
		if (seen[i] && !keys[i].is_list)
			return err_set(e, ERR_BAD_INPUT, "%s is given twice", name);
		seen[i] = true;
		if (*value == '\0')
			return err_set(e, ERR_BAD_INPUT, "%s has no value", name);
		return keys[i].set(c, &keys[i], value, e);
	}
	return err_set(e, ERR_BAD_INPUT, "unknown key \"%s\"",
	    err_quote(quoted, sizeof(quoted), name, strlen(name)));
}

/* What was not given. */
static int
set_defaults(struct config *c, struct err *e)
{
	if (c->state == NULL)
		return err_set(e, ERR_BAD_INPUT, "state = DIRECTORY is missing");
	if (c->listen.n == 0 && (add_item(&c->listen, "[::]:8443", e) == -1 ||
	    add_item(&c->listen, "0.0.0.0:8443", e) == -1))
		return -1;
	if (c->timezone == NULL && copy_text(&c->timezone, "Asia/Shanghai", e) == -1)
		return -1;
	if (c->name_zh == NULL && copy_text(&c->name_zh, "课包", e) == -1)
		return -1;
	if (c->name_en == NULL && copy_text(&c->name_en, "kebao", e) == -1)
		return -1;
	return 0;
}

int
config_parse(const char *text, size_t len, const char *name, struct config *out, struct err *e)
{
	struct config c = {
		.free_space_reserve = LIMIT_FREE_SPACE_RESERVE_BYTES,
		.max_connections = LIMIT_CONNECTIONS,
		.max_connections_per_address = LIMIT_CONNECTIONS_PER_ADDRESS,
		.max_connections_per_certificate = LIMIT_CONNECTIONS_PER_CERTIFICATE,
		.log_level = LOG_LEVEL_INFO,
		.makes_patches = true,
		.patch_level = PATCH_LEVEL,
		.patch_releases = PATCH_RELEASES,
	};
	bool seen[N_KEYS] = { false };
	char *copy = NULL, *next;
	unsigned line_no = 0;
	int rc = -1;

	if (memchr(text, '\0', len) != NULL || !utf8_valid(text, len)) {
		err_set(e, ERR_BAD_INPUT, "%s: is not UTF-8 text", name);
		goto out;
	}
	copy = strndup(text, len);
	if (copy == NULL) {
		err_nomem(e);
		goto out;
	}
	next = copy;
	while (next != NULL) {
		char *line = strsep(&next, "\n");

		line_no++;
		if (parse_line(&c, line, seen, e) == -1) {
			err_within(e, "%s:%u", name, line_no);
			goto out;
		}
	}
	if (set_defaults(&c, e) == -1) {
		err_within(e, "%s", name);
		goto out;
	}
	*out = c;
	memset(&c, 0, sizeof(c));
	rc = 0;
out:
	free(copy);
	config_clear(&c);
	return rc;
}

int
config_load(const char *path, struct config *out, struct err *e)
{
	struct buf text = BUF_INIT;
	int rc;

	if (file_load(AT_FDCWD, path, LIMIT_CONFIG_BYTES, &text, e) == -1)
		return -1;
	rc = config_parse(buf_text(&text), buf_len(&text), path, out, e);
	buf_clear(&text);
	return rc;
}

static void
clear_list(struct config_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->item[i]);
	free(list->item);
}

void
config_clear(struct config *config)
{
	free(config->state);
	clear_list(&config->listen);
	free(config->local_listen);
	clear_list(&config->hostnames);
	free(config->name_zh);
	free(config->name_en);
	free(config->timezone);
	free(config->passphrase_file);
	free(config->weights);
	memset(config, 0, sizeof(*config));
}
