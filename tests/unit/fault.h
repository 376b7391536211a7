/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Failures on demand.  Every unit test is linked so that calls of our own code, and of
 * cJSON, to the functions below go through fault.c (linker --wrap); calls inside other
 * libraries do not.  One fault of a kind is armed at a time; it fires once.
 *
 *	for (long nth = 1; ; nth++) {
 *		fault_arm(FAULT_ALLOC, nth);
 *		rc = meta_parse(good, good_len, &claim, &e);
 *		if (!fault_disarm())
 *			break;                      the call needs less than nth allocations
 *		assert_int_equal(rc, -1);
 *	}
 */
#ifndef KEBAO_TESTS_UNIT_FAULT_H
#define KEBAO_TESTS_UNIT_FAULT_H

#include <stdbool.h>

enum fault_kind {
	FAULT_ALLOC,  /* malloc, calloc, realloc, reallocarray, strdup, strndup: ENOMEM */
	FAULT_WRITE,  /* write, pwrite: ENOSPC */
	FAULT_FSYNC,  /* fsync, fdatasync, syncfs: EIO */
	FAULT_RENAME, /* rename, renameat, renameat2, linkat: EIO */
};

/* The nth call from here, counted from 1, fails. */
void fault_arm(enum fault_kind kind, long nth);

/* Nothing fails any more.  Whether the armed fault has fired. */
bool fault_disarm(void);

/* fsync, fdatasync and syncfs only pretend (and can still fail): for tests that save many files. */
void fault_pretend_sync(bool pretend);

#endif
