/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/dump.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "catalog/base/file.h"
#include "catalog/base/limits.h"
#include "catalog/repo/hint.h"
#include "catalog/repo/index.h"
#include "catalog/repo/pack.h"
#include "catalog/repo/record.h"
#include "catalog/trust/meta.h"
#include "clients/kebao/text.h"

#define MOST_BYTES LIMIT_INDEX_BYTES /* of what is read as a whole: the longest of them */
#define MAGIC_LEN 8
#define PATCH_HEADER (MAGIC_LEN + 2 * DIGEST_LEN + 8)

static void
dump_pack(const struct pack *p, FILE *out)
{
	uint32_t n = pack_n_frames(p);

	(void)fprintf(out, "pack: %" PRIu64 " bytes, %" PRIu32 " frames in %" PRIu64 " bytes\n",
	    pack_len(p), n, pack_frames_len(p));
	(void)fprintf(out, "%8s %12s %10s %10s  %s\n", "frame", "offset", "stored", "content",
	    "sha256 of the content");
	for (uint32_t i = 0; i < n; i++) {
		char hex[DIGEST_HEX_LEN + 1];
		struct pack_frame f;

		pack_frame_get(p, i, &f);
		digest_hex(hex, &f.content);
		(void)fprintf(out, "%8" PRIu32 " %12" PRIu64 " %10" PRIu32 " %10" PRIu32 "  %s\n",
		    i, f.off, f.stored_len, f.content_len, hex);
	}
}

static void
dump_index(const struct index *ix, FILE *out)
{
	static const char *const kinds[] = {
		[TAR_DIRECTORY] = "dir", [TAR_FILE] = "file", [TAR_EXECUTABLE] = "exec",
	};
	char hex[DIGEST_HEX_LEN + 1];

	(void)fprintf(out, "index: %" PRIu32 " entries, %" PRIu32 " files of %" PRIu64 " bytes, %"
	    PRIu32 " frames, tar of %" PRIu64 " bytes\n", index_n_entries(ix), index_n_files(ix),
	    index_file_bytes(ix), index_n_frames(ix), index_tar_len(ix));
	for (uint32_t i = 0; i < index_n_entries(ix); i++) {
		struct index_entry entry;

		index_entry(ix, i, &entry);
		digest_hex(hex, entry.sha256);
		(void)fprintf(out, "%-4s %12" PRIu64 "  crc32 %08" PRIx32 "  %.16s  %s\n",
		    kinds[entry.tar.kind], entry.tar.size, entry.crc32,
		    entry.tar.kind == TAR_DIRECTORY ? "-" : hex, entry.tar.path);
	}
	for (uint32_t i = 0; i < index_n_frames(ix); i++) {
		struct index_frame f;

		index_frame(ix, i, &f);
		digest_hex(hex, f.sha256);
		(void)fprintf(out, "frame %8" PRIu32 " %14" PRIu64 " %8" PRIu32 "  %s\n", i, f.off,
		    f.len, hex);
	}
}

static void
dump_hint(const struct hint *h, FILE *out)
{
	char hex[DIGEST_HEX_LEN + 1];

	digest_hex(hex, hint_index(h));
	(void)fprintf(out, "hint for index %s: %" PRIu32 " frames in %" PRIu32 " runs\n", hex,
	    hint_n_frames(h), hint_n_runs(h));
	for (uint32_t i = 0; i < hint_n_packs(h); i++) {
		digest_hex(hex, hint_pack(h, i));
		(void)fprintf(out, "pack %4" PRIu32 "  %s\n", i, hex);
	}
	for (uint32_t i = 0; i < hint_n_frames(h); i++) {
		struct hint_place p;

		hint_place(h, i, &p);
		(void)fprintf(out,
		    "frame %8" PRIu32 "  pack %4" PRIu32 " offset %12" PRIu64 " stored %8" PRIu32
		    "\n",
		    i, p.pack, p.off, p.stored_len);
	}
}

/* What it costs whom; FORMATS.md 3.6, "PTCH". */
static void
dump_hint_patches(const struct hint *h, FILE *out)
{
	char from[DIGEST_HEX_LEN + 1], name[DIGEST_HEX_LEN + 1];

	for (size_t i = 0; i < hint_n_patches(h); i++) {
		struct hint_patch p;

		hint_patch(h, i, &p);
		digest_hex(from, &p.from);
		digest_hex(name, &p.patch);
		(void)fprintf(out, "from index %s: %" PRIu64 " bytes without a patch", from,
		    p.frames_bytes);
		if (p.patch_len > 0)
			(void)fprintf(out, ", %" PRIu64 " by patch %s", p.patch_len, name);
		(void)fprintf(out, "\n");
	}
}

