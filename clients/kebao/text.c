/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

const char *
text_number(struct text *out, uint64_t n)
{
	(void)snprintf(out->s, sizeof(out->s), "%" PRIu64, n); /* 20 digits fit */
	return out->s;
}

const char *
text_bytes(struct text *out, uint64_t bytes)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
	double n = (double)bytes / 1024;
	size_t u = 0;

	if (bytes < 1024) {
		(void)snprintf(out->s, sizeof(out->s), "%" PRIu64 " B", bytes);
		return out->s;
	}
	while (n >= 1023.95 && u + 1 < sizeof(units) / sizeof(units[0])) {
		n /= 1024;
		u++;
	}
	(void)snprintf(out->s, sizeof(out->s), "%.1f %s", n, units[u]);
	return out->s;
}

const char *
text_seconds(struct text *out, int64_t ms)
{
	(void)snprintf(out->s, sizeof(out->s), "%" PRId64 ".%03" PRId64 " s", ms / 1000, ms % 1000);
	return out->s;
}

const char *
text_duration(struct text *out, enum language lang, uint64_t seconds)
{
	const char *h = lang == LANGUAGE_ZH ? "小时" : "h";
	const char *m = lang == LANGUAGE_ZH ? "分" : "min";
	const char *s = lang == LANGUAGE_ZH ? "秒" : "s";

	if (seconds >= 3600)
		(void)snprintf(out->s, sizeof(out->s), "%" PRIu64 " %s %" PRIu64 " %s",
		    seconds / 3600, h, seconds / 60 % 60, m);
	else if (seconds >= 60)
		(void)snprintf(out->s, sizeof(out->s), "%" PRIu64 " %s %" PRIu64 " %s",
		    seconds / 60, m, seconds % 60, s);
	else
		(void)snprintf(out->s, sizeof(out->s), "%" PRIu64 " %s", seconds, s);
	return out->s;
}

const char *
text_time(struct text *out, int64_t at)
{
	struct tm tm;
	time_t t = (time_t)at;

	if (localtime_r(&t, &tm) == NULL ||
	    strftime(out->s, sizeof(out->s), "%Y-%m-%d %H:%M", &tm) == 0)
		(void)snprintf(out->s, sizeof(out->s), "?");
	return out->s;
}

const char *
text_rfc3339(struct text *out, int64_t at)
{
	struct tm tm;
	time_t t = (time_t)at;

	if (gmtime_r(&t, &tm) == NULL ||
	    strftime(out->s, sizeof(out->s), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		(void)snprintf(out->s, sizeof(out->s), "?");
	return out->s;
}
