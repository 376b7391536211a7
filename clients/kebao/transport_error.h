/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an attempt that got no whole answer means for people: whose fault it is (the line, a proxy,
 * the hub's certificate, this machine's clock, our own key) and what helps.  Private to attempt.c.
 */
#ifndef KEBAO_CLIENTS_KEBAO_TRANSPORT_ERROR_H
#define KEBAO_CLIENTS_KEBAO_TRANSPORT_ERROR_H

#include <curl/curl.h>

#include "catalog/base/err.h"
#include "clients/kebao/attempt.h"

/*
 * Always -1: code is what curl_easy_perform(t->curl) returned, not CURLE_OK, and no callback of
 * ours stopped it but for an interrupt.  ERR_UNTRUSTED: the peer is not the hub; ERR_DENIED: the
 * proxy wants a password; ERR_BAD_INPUT: our certificate or key; what interrupt_check() says; else
 * ERR_NETWORK, which another attempt may get over; the text names a proxy that was in the way.
 */
int transport_error(struct transfer *t, CURLcode code, struct err *e);

#endif