/* The header; what follows wants the release it leads from. */
static int
dump_patch(const uint8_t *p, size_t len, FILE *out, struct err *e)
{
	char from[DIGEST_HEX_LEN + 1], to[DIGEST_HEX_LEN + 1];
	struct digest d;

	if (p[MAGIC_LEN - 1] != '3')
		return err_set(e, ERR_BAD_INPUT, "a patch of another format than 3");
	if (len < PATCH_HEADER)
		return err_set(e, ERR_BAD_INPUT, "a patch that ends within its header");
	memcpy(d.bytes, p + MAGIC_LEN, DIGEST_LEN);
	digest_hex(from, &d);
	memcpy(d.bytes, p + MAGIC_LEN + DIGEST_LEN, DIGEST_LEN);
	digest_hex(to, &d);
	(void)fprintf(out, "patch: %zu bytes, its recipe %" PRIu32 ", unpacked %" PRIu32
	    "\nfrom index %s\nto index   %s\n", len,
	    buf_get_u32le(p + PATCH_HEADER - 8), buf_get_u32le(p + PATCH_HEADER - 4), from, to);
	return 0;
}

static void
dump_texts(const char *name, const struct record_texts *texts, FILE *out)
{
	for (size_t i = 0; i < texts->n_items; i++)
		(void)fprintf(out, "%s.%s: %s\n", name, texts->items[i].lang, texts->items[i].text);
}

static void
dump_list(const char *name, const struct record_list *list, FILE *out)
{
	for (size_t i = 0; i < list->n_items; i++)
		(void)fprintf(out, "%s: %s\n", name, list->items[i]);
}

static void
dump_record(const struct record *r, FILE *out)
{
	char hex[DIGEST_HEX_LEN + 1];
	struct text at;

	(void)fprintf(out, "record: %s/%s release %" PRIu32 "\nlabel: %s\npublished: %s\n",
	    r->channel, r->course, r->release, r->label, text_rfc3339(&at, r->published_at));
	dump_texts("title", &r->title, out);
	dump_texts("summary", &r->summary, out);
	dump_texts("notes", &r->notes, out);
	(void)fprintf(out,
	    "field: %s\nminutes: %" PRIu32 "\nfiles: %" PRIu32 ", %" PRIu64 " bytes\n", r->field,
	    r->study_minutes, r->n_files, r->file_bytes);
	dump_list("language", &r->languages, out);
	dump_list("lecturer", &r->lecturers, out);
	if (r->rights != NULL)
		(void)fprintf(out, "rights: %s\n", r->rights);
	digest_hex(hex, &r->tar.sha256);
	(void)fprintf(out, "tar: %" PRIu64 " bytes, sha256 %s\n", r->tar.len, hex);
	digest_hex(hex, &r->index.sha256);
	(void)fprintf(out, "index: %" PRIu64 " bytes, sha256 %s\n", r->index.len, hex);
}

/* A text of a file nobody has judged. */
static void
print_quoted(FILE *out, const char *before, const char *text, const char *after)
{
	char quoted[4 * LIMIT_PATH_BYTES];

	(void)fprintf(out, "%s%s%s", before, err_quote(quoted, sizeof(quoted), text, strlen(text)),
	    after);
}

static void
dump_roles(const struct meta *m, FILE *out)
{
	for (size_t i = 0; i < m->n_roles; i++) {
		const struct meta_role *r = &m->roles[i];

		print_quoted(out, "role ", r->name, "");
		(void)fprintf(out, ": %" PRId64 " of %zu keys%s\n", r->threshold, r->n_keyids,
		    r->is_terminating ? ", terminating" : "");
		for (size_t k = 0; k < r->n_keyids; k++)
			print_quoted(out, "  key ", r->keyids[k], "\n");
		for (size_t k = 0; k < r->n_matches; k++)
			print_quoted(
			    out, r->by_prefix ? "  prefix " : "  path ", r->matches[k], "\n");
	}
}

