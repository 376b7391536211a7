/* SPDX-License-Identifier: Apache-2.0 */
/* An enrolment code that is read, however it was typed, is written as one that reads the same. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/hub/code.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *typed = malloc(len + 1), text[CODE_TEXT_SIZE], shorter[CODE_TEXT_SIZE];
	struct code code, again;
	struct err e = { 0 };

	if (typed == NULL)
		abort();
	if (len > 0)
		memcpy(typed, data, len);
	typed[len] = '\0';
	if (code_decode(&code, typed, &e) == -1) {
		assert(e.class == ERR_BAD_INPUT && e.text[0] != '\0');
		/* The code is a secret: no message shows a piece of it. */
		assert(strlen(typed) < 20 || strstr(e.text, typed) == NULL);
		free(typed);
		return 0;
	}
	code_encode(text, &code);
	if (code_decode(&again, text, NULL) == -1)
		abort();
	assert(code.root_version == again.root_version);
	assert(memcmp(code.secret, again.secret, CODE_SECRET_LEN) == 0);
	assert(memcmp(code.fingerprint, again.fingerprint, CODE_FINGERPRINT_LEN) == 0);
	/* A letter less is no code. */
	memcpy(shorter, text, sizeof(shorter));
	shorter[strlen(shorter) - 1] = '\0';
	assert(code_decode(&again, shorter, NULL) == -1);
	free(typed);
	return 0;
}
