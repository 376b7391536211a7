/* SPDX-License-Identifier: Apache-2.0 */
/* Role files as structs: what is read, and a table of what each broken member is refused for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "catalog/base/limits.h"
#include "catalog/trust/meta.h"
#include "tests/unit/fault.h"

#define OK(call) assert_int_equal((call), 0)

#define H64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define KEY "{\"keytype\":\"ed25519\",\"keyval\":{\"public\":\"" H64 "\"},\"scheme\":\"ed25519\"}"
#define HEAD(type) "\"_type\":\"" type "\",\"spec_version\":\"1.0.31\",\"version\":1," \
	"\"expires\":\"2027-01-01T00:00:00Z\""
#define FILE_OF(body) "{\"signed\":{" body "},\"signatures\":[]}"
#define ROLE "{\"keyids\":[\"k\"],\"threshold\":1}"

#define ROOT_BODY HEAD("root") ",\"consistent_snapshot\":true,\"keys\":{\"k\":" KEY "}," \
	"\"roles\":{\"root\":" ROLE ",\"targets\":" ROLE ",\"snapshot\":" ROLE ",\"timestamp\":" \
	ROLE "}"
#define DELEGATION(extra) "{\"name\":\"gd.ip\",\"keyids\":[\"k\"],\"threshold\":1," \
	"\"terminating\":true" extra "}"
#define TARGETS(list, delegations) FILE_OF(HEAD("targets") ",\"targets\":{" list "}" delegations)
#define DELEGATIONS(roles) ",\"delegations\":{\"keys\":{\"k\":" KEY "},\"roles\":[" roles "]}"
#define ENTRY(extra) "{\"version\":1" extra "}"

static struct meta_claim *
parsed(const char *text)
{
	struct meta_claim *c = NULL;
	struct err e = { 0 };

	if (meta_parse(text, strlen(text), &c, &e) == -1)
		fail_msg("%s: %s", text, e.text);
	return c;
}

static void
root_is_read(void **state)
{
	struct meta_claim *c = parsed(FILE_OF(ROOT_BODY));
	const struct meta *m = meta_claim_peek(c);

	(void)state;
	assert_int_equal(meta_claim_type(c), META_ROOT);
	assert_int_equal(meta_claim_version(c), 1);
	assert_int_equal(m->expires_at, 1798761600);
	assert_true(m->consistent_snapshot);
	assert_int_equal(m->n_roles, 4);
	for (int i = 0; i < META_N_TYPES; i++)
		assert_string_equal(m->roles[i].name, meta_type_name((enum meta_type)i));
	assert_ptr_equal(meta_find_role(m, "snapshot"), &m->roles[META_SNAPSHOT]);
	assert_string_equal(key_id(meta_find_key(m, "k")), "k");
	assert_null(meta_find_key(m, "K"));
	assert_null(meta_find_role(m, "gd.ip"));
	assert_null(meta_find_target(m, "x"));
	assert_null(meta_find_file(m, "x"));
	meta_claim_free(c);
}

static void
targets_are_read(void **state)
{
	struct meta_claim *c = parsed(TARGETS("\"b\":{\"length\":2,\"hashes\":{\"sha256\":\"" H64
	    "\",\"md5\":\"x\"},\"custom\":{\"withdrawn\":{\"reason\":\"r\"}}},"
	    "\"a\":{\"length\":0,\"hashes\":{\"sha512\":\"" H64 H64 "\"}}",
	    DELEGATIONS(DELEGATION(",\"paths\":[\"gd.ip/*/*/*\"]") ","
	    "{\"name\":\"x/?\",\"keyids\":[],\"threshold\":9,\"terminating\":false,"
	    "\"path_hash_prefixes\":[\"3b9c\"]}")));
	const struct meta *m = meta_claim_peek(c);
	const struct meta_target *t = meta_find_target(m, "b");

	(void)state;
	assert_int_equal(m->n_targets, 2);
	assert_int_equal(t->bytes.length, 2);
	assert_true(t->bytes.has_sha256 && t->bytes.has_other && !t->bytes.has_sha512);
	assert_true(json_is(json_member(t->custom, "withdrawn")));
	t = meta_find_target(m, "a");
	assert_true(t->bytes.has_sha512 && !t->bytes.has_sha256);
	assert_int_equal(t->bytes.sha512[63], 0xaa);
	assert_false(json_is(t->custom));
	assert_null(meta_find_target(m, "c"));
	assert_true(m->roles[0].is_terminating);
	assert_true(meta_role_matches(&m->roles[0], "gd.ip/a/1/record.json"));
	assert_false(meta_role_matches(&m->roles[0], "gd.ip/a/record.json"));
	assert_true(m->roles[1].by_prefix);
	assert_true(meta_role_matches(&m->roles[1], "file"));
	assert_false(meta_role_matches(&m->roles[1], "elif"));
	meta_claim_free(c);
}

static void
snapshot_and_timestamp_are_read(void **state)
{
	struct meta_claim *c = parsed(FILE_OF(HEAD("snapshot") ",\"meta\":{\"targets.json\":"
	    ENTRY("") ",\"gd.ip.json\":{\"version\":7,\"length\":9,\"hashes\":{\"sha256\":\"" H64
	    "\"}}}"));
	const struct meta *m = meta_claim_peek(c);

	(void)state;
	assert_int_equal(meta_find_file(m, "gd.ip.json")->version, 7);
	assert_int_equal(meta_find_file(m, "gd.ip.json")->bytes.length, 9);
	assert_int_equal(meta_find_file(m, "targets.json")->bytes.length, -1);
	assert_null(meta_find_file(m, "root.json"));
	meta_claim_free(c);
	c = parsed(FILE_OF(HEAD("timestamp") ",\"meta\":{\"snapshot.json\":" ENTRY("") "}"));
	assert_int_equal(meta_claim_peek(c)->n_files, 1);
	meta_claim_free(c);
}

static void
signatures_are_read_even_if_they_are_nonsense(void **state)
{
	static const char *const sigs[] = {
		"", "a", "zz", "AbCd", "aaaaaaaaaa", H64 H64 H64 H64 H64 H64 H64 H64 H64 H64 H64 H64
		H64 H64 H64 H64 H64 H64 H64 H64 H64 H64 H64 H64 H64 H64 H64 H64 H64 H64 H64 H64 H64,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++) {
		char text[8192];
		struct meta_claim *c;

		(void)snprintf(text, sizeof(text), "{\"signed\":{" HEAD("targets")
		    ",\"targets\":{}},\"signatures\":[{\"keyid\":\"k\",\"sig\":\"%s\"}]}", sigs[i]);
		c = parsed(text);
		assert_int_equal(meta_claim_n_signatures(c), 1);
		assert_string_equal(meta_claim_signature_keyid(c, 0), "k");
		meta_claim_free(c);
	}
}

static void
unknown_members_are_allowed_everywhere(void **state)
{
	meta_claim_free(parsed("{\"x\":1,\"signed\":{" ROOT_BODY ",\"y\":[{}]},"
	    "\"signatures\":[{\"keyid\":\"a\",\"sig\":\"\",\"z\":null}]}"));
	meta_claim_free(parsed(TARGETS("\"a\":{\"length\":1,\"hashes\":{\"sha256\":\"" H64
	    "\"},\"new\":1}", DELEGATIONS(DELEGATION(",\"paths\":[],\"new\":{}")))));
	(void)state;
}

static void
every_broken_member_is_named(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "[]", "an object is wanted" },
		{ "{}", "\"signed\" is missing" },
		{ "{\"signed\":{" ROOT_BODY "}}", "\"signatures\" is missing" },
		{ "{\"signed\":{" ROOT_BODY "},\"signatures\":{}}",
		    "signatures: a list is wanted" },
		{ "{\"signed\":{" ROOT_BODY "},\"signatures\":[{\"keyid\":\"a\"}]}",
		    "signatures[0]: \"sig\" is missing" },
		{ "{\"signed\":{" ROOT_BODY "},\"signatures\":[{\"keyid\":1,\"sig\":\"\"}]}",
		    "signatures[0].keyid: a text" },
		{ "{\"signed\":{" ROOT_BODY "},\"signatures\":[{\"keyid\":\"a\",\"sig\":\"\"},"
		    "{\"keyid\":\"b\",\"sig\":\"\"},{\"keyid\":\"a\",\"sig\":\"aa\"}]}",
		    "signatures[2]: a second signature of the same keyid" },
		{ FILE_OF(ROOT_BODY) "x", "after the value" },
		{ "{\"signed\":{" ROOT_BODY ",\"f\":1.5},\"signatures\":[]}", "fraction" },

		{ FILE_OF("\"_type\":\"mirrors\""), "signed._type: \"mirrors\" is no role" },
		{ FILE_OF("\"_type\":\"root\""), "\"spec_version\" is missing" },
		{ FILE_OF("\"_type\":\"root\",\"spec_version\":\"2.0.0\""), "version 1 of TUF" },
		{ FILE_OF("\"_type\":\"root\",\"spec_version\":\"1\""), "version 1 of TUF" },
		{ FILE_OF("\"_type\":\"root\",\"spec_version\":\"1.0\",\"version\":0"),
		    "signed.version: 1 to" },
		{ FILE_OF("\"_type\":\"root\",\"spec_version\":\"1.0\",\"version\":-1"),
		    "signed.version: 1 to" },
		{ FILE_OF("\"_type\":\"root\",\"spec_version\":\"1.0\",\"version\":\"1\""),
		    "signed.version: an integer" },
		{ FILE_OF("\"_type\":\"root\",\"spec_version\":\"1.0\",\"version\":1,"
		    "\"expires\":\"tomorrow\""), "signed.expires: \"tomorrow\" is not a time" },
		{ FILE_OF("\"_type\":\"root\",\"spec_version\":\"1.0\",\"version\":1,"
		    "\"expires\":\"2026-02-30T00:00:00Z\""), "signed.expires" },

		{ FILE_OF(HEAD("root")), "\"keys\" is missing" },
		{ FILE_OF(HEAD("root") ",\"keys\":{}"), "\"roles\" is missing" },
		{ FILE_OF(HEAD("root") ",\"keys\":{\"k\":{}}"), "signed.keys.k: \"keytype\"" },
		{ FILE_OF(HEAD("root") ",\"keys\":{},\"roles\":{\"root\":" ROLE "}"),
		    "signed.roles: \"targets\" is missing" },
		{ FILE_OF(HEAD("root") ",\"keys\":{},\"roles\":{\"root\":{\"keyids\":[]}}"),
		    "signed.roles.root: \"threshold\" is missing" },
		{ FILE_OF(HEAD("root") ",\"keys\":{},\"roles\":{\"root\":{\"keyids\":[],"
		    "\"threshold\":0}}"), "signed.roles.root.threshold: 1 to" },
		{ FILE_OF(HEAD("root") ",\"keys\":{},\"roles\":{\"root\":{\"keyids\":[1],"
		    "\"threshold\":1}}"), "signed.roles.root.keyids[0]: a text" },
		{ FILE_OF(HEAD("root") ",\"keys\":{},\"roles\":{\"root\":{\"keyids\":[\"a\",\"b\","
		    "\"a\"],\"threshold\":1}}"), "signed.roles.root.keyids[2]: the same keyid" },
		{ FILE_OF(HEAD("root") ",\"consistent_snapshot\":1,\"keys\":{},\"roles\":{}"),
		    "signed.consistent_snapshot: true or false" },

		{ FILE_OF(HEAD("targets")), "\"targets\" is missing" },
		{ FILE_OF(HEAD("targets") ",\"targets\":[]"), "signed.targets: an object" },
		{ TARGETS("\"a\":{}", ""), "signed.targets.a: \"length\" is missing" },
		{ TARGETS("\"a\":{\"length\":1}", ""), "signed.targets.a: \"hashes\" is missing" },
		{ TARGETS("\"a\":{\"length\":1,\"hashes\":{}}", ""), "at least one hash" },
		{ TARGETS("\"a\":{\"length\":-1,\"hashes\":{\"sha256\":\"" H64 "\"}}", ""),
		    "signed.targets.a.length: a length is not negative" },
		{ TARGETS("\"a\":{\"length\":1,\"hashes\":{\"sha256\":\"aa\"}}", ""),
		    "signed.targets.a.hashes.sha256: 64" },
		{ TARGETS("\"a\":{\"length\":1,\"hashes\":{\"sha512\":\"" H64 "\"}}", ""),
		    "signed.targets.a.hashes.sha512: 128" },
		{ TARGETS("\"a\":{\"length\":1,\"hashes\":{\"sha256\":\"" H64 "\"},\"custom\":1}",
		    ""), "signed.targets.a.custom: an object" },

		{ TARGETS("", ",\"delegations\":[]"), "signed.delegations: an object" },
		{ TARGETS("", ",\"delegations\":{\"roles\":[]}"), "\"keys\" is missing" },
		{ TARGETS("", ",\"delegations\":{\"keys\":{}}"), "\"roles\" is missing" },
		{ TARGETS("", DELEGATIONS("{\"keyids\":[]}")), "\"name\" is missing" },
		{ TARGETS("", DELEGATIONS("{\"name\":\"\"}")), "cannot have this name" },
		{ TARGETS("", DELEGATIONS("{\"name\":\"root\"}")), "cannot have this name" },
		{ TARGETS("", DELEGATIONS("{\"name\":\"snapshot\"}")), "cannot have this name" },
		{ TARGETS("", DELEGATIONS("{\"name\":\"a\",\"keyids\":[],\"threshold\":1,"
		    "\"paths\":[]}")), "\"terminating\" is missing" },
		{ TARGETS("", DELEGATIONS(DELEGATION(""))), "either \"paths\" or" },
		{ TARGETS("", DELEGATIONS(DELEGATION(",\"paths\":[],\"path_hash_prefixes\":[]"))),
		    "either \"paths\" or" },
		{ TARGETS("", DELEGATIONS(DELEGATION(",\"paths\":[0]"))),
		    "signed.delegations.roles[0].paths[0]: a text" },
		{ TARGETS("",
		    DELEGATIONS(DELEGATION(",\"paths\":[]") "," DELEGATION(",\"paths\":[]"))),
		    "signed.delegations.roles: the role \"gd.ip\" twice" },

		{ FILE_OF(HEAD("snapshot")), "\"meta\" is missing" },
		{ FILE_OF(HEAD("snapshot") ",\"meta\":{\"a.json\":{}}"),
		    "signed.meta.a.json: \"version\" is missing" },
		{ FILE_OF(HEAD("snapshot") ",\"meta\":{\"a.json\":{\"version\":0}}"),
		    "signed.meta.a.json.version" },
		{ FILE_OF(HEAD("snapshot") ",\"meta\":{\"a\":" ENTRY(",\"hashes\":{}") "}"),
		    "at least one hash" },
		{ FILE_OF(HEAD("snapshot") ",\"meta\":{\"a\":" ENTRY(",\"length\":-1") "}"),
		    "signed.meta.a.length" },
		{ FILE_OF(HEAD("timestamp") ",\"meta\":{}"), "\"snapshot.json\" is missing" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct meta_claim *c = NULL;
		struct err e = { 0 };
		int rc = meta_parse(cases[i].text, strlen(cases[i].text), &c, &e);

		if (rc != -1 || e.class != ERR_BAD_INPUT || strstr(e.text, cases[i].says) == NULL)
			fail_msg("case %zu: wanted \"%s\", got %d \"%s\"", i, cases[i].says, rc,
			    e.text);
		assert_null(c);
	}
}

/* n numbered members: "0":VALUE,"1":VALUE,... */
static void
add_numbered(struct buf *b, unsigned n, const char *value)
{
	for (unsigned i = 0; i < n; i++)
		OK(buf_printf(b, NULL, "%s\"%u\":%s", i == 0 ? "" : ",", i, value));
}

