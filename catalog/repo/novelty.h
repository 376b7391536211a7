/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which frames of a release somebody who holds an older one lacks: those of other
 * content that hold bytes of files the older one has not.  Pure; an estimate of what
 * tree_plan() finds when it looks at the disk.
 */
#ifndef KEBAO_CATALOG_REPO_NOVELTY_H
#define KEBAO_CATALOG_REPO_NOVELTY_H

#include <stddef.h>
#include <stdint.h>

#include "catalog/base/err.h"
#include "catalog/repo/index.h"

/* Their numbers in tar order, each content once; old may be NULL.  The caller frees *out. */
int novelty_frames(const struct index *now, const struct index *old, uint32_t **out, size_t *n,
    struct err *e) __attribute__((warn_unused_result));

#endif
