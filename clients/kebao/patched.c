/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/patched.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "catalog/base/file.h"
#include "catalog/repo/objpath.h"
#include "catalog/repo/patch.h"
#include "catalog/repo/tree.h"
#include "catalog/repo/treedir.h"
#include "clients/kebao/interrupt.h"
#include "clients/kebao/part.h"

#define NAME_SIZE (DIGEST_HEX_LEN + 8)

struct patched {
	const struct patched_want *want; /* borrowed */
	struct patch *patch;             /* owned */
	struct treedir dir;              /* of the release it begins from */
	struct tree *tree;               /* borrowed, while it is filled */
	uint8_t *needed;                 /* owned; by frame */
	uint32_t n_frames;
	int dirfd;                       /* owned; where the file is */
	int fd;                          /* owned, or -1 */
	char name[NAME_SIZE];
	char path[OBJPATH_SIZE + 1];
};

static struct part
part_of(const struct patched *p)
{
	return (struct part){
		.path = p->path, .len = p->want->patch->patch_len, .dirfd = p->dirfd,
		.name = p->name, .on_progress = p->want->on_progress, .ctx = p->want->ctx,
	};
}

static void
name_of(char name[NAME_SIZE], const struct digest *patch)
{
	char hex[DIGEST_HEX_LEN + 1];

	digest_hex(hex, patch);
	(void)snprintf(name, NAME_SIZE, "%s.patch", hex); /* fits */
}

uint64_t
patched_have(const struct home *home, const struct digest *patch)
{
	char name[NAME_SIZE];
	struct part part = { .name = name, .len = UINT64_MAX };
	uint64_t have;

	name_of(name, patch);
	part.dirfd = part_open_dir(home, NULL);
	if (part.dirfd == -1)
		return 0;
	have = part_have(&part);
	(void)close(part.dirfd); /* only a handle */
	return have;
}

void
patched_drop(struct patched *p)
{
	struct part part = part_of(p);

	if (part_remove(&part, NULL) == -1)
		return; /* part_tidy() does it one day */
}

/* A file of the release that is held; frames from packs do without it. */
static int
read_old(void *ctx, uint32_t entry, uint64_t off, void *out, size_t len, struct err *e)
{
	struct patched *p = ctx;
	int fd = treedir_file(&p->dir, entry);
	struct err mine = { 0 };

	if (fd == -1)
		return err_set(e, ERR_BAD_INPUT, "a file of the release held here is gone");
	if (file_pread_all(fd, out, len, off, &mine) == -1)
		return err_set(e, ERR_BAD_INPUT, "a file of the release held here: %s", mine.text);
	return 0;
}

static int
open_patch(struct patched *p, struct buf *index, struct err *e)
{
	const struct patched_want *want = p->want;
	const struct patch_base base = {
		.index = want->old != NULL ? want->old->index : NULL, .read = read_old, .ctx = p,
	};
	const struct patch_ends ends = { want->patch->from, *want->to };

	p->fd = openat(p->dirfd, p->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (p->fd == -1)
		return err_errno(e, "open the patch %s", p->name);
	if (patch_open(p->fd, &base, &ends, &p->patch, e) == -1)
		return -1;
	patch_set_cancel(p->patch, interrupt_flag());
	return patch_index(p->patch, index, e);
}

bool
patched_is_useless(const struct err *e)
{
	switch (e->class) {
	case ERR_BAD_INPUT:
	case ERR_UNTRUSTED:
	case ERR_NOT_FOUND:
	case ERR_DENIED:
	case ERR_CONFLICT:
	case ERR_WITHHELD:
	case ERR_WITHDRAWN:
		return true;
	case ERR_SYSTEM: /* of a hub that says 500, or ours, which has an errno */
		return e->sys == 0;
	case ERR_NONE:
	case ERR_BUSY:
	case ERR_NETWORK:
		return false;
	}
	return false;
}

int
patched_open(const struct patched_want *want, struct patched **out, struct buf *index,
    struct err *e)
{
	struct patched *p = calloc(1, sizeof(*p));
	struct part part;
	struct err mine = { 0 };

	if (p == NULL)
		return err_nomem(e);
	p->want = want;
	p->fd = -1;
	treedir_init(&p->dir, want->old != NULL ? want->old->dirfd : -1,
	    want->old != NULL ? want->old->index : NULL);
	name_of(p->name, &want->patch->patch);
	p->path[0] = '/';
	objpath_patch(p->path + 1, want->channel, &want->patch->patch);
	p->dirfd = part_open_dir(want->home, e);
	if (p->dirfd == -1)
		goto fail;
	part = part_of(p);
	if (part_fetch(want->transfer, &part, &mine) == -1 || open_patch(p, index, &mine) == -1) {
		if (patched_is_useless(&mine))
			patched_drop(p);
		if (e != NULL)
			*e = mine;
		goto fail;
	}
	*out = p;
	return 0;
fail:
	patched_free(p);
	return -1;
}

void
patched_free(struct patched *p)
{
	if (p == NULL)
		return;
	patch_close(p->patch);
	treedir_clear(&p->dir);
	if (p->fd != -1)
		(void)close(p->fd); /* only read from */
	if (p->dirfd != -1)
		(void)close(p->dirfd); /* only a handle */
	free(p->needed);
	free(p);
}

static bool
wants(void *ctx, uint32_t frame)
{
	const struct patched *p = ctx;

	return frame < p->n_frames && p->needed[frame] != 0;
}

static int
give(void *ctx, uint32_t frame, const void *content, size_t len, struct err *e)
{
	struct patched *p = ctx;

	return tree_frame(p->tree, frame, content, len, e);
}

/* tree_plan() lends its list until the next frame is given. */
static int
note_needed(struct patched *p, struct err *e)
{
	uint64_t bytes;
	size_t n;
	const uint32_t *frames = tree_plan(p->tree, &n, &bytes);

	for (size_t i = 0; i < n; i++)
		p->n_frames = frames[i] >= p->n_frames ? frames[i] + 1 : p->n_frames;
	p->needed = calloc((size_t)p->n_frames + 1, 1);
	if (p->needed == NULL)
		return err_nomem(e);
	for (size_t i = 0; i < n; i++)
		p->needed[frames[i]] = 1;
	return 0;
}

int
patched_fill(struct patched *p, struct tree *tree, struct err *e)
{
	const struct patch_sink sink = { .wants = wants, .give = give, .ctx = p };

	p->tree = tree;
	return note_needed(p, e) == -1 ? -1 : patch_frames(p->patch, &sink, e);
}
