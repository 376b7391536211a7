/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/interop/fetch.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_S 20L
#define SLOWEST_BYTES_S 16L /* less than this for SILENCE_S is no transfer any more */
#define SILENCE_S 30L

struct fetch {
	CURL *curl; /* owned */
};

/* One answer on its way. */
struct answer {
	struct buf *out; /* borrowed */
	size_t room;     /* bytes it may still have */
	struct err e;    /* why on_body() stopped it */
};

int
fetch_new(struct fetch **out, struct err *e)
{
	struct fetch *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return err_nomem(e);
	f->curl = curl_easy_init();
	if (f->curl == NULL) {
		fetch_free(f);
		return err_nomem(e);
	}
	*out = f;
	return 0;
}

void
fetch_free(struct fetch *f)
{
	if (f == NULL)
		return;
	if (f->curl != NULL)
		curl_easy_cleanup(f->curl);
	free(f);
}

static size_t
on_body(char *bytes, size_t size, size_t n, void *ctx)
{
	struct answer *a = ctx;
	size_t len = size * n;

	if (len > a->room) {
		(void)err_set(&a->e, ERR_BAD_INPUT, "longer than it may be");
		return 0;
	}
	if (buf_add(a->out, bytes, len, &a->e) == -1)
		return 0;
	a->room -= len;
	return len;
}

static int
set_options(CURL *curl, const char *url, struct answer *a, struct err *e)
{
	if (curl_easy_setopt(curl, CURLOPT_URL, url) != CURLE_OK ||
	    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http") != CURLE_OK ||
	    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L) != CURLE_OK ||
	    curl_easy_setopt(curl, CURLOPT_PROXY, "") != CURLE_OK ||
	    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) != CURLE_OK ||
	    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_S) != CURLE_OK ||
	    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, SLOWEST_BYTES_S) != CURLE_OK ||
	    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, SILENCE_S) != CURLE_OK ||
	    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L) != CURLE_OK ||
	    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body) != CURLE_OK ||
	    curl_easy_setopt(curl, CURLOPT_WRITEDATA, a) != CURLE_OK)
		return err_set(e, ERR_SYSTEM, "libcurl takes no options");
	return 0;
}

int
fetch_get(struct fetch *f, const char *url, size_t max_bytes, struct buf *out, struct err *e)
{
	struct answer a = { .out = out, .room = max_bytes };
	size_t before = buf_len(out);
	long status = 0;
	CURLcode code;

	curl_easy_reset(f->curl); /* keeps the connection */
	if (set_options(f->curl, url, &a, e) == -1)
		return -1;
	code = curl_easy_perform(f->curl);
	(void)curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &status); /* 0: no answer */
	if (code == CURLE_OK && status == 200)
		return 0;
	buf_truncate(out, before);
	if (a.e.class != ERR_NONE)
		return err_set(e, a.e.class, "%s", a.e.text);
	if (code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT)
		return err_set(e, ERR_BAD_INPUT, "%s", curl_easy_strerror(code));
	if (code != CURLE_OK && code != CURLE_HTTP_RETURNED_ERROR)
		return err_set(e, ERR_NETWORK, "%s", curl_easy_strerror(code));
	return err_set(e, status == 404 || status == 403 ? ERR_NOT_FOUND : ERR_NETWORK,
	    "the answer is status %ld", status);
}
