/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of the state, version 2: releases may be recalled and end, roles wait for signatures.
 * A file of version 1 is refused: no hub that serves anybody has one.
 */
#ifndef KEBAO_CATALOG_HUB_STATE_SCHEMA_H
#define KEBAO_CATALOG_HUB_STATE_SCHEMA_H

#define STATE_SCHEMA_APPLICATION 0x4b625374 /* "KbSt": PRAGMA application_id */
#define STATE_SCHEMA_VERSION 2              /* PRAGMA user_version */

/* The script that makes all tables in an empty file. */
const char *state_schema_script(void);

/* Statements that may be run again: indexes which came later and change nothing but speed. */
const char *state_schema_indexes(void);

#endif
