/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/asked.h"

#include <stdio.h>
#include <string.h>

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyz0123456789.-/"

static bool
may_be_course(const char *word)
{
	size_t len = strlen(word);

	return len > 0 && len < LIBRARY_PATH_SIZE && word[0] != '-' &&
	    strspn(word, NAME_CHARS) == len;
}

/* What has no room is left out whole; there is room for all that can be asked. */
static void
add(char out[ASKED_SIZE], const char *word)
{
	size_t len = strlen(out);

	if (len + 1 + strlen(word) < ASKED_SIZE)
		(void)snprintf(out + len, ASKED_SIZE - len, "%s%s", len > 0 ? " " : "", word);
}

void
asked_write(const struct asked *a, char out[ASKED_SIZE])
{
	out[0] = '\0';
	if (a->all)
		add(out, "--all");
	for (size_t i = 0; i < a->names.n; i++)
		if (may_be_course(a->names.words[i]))
			add(out, a->names.words[i]);
	if (a->is_low_space)
		add(out, "--low-space");
	if (a->keeps_old)
		add(out, "--keep-old");
}

void
asked_read(char *text, struct asked *out)
{
	char *rest = NULL;

	memset(out, 0, sizeof(*out));
	for (char *word = strtok_r(text, " ", &rest); word != NULL;
	     word = strtok_r(NULL, " ", &rest)) {
		if (strcmp(word, "--all") == 0)
			out->all = true;
		else if (strcmp(word, "--low-space") == 0)
			out->is_low_space = true;
		else if (strcmp(word, "--keep-old") == 0)
			out->keeps_old = true;
		else if (may_be_course(word) && out->names.n < ARGS_MAX_WORDS)
			out->names.words[out->names.n++] = word;
	}
}
