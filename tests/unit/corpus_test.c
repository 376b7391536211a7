/* SPDX-License-Identifier: Apache-2.0 */
/* Hostile and odd JSON of tests/fixtures/json: what the gate says, and who stands behind it. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "catalog/base/file.h"
#include "catalog/hub/regset.h"
#include "catalog/json/canon.h"
#include "catalog/json/gate.h"
#include "catalog/json/json.h"
#include "catalog/repo/record.h"
#include "catalog/trust/key.h"
#include "catalog/trust/meta.h"

#define PLACE "tests/fixtures/json" /* tests run at the top of the tree */
#define MOST 200

struct verdict {
	char name[80];
	char says[2][160]; /* by enum gate_mode; "-": it passes */
	struct buf bytes;
};

struct corpus {
	struct verdict items[MOST];
	size_t n;
};

static int
setup(void **state)
{
	struct corpus *c = calloc(1, sizeof(*c));
	FILE *f = fopen(PLACE "/verdicts", "r");
	char line[512], path[200];

	if (f == NULL)
		fail_msg(PLACE "/verdicts: run this at the top of the tree");
	while (fgets(line, sizeof(line), f) != NULL) {
		struct verdict *v = &c->items[c->n++];

		assert_true(c->n < MOST);
		assert_int_equal(sscanf(line, "%79[^\t]\t%159[^\t]\t%159[^\n]", v->name,
		    v->says[GATE_SIGNED], v->says[GATE_ANY]), 3);
		(void)snprintf(path, sizeof(path), PLACE "/files/%s", v->name);
		assert_int_equal(file_load(AT_FDCWD, path, 65536, &v->bytes, NULL), 0);
	}
	fclose(f);
	*state = c;
	return 0;
}

static int
teardown(void **state)
{
	struct corpus *c = *state;

	for (size_t i = 0; i < c->n; i++)
		buf_clear(&c->items[i].bytes);
	free(c);
	return 0;
}

static bool
begins(const char *name, const char *with)
{
	return strncmp(name, with, strlen(with)) == 0;
}

static void
every_file_has_a_verdict_and_every_verdict_a_file(void **state)
{
	struct corpus *c = *state;
	DIR *dir = opendir(PLACE "/files");
	struct dirent *entry;
	size_t n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
		n += entry->d_name[0] != '.';
	closedir(dir);
	assert_int_equal(n, c->n); /* setup() read one for each verdict; names are unique: */
	for (size_t i = 1; i < c->n; i++)
		assert_true(strcmp(c->items[i - 1].name, c->items[i].name) < 0);
	assert_true(n > 80);
}

static void
names_say_what_is_meant(void **state)
{
	const struct corpus *c = *state;

	for (size_t i = 0; i < c->n; i++) {
		const struct verdict *v = &c->items[i];
		bool passes_signed = strcmp(v->says[GATE_SIGNED], "-") == 0;
		bool passes_any = strcmp(v->says[GATE_ANY], "-") == 0;

		assert_true(begins(v->name, "accept-") || begins(v->name, "any-") ||
		    begins(v->name, "refuse-"));
		assert_int_equal(passes_signed, begins(v->name, "accept-"));
		assert_int_equal(passes_any, !begins(v->name, "refuse-"));
	}
}

static void
the_gate_says_so(void **state)
{
	const struct corpus *c = *state;

	for (size_t i = 0; i < c->n; i++)
		for (int mode = GATE_SIGNED; mode <= GATE_ANY; mode++) {
			const struct verdict *v = &c->items[i];
			struct err e = { 0 };
			int rc = gate_check(buf_data(&v->bytes), buf_len(&v->bytes),
			    (enum gate_mode)mode, &e);

			if ((rc == 0) != (strcmp(v->says[mode], "-") == 0) ||
			    (rc == -1 && (e.class != ERR_BAD_INPUT ||
			    strstr(e.text, v->says[mode]) == NULL)))
				fail_msg("%s: wanted \"%s\", got \"%s\"", v->name, v->says[mode],
				    e.text);
		}
}

static void
what_may_be_signed_has_one_form(void **state)
{
	const struct corpus *c = *state;

	for (size_t i = 0; i < c->n; i++) {
		const struct verdict *v = &c->items[i];
		struct buf once = BUF_INIT, twice = BUF_INIT;
		struct json *doc, *again;

		if (!begins(v->name, "accept-"))
			continue;
		assert_int_equal(json_parse(buf_data(&v->bytes), buf_len(&v->bytes), GATE_SIGNED,
		    &doc, NULL), 0);
		assert_int_equal(canon_write(json_top(doc), &once, NULL), 0);
		assert_int_equal(json_parse(buf_data(&once), buf_len(&once), GATE_SIGNED, &again,
		    NULL), 0);
		assert_int_equal(canon_write(json_top(again), &twice, NULL), 0);
		assert_int_equal(buf_len(&once), buf_len(&twice));
		assert_memory_equal(buf_data(&once), buf_data(&twice), buf_len(&once));
		json_free(doc);
		json_free(again);
		buf_clear(&once);
		buf_clear(&twice);
	}
}

/* Every parser of JSON; -1 with *e. */
static int
parse_as(int who, const struct buf *b, struct err *e)
{
	struct regset none = REGSET_INIT, set = REGSET_INIT;
	struct meta_claim *claim;
	struct regdoc *doc;
	struct record *record;
	struct key *key;

	switch (who) {
	case 0:
		return meta_parse(buf_data(b), buf_len(b), &claim, e);
	case 1:
		return key_parse_bytes(buf_data(b), buf_len(b), &key, e);
	case 2:
		return record_parse(buf_data(b), buf_len(b), RECORD_STRICT, &record, e);
	case 3:
		return record_parse(buf_data(b), buf_len(b), RECORD_LENIENT, &record, e);
	case 4:
		return record_parse_course(buf_data(b), buf_len(b), &record, NULL, e);
	case 5:
		return regdoc_parse(REGDOC_CHANNEL, buf_data(b), buf_len(b), &doc, e);
	}
	return regset_apply(&none, buf_data(b), buf_len(b), &set, e);
}

static void
nobody_reads_what_the_gate_refuses(void **state)
{
	const struct corpus *c = *state;

	for (size_t i = 0; i < c->n; i++)
		for (int who = 0; who <= 6; who++) {
			const struct verdict *v = &c->items[i];
			struct err e = { 0 };

			if (!begins(v->name, "refuse-"))
				continue;
			if (parse_as(who, &v->bytes, &e) != -1 || e.class != ERR_BAD_INPUT ||
			    strstr(e.text, "not acceptable JSON") == NULL)
				fail_msg("%s, parser %d: \"%s\"", v->name, who, e.text);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_file_has_a_verdict_and_every_verdict_a_file),
		cmocka_unit_test(names_say_what_is_meant),
		cmocka_unit_test(the_gate_says_so),
		cmocka_unit_test(what_may_be_signed_has_one_form),
		cmocka_unit_test(nobody_reads_what_the_gate_refuses),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
