/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run of kebao fetch was asked for, as words of a command line: "--all --keep-old", or
 * "gd.ip/trademark --low-space".  run.json keeps it, so that the next run can go on with it and
 * kebao status can name it.  How the line is used is not part of it.
 */
#ifndef KEBAO_CLIENTS_KEBAO_ASKED_H
#define KEBAO_CLIENTS_KEBAO_ASKED_H

#include <stdbool.h>

#include "clients/kebao/args.h"
#include "clients/kebao/library.h"

/* As many names as a command line may have, each a release's. */
#define ASKED_SIZE (ARGS_MAX_WORDS * LIBRARY_PATH_SIZE + 64)

struct asked {
	bool all;
	bool is_low_space;
	bool keeps_old;
	struct args_list names; /* neither these nor all: what is held already */
};

/* Words that no course can have are left out: they are a mistake once, and not again. */
void asked_write(const struct asked *a, char out[ASKED_SIZE]);

/* The names are lent by text, which is cut up. */
void asked_read(char *text, struct asked *out);

#endif
