/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/hub/region.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

static const struct province {
	char digits[3];
	const char *zh;
} provinces[] = {
	{ "11", "北京" }, { "12", "天津" }, { "13", "河北" }, { "14", "山西" }, { "15", "内蒙古" },
	{ "21", "辽宁" }, { "22", "吉林" }, { "23", "黑龙江" }, { "31", "上海" }, { "32", "江苏" },
	{ "33", "浙江" }, { "34", "安徽" }, { "35", "福建" }, { "36", "江西" }, { "37", "山东" },
	{ "41", "河南" }, { "42", "湖北" }, { "43", "湖南" }, { "44", "广东" }, { "45", "广西" },
	{ "46", "海南" }, { "50", "重庆" }, { "51", "四川" }, { "52", "贵州" }, { "53", "云南" },
	{ "54", "西藏" }, { "61", "陕西" }, { "62", "甘肃" }, { "63", "青海" }, { "64", "宁夏" },
	{ "65", "新疆" }, { "66", "兵团" },
};

static const struct province *
find(const char *code)
{
	for (size_t i = 0; i < sizeof(provinces) / sizeof(provinces[0]); i++)
		if (strncmp(provinces[i].digits, code, 2) == 0)
			return &provinces[i];
	return NULL;
}

static bool
is_six_digits(const char *code)
{
	for (size_t i = 0; i < REGION_LEN; i++)
		if (!isdigit((unsigned char)code[i]))
			return false;
	return code[REGION_LEN] == '\0';
}

int
region_check(const char *code, struct err *e)
{
	char quoted[60];

	if (!is_six_digits(code))
		return err_set(e, ERR_BAD_INPUT,
		    "\"%s\" is no region code: GB/T 2260 has six digits",
		    err_quote(quoted, sizeof(quoted), code, strlen(code)));
	if (find(code) == NULL)
		return err_set(e, ERR_BAD_INPUT, "region %s: GB/T 2260 has no province %.2s0000",
		    code, code);
	if (strncmp(code, "66", 2) == 0 && strcmp(code, "660000") != 0)
		return err_set(e, ERR_BAD_INPUT,
		    "region %s: 660000 is the only code used for the Corps", code);
	if (strncmp(code + 2, "00", 2) == 0 && strcmp(code + 4, "00") != 0)
		return err_set(e, ERR_BAD_INPUT,
		    "region %s: a county code without its prefecture", code);
	return 0;
}

const char *
region_province_zh(const char *code)
{
	const struct province *p = find(code);

	return p != NULL ? p->zh : "";
}
