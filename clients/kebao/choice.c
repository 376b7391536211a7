/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/choice.h"

static uint64_t
left_of(const struct choice_input *in, const struct hint_patch *p)
{
	uint64_t have = in->have != NULL ? in->have(in->ctx, &p->patch) : 0;

	return have < p->patch_len ? p->patch_len - have : 0;
}

static uint64_t
lesser(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* A patch lies beside the release until that is there. */
static bool
fits(const struct choice_input *in, const struct hint_patch *p, uint64_t left)
{
	uint64_t new_bytes = lesser(p->new_bytes, in->most_new_bytes);

	return left <= in->room_bytes && new_bytes <= in->room_bytes - left;
}

/* What the hint says about whoever holds this; number is n_held for nothing. */
static void
consider(const struct choice_input *in, const struct digest *from, size_t number,
    struct choice *out)
{
	struct hint_patch p;
	uint64_t left;

	if (!hint_find_patch(in->hint, from, &p))
		return;
	if (p.frames_bytes < out->frames_bytes)
		out->frames_bytes = p.frames_bytes;
	if (number == 0) {
		out->has_room = true;
		out->new_bytes = lesser(p.new_bytes, in->most_new_bytes);
		out->gone_bytes = lesser(p.gone_bytes, in->most_gone_bytes);
	}
	if (p.patch_len == 0 || p.patch_len > in->most_bytes)
		return;
	left = left_of(in, &p);
	if (left >= out->patch_bytes)
		return;
	if (!fits(in, &p, left)) {
		out->way = CHOICE_NO_ROOM;
		return;
	}
	out->patch_bytes = left;
	out->patch = p;
	out->held = number;
}

/*
 * Of a release it does not know the hint cannot say what frames cost, all or little.  But all of
 * it as a patch may be shorter than the index alone, where files are many and tiny.
 */
static void
consider_least(const struct choice_input *in, const struct digest *nothing, struct choice *out)
{
	consider(in, nothing, in->n_held, out);
	if (out->patch_bytes < in->least_bytes)
		out->frames_bytes = in->least_bytes;
	else
		out->patch_bytes = out->frames_bytes = UINT64_MAX;
}

void
choice_make(const struct choice_input *in, struct choice *out)
{
	static const struct digest nothing;

	*out = (struct choice){ .way = CHOICE_FRAMES, .patch_bytes = UINT64_MAX,
		.frames_bytes = UINT64_MAX, .held = in->n_held };
	for (size_t i = 0; i < in->n_held; i++)
		consider(in, in->held[i], i, out);
	if (in->n_held == 0 || in->frames_bytes != UINT64_MAX)
		consider(in, &nothing, in->n_held, out);
	else if (out->frames_bytes == UINT64_MAX)
		consider_least(in, &nothing, out);
	if (in->frames_bytes != UINT64_MAX)
		out->frames_bytes = in->frames_bytes;
	if (out->patch_bytes == UINT64_MAX)
		return;
	out->way = out->patch_bytes < out->frames_bytes ? CHOICE_PATCH : CHOICE_CHEAPER;
}
