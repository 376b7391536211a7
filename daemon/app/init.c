/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/app/init.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "catalog/base/file.h"
#include "catalog/base/hex.h"
#include "catalog/hub/code.h"
#include "catalog/hub/regset.h"
#include "catalog/hub/registry.h"
#include "catalog/hub/state.h"
#include "catalog/hub/state_enrol.h"
#include "catalog/hub/state_registry.h"
#include "catalog/json/canon.h"
#include "catalog/json/json.h"
#include "daemon/app/init_text.h"
#include "daemon/signer/child.h"
#include "daemon/signer/vault.h"
#include "daemon/signer/talk.h"

#define DAY_SECONDS 86400
#define PASSPHRASE_LEN 20 /* random bytes; in this form sign_is_random() knows them */

/* ---- a directory that is empty, or becomes so again ---- */

struct place {
	const char *path; /* borrowed */
	int fd;           /* owned; -1 while not open */
	bool is_new;      /* made here */
};

static int
remove_contents(int fd, struct err *e)
{
	struct dirent *entry;
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy == -1 ? NULL : fdopendir(copy);
	int rc = 0;

	if (dir == NULL) {
		if (copy != -1)
			(void)close(copy); /* it was only read */
		return err_errno(e, "cannot list the directory");
	}
	while (rc == 0 && (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    strcmp(entry->d_name, VAULT_UNFINISHED) == 0)
			continue;
		rc = file_remove_tree(fd, entry->d_name, e);
	}
	(void)closedir(dir); /* it was only read */
	return rc == 0 ? file_remove(fd, VAULT_UNFINISHED, e) : -1; /* the mark goes last */
}

/* ERR_CONFLICT where something is in it that no init left unfinished. */
static int
check_free(const char *path, struct err *e)
{
	struct dirent *entry;
	bool is_empty = true, is_unfinished = false;
	DIR *dir = opendir(path);

	if (dir == NULL)
		return err_errno(e, "cannot list %s", path);
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			is_empty = false;
		if (strcmp(entry->d_name, VAULT_UNFINISHED) == 0)
			is_unfinished = true;
	}
	(void)closedir(dir); /* it was only read */
	if (is_empty || is_unfinished)
		return 0;
	return err_set(
	    e, ERR_CONFLICT, "%s is not empty: give a directory that is new or empty", path);
}

/* Make or empty the directory and mark it as unfinished. */
static int
claim(struct place *p, struct err *e)
{
	if (mkdir(p->path, 0700) == 0)
		p->is_new = true;
	else if (errno != EEXIST)
		return err_errno(e, "cannot make %s", p->path);
	if (check_free(p->path, e) == -1) /* not ours: nothing in it is touched */
		return -1;
	p->fd = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->fd == -1)
		return err_errno(e, "cannot open %s", p->path);
	if (p->is_new && file_sync_dir_of(AT_FDCWD, p->path, e) == -1)
		return -1;
	if (file_exists(p->fd, VAULT_UNFINISHED) && remove_contents(p->fd, e) == -1)
		return -1;
	return file_create(p->fd, VAULT_UNFINISHED, "", 0, 0600, e);
}

/* After a failure: as it was before. */
static void
give_up(struct place *p)
{
	if (p->fd == -1)
		return;
	(void)remove_contents(p->fd, NULL); /* what stays is marked, and the next init removes it */
	if (p->is_new)
		(void)rmdir(p->path); /* the same */
}

/* ---- keys and metadata, by kebaod-signer ---- */

