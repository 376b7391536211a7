/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/hub/state.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include "catalog/base/file.h"
#include "catalog/base/hex.h"
#include "catalog/hub/state_audit.h"
#include "catalog/hub/state_db.h"
#include "catalog/hub/state_query.h"
#include "catalog/hub/state_schema.h"

#define STATE_READERS 4        /* reads under way at once; a pool has about as many threads */
#define STATE_BUSY_MS 5000     /* waits of a reader while the log is being recovered */
#define STATE_WAL_BYTES (64 << 20) /* the log is cut back to this after a checkpoint */

struct state {
	char *path;      /* owned */
	int lock_fd;     /* flock: one process; -1 while not held */
	sqlite3 *writer; /* owned, behind write_lock */
	pthread_mutex_t write_lock;

	pthread_mutex_t reader_lock;
	pthread_cond_t reader_free;
	sqlite3 *readers[STATE_READERS]; /* owned; idle ones are readers[0 .. n_idle - 1] */
	size_t n_idle;
	size_t n_out;
};

/* ---- opening ---- */

static int
lock_file(struct state *s, struct err *e)
{
	char *name;
	int n = asprintf(&name, "%s.lock", s->path);

	if (n == -1)
		return err_nomem(e);
	s->lock_fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->lock_fd == -1)
		err_errno(e, "cannot open %s", name);
	free(name);
	if (s->lock_fd == -1)
		return -1;
	if (flock(s->lock_fd, LOCK_EX | LOCK_NB) == -1) {
		if (errno == EWOULDBLOCK)
			return err_set(e, ERR_BUSY, "%s is in use by another process", s->path);
		return err_errno(e, "cannot lock %s", s->path);
	}
	return 0;
}

static int
pragma_int(sqlite3 *db, const char *sql, int64_t *out, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	int rc = -1;

	if (state_query_open(&q, db, sql, e) == 0) {
		rc = state_query_step(&q, e);
		if (rc == 1)
			*out = state_query_get_int(&q, 0);
	}
	state_query_close(&q);
	if (rc == 0)
		return state_query_damaged(sql, e);
	return rc == 1 ? 0 : -1;
}

static int
open_connection(const char *path, int flags, sqlite3 **out, struct err *e)
{
	sqlite3 *db = NULL;
	int rc = sqlite3_open_v2(path, &db, flags | SQLITE_OPEN_NOMUTEX, NULL);

	if (rc != SQLITE_OK || sqlite3_busy_timeout(db, STATE_BUSY_MS) != SQLITE_OK) {
		state_query_fail(db, rc, e);
		err_within(e, "%s", path);
		(void)sqlite3_close(db); /* it never held anything */
		return -1;
	}
	(void)sqlite3_extended_result_codes(db, 1); /* only fails on a NULL handle */
	*out = db;
	return 0;
}

static int
judge_identity(int64_t application, int64_t version, struct err *e)
{
	if (application != STATE_SCHEMA_APPLICATION)
		return err_set(e, ERR_BAD_INPUT, "it is not the state of a hub");
	if (version != STATE_SCHEMA_VERSION)
		return err_set(e, ERR_BAD_INPUT,
		    "it has version %lld, made by %s program; this one knows version %d",
		    (long long)version, version < STATE_SCHEMA_VERSION ? "an older" : "a newer",
		    STATE_SCHEMA_VERSION);
	return 0;
}

/* Refuse what is not ours before anything is written to it. */
static int
check_identity(struct state *s, struct err *e)
{
	int64_t application = 0, version = 0;

	if (pragma_int(s->writer, "PRAGMA application_id", &application, e) == -1 ||
	    pragma_int(s->writer, "PRAGMA user_version", &version, e) == -1) {
		if (e != NULL && e->class == ERR_SYSTEM)
			e->class = ERR_BAD_INPUT;
		return -1;
	}
	return judge_identity(application, version, e);
}

