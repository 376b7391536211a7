/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Upload-Metadata: a value that is found is printable and fits, and the same header with one
 * more pair of that key has it twice, which is refused.  A number that is read is written with
 * the same digits, leading zeros aside.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/app/tusmeta.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_key(const char *header, const char *key)
{
	char value[65], again[65], *twice;
	struct err e = { 0 };

	if (tusmeta_get(header, key, value, sizeof(value), &e) == -1) {
		assert(e.class == ERR_BAD_INPUT && e.text[0] != '\0');
		return;
	}
	assert(strlen(value) < sizeof(value));
	for (const char *p = value; *p != '\0'; p++)
		assert(*p >= 0x20 && *p < 0x7f);
	if (asprintf(&twice, "%s,%s eA==", header, key) == -1)
		abort();
	assert(tusmeta_get(twice, key, again, sizeof(again), NULL) == -1);
	free(twice);
}

static void
check_number(const char *text)
{
	uint64_t n;
	char again[24];

	if (tusmeta_number(text, &n) == -1)
		return;
	assert(n <= INT64_MAX);
	(void)snprintf(again, sizeof(again), "%" PRIu64, n);
	while (text[0] == '0' && text[1] != '\0')
		text++;
	assert(strcmp(text, again) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const keys[] = { "channel", "kind", "sha256" };
	char *header = malloc(len + 1);

	if (header == NULL)
		abort();
	if (len > 0)
		memcpy(header, data, len);
	header[len] = '\0';
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		check_key(header, keys[i]);
	check_number(header);
	free(header);
	return 0;
}
