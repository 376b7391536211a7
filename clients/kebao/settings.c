/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/settings.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/base/file.h"
#include "catalog/json/canon.h"
#include "catalog/json/json.h"
#include "clients/kebao/args.h"

#define FILE_NAME "settings.json"
#define FILE_BYTES 65536u
#define LIMIT_RATE_LEAST 1024u
#define DAY_MINUTES 1440u
#define USUAL_RESERVE_BYTES (64u << 20)

typedef int parse_setting(struct settings *s, const char *text);

/* --- forms --- */

int
settings_parse_bytes(const char *text, uint64_t *out)
{
	static const char units[] = "KMGT";
	size_t len = strlen(text);
	const char *unit = len > 0 ? strchr(units, toupper((unsigned char)text[len - 1])) : NULL;
	unsigned shift = 0;
	char digits[24];
	long long n;

	if (unit != NULL) {
		shift = 10 * ((unsigned)(unit - units) + 1);
		len--;
	}
	if (len == 0 || len >= sizeof(digits))
		return -1;
	memcpy(digits, text, len);
	digits[len] = '\0';
	if (args_number(digits, 0, INT64_MAX >> shift, &n) == -1)
		return -1;
	*out = (uint64_t)n << shift;
	return 0;
}

static int
parse_limit(struct settings *s, const char *text)
{
	uint64_t n;

	/* Slower than this is silence: transfer.h. */
	if (settings_parse_bytes(text, &n) == -1 || (n > 0 && n < LIMIT_RATE_LEAST))
		return -1;
	s->limit_bytes_per_second = n;
	return 0;
}

static int
parse_budget(struct settings *s, const char *text)
{
	return settings_parse_bytes(text, &s->monthly_bytes);
}

static int
parse_reserve(struct settings *s, const char *text)
{
	return settings_parse_bytes(text, &s->reserve_bytes);
}

/* "HH:MM", exactly five characters. */
static int
parse_minute(const char *text, unsigned *out)
{
	unsigned h, m;

	for (size_t i = 0; i < 5; i++)
		if (i == 2 ? text[i] != ':' : text[i] < '0' || text[i] > '9')
			return -1;
	h = (unsigned)(text[0] - '0') * 10 + (unsigned)(text[1] - '0');
	m = (unsigned)(text[3] - '0') * 10 + (unsigned)(text[4] - '0');
	if (h > 24 || m > 59 || (h == 24 && m > 0))
		return -1;
	*out = (h * 60 + m) % DAY_MINUTES;
	return 0;
}

static int
parse_hours(struct settings *s, const char *text)
{
	struct settings_hours hours[SETTINGS_HOURS];
	size_t n = 0;

	for (const char *at = text;; at += 12) {
		if (n == SETTINGS_HOURS || strlen(at) < 11 || at[5] != '-' ||
		    (at[11] != '\0' && at[11] != ',') || parse_minute(at, &hours[n].from) == -1 ||
		    parse_minute(at + 6, &hours[n].to) == -1)
			return -1;
		/* One that ends when it begins looks empty and would be the whole day. */
		if (hours[n].from == hours[n].to && strncmp(at, "00:00-24:00", 11) != 0)
			return -1;
		n++;
		if (at[11] == '\0')
			break;
	}
	memcpy(s->hours, hours, sizeof(hours));
	s->n_hours = n;
	return 0;
}

static int
parse_number(const char *text, unsigned least, unsigned most, unsigned *out)
{
	long long n;

	if (args_number(text, least, most, &n) == -1)
		return -1;
	*out = (unsigned)n;
	return 0;
}

static int
parse_connections(struct settings *s, const char *text)
{
	return parse_number(text, 1, SETTINGS_CONNECTIONS, &s->connections);
}

static int
parse_patience(struct settings *s, const char *text)
{
	return parse_number(text, 5, 600, &s->patience_s);
}

/* A password in it would stand in the history of the shell and in the list of processes. */
static int
parse_proxy(struct settings *s, const char *text)
{
	const char *name = text + strlen("http://"), *host;

	if (strncmp(text, "http://", strlen("http://")) != 0 || strlen(text) >= sizeof(s->proxy) ||
	    strpbrk(name, "/?#\\ ") != NULL)
		return -1;
	host = strchr(name, '@');
	if (host != NULL && memchr(name, ':', (size_t)(host - name)) != NULL)
		return -1;
	host = host != NULL ? host + 1 : name;
	if (*host == '\0' || *host == ':')
		return -1;
	memcpy(s->proxy, text, strlen(text) + 1);
	return 0;
}

static int
parse_password_file(struct settings *s, const char *text)
{
	if (*text != '/' || strlen(text) >= sizeof(s->proxy_password_file))
		return -1;
	memcpy(s->proxy_password_file, text, strlen(text) + 1);
	return 0;
}

static int
parse_yes(const char *text, bool *out)
{
	*out = strcmp(text, "yes") == 0;
	return *out || strcmp(text, "no") == 0 ? 0 : -1;
}

static int
parse_keep_trying(struct settings *s, const char *text)
{
	return parse_yes(text, &s->keeps_trying);
}

static int
parse_keep_old(struct settings *s, const char *text)
{
	return parse_yes(text, &s->keeps_old);
}

/* --- the table --- */