/* Four bytes of the file's header, big-endian: SQLite's file format, section 1.3. */
static int64_t
header_number(const uint8_t *at)
{
	return (int64_t)((uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 |
	    at[3]);
}

int
state_check(const char *path, struct err *e)
{
	static const char magic[16] = "SQLite format 3";
	uint8_t header[100];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), rc;
	ssize_t n;

	if (fd == -1 && errno == ENOENT)
		return err_set(e, ERR_NOT_FOUND, "%s does not exist", path);
	if (fd == -1)
		return err_errno(e, "cannot open %s", path);
	n = pread(fd, header, sizeof(header), 0);
	if (n == -1)
		rc = err_errno(e, "cannot read");
	else if ((size_t)n < sizeof(header) || memcmp(header, magic, sizeof(magic)) != 0)
		rc = err_set(e, ERR_BAD_INPUT, "it is not the state of a hub");
	else
		rc = judge_identity(header_number(header + 68), header_number(header + 60), e);
	if (rc == -1)
		err_within(e, "%s", path);
	(void)close(fd); /* only read */
	return rc;
}

static int
set_up_writer(struct state *s, struct err *e)
{
	char sql[200];

	(void)snprintf(sql, sizeof(sql),
	    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
	    "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;"
	    "PRAGMA journal_size_limit = %d;",
	    STATE_WAL_BYTES);
	return state_query_script(s->writer, sql, e);
}

static int
make_tables(struct state *s, struct err *e)
{
	char sql[120];

	(void)snprintf(sql, sizeof(sql), "PRAGMA application_id = %d; PRAGMA user_version = %d;",
	    STATE_SCHEMA_APPLICATION, STATE_SCHEMA_VERSION);
	if (state_query_script(s->writer, "BEGIN EXCLUSIVE", e) == -1 ||
	    state_query_script(s->writer, state_schema_script(), e) == -1 ||
	    state_query_script(s->writer, state_schema_indexes(), e) == -1 ||
	    state_query_script(s->writer, sql, e) == -1)
		return -1;
	return state_query_script(s->writer, "COMMIT", e);
}

static struct state *
state_new(const char *path, struct err *e)
{
	struct state *s = calloc(1, sizeof(*s));

	if (s == NULL || (s->path = strdup(path)) == NULL) {
		free(s);
		err_nomem(e);
		return NULL;
	}
	s->lock_fd = -1;
	if (pthread_mutex_init(&s->write_lock, NULL) != 0 ||
	    pthread_mutex_init(&s->reader_lock, NULL) != 0 ||
	    pthread_cond_init(&s->reader_free, NULL) != 0) {
		free(s->path);
		free(s);
		err_nomem(e);
		return NULL;
	}
	return s;
}

static int
create_file(const char *path, struct err *e)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd == -1 && errno == EEXIST)
		return err_set(e, ERR_CONFLICT, "%s exists already", path);
	if (fd == -1 || close(fd) == -1)
		return err_errno(e, "cannot create %s", path);
	return file_sync_dir_of(AT_FDCWD, path, e);
}

int
state_create(const char *path, struct state **out, struct err *e)
{
	struct state *s = state_new(path, e);
	int rc = -1;

	if (s == NULL)
		return -1;
	if (lock_file(s, e) == -1 || create_file(path, e) == -1)
		goto out;
	if (open_connection(path, SQLITE_OPEN_READWRITE, &s->writer, e) == -1)
		goto out;
	if (set_up_writer(s, e) == -1 || make_tables(s, e) == -1) {
		err_within(e, "cannot create %s", path);
		goto out;
	}
	*out = s;
	s = NULL;
	rc = 0;
out:
	state_close(s);
	return rc;
}

int
state_open(const char *path, struct state **out, struct err *e)
{
	struct state *s;
	int rc = -1;

	if (access(path, F_OK) == -1 && errno == ENOENT)
		return err_set(e, ERR_NOT_FOUND, "%s does not exist", path);
	s = state_new(path, e);
	if (s == NULL)
		return -1;
	if (lock_file(s, e) == -1)
		goto out;
	if (open_connection(path, SQLITE_OPEN_READWRITE, &s->writer, e) == -1)
		goto out;
	if (check_identity(s, e) == -1 || set_up_writer(s, e) == -1) {
		err_within(e, "%s", path);
		goto out;
	}
	/* Where that fails, the disk is full, say: a hub without them is slower and serves. */
	(void)state_query_script(s->writer, state_schema_indexes(), NULL);
	*out = s;
	s = NULL;
	rc = 0;
out:
	state_close(s);
	return rc;
}

