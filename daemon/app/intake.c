/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/app/intake.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "catalog/base/buf.h"
#include "catalog/base/file.h"
#include "catalog/base/limits.h"
#include "catalog/hub/state_frames.h"
#include "catalog/repo/index.h"
#include "catalog/repo/objpath.h"
#include "catalog/repo/pack.h"
#include "catalog/repo/record.h"
#include "catalog/repo/store.h"

uint64_t
intake_max_bytes(enum state_upload_kind kind)
{
	switch (kind) {
	case STATE_UPLOAD_PACK:
		return LIMIT_PACK_BYTES;
	case STATE_UPLOAD_INDEX:
		return LIMIT_INDEX_BYTES;
	case STATE_UPLOAD_RECORD:
		return LIMIT_RECORD_BYTES;
	}
	return 0;
}

/* Room for "<channel>/pack/<hash>". */
#define OBJECT_SIZE (LIMIT_ID_BYTES + DIGEST_HEX_LEN + 16)

static struct audit_note
note_of(const struct intake *in, char *object)
{
	char hex[DIGEST_HEX_LEN + 1];

	digest_hex(hex, &in->what->sha256);
	(void)snprintf(object, OBJECT_SIZE, "%s/%s/%s", in->what->channel,
	    state_uploads_kind_name(in->what->kind), hex);
	return (struct audit_note){ .at = in->at, .actor = in->actor, .action = "upload",
		.object = object, .detail = "" };
}

/* The pack is in the store: tell the state where its frames lie. */
static int
enter_pack(const struct intake *in, const char *name, struct err *e)
{
	struct state_pack row = { .channel = in->what->channel, .org = in->what->org,
		.sha256 = in->what->sha256 };
	struct state_frame *frames = NULL;
	char object[OBJECT_SIZE];
	struct audit_note note = note_of(in, object);
	struct pack *pack = NULL;
	uint32_t n;
	int fd = -1, rc = -1;

	if (store_read(in->store, name, &fd, &row.length, e) == -1)
		return -1;
	if (pack_open(fd, &pack, e) == -1)
		goto out;
	n = pack_n_frames(pack);
	frames = calloc(n, sizeof(*frames));
	if (frames == NULL) {
		(void)err_nomem(e);
		goto out;
	}
	for (uint32_t i = 0; i < n; i++) {
		struct pack_frame f;

		pack_frame_get(pack, i, &f);
		frames[i] = (struct state_frame){ .content = f.content, .stored = f.stored,
			.offset = f.off, .content_len = f.content_len, .stored_len = f.stored_len };
	}
	rc = state_frames_add_pack(in->state, &row, frames, n, &note, e);
out:
	free(frames);
	pack_close(pack);
	close(fd);
	return rc;
}

static int
enter_object(const struct intake *in, struct err *e)
{
	char object[OBJECT_SIZE];
	struct audit_note note = note_of(in, object);

	return state_uploads_add_object(in->state, in->what, &note, e);
}

int
intake_is_held(const struct intake *in, bool *held, struct err *e)
{
	char name[OBJPATH_SIZE];

	*held = false;
	switch (in->what->kind) {
	case STATE_UPLOAD_PACK:
		if (state_frames_has_pack(in->state, in->what->channel, &in->what->sha256, held,
		    e) == -1)
			return -1;
		objpath_pack(name, in->what->channel, &in->what->sha256);
		if (*held || !store_has(in->store, name))
			return 0;
		if (enter_pack(in, name, e) == -1)
			return -1;
		*held = true;
		return 0;
	case STATE_UPLOAD_INDEX:
		objpath_index(name, in->what->channel, &in->what->sha256);
		*held = store_has(in->store, name);
		return *held ? enter_object(in, e) : 0;
	case STATE_UPLOAD_RECORD:
		return 0; /* its name needs course and number, which only its bytes say */
	}
	return 0;
}

static int
check_pack(const struct intake *in, struct err *e)
{
	int fd = openat(in->dirfd, in->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), rc;

	if (fd == -1)
		return err_errno(e, "open the upload %s", in->name);
	rc = pack_verify(fd, &in->what->sha256, NULL, NULL, e);
	close(fd);
	return rc;
}

static int
load_checked(const struct intake *in, struct buf *bytes, struct err *e)
{
	struct digest found;

	if (file_load(in->dirfd, in->name, (size_t)in->what->length, bytes, e) == -1)
		return -1;
	digest_of(&found, buf_data(bytes), buf_len(bytes));
	if (!digest_equal(&found, &in->what->sha256))
		return err_set(e, ERR_UNTRUSTED,
		    "the bytes do not have the SHA-256 that was announced");
	return 0;
}

static int
check_index(const struct intake *in, struct err *e)
{
	struct buf bytes = BUF_INIT;
	struct index *ix = NULL;
	int rc = -1;

	if (load_checked(in, &bytes, e) == 0)
		rc = index_parse(buf_data(&bytes), buf_len(&bytes), &ix, e);
	index_free(ix);
	buf_clear(&bytes);
	return rc;
}

/* A record's name follows from what it says. */
static int
check_record(const struct intake *in, char *name, struct err *e)
{
	struct objpath p = { .kind = OBJPATH_RECORD, .hash = in->what->sha256 };
	struct buf bytes = BUF_INIT;
	struct record *r = NULL;
	int rc = -1;

	if (load_checked(in, &bytes, e) == -1 ||
	    record_parse(buf_data(&bytes), buf_len(&bytes), RECORD_STRICT, &r, e) == -1)
		goto out;
	if (strcmp(r->channel, in->what->channel) != 0) {
		(void)err_set(e, ERR_BAD_INPUT, "the record is one of the channel %s, not of %s",
		    r->channel, in->what->channel);
		goto out;
	}
	memcpy(p.channel, r->channel, sizeof(p.channel));
	memcpy(p.course, r->course, sizeof(p.course));
	p.release = r->release;
	objpath_build(name, &p);
	rc = 0;
out:
	record_free(r);
	buf_clear(&bytes);
	return rc;
}

/* Check the file, and find the name it will have in the repository. */
static int
check(const struct intake *in, char *name, struct err *e)
{
	int rc = -1;

	switch (in->what->kind) {
	case STATE_UPLOAD_PACK:
		objpath_pack(name, in->what->channel, &in->what->sha256);
		rc = check_pack(in, e);
		break;
	case STATE_UPLOAD_INDEX:
		objpath_index(name, in->what->channel, &in->what->sha256);
		rc = check_index(in, e);
		break;
	case STATE_UPLOAD_RECORD:
		rc = check_record(in, name, e);
		break;
	}
	if (rc == -1 && e->class == ERR_BAD_INPUT)
		e->class = ERR_UNTRUSTED; /* what was sent cannot be believed: 422 */
	if (rc == -1)
		err_within(e, "%s", state_uploads_kind_name(in->what->kind));
	return rc;
}

int
intake_enter(const struct intake *in, struct err *e)
{
	char name[OBJPATH_SIZE];
	bool held;

	if (!file_exists(in->dirfd, in->name)) { /* moved before a crash, or lost */
		if (intake_is_held(in, &held, e) == -1)
			return -1;
		return held ? 0 : err_set(e, ERR_NOT_FOUND, "the bytes of this upload are gone");
	}
	if (check(in, name, e) == -1 ||
	    store_put_file(in->store, name, in->dirfd, in->name, e) == -1)
		return -1;
	if (in->what->kind == STATE_UPLOAD_PACK)
		return enter_pack(in, name, e);
	return enter_object(in, e);
}
