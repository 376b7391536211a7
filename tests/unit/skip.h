/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A test that this machine cannot run says so, on standard error, where prove lets it through, and
 * returns.  cmocka's own skip() prints "not ok", which prove counts as a failure.
 */
#ifndef KEBAO_TESTS_UNIT_SKIP_H
#define KEBAO_TESTS_UNIT_SKIP_H

#include <stdio.h>

#define SKIP(...) \
	do { \
		(void)fprintf(stderr, "# SKIP %s: ", __func__); \
		(void)fprintf(stderr, __VA_ARGS__); \
		(void)fputc('\n', stderr); \
		return; \
	} while (0)

#endif