void
state_close(struct state *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->n_idle; i++)
		(void)sqlite3_close(s->readers[i]); /* read-only: nothing to lose */
	(void)sqlite3_close(s->writer); /* what was committed is durable without it */
	if (s->lock_fd != -1)
		(void)close(s->lock_fd); /* nothing was written through it */
	(void)pthread_mutex_destroy(&s->write_lock);
	(void)pthread_mutex_destroy(&s->reader_lock);
	(void)pthread_cond_destroy(&s->reader_free);
	free(s->path);
	free(s);
}

/* ---- the one writer ---- */

int
state_db_begin(struct state *s, sqlite3 **db, struct err *e)
{
	(void)pthread_mutex_lock(&s->write_lock); /* fails on misuse only */
	if (state_query_script(s->writer, "BEGIN IMMEDIATE", e) == -1) {
		(void)pthread_mutex_unlock(&s->write_lock);
		return -1;
	}
	*db = s->writer;
	return 0;
}

int
state_db_rollback(struct state *s)
{
	/* SQLite has rolled back by itself after some errors; then there is nothing to undo. */
	if (!sqlite3_get_autocommit(s->writer))
		(void)sqlite3_exec(s->writer, "ROLLBACK", NULL, NULL, NULL);
	(void)pthread_mutex_unlock(&s->write_lock);
	return -1;
}

int
state_db_commit(struct state *s, const struct audit_note *note, struct err *e)
{
	if (note != NULL && state_audit_append(s->writer, note, e) == -1)
		return state_db_rollback(s);
	if (state_query_script(s->writer, "COMMIT", e) == -1)
		return state_db_rollback(s);
	(void)pthread_mutex_unlock(&s->write_lock);
	return 0;
}

/* ---- readers ---- */

static int
open_reader(struct state *s, sqlite3 **out, struct err *e)
{
	sqlite3 *db;

	if (open_connection(s->path, SQLITE_OPEN_READONLY, &db, e) == -1)
		return -1;
	/* SQLite 3.40.1 may lose a commit to a checkpoint on another connection. */
	if (sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL) != SQLITE_OK ||
	    state_query_script(db, "PRAGMA query_only = ON; PRAGMA trusted_schema = OFF;"
	    "PRAGMA cache_size = -256;", e) == -1) { /* KiB; the kernel caches the file, too */
		(void)sqlite3_close(db); /* it read nothing yet */
		return err_set(e, ERR_SYSTEM, "%s: cannot set up a reading connection", s->path);
	}
	*out = db;
	return 0;
}

int
state_db_reader_take(struct state *s, sqlite3 **db, struct err *e)
{
	int rc = 0;

	(void)pthread_mutex_lock(&s->reader_lock);
	while (s->n_idle == 0 && s->n_out == STATE_READERS)
		(void)pthread_cond_wait(&s->reader_free, &s->reader_lock);
	s->n_out++;
	if (s->n_idle > 0) {
		*db = s->readers[--s->n_idle];
		(void)pthread_mutex_unlock(&s->reader_lock);
		return 0;
	}
	(void)pthread_mutex_unlock(&s->reader_lock);
	rc = open_reader(s, db, e);
	if (rc == -1) {
		(void)pthread_mutex_lock(&s->reader_lock);
		s->n_out--;
		(void)pthread_cond_signal(&s->reader_free);
		(void)pthread_mutex_unlock(&s->reader_lock);
	}
	return rc;
}

void
state_db_reader_give(struct state *s, sqlite3 *db)
{
	(void)pthread_mutex_lock(&s->reader_lock);
	s->readers[s->n_idle++] = db;
	s->n_out--;
	(void)pthread_cond_signal(&s->reader_free);
	(void)pthread_mutex_unlock(&s->reader_lock);
}

int
state_db_new_id(char out[STATE_DB_ID_SIZE], struct err *e)
{
	uint8_t bytes[(STATE_DB_ID_SIZE - 1) / 2];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return err_errno(e, "no random bytes from the kernel");
	hex_encode(out, bytes, sizeof(bytes));
	return 0;
}
