/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/cosign.h"

#include <stdio.h>
#include <string.h>

#include "catalog/base/utc.h"
#include "catalog/repo/objpath.h"
#include "clients/kebao/recall.h"

#define OLDEST_S (8 * UTC_DAY_S) /* a draft lives seven days */

int
cosign_record(struct hub *hub, const struct pending *p, struct buf *bytes, struct record **out,
    struct err *e)
{
	struct objpath path = { .kind = OBJPATH_RECORD, .release = p->release, .hash = p->record };
	char url[OBJPATH_SIZE + 1] = "/";
	struct record *r = NULL;
	struct digest is;

	memcpy(path.channel, p->channel, sizeof(path.channel));
	memcpy(path.course, p->course, sizeof(path.course));
	objpath_build(url + 1, &path);
	if (transfer_load(hub_transfer(hub), url, p->record_len, bytes, e) == -1)
		return -1;
	digest_of(&is, buf_data(bytes), buf_len(bytes));
	if (!digest_equal(&is, &p->record))
		return err_set(e, ERR_UNTRUSTED, "%s: other bytes than its name says", url);
	if (record_parse(buf_data(bytes), buf_len(bytes), RECORD_STRICT, &r, e) == -1) {
		err_within(e, "%s", url);
		return -1;
	}
	if (strcmp(r->channel, p->channel) != 0 || strcmp(r->course, p->course) != 0 ||
	    r->release != p->release) {
		record_free(r);
		return err_set(e, ERR_UNTRUSTED, "%s: it speaks of another release", url);
	}
	*out = r;
	return 0;
}

/* When the role was made, as its expiry tells: nobody is to sign one for later, or of long ago. */
static int
made_at(const struct json *doc, int64_t now, int64_t *out, struct err *e)
{
	struct json_at body;
	int64_t expires_at;

	if (json_get_object(json_top((struct json *)doc), "signed", &body, e) == -1 ||
	    json_get_utc(body, "expires", &expires_at, e) == -1)
		return -1;
	*out = expires_at - (int64_t)ROLE_TARGETS_DAYS * UTC_DAY_S;
	if (*out > now + UTC_DAY_S || *out < now - OLDEST_S)
		return err_set(e, ERR_UNTRUSTED, "what waits was not made within the last days, "
		    "or has an unusual date of expiry");
	return 0;
}

/* What a recall says: the only thing taken from the role that waits. */
static int
read_recall(const struct json *doc, const struct pending *p, struct cosign *out,
    struct channel_recall *want, struct err *e)
{
	struct objpath path = { .kind = OBJPATH_RECORD };
	char name[OBJPATH_SIZE];
	struct json_at body, targets, target;
	const char *course = strchr(p->object, '/'), *number = strrchr(p->object, '/');

	if (course == NULL || number == course ||
	    strncmp(p->object, p->channel, (size_t)(course - p->object)) != 0 ||
	    p->channel[course - p->object] != '\0' ||
	    ids_copy(IDS_COURSE, out->course, course + 1, (size_t)(number - course - 1), e) ==
	        -1 ||
	    ids_parse_release(&out->release, number + 1, strlen(number + 1), e) == -1)
		return err_set(e, ERR_BAD_INPUT, "the hub names no release of %s", p->channel);
	want->course = out->course;
	want->release = out->release;
	want->is_undo = p->kind == PENDING_UNDO;
	if (want->is_undo)
		return 0;
	memcpy(path.channel, p->channel, sizeof(path.channel));
	memcpy(path.course, out->course, sizeof(path.course));
	path.release = out->release;
	objpath_build_target(name, &path);
	if (json_get_object(json_top((struct json *)doc), "signed", &body, e) == -1 ||
	    json_get_object(body, "targets", &targets, e) == -1 ||
	    json_get_object(targets, name, &target, e) == -1 ||
	    withdrawn_parse(json_member(target, "custom"), &out->what, e) == -1)
		return -1;
	want->what = out->what;
	return 0;
}

static int
make_release(struct hub *hub, const struct channel *c, const struct pending *p, int64_t at,
    struct cosign *out, struct err *e)
{
	struct channel_release release = { .now = at };
	struct buf bytes = BUF_INIT;
	int rc = -1;

	if (cosign_record(hub, p, &bytes, &out->record, e) == 0) {
		release.record = out->record;
		release.record_bytes = &bytes;
		rc = channel_next_release(c, &release, &out->role, e);
	}
	buf_clear(&bytes);
	return rc;
}

static int
make(const struct home *home, struct hub *hub, const struct channel *c, const struct pending *p,
    const struct json *doc, int64_t at, struct cosign *out, struct err *e)
{
	struct channel_recall recall = { .now = at };

	switch (p->kind) {
	case PENDING_RELEASE:
		return make_release(hub, c, p, at, out, e);
	case PENDING_RECALL:
	case PENDING_UNDO:
		if (read_recall(doc, p, out, &recall, e) == -1)
			return -1;
		return recall_role(home, hub_transfer(hub), c, &recall, &out->role, e);
	case PENDING_RENEWAL:
		if (c->role != NULL)
			return role_new(META_TARGETS, c->role, at, &out->role, e);
		break;
	case PENDING_NONE:
		break;
	}
	return err_set(e, ERR_NOT_FOUND, "nothing waits for signatures in %s", p->channel);
}

/* Ours against theirs. */
static int
compare(const struct cosign *mine, const struct pending *p, struct err *e)
{
	struct buf covered = BUF_INIT;
	struct digest ours, theirs;
	int rc = -1;

	if (role_signed(mine->role, &covered, e) == -1 ||
	    role_covered(p->role, strlen(p->role), &theirs, e) == -1)
		goto out;
	digest_of(&ours, buf_data(&covered), buf_len(&covered));
	if (digest_equal(&ours, &theirs))
		rc = 0;
	else
		(void)err_set(e, ERR_UNTRUSTED,
		    "%s: what the hub asks to sign is not the present role and this change alone; "
		    "it was not signed", p->object);
out:
	buf_clear(&covered);
	return rc;
}

int
cosign_make(const struct home *home, struct hub *hub, const struct channel *c,
    const struct pending *p, int64_t now, struct cosign *out, struct err *e)
{
	struct cosign mine = { .role = NULL };
	struct json *doc = NULL;
	int64_t next = c->role == NULL ? 1 : c->role->version + 1, at;
	int rc = -1;

	if (p->role == NULL)
		return err_set(e, ERR_BAD_INPUT, "the hub gave no role to sign");
	if (p->version != next)
		return err_set(e, ERR_CONFLICT,
		    "%s waits as version %lld, and the next version of %s is %lld", p->object,
		    (long long)p->version, p->channel, (long long)next);
	if (json_parse(p->role, strlen(p->role), GATE_SIGNED, &doc, e) == 0 &&
	    made_at(doc, now, &at, e) == 0 &&
	    make(home, hub, c, p, doc, at, &mine, e) == 0 && compare(&mine, p, e) == 0)
		rc = 0;
	json_free(doc);
	if (rc == 0)
		*out = mine;
	else
		cosign_clear(&mine);
	return rc;
}

void
cosign_clear(struct cosign *c)
{
	role_free(c->role);
	record_free(c->record);
	*c = (struct cosign){ .role = NULL };
}
