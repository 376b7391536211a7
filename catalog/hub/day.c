/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/hub/day.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define DAY_SECONDS 86400
#define DAY_LAST 2932896 /* 9999-12-31 */

/* Days since 1970-01-01 of a date in the Gregorian calendar; years begin in March here. */
static int32_t
days_of(int year, int month, int day)
{
	int y = month <= 2 ? year - 1 : year;
	int era = y / 400;
	int of_era = y - era * 400;
	int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void
date_of(int32_t days, int *year, int *month, int *day)
{
	int z = days + 719468;
	int era = z / 146097;
	int doe = z - era * 146097;
	int yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int mp = (5 * doy + 2) / 153;

	*day = doy - (153 * mp + 2) / 5 + 1;
	*month = mp < 10 ? mp + 3 : mp - 9;
	*year = yoe + era * 400 + (*month <= 2 ? 1 : 0);
}

static int
number(const char *text, int n_digits)
{
	int v = 0;

	for (int i = 0; i < n_digits; i++) {
		if (!isdigit((unsigned char)text[i]))
			return -1;
		v = v * 10 + (text[i] - '0');
	}
	return v;
}

int
day_parse(int32_t *out, const char *text)
{
	int year, month, day, y, m, d;
	int32_t days;

	if (strlen(text) != DAY_TEXT_SIZE - 1 || text[4] != '-' || text[7] != '-')
		return -1;
	year = number(text, 4);
	month = number(text + 5, 2);
	day = number(text + 8, 2);
	if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31)
		return -1;
	days = days_of(year, month, day);
	date_of(days, &y, &m, &d);
	if (m != month || d != day) /* the 31st of a month that has none */
		return -1;
	*out = days;
	return 0;
}

void
day_format(char *text, int32_t day)
{
	int y, m, d;

	text[0] = '\0';
	if (day < 0 || day > DAY_LAST)
		return;
	date_of(day, &y, &m, &d);
	(void)snprintf(text, DAY_TEXT_SIZE, "%04u-%02u-%02u", (unsigned)y % 10000,
	    (unsigned)m % 100, (unsigned)d % 100); /* always fits */
}

int32_t
day_at(int64_t now, int offset_minutes)
{
	int64_t local = now + (int64_t)offset_minutes * 60;
	int64_t day = local / DAY_SECONDS;

	if (local % DAY_SECONDS < 0)
		day--;
	if (day > DAY_LAST)
		return DAY_LAST;
	if (day < -DAY_LAST)
		return -DAY_LAST;
	return (int32_t)day;
}

int64_t
day_next_at(int64_t now, int offset_minutes)
{
	return ((int64_t)day_at(now, offset_minutes) + 1) * DAY_SECONDS -
	    (int64_t)offset_minutes * 60;
}
