/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/transport_error.h"

#include <openssl/x509.h>
#include <string.h>

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

/* Of the setting, without the name in it; NULL: none is set (the environment may have one). */
static const char *
proxy_host(const struct transfer *t)
{
	const char *proxy = t->line.proxy, *host;

	if (proxy == NULL || *proxy == '\0')
		return NULL;
	host = strrchr(proxy, '@');
	return host != NULL ? host + 1 : proxy;
}

int
transport_error(struct transfer *t, CURLcode code, const char *path, struct err *e)
{
	const char *text = t->curl_text[0] != '\0' ? t->curl_text : curl_easy_strerror(code);
	const char *proxy = proxy_host(t);
	char quoted[240];
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
	if (code == CURLE_SSL_CERTPROBLEM)
		return err_set(e, ERR_BAD_INPUT, "the client certificate or its key: %s",
		    err_quote(quoted, sizeof(quoted), text, strlen(text)));
	(void)err_quote(quoted, sizeof(quoted), text, strlen(text));
	if (proxy != NULL && connect_status != 200)
		return err_set(e, ERR_NETWORK, "%s, through the proxy %s: %s", t->base_url,
		    proxy, quoted);
	return err_set(e, ERR_NETWORK, "%s%s: %s", t->base_url, path, quoted);
}
