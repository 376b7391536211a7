/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/args.h"

#include <string.h>

static const struct args_option *
find_option(const struct args_option *options, const char *name, size_t len)
{
	for (const struct args_option *o = options; o->name != NULL; o++)
		if (strlen(o->name) == len && memcmp(o->name, name, len) == 0)
			return o;
	return NULL;
}

static int
add_word(struct args_list *list, const char *word)
{
	if (list->n == ARGS_MAX_WORDS)
		return -1;
	list->words[list->n++] = word;
	return 0;
}

static int
give_value(const struct args_option *o, const char *value, enum message *problem)
{
	if (o->list != NULL) {
		*problem = MSG_ARGS_TOO_MANY;
		return add_word(o->list, value);
	}
	*problem = MSG_ARGS_TWICE;
	if (*o->value != NULL)
		return -1;
	*o->value = value;
	return 0;
}

/* One option at argv[*i]; *i moves on where its value is the next word. */
static int
take_option(int argc, char *const *argv, int *i, const struct args_option *options,
    enum message *problem)
{
	const char *name = argv[*i] + 2;
	const char *equals = strchr(name, '=');
	size_t len = equals != NULL ? (size_t)(equals - name) : strlen(name);
	const struct args_option *o = find_option(options, name, len);

	*problem = MSG_ARGS_UNKNOWN;
	if (o == NULL)
		return -1;
	if (o->flag != NULL) {
		*problem = MSG_ARGS_NO_VALUE;
		if (equals != NULL)
			return -1;
		*o->flag = true;
		return 0;
	}
	if (equals != NULL)
		return give_value(o, equals + 1, problem);
	*problem = MSG_ARGS_NEEDS_VALUE;
	if (*i + 1 == argc)
		return -1;
	return give_value(o, argv[++*i], problem);
}

int
args_parse(int argc, char *const *argv, const struct args_option *options,
    struct args_list *words, enum message *problem, const char **word)
{
	bool only_words = false;

	words->n = 0;
	for (int i = 0; i < argc; i++) {
		*word = argv[i];
		if (!only_words && strcmp(argv[i], "--") == 0) {
			only_words = true;
		} else if (!only_words && argv[i][0] == '-' && argv[i][1] == '-') {
			if (take_option(argc, argv, &i, options, problem) == -1)
				return -1;
		} else if (!only_words && strcmp(argv[i], "-v") == 0 &&
		    find_option(options, "verbose", 7) != NULL) {
			*find_option(options, "verbose", 7)->flag = true;
		} else if (!only_words && argv[i][0] == '-' && argv[i][1] != '\0') {
			*problem = MSG_ARGS_UNKNOWN;
			return -1;
		} else if (add_word(words, argv[i]) == -1) {
			*problem = MSG_ARGS_TOO_MANY;
			return -1;
		}
	}
	return 0;
}

int
args_number(const char *text, long long min, long long max, long long *out)
{
	long long n = 0;

	if (*text == '\0')
		return -1;
	for (const char *p = text; *p != '\0'; p++) {
		if (*p < '0' || *p > '9' || __builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, *p - '0', &n))
			return -1;
	}
	if (n < min || n > max)
		return -1;
	*out = n;
	return 0;
}
