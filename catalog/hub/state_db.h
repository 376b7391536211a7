/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections and transactions, for the state_*.c files only.  A write is
 *
 *   if (state_db_begin(s, &db, e) == -1) return -1;
 *   ... state_query on db ...
 *   return rc == 0 ? state_db_commit(s, note, e) : state_db_rollback(s);
 *
 * and a read borrows a reader, which sees one state of the file per statement (wrap
 * several in BEGIN and END where they must agree).
 */
#ifndef KEBAO_CATALOG_HUB_STATE_DB_H
#define KEBAO_CATALOG_HUB_STATE_DB_H

#include <sqlite3.h>

#include "catalog/base/err.h"
#include "catalog/hub/audit.h"

struct state;

/* Lock the writer and begin; on -1 it is not locked. */
int state_db_begin(struct state *s, sqlite3 **db, struct err *e);
/* Add the note (NULL: none), make all durable, unlock.  On -1 nothing was changed. */
int state_db_commit(struct state *s, const struct audit_note *note, struct err *e);
/* Undo and unlock; returns -1. */
int state_db_rollback(struct state *s);

/* Borrow a read-only connection, waiting while all are out; give it back. */
int state_db_reader_take(struct state *s, sqlite3 **db, struct err *e);
void state_db_reader_give(struct state *s, sqlite3 *db);

/* A new random id: 32 lower-case digits and a NUL. */
#define STATE_DB_ID_SIZE 33
int state_db_new_id(char out[STATE_DB_ID_SIZE], struct err *e);

#endif
