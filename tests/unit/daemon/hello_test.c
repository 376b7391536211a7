/* SPDX-License-Identifier: Apache-2.0 */
/* What a handshake's first bytes announce, however they come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "daemon/limits.h"
#include "daemon/net/hello.h"

#define RECORD(type, len) (type), 3, 1, (len) >> 8, (len) & 0xff
#define MESSAGE(type, len) (type), (len) >> 16, (len) >> 8 & 0xff, (len) & 0xff
#define TOO_MUCH (LIMIT_HELLO_BYTES + 1)

/* In pieces of every size; false as soon as one is refused. */
static bool
passes_by(const uint8_t *bytes, size_t len, size_t piece, bool is_12)
{
	struct hello h = { .n_record = 0 };

	for (size_t off = 0; off < len; off += piece)
		if (!hello_may_go_on(&h, bytes + off, len - off < piece ? len - off : piece, is_12))
			return false;
	return true;
}

static void
check(const uint8_t *bytes, size_t len, bool is_12, bool passes)
{
	for (size_t piece = 1; piece <= len; piece++)
		assert_int_equal(passes_by(bytes, len, piece, is_12), passes);
}

static void
a_hello_may_have_what_hellos_have(void **state)
{
	const uint8_t most[] = { RECORD(22, 512), MESSAGE(1, LIMIT_HELLO_BYTES), 3, 3 };
	const uint8_t more[] = { RECORD(22, 512), MESSAGE(1, TOO_MUCH), 3, 3 };
	const uint8_t widest[] = { RECORD(22, 95), MESSAGE(1, 131300) };

	(void)state;
	check(most, sizeof(most), false, true);
	check(more, sizeof(more), false, false);
	check(widest, sizeof(widest), false, false);
	check(widest, sizeof(widest), true, false);
}

static void
records_of_a_byte_hide_nothing(void **state)
{
	const uint8_t bytes[] = {
		RECORD(22, 1), 1, RECORD(22, 0), RECORD(22, 1), 2, RECORD(22, 2), 0, 0,
	};

	(void)state;
	check(bytes, sizeof(bytes), false, false);
}

/* After a HelloRetryRequest there is another, behind a ChangeCipherSpec that means nothing. */
static void
the_second_hello_is_one_too(void **state)
{
	const uint8_t bytes[] = {
		RECORD(22, 6), MESSAGE(1, 2), 3, 3, RECORD(20, 1), 1,
		RECORD(22, 4), MESSAGE(1, TOO_MUCH),
	};

	(void)state;
	check(bytes, sizeof(bytes), false, false);
}

static void
what_is_encrypted_is_not_read(void **state)
{
	const uint8_t of_12[] = {
		RECORD(22, 6), MESSAGE(1, 2), 3, 3, RECORD(22, 6), MESSAGE(16, 2), 7, 7,
		RECORD(20, 1), 1, RECORD(22, 4), MESSAGE(1, TOO_MUCH),
	};
	const uint8_t of_13[] = {
		RECORD(22, 6), MESSAGE(1, 2), 3, 3, RECORD(20, 1), 1, RECORD(23, 4),
		MESSAGE(1, TOO_MUCH), RECORD(22, 4), MESSAGE(1, TOO_MUCH),
	};

	(void)state;
	check(of_12, sizeof(of_12), true, true);
	check(of_13, sizeof(of_13), false, true);
}

static void
other_messages_may_be_long(void **state)
{
	const uint8_t bytes[] = {
		RECORD(22, 6), MESSAGE(1, 2), 3, 3, RECORD(22, 8), MESSAGE(11, 100000), 1, 1, 1, 1,
	};

	(void)state;
	check(bytes, sizeof(bytes), true, true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hello_may_have_what_hellos_have),
		cmocka_unit_test(records_of_a_byte_hide_nothing),
		cmocka_unit_test(the_second_hello_is_one_too),
		cmocka_unit_test(what_is_encrypted_is_not_read),
		cmocka_unit_test(other_messages_may_be_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