static void
dump_meta(const struct meta_claim *claim, FILE *out)
{
	const struct meta *m = meta_claim_peek(claim);
	char hex[DIGEST_HEX_LEN + 1];
	struct text at;

	(void)fprintf(out, "%s metadata, version %" PRId64 ", expires %s; not verified\n",
	    meta_type_name(m->type), m->version, text_rfc3339(&at, m->expires_at));
	for (size_t i = 0; i < meta_claim_n_signatures(claim); i++)
		print_quoted(out, "signature by ", meta_claim_signature_keyid(claim, i), "\n");
	dump_roles(m, out);
	for (size_t i = 0; i < m->n_files; i++) {
		print_quoted(out, "file ", m->files[i].name, "");
		(void)fprintf(out, " version %" PRId64 "\n", m->files[i].version);
	}
	for (size_t i = 0; i < m->n_targets; i++) {
		digest_hex(hex, &m->targets[i].bytes.sha256);
		print_quoted(out, "target ", m->targets[i].path, "");
		(void)fprintf(
		    out, " %" PRId64 " bytes, sha256 %s\n", m->targets[i].bytes.length, hex);
	}
}

/* Signed metadata or a record: both are JSON objects. */
static int
dump_json(const struct buf *bytes, FILE *out, struct err *e)
{
	struct meta_claim *claim = NULL;
	struct record *record = NULL;
	struct err mine = { 0 };

	if (meta_parse(buf_data(bytes), buf_len(bytes), &claim, e) == 0) {
		dump_meta(claim, out);
		meta_claim_free(claim);
		return 0;
	}
	if (record_parse(buf_data(bytes), buf_len(bytes), RECORD_LENIENT, &record, &mine) == 0) {
		dump_record(record, out);
		record_free(record);
		return 0;
	}
	return err_set(e, ERR_BAD_INPUT, "neither signed metadata nor a record: %s", mine.text);
}

static int
dump_bytes(const struct buf *bytes, FILE *out, struct err *e)
{
	struct index *ix = NULL;
	struct hint *hint = NULL;

	if (buf_len(bytes) >= MAGIC_LEN && memcmp(buf_data(bytes), "KBINDEX1", MAGIC_LEN) == 0) {
		if (index_parse(buf_data(bytes), buf_len(bytes), &ix, e) == -1)
			return -1;
		dump_index(ix, out);
		index_free(ix);
		return 0;
	}
	if (buf_len(bytes) >= MAGIC_LEN && memcmp(buf_data(bytes), "KBHINT1\0", MAGIC_LEN) == 0) {
		if (hint_parse(buf_data(bytes), buf_len(bytes), &hint, e) == -1)
			return -1;
		dump_hint(hint, out);
		dump_hint_patches(hint, out);
		hint_free(hint);
		return 0;
	}
	if (buf_len(bytes) >= MAGIC_LEN && memcmp(buf_data(bytes), "KBPATCH", MAGIC_LEN - 1) == 0)
		return dump_patch(buf_data(bytes), buf_len(bytes), out, e);
	if (buf_len(bytes) == 0 || *(const uint8_t *)buf_data(bytes) != '{')
		return err_set(e, ERR_BAD_INPUT, "neither a pack, an index, a hint, a patch, "
		    "a record nor metadata; or its beginning or end is lost");
	return dump_json(bytes, out, e);
}

static bool
is_pack(int fd)
{
	char magic[MAGIC_LEN];
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_size > MAGIC_LEN &&
	    file_pread_all(fd, magic, MAGIC_LEN, (uint64_t)st.st_size - MAGIC_LEN, NULL) == 0 &&
	    memcmp(magic, "KBPACK\0\0", MAGIC_LEN) == 0;
}

int
dump_file(const char *path, FILE *out, struct err *e)
{
	struct buf bytes = BUF_INIT;
	struct pack *pack = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int rc = -1;

	if (fd == -1) {
		int sys = errno;

		(void)err_errno(e, "%s", path);
		if (sys == ENOENT && e != NULL)
			e->class = ERR_NOT_FOUND;
		return -1;
	}
	if (is_pack(fd)) {
		rc = pack_open(fd, &pack, e);
		if (rc == 0)
			dump_pack(pack, out);
		pack_close(pack);
	} else if (file_load(AT_FDCWD, path, MOST_BYTES, &bytes, e) == 0) {
		rc = dump_bytes(&bytes, out, e);
	}
	if (rc == -1)
		err_within(e, "%s", path);
	buf_clear(&bytes);
	(void)close(fd); /* only read */
	return rc;
}
