/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/hub/state_schema.h"

/*
 * Times are UTC seconds, hashes 32 raw bytes.  Channels and packs have numbers of
 * their own so that the millions of frame rows stay small.
 */
static const char script[] =
    "CREATE TABLE registry ("
    "  kind TEXT NOT NULL CHECK (kind IN ('organisations', 'pairings', 'channels')),"
    "  id TEXT NOT NULL,"
    "  document TEXT NOT NULL,"
    "  PRIMARY KEY (kind, id)"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE invitations ("
    "  secret_hash BLOB NOT NULL PRIMARY KEY CHECK (length(secret_hash) = 32),"
    "  org TEXT NOT NULL,"
    "  role TEXT NOT NULL,"
    "  expires_at INTEGER NOT NULL,"
    "  used_at INTEGER,"
    "  used_by BLOB CHECK (length(used_by) = 32),"
    "  certificate TEXT"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE enrolments ("
    "  serial TEXT NOT NULL PRIMARY KEY,"
    "  org TEXT NOT NULL,"
    "  role TEXT NOT NULL,"
    "  issued_at INTEGER NOT NULL,"
    "  expires_at INTEGER NOT NULL,"
    "  revoked_at INTEGER NOT NULL DEFAULT 0"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE channels ("
    "  no INTEGER PRIMARY KEY,"
    "  id TEXT NOT NULL UNIQUE,"
    "  hints_due INTEGER NOT NULL DEFAULT 0" /* frames moved, and not all hints say so */
    ") STRICT;"

    "CREATE TABLE packs ("
    "  no INTEGER PRIMARY KEY,"
    "  channel INTEGER NOT NULL REFERENCES channels (no),"
    "  sha256 BLOB NOT NULL CHECK (length(sha256) = 32),"
    "  length INTEGER NOT NULL," /* 0: it counts against nobody any more */
    "  org TEXT NOT NULL,"
    "  is_released INTEGER NOT NULL DEFAULT 0," /* a published release has frames in it */
    "  replaced_at INTEGER NOT NULL DEFAULT 0," /* when frames moved from it to another */
    "  UNIQUE (channel, sha256)"
    ") STRICT;"

    "CREATE TABLE frames ("
    "  channel INTEGER NOT NULL,"
    "  content BLOB NOT NULL CHECK (length(content) = 32),"
    "  pack INTEGER NOT NULL,"
    "  offset INTEGER NOT NULL,"
    "  stored_len INTEGER NOT NULL CHECK (stored_len > 0),"
    "  content_len INTEGER NOT NULL,"
    "  stored BLOB NOT NULL CHECK (length(stored) = 32),"
    "  PRIMARY KEY (channel, content)"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE objects (" /* indexes and records, for the quota */
    "  channel TEXT NOT NULL,"
    "  kind TEXT NOT NULL,"
    "  sha256 BLOB NOT NULL CHECK (length(sha256) = 32),"
    "  length INTEGER NOT NULL,"
    "  org TEXT NOT NULL,"
    "  PRIMARY KEY (channel, kind, sha256)"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE usage ("
    "  org TEXT NOT NULL PRIMARY KEY,"
    "  stored_bytes INTEGER NOT NULL CHECK (stored_bytes >= 0)"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE uploads ("
    "  id TEXT NOT NULL PRIMARY KEY,"
    "  org TEXT NOT NULL,"
    "  channel TEXT NOT NULL,"
    "  kind TEXT NOT NULL,"
    "  sha256 BLOB NOT NULL CHECK (length(sha256) = 32),"
    "  length INTEGER NOT NULL,"
    "  offset INTEGER NOT NULL CHECK (offset BETWEEN 0 AND length),"
    "  created_at INTEGER NOT NULL,"
    "  touched_at INTEGER NOT NULL,"
    "  UNIQUE (org, channel, kind, sha256)"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE drafts ("
    "  id TEXT NOT NULL PRIMARY KEY,"
    "  org TEXT NOT NULL,"
    "  state TEXT NOT NULL,"
    "  created_at INTEGER NOT NULL,"
    "  role_version INTEGER NOT NULL DEFAULT 0,"
    "  role_hash BLOB CHECK (length(role_hash) = 32),"
    "  reason TEXT NOT NULL DEFAULT '',"
    "  channel TEXT NOT NULL, course TEXT NOT NULL, number INTEGER NOT NULL,"
    "  record BLOB NOT NULL CHECK (length(record) = 32),"
    "  \"index\" BLOB CHECK (length(\"index\") = 32), tar BLOB CHECK (length(tar) = 32),"
    "  record_len INTEGER NOT NULL, index_len INTEGER NOT NULL DEFAULT 0,"
    "  tar_len INTEGER NOT NULL DEFAULT 0, zst_len INTEGER NOT NULL DEFAULT 0,"
    "  zst_tag BLOB CHECK (length(zst_tag) = 32),"
    "  published_at INTEGER NOT NULL DEFAULT 0"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX drafts_by_release ON drafts (channel, course, number);"

    "CREATE TABLE releases ("
    "  channel TEXT NOT NULL, course TEXT NOT NULL, number INTEGER NOT NULL,"
    "  is_live INTEGER NOT NULL CHECK (is_live IN (0, 1)),"
    "  record BLOB NOT NULL CHECK (length(record) = 32),"
    "  \"index\" BLOB NOT NULL CHECK (length(\"index\") = 32),"
    "  tar BLOB NOT NULL CHECK (length(tar) = 32),"
    "  record_len INTEGER NOT NULL, index_len INTEGER NOT NULL, tar_len INTEGER NOT NULL,"
    "  zst_len INTEGER NOT NULL,"
    "  zst_tag BLOB NOT NULL CHECK (length(zst_tag) = 32),"
    "  published_at INTEGER NOT NULL,"
    "  withdrawn_at INTEGER NOT NULL DEFAULT 0,"
    "  ended_at INTEGER NOT NULL DEFAULT 0," /* when it stopped being live */
    "  PRIMARY KEY (channel, course, number)"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE pending ("
    "  channel TEXT NOT NULL PRIMARY KEY,"
    "  kind TEXT NOT NULL, object TEXT NOT NULL, draft TEXT NOT NULL,"
    "  covered BLOB NOT NULL CHECK (length(covered) = 32),"
    "  version INTEGER NOT NULL, at INTEGER NOT NULL,"
    "  role TEXT NOT NULL"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE pending_signatures ("
    "  channel TEXT NOT NULL,"
    "  covered BLOB NOT NULL CHECK (length(covered) = 32),"
    "  keyid TEXT NOT NULL, object TEXT NOT NULL, actor TEXT NOT NULL,"
    "  at INTEGER NOT NULL,"
    "  is_dropped INTEGER NOT NULL CHECK (is_dropped IN (0, 1)),"
    "  PRIMARY KEY (channel, covered, keyid)"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE counters ("
    "  name TEXT NOT NULL PRIMARY KEY,"
    "  value INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TRIGGER counters_only_grow BEFORE UPDATE ON counters WHEN new.value < old.value"
    "  BEGIN SELECT raise(ABORT, 'a counter only grows'); END;"

    "CREATE TABLE audit ("
    "  seq INTEGER PRIMARY KEY,"
    "  at INTEGER NOT NULL,"
    "  actor TEXT NOT NULL,"
    "  action TEXT NOT NULL,"
    "  object TEXT NOT NULL,"
    "  detail TEXT NOT NULL,"
    "  hash BLOB NOT NULL CHECK (length(hash) = 32)"
    ") STRICT;"
    "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit"
    "  BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END;"
    "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit"
    "  BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END;"

    "CREATE TABLE audit_head (" /* the last entry, so that cutting the end off shows */
    "  one INTEGER PRIMARY KEY CHECK (one = 1),"
    "  seq INTEGER NOT NULL,"
    "  hash BLOB NOT NULL CHECK (length(hash) = 32)"
    ") STRICT;"
    "INSERT INTO audit_head VALUES (1, 0, zeroblob(32));";

static const char indexes[] =
    /* Old releases outnumber live ones by far after some years: the catalogue skips them. */
    "CREATE INDEX IF NOT EXISTS releases_live ON releases (channel, course, number)"
    "  WHERE is_live = 1;"
    /* Read with all enrolments; the entries of a renewal are few among all. */
    "CREATE INDEX IF NOT EXISTS audit_renewals ON audit (detail, actor)"
    "  WHERE action = 'renew';";

const char *
state_schema_indexes(void)
{
	return indexes;
}

const char *
state_schema_script(void)
{
	return script;
}