static int
make_passphrase(const struct init_options *o, int keys_fd, struct buf *out, struct err *e)
{
	uint8_t bytes[PASSPHRASE_LEN];
	char text[2 * PASSPHRASE_LEN + 1];
	int rc = -1;

	if (o->online_passphrase != NULL) {
		if (memchr(o->online_passphrase, '\n', o->online_passphrase_len) != NULL)
			return err_set(e, ERR_BAD_INPUT, "the online passphrase must be one line");
		if (buf_add(out, o->online_passphrase, o->online_passphrase_len, e) == -1)
			return -1;
	} else {
		if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
			return err_errno(e, "no random bytes from the kernel");
		hex_encode(text, bytes, sizeof(bytes));
		if (buf_add_text(out, text, e) == -1)
			return -1;
	}
	if (buf_add_text(out, "\n", e) == 0)
		rc = file_create(keys_fd, "online.pass", buf_data(out), buf_len(out), 0600, e);
	buf_truncate(out, buf_len(out) - 1);
	return rc;
}

static struct talk_part
text_part(const char *text)
{
	return (struct talk_part){ text, strlen(text) };
}

static int
ask_signer(const struct init_options *o, int fd, const struct buf *online,
    struct talk_message *m, struct err *e)
{
	char n_keys[12], threshold[12];
	struct talk_part parts[TALK_PARTS] = {
		text_part(o->state_dir),
		text_part(o->offline_dir),
		text_part(o->name_en != NULL ? o->name_en : o->name_zh),
		{ n_keys, (size_t)snprintf(n_keys, sizeof(n_keys), "%u", o->n_root_keys) },
		{ threshold, (size_t)snprintf(threshold, sizeof(threshold), "%u",
		    o->root_threshold) },
		{ o->passphrase, o->passphrase_len },
		{ buf_data(online), buf_len(online) },
	};
	size_t n = 7;

	if (o->n_hostnames > TALK_PARTS - n)
		return err_set(e, ERR_BAD_INPUT, "%zu names for the server, at most %zu",
		    o->n_hostnames, TALK_PARTS - n);
	for (size_t i = 0; i < o->n_hostnames; i++)
		parts[n++] = text_part(o->hostnames[i]);
	if (talk_send(fd, TALK_FOUND, parts, n, e) == -1)
		return -1;
	return talk_receive_answer(fd, m, 2, e);
}