static void
counts_end_at_their_limits(void **state)
{
	static const unsigned extra[] = { 0, 1 };
	struct err e;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct buf b = BUF_INIT;
		struct meta_claim *c = NULL;

		OK(buf_add_text(&b, "{\"signed\":{" HEAD("targets")
		    ",\"targets\":{},\"delegations\":{\"roles\":[],\"keys\":{", NULL));
		add_numbered(&b, LIMIT_KEYS + extra[i], KEY);
		OK(buf_add_text(&b, "}}},\"signatures\":[]}", NULL));
		assert_int_equal(meta_parse(buf_data(&b), buf_len(&b), &c, &e), extra[i] ? -1 : 0);
		meta_claim_free(c);
		c = NULL;

		buf_truncate(&b, 0);
		OK(buf_add_text(&b, "{\"signed\":{" HEAD("targets") ",\"targets\":{}},"
		    "\"signatures\":[", NULL));
		for (unsigned k = 0; k < LIMIT_SIGNATURES + extra[i]; k++)
			OK(buf_printf(&b, NULL, "%s{\"keyid\":\"%u\",\"sig\":\"\"}",
			    k == 0 ? "" : ",", k));
		OK(buf_add_text(&b, "]}", NULL));
		assert_int_equal(meta_parse(buf_data(&b), buf_len(&b), &c, &e), extra[i] ? -1 : 0);
		meta_claim_free(c);
		buf_clear(&b);
	}
}