static const struct {
	const char *name;
	parse_setting *parse;
	const char *form;
	const char *usual; /* where it is not set; NULL: there is none then */
} table[] = {
	{ "limit-rate", parse_limit, "bytes a second, 1K at least, such as 500K or 2M", NULL },
	{ "hours", parse_hours,
	    "such as 22:00-06:00 or 12:00-13:30,22:00-06:00; 00:00-24:00 is the whole day, and no"
	    " other may end when it begins", NULL },
	{ "monthly-budget", parse_budget, "bytes a month, such as 20G", NULL },
	{ "connections", parse_connections, "1 to 4", "4" },
	{ "patience", parse_patience, "seconds, 5 to 600", "30" },
	{ "proxy", parse_proxy,
	    "http://host:port or http://name@host:port; the password goes into a file,"
	    " which proxy-password-file names", NULL },
	{ "proxy-password-file", parse_password_file, "the absolute name of a file", NULL },
	{ "reserve", parse_reserve, "bytes of the disk to leave alone, such as 2G", "64M" },
	{ "keep-trying", parse_keep_trying, "yes or no", "no" },
	{ "keep-old", parse_keep_old, "yes or no", "no" },
};
#define N_SETTINGS (sizeof(table) / sizeof(table[0]))

const char *
settings_name(size_t i)
{
	return i < N_SETTINGS ? table[i].name : NULL;
}

const char *
settings_usual(size_t i)
{
	return i < N_SETTINGS ? table[i].usual : NULL;
}

void
settings_init(struct settings *s)
{
	*s = (struct settings){
		.connections = SETTINGS_CONNECTIONS,
		.reserve_bytes = USUAL_RESERVE_BYTES,
	};
}

int
settings_parse(struct settings *s, const char *name, const char *text, struct err *e)
{
	char quoted[100], names[200] = "";

	for (size_t i = 0; i < N_SETTINGS; i++) {
		if (strcmp(table[i].name, name) != 0)
			continue;
		if (*text == '\0' || table[i].parse(s, text) == 0)
			return 0;
		return err_set(e, ERR_BAD_INPUT, "setting %s: \"%s\" is not %s", name,
		    err_quote(quoted, sizeof(quoted), text, strlen(text)), table[i].form);
	}
	for (size_t i = 0; i < N_SETTINGS; i++)
		(void)snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s",
		    i == 0 ? "" : ", ", table[i].name); /* all fit */
	return err_set(e, ERR_BAD_INPUT, "there is no setting %s; there are %s",
	    err_quote(quoted, sizeof(quoted), name, strlen(name)), names);
}

/* --- the file --- */

/* An empty document where there is no file; the caller frees *out. */
static int
load(const struct home *h, struct json **out, struct err *e)
{
	struct buf bytes = BUF_INIT;
	struct err mine = { 0 };
	int rc = -1;

	if (file_load(home_dirfd(h), FILE_NAME, FILE_BYTES, &bytes, &mine) == 0) {
		rc = json_parse(buf_data(&bytes), buf_len(&bytes), GATE_ANY, out, &mine);
	} else if (mine.class == ERR_NOT_FOUND) {
		*out = json_new();
		rc = json_check(*out, &mine);
	}
	if (rc == -1) {
		err_within(&mine, "%s/" FILE_NAME, home_path(h));
		if (e != NULL)
			*e = mine;
	}
	buf_clear(&bytes);
	return rc;
}

int
settings_load(const struct home *h, struct settings *out, struct err *e)
{
	struct json *doc = NULL;
	int rc = load(h, &doc, e);

	settings_init(out);
	if (rc == -1)
		return -1;
	for (struct json_at it = json_first(json_top(doc)); rc == 0 && json_is(it);
	     it = json_next(it)) {
		const char *text;

		rc = json_text(it, &text, e) == -1 ? -1
		                                   : settings_parse(out, json_key(it), text, e);
	}
	if (rc == -1)
		err_within(e, "%s/" FILE_NAME, home_path(h));
	json_free(doc);
	return rc;
}

int
settings_get(const struct home *h, const char *name, struct buf *out, struct err *e)
{
	struct settings s;
	struct json *doc = NULL;
	const char *text = NULL;
	int rc = -1;

	settings_init(&s);
	if (settings_parse(&s, name, "", e) == 0 && load(h, &doc, e) == 0 &&
	    json_find_text(json_top(doc), name, &text, e) == 0)
		rc = text == NULL ? 0 : buf_add_text(out, text, e);
	json_free(doc);
	return rc;
}

int
settings_set(const struct home *h, const char *name, const char *text, struct err *e)
{
	struct settings s;
	struct buf bytes = BUF_INIT;
	struct json *doc = NULL;
	int rc = -1;

	settings_init(&s);
	if (settings_parse(&s, name, text, e) == -1 || load(h, &doc, e) == -1)
		goto out;
	if (*text == '\0')
		json_drop(json_top(doc), name);
	else
		json_put_text(json_top(doc), name, text);
	if (canon_write(json_top(doc), &bytes, e) == -1 || buf_add_text(&bytes, "\n", e) == -1)
		goto out;
	rc = file_save(home_dirfd(h), FILE_NAME, buf_data(&bytes), buf_len(&bytes), 0600, e);
out:
	json_free(doc);
	buf_clear(&bytes);
	return rc;
}

/* --- hours --- */

unsigned
settings_minutes_until_open(const struct settings *s, unsigned minute)
{
	unsigned best = DAY_MINUTES;

	if (s->n_hours == 0)
		return 0;
	for (size_t i = 0; i < s->n_hours; i++) {
		const struct settings_hours *w = &s->hours[i];
		unsigned wait = (w->from + DAY_MINUTES - minute) % DAY_MINUTES;
		bool is_open = w->from == w->to ||
		    (w->from < w->to ? minute >= w->from && minute < w->to
		                     : minute >= w->from || minute < w->to);

		if (is_open)
			return 0;
		best = wait < best ? wait : best;
	}
	return best;
}
