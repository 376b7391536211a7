/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/hub/uscc.h"

#include <string.h>

static const char uscc_digits[] = "0123456789ABCDEFGHJKLMNPQRTUWXY"; /* 31: no I O S V Z */

int
uscc_check(const char *text, struct err *e)
{
	unsigned sum = 0, weight = 1;
	char quoted[80];

	if (strlen(text) != USCC_LEN)
		return err_set(e, ERR_BAD_INPUT,
		    "a unified social credit code has %d characters, \"%s\" has %zu", USCC_LEN,
		    err_quote(quoted, sizeof(quoted), text, strlen(text)), strlen(text));
	for (size_t i = 0; i < USCC_LEN; i++) {
		const char *digit = strchr(uscc_digits, text[i]);
		unsigned value;

		if (digit == NULL)
			return err_set(e, ERR_BAD_INPUT,
			    "\"%s\" is no unified social credit code: only 0-9 and capitals without"
			    " I O S V Z",
			    err_quote(quoted, sizeof(quoted), text, strlen(text)));
		value = (unsigned)(digit - uscc_digits);
		if (i < USCC_LEN - 1) {
			sum += value * weight;
			weight = weight * 3 % 31;
		} else if (value != (31 - sum % 31) % 31) {
			return err_set(e, ERR_BAD_INPUT,
			    "unified social credit code %s is mistyped: its check character would"
			    " be %c",
			    text, uscc_digits[(31 - sum % 31) % 31]);
		}
	}
	return 0;
}