static void
role_names_are_quoted(void **state)
{
	static const char *const cases[][2] = {
		{ "gd.ip", "gd.ip" }, { "a-b_c~d", "a-b_c~d" }, { "?", "%3F" }, { "#", "%23" },
		{ "/x", "%2Fx" }, { "../x", "..%2Fx" }, { "%2F", "%252F" }, { "课", "%E8%AF%BE" },
		{ "a b", "a%20b" }, { "\x01", "%01" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf b = BUF_INIT;

		OK(meta_quote_role(cases[i][0], &b, NULL));
		assert_string_equal(buf_text(&b), cases[i][1]);
		buf_clear(&b);
	}
}

static void
parsing_survives_every_failing_allocation(void **state)
{
	static const char *const texts[] = {
		"{\"signed\":{" ROOT_BODY "},\"signatures\":[{\"keyid\":\"k\",\"sig\":\"aa\"}]}",
		TARGETS("\"a\":{\"length\":1,\"hashes\":{\"sha256\":\"" H64 "\"}}",
		    DELEGATIONS(DELEGATION(",\"paths\":[\"x\"]"))),
		FILE_OF(HEAD("timestamp") ",\"meta\":{\"snapshot.json\":" ENTRY("") "}"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		long nth;

		for (nth = 1;; nth++) {
			struct meta_claim *c = NULL;
			struct err e = { 0 };
			int rc;

			fault_arm(FAULT_ALLOC, nth);
			rc = meta_parse(texts[i], strlen(texts[i]), &c, &e);
			if (!fault_disarm()) {
				meta_claim_free(c);
				break;
			}
			assert_int_equal(rc, -1);
			assert_null(c);
			assert_int_equal(e.class, ERR_SYSTEM);
		}
		assert_true(nth > 30);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(root_is_read),
		cmocka_unit_test(targets_are_read),
		cmocka_unit_test(snapshot_and_timestamp_are_read),
		cmocka_unit_test(signatures_are_read_even_if_they_are_nonsense),
		cmocka_unit_test(unknown_members_are_allowed_everywhere),
		cmocka_unit_test(every_broken_member_is_named),
		cmocka_unit_test(counts_end_at_their_limits),
		cmocka_unit_test(role_names_are_quoted),
		cmocka_unit_test(parsing_survives_every_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