static int
found(const struct init_options *o, int state_fd, struct talk_message *m, struct err *e)
{
	const char *argv[] = { o->signer_program, "--found", NULL };
	struct child child = CHILD_INIT;
	struct buf online = BUF_INIT;
	int keys_fd = -1, rc = -1;

	if (file_make_dirs(state_fd, "keys", 0700, e) == -1 ||
	    file_make_dirs(state_fd, "repo/metadata", 0755, e) == -1)
		return -1;
	keys_fd = openat(state_fd, "keys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (keys_fd == -1)
		return err_errno(e, "cannot open %s/keys", o->state_dir);
	if (make_passphrase(o, keys_fd, &online, e) == 0 && child_start(argv, &child, e) == 0)
		rc = ask_signer(o, child.fd, &online, m, e);
	if (rc == -1 && e != NULL && e->class == ERR_NETWORK)
		e->class = ERR_SYSTEM; /* no network is at fault */
	child_end(&child);
	(void)close(keys_fd); /* nothing was written through it */
	buf_wipe(&online);
	return rc;
}

/* ---- the state ---- */

static int
make_organisation(const struct init_options *o, struct regset *set, struct err *e)
{
	struct json *doc = json_new();
	struct json_at org = json_add_object(json_put_array(json_top(doc), "organisations")), name;
	const struct regset empty = REGSET_INIT;
	struct registry *reg = NULL;
	struct buf body = BUF_INIT;
	int rc = -1;

	json_put_text(org, "id", o->org);
	json_put_text(org, "kind", "association");
	name = json_put_object(org, "name");
	if (o->name_zh != NULL)
		json_put_text(name, "zh", o->name_zh);
	if (o->name_en != NULL)
		json_put_text(name, "en", o->name_en);
	if (canon_write(json_top(doc), &body, e) == 0 &&
	    regset_apply(&empty, buf_data(&body), buf_len(&body), set, e) == 0)
		rc = registry_new(set, &reg, e);
	registry_release(reg);
	buf_clear(&body);
	json_free(doc);
	return rc;
}

static int
make_state(const struct init_options *o, const uint8_t secret[CODE_SECRET_LEN], struct err *e)
{
	struct audit_note note = { o->now, "init", "found", o->org, "" };
	struct regset set = REGSET_INIT;
	struct state *state = NULL;
	struct digest hash;
	char path[PATH_MAX];
	int rc = -1;

	if (snprintf(path, sizeof(path), "%s/state.db", o->state_dir) >= (int)sizeof(path))
		return err_set(e, ERR_BAD_INPUT, "%s is too long a path", o->state_dir);
	if (make_organisation(o, &set, e) == -1 || state_create(path, &state, e) == -1 ||
	    state_registry_replace(state, &set, &note, e) == -1)
		goto out;
	code_secret_hash(&hash, secret);
	note.action = "invite";
	note.detail = "admin";
	rc = state_enrol_invite(state, &hash, o->org, IDENT_ADMIN,
	    o->now + (int64_t)INIT_INVITATION_DAYS * DAY_SECONDS, &note, e);
out:
	state_close(state);
	regset_clear(&set);
	return rc;
}

/* ---- the whole ---- */

/* The path without links and dots; the directory itself may be missing yet, the one above not. */
static int
resolve(const char *path, char out[PATH_MAX], struct err *e)
{
	char above[PATH_MAX], last[NAME_MAX + 1];
	size_t len = strlen(path), from;

	if (realpath(path, out) != NULL)
		return 0;
	if (errno != ENOENT)
		return err_errno(e, "cannot use %s", path);
	while (len > 1 && path[len - 1] == '/')
		len--;
	for (from = len; from > 0 && path[from - 1] != '/'; from--)
		;
	if (len - from > NAME_MAX || from >= sizeof(above))
		return err_set(e, ERR_BAD_INPUT, "%s is too long a path", path);
	(void)snprintf(last, sizeof(last), "%.*s", (int)(len - from), path + from);
	(void)snprintf(above, sizeof(above), "%.*s", (int)from, path);
	if (realpath(from == 0 ? "." : above, out) == NULL)
		return err_errno(e, "cannot make %s", path);
	from = strlen(out);
	if (snprintf(out + from, PATH_MAX - from, "%s%s", from == 1 ? "" : "/", last) >=
	    (int)(PATH_MAX - from))
		return err_set(e, ERR_BAD_INPUT, "%s is too long a path", path);
	return 0;
}

/* Whether both paths, resolved, are one directory, or the second lies in the first. */
static bool
holds(const char *outer, const char *inner)
{
	size_t len = strlen(outer);

	return strncmp(outer, inner, len) == 0 &&
	    (inner[len] == '\0' || inner[len] == '/' || len == 1);
}

static int
check_places(const struct init_options *o, struct err *e)
{
	char state[PATH_MAX], offline[PATH_MAX];

	if (resolve(o->state_dir, state, e) == -1 || resolve(o->offline_dir, offline, e) == -1)
		return -1;
	if (holds(state, offline) || holds(offline, state))
		return err_set(e, ERR_BAD_INPUT,
		    "the offline keys are to be carried off: give them a directory outside %s, and"
		    " not above it", state);
	/* What is not there is free. */
	if (file_exists(AT_FDCWD, state) && check_free(state, e) == -1)
		return -1;
	return file_exists(AT_FDCWD, offline) ? check_free(offline, e) : 0;
}

int
init_check(const struct init_options *o, struct err *e)
{
	if (o->n_hostnames == 0)
		return err_set(e, ERR_BAD_INPUT, "a hub needs a host name or an address");
	if (o->name_zh == NULL && o->name_en == NULL)
		return err_set(e, ERR_BAD_INPUT, "a hub needs a name");
	if (strpbrk(o->state_dir, "\r\n") != NULL) /* it is a line of the configuration */
		return err_set(e, ERR_BAD_INPUT, "the state directory's name has a line end");
	if (o->n_root_keys < 1 || o->root_threshold < 1 || o->root_threshold > o->n_root_keys)
		return err_set(e, ERR_BAD_INPUT, "%u signatures cannot come from %u root keys",
		    o->root_threshold, o->n_root_keys);
	return check_places(o, e);
}

static int
check_passphrases(const struct init_options *o, struct err *e)
{
	if (o->passphrase_len < INIT_PASSPHRASE_BYTES)
		return err_set(e, ERR_BAD_INPUT,
		    "the passphrase of the offline keys is too short: at least %u bytes",
		    INIT_PASSPHRASE_BYTES);
	if (o->online_passphrase != NULL && o->online_passphrase_len < INIT_PASSPHRASE_BYTES)
		return err_set(e, ERR_BAD_INPUT,
		    "the online passphrase is too short: at least %u bytes", INIT_PASSPHRASE_BYTES);
	return 0;
}

static int
build(const struct init_options *o, int state_fd, struct buf *advice, struct err *e)
{
	struct talk_message m = { .bytes = BUF_INIT };
	struct buf conf = BUF_INIT;
	struct code code = { .root_version = 1 };
	char text[CODE_TEXT_SIZE];
	int rc = -1;

	if (found(o, state_fd, &m, e) == -1 || code_new_secret(code.secret, e) == -1)
		goto out;
	code_fingerprint(code.fingerprint, m.parts[0].data, m.parts[0].len, m.parts[1].data,
	    m.parts[1].len);
	code_encode(text, &code);
	if (make_state(o, code.secret, e) == -1 || init_text_config(o, &conf, e) == -1 ||
	    file_create(state_fd, "kebaod.conf", buf_data(&conf), buf_len(&conf), 0644, e) == -1)
		goto out;
	rc = init_text_advice(o, text, advice, e);
out:
	explicit_bzero(&code, sizeof(code));
	explicit_bzero(text, sizeof(text));
	buf_clear(&conf);
	talk_clear(&m);
	return rc;
}

/* The mark goes, and with it "unfinished". */
static int
finish(const struct place *p, struct err *e)
{
	if (file_remove(p->fd, VAULT_UNFINISHED, e) == -1)
		return -1;
	return fsync(p->fd) == 0 ? 0 : err_errno(e, "cannot sync %s", p->path);
}

static int
make_absolute(const char *path, char out[PATH_MAX], struct err *e)
{
	return realpath(path, out) != NULL ? 0 : err_errno(e, "cannot find %s", path);
}

int
init_hub(const struct init_options *given, struct buf *advice, struct err *e)
{
	char state_dir[PATH_MAX], offline_dir[PATH_MAX];
	struct init_options o = *given;
	struct place state = { given->state_dir, -1, false };
	struct place offline = { given->offline_dir, -1, false };
	struct buf text = BUF_INIT;
	int rc = -1;

	if (init_check(given, e) == -1 || check_passphrases(given, e) == -1)
		return -1;
	if (claim(&state, e) == -1 || claim(&offline, e) == -1 ||
	    make_absolute(given->state_dir, state_dir, e) == -1 ||
	    make_absolute(given->offline_dir, offline_dir, e) == -1)
		goto out;
	o.state_dir = state_dir;
	o.offline_dir = offline_dir;
	if (build(&o, state.fd, &text, e) == -1 || finish(&offline, e) == -1 ||
	    finish(&state, e) == -1)
		goto out;
	*advice = text;
	text = (struct buf)BUF_INIT;
	rc = 0;
out:
	if (rc == -1) {
		give_up(&offline);
		give_up(&state);
	}
	if (state.fd != -1)
		(void)close(state.fd); /* directories: nothing is written through them */
	if (offline.fd != -1)
		(void)close(offline.fd);
	buf_wipe(&text);
	return rc;
}
