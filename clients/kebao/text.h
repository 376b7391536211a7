/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as people read them.  Each writes into out and returns it. */
#ifndef KEBAO_CLIENTS_KEBAO_TEXT_H
#define KEBAO_CLIENTS_KEBAO_TEXT_H

#include <stdint.h>

#include "clients/kebao/messages.h"

struct text {
	char s[64];
};

/* 1234567 */
const char *text_number(struct text *out, uint64_t n);

/* "1.2 MiB", "940 B" */
const char *text_bytes(struct text *out, uint64_t bytes);

/* "1.234 s" */
const char *text_seconds(struct text *out, int64_t ms);

/* "3 分 20 秒" / "3 min 20 s" */
const char *text_duration(struct text *out, enum language lang, uint64_t seconds);

/* "2026-11-23 16:00" in the zone of this machine; "?" where there is no such time. */
const char *text_time(struct text *out, int64_t at);

/* RFC 3339 in UTC, as documents write it: "2026-11-23T08:00:00Z". */
const char *text_rfc3339(struct text *out, int64_t at);

#endif
