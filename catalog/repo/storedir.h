/* SPDX-License-Identifier: Apache-2.0 */
/* The directory below a store: legal names, opening that follows no link, walking.  For store.c. */
#ifndef KEBAO_CATALOG_REPO_STOREDIR_H
#define KEBAO_CATALOG_REPO_STOREDIR_H

#include <stdbool.h>

#include "catalog/base/err.h"
#include "catalog/repo/store.h"

#define STOREDIR_NAME_SIZE 256u /* ours are shorter: OBJPATH_SIZE */
#define STOREDIR_TEMP_PREFIX ".tmp-"

/* ERR_NOT_FOUND for what store.h does not call a name; is_prefix: "" is one, too. */
int storedir_check_name(const char *name, bool is_prefix, struct err *e);

/* openat() that stays beneath dirfd and follows no symbolic link.  -1 with errno. */
int storedir_open(int dirfd, const char *name, int flags);

/* Whether an errno of storedir_open() says that there is no such object. */
bool storedir_is_absence(int sys);

/* store_walk() below dirfd; an absent prefix holds nothing. */
int storedir_walk(int dirfd, const char *prefix, store_walk_fn *fn, void *ctx, struct err *e);

/* Remove the temporary files that a killed writer left. */
int storedir_sweep(int dirfd, struct err *e);

#endif
