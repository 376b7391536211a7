/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration that is read has what kebaod cannot do without; in front of another copy of
 * itself it is refused, for `state` stands there twice.  A refusal names file and line.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_twice(const uint8_t *data, size_t len)
{
	char *twice = malloc(2 * len + 1);
	struct config c;

	if (twice == NULL)
		abort();
	memcpy(twice, data, len);
	twice[len] = '\n';
	memcpy(twice + len + 1, data, len);
	assert(config_parse(twice, 2 * len + 1, "twice", &c, NULL) == -1);
	free(twice);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct config c;
	struct err e = { 0 };

	if (config_parse((const char *)data, len, "k.conf", &c, &e) == -1) {
		assert(e.class == ERR_BAD_INPUT && strncmp(e.text, "k.conf", 6) == 0);
		return 0;
	}
	assert(c.state != NULL && c.state[0] == '/' && c.listen.n > 0);
	config_clear(&c);
	check_twice(data, len);
	return 0;
}
