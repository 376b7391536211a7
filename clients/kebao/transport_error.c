/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/transport_error.h"

#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "clients/kebao/interrupt.h"
#include "clients/kebao/text.h"

static int
untrusted_peer(const struct transfer *t, struct err *e)
{
	struct text now, from, until;

	if (t->clock.is_wrong)
		return err_set(e, ERR_UNTRUSTED, "%s: this machine's clock says %s; the certificate"
		    " is valid from %s to %s", t->base_url,
		    text_rfc3339(&now, t->clock.now), text_rfc3339(&from, t->clock.valid_from),
		    text_rfc3339(&until, t->clock.valid_until));
	if (t->verify_error != X509_V_OK)
		return err_set(e, ERR_UNTRUSTED,
		    "%s: the certificate is not one of the hub's CA: %s", t->base_url,
		    X509_verify_cert_error_string(t->verify_error));
	return err_set(e, ERR_UNTRUSTED, "%s: %s", t->base_url, t->curl_text);
}

/* --- which proxy --- */

/* "host" of "https://host:port", without the brackets of an IPv6 address; lent. */
static const char *
host_of(const char *base_url, size_t *len)
{
	const char *host = base_url + strlen("https://");

	if (*host == '[') {
		host++;
		*len = strcspn(host, "]");
	} else {
		*len = strcspn(host, ":/");
	}
	return host;
}

/*
 * Whether a word of NO_PROXY may mean the host: the name itself or the end of it, as libcurl has
 * it.  What a range of addresses means is not worked out here: it may.
 */
static bool
may_except(const char *word, size_t len, const char *host, size_t host_len)
{
	if (len > 0 && *word == '.') {
		word++;
		len--;
	}
	if ((len == 1 && *word == '*') || memchr(word, '/', len) != NULL)
		return true;
	return len > 0 && len <= host_len &&
	    strncasecmp(host + host_len - len, word, len) == 0 &&
	    (len == host_len || host[host_len - len - 1] == '.');
}

/* The first of the variables that is set and not empty; *name says which; lent, or NULL. */
static const char *
from_environment(const char *const *names, const char **name)
{
	for (; *names != NULL; names++) {
		const char *value = getenv(*names);

		*name = *names;
		if (value != NULL && *value != '\0')
			return value;
	}
	return NULL;
}

static bool
goes_without(const char *base_url)
{
	static const char *const names[] = { "no_proxy", "NO_PROXY", NULL };
	const char *name, *word = from_environment(names, &name);
	size_t host_len;
	const char *host = host_of(base_url, &host_len);

	for (; word != NULL && *word != '\0'; word += strspn(word, " ,")) {
		size_t len = strcspn(word, " ,");

		if (may_except(word, len, host, host_len))
			return true;
		word += len;
	}
	return false;
}

/*
 * "host:port" of the proxy that libcurl asks for the hub, and which variable names it ("": the
 * setting), without a name or password.  false: none, or nobody here can tell.
 */
static bool
find_proxy(const struct transfer *t, char *out, size_t size, const char **variable)
{
	static const char *const names[] = {
		"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", NULL,
	};
	const char *proxy = t->line.proxy, *host;

	*variable = "";
	if (proxy == NULL || *proxy == '\0')
		proxy = from_environment(names, variable);
	if (proxy == NULL || goes_without(t->base_url))
		return false;
	host = strstr(proxy, "://");
	host = host != NULL ? host + strlen("://") : proxy;
	if (strrchr(host, '@') != NULL)
		host = strrchr(host, '@') + 1;
	(void)err_quote(out, size, host, strcspn(host, "/"));
	return true;
}

/* --- what it means --- */

/* What libcurl says in words of its trade, or nothing where its own words will do. */
static const char *
plainly(CURLcode code, long connect_status)
{
	if (connect_status >= 300)
		return "the proxy refuses";
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
		return "no address is known for this name: "
		    "is it right, and has this machine a network?";
	case CURLE_COULDNT_RESOLVE_PROXY:
		return "no address is known for the proxy";
	case CURLE_SSL_CONNECT_ERROR:
		return "no secure connection came about";
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
		return "the connection broke off";
	default:
		return NULL;
	}
}

/* One sentence, libcurl's own in parentheses where it needs one before it. */
static void
sentence(char *out, size_t size, const struct transfer *t, CURLcode code, long connect_status)
{
	const char *text = t->curl_text[0] != '\0' ? t->curl_text : curl_easy_strerror(code);
	const char *plain = plainly(code, connect_status);
	size_t len = strlen(text);
	char quoted[200];

	while (len > 0 && text[len - 1] == ' ')
		len--;
	(void)err_quote(quoted, sizeof(quoted), text, len);
	if (plain != NULL)
		(void)snprintf(out, size, "%s (%s)", plain, quoted); /* of size for both */
	else
		(void)snprintf(out, size, "%s", quoted);
}

int
transport_error(struct transfer *t, CURLcode code, struct err *e)
{
	const char *variable;
	char why[300], proxy[120];
	long connect_status = 0;

	if (code == CURLE_ABORTED_BY_CALLBACK)
		return interrupt_check(e);
	if (code == CURLE_PEER_FAILED_VERIFICATION)
		return untrusted_peer(t, e);
	if (code == CURLE_OUT_OF_MEMORY)
		return err_nomem(e);
	(void)curl_easy_getinfo(t->curl, CURLINFO_HTTP_CONNECTCODE, &connect_status); /* stays 0 */
	if (connect_status == 407)
		return err_set(e, ERR_DENIED, "the proxy wants a name and a password, or others:"
		    " settings proxy and proxy-password-file (kebao config), or HTTPS_PROXY");
	sentence(why, sizeof(why), t, code, connect_status);
	if (code == CURLE_SSL_CERTPROBLEM)
		return err_set(e, ERR_BAD_INPUT, "the client certificate or its key: %s", why);
	if (connect_status == 200 || !find_proxy(t, proxy, sizeof(proxy), &variable))
		return err_set(e, ERR_NETWORK, "%s: %s", t->base_url, why);
	return err_set(e, ERR_NETWORK, "%s, through the proxy %s%s%s%s: %s", t->base_url, proxy,
	    *variable != '\0' ? " (" : "", variable, *variable != '\0' ? ")" : "", why);
}
