/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/base/utc.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define DAYS_OF_400_YEARS 146097
#define DAYS_TO_1970 719468 /* from 0000-03-01, where the count below begins */

/*
 * The year is counted from March, so that the leap day is its last: then the days
 * before a month are a linear formula, (153 * month + 2) / 5.
 */
static int64_t
day_of(int64_t year, int64_t month, int64_t day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t m = month <= 2 ? month + 9 : month - 3;
	int64_t era = y / 400, in_era = y % 400;

	return era * DAYS_OF_400_YEARS + in_era * 365 + in_era / 4 - in_era / 100 +
	    (153 * m + 2) / 5 + day - 1 - DAYS_TO_1970;
}

static int
days_of_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29 : days[month - 1];
}

int
utc_from(int64_t *out, int year, int month, int day, int second_of_day)
{
	if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1)
		return -1;
	if (day > days_of_month(year, month) || second_of_day < 0 || second_of_day >= UTC_DAY_S)
		return -1;
	*out = day_of(year, month, day) * UTC_DAY_S + second_of_day;
	return 0;
}

/* Digits where the pattern has '0', else the same character; both must end together. */
static bool
has_form(const char *text, const char *pattern)
{
	for (; *pattern != '\0'; text++, pattern++) {
		if (*pattern == '0' ? *text < '0' || *text > '9' : *text != *pattern)
			return false;
	}
	return *text == '\0';
}

static int
digits(const char *text, int n)
{
	int v = 0;

	while (n-- > 0)
		v = v * 10 + (*text++ - '0');
	return v;
}

int
utc_parse(const char *text, int64_t *out, struct err *e)
{
	char quoted[48];
	int hour, minute, second;

	if (!has_form(text, "0000-00-00T00:00:00Z"))
		goto wrong;
	hour = digits(text + 11, 2);
	minute = digits(text + 14, 2);
	second = digits(text + 17, 2);
	if (hour > 23 || minute > 59 || second > 59)
		goto wrong;
	if (utc_from(out, digits(text, 4), digits(text + 5, 2), digits(text + 8, 2),
	    hour * 3600 + minute * 60 + second) == -1)
		goto wrong;
	return 0;
wrong:
	return err_set(e, ERR_BAD_INPUT, "\"%s\" is not a time like 2026-11-23T08:00:00Z",
	    err_quote(quoted, sizeof(quoted), text, strlen(text)));
}

const char *
utc_format(char out[UTC_TEXT_SIZE], int64_t at)
{
	int64_t days, in_day, z, era, in_era, year_of_era, day_of_year, mp;
	int year, month, day;

	if (at < UTC_MIN)
		at = UTC_MIN;
	if (at > UTC_MAX)
		at = UTC_MAX;
	days = at / UTC_DAY_S;
	in_day = at % UTC_DAY_S;
	if (in_day < 0) {
		in_day += UTC_DAY_S;
		days--;
	}
	z = days + DAYS_TO_1970;
	era = z / DAYS_OF_400_YEARS;
	in_era = z % DAYS_OF_400_YEARS;
	year_of_era = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	day_of_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	mp = (5 * day_of_year + 2) / 153;
	day = (int)(day_of_year - (153 * mp + 2) / 5 + 1);
	month = (int)(mp < 10 ? mp + 3 : mp - 9);
	year = (int)(year_of_era + era * 400 + (month <= 2 ? 1 : 0));
	(void)snprintf(out, UTC_TEXT_SIZE, "%04u-%02u-%02uT%02u:%02u:%02uZ",
	    (unsigned)year % 10000u, (unsigned)month % 100u, (unsigned)day % 100u,
	    (unsigned)(in_day / 3600) % 100u, (unsigned)(in_day / 60 % 60) % 100u,
	    (unsigned)(in_day % 60) % 100u); /* the remainders show the compiler that it fits */
	return out;
}
