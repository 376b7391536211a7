/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests: signs whatever it is given, which no tool of ours would.
 *
 *	forge KEY[,KEYID]... <SIGNED >ROLE-FILE
 *
 * SIGNED is the JSON of a role's `signed`, of any content.  KEY is PASSPHRASE-FILE:KEY-FILE; each
 * KEY signs once, under its own keyid, or under KEYID where one is given.  Without keys the file
 * has no signatures.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "catalog/base/file.h"
#include "catalog/json/canon.h"
#include "catalog/trust/role.h"
#include "catalog/trust/sign.h"

static void
die(const struct err *e, const char *what)
{
	fprintf(stderr, "forge: %s: %s\n", what, e->text);
	exit(1);
}

/* {"signatures":[],"signed":...} of what comes on standard input. */
static void
read_signed(struct buf *out)
{
	struct buf in = BUF_INIT;
	struct json *doc = NULL, *file = json_new();
	char bytes[65536];
	struct err e = { 0 };
	size_t n;

	while ((n = fread(bytes, 1, sizeof(bytes), stdin)) > 0)
		if (buf_add(&in, bytes, n, &e) == -1)
			die(&e, "standard input");
	if (json_parse(buf_data(&in), buf_len(&in), GATE_ANY, &doc, &e) == -1)
		die(&e, "standard input");
	(void)json_put_array(json_top(file), "signatures"); /* canon_write() reports */
	(void)json_put_copy(json_top(file), "signed", json_top(doc));
	if (canon_write(json_top(file), out, &e) == -1)
		die(&e, "standard input");
	json_free(doc);
	json_free(file);
	buf_clear(&in);
}

static struct sign_key *
load_key(char *spec)
{
	char *path = strchr(spec, ':'), line[256];
	struct sign_passphrase pass = { line, 0 };
	struct sign_key *key;
	struct err e = { 0 };
	FILE *f;

	if (path == NULL) {
		(void)err_set(&e, ERR_BAD_INPUT, "PASSPHRASE-FILE:KEY-FILE is wanted");
		die(&e, spec);
	}
	*path++ = '\0';
	f = fopen(spec, "r");
	if (f == NULL || fgets(line, sizeof(line), f) == NULL) {
		(void)err_errno(&e, "cannot be read");
		die(&e, spec);
	}
	(void)fclose(f); /* only read */
	pass.len = strcspn(line, "\r\n");
	if (sign_load(AT_FDCWD, path, &pass, &key, &e) == -1)
		die(&e, path);
	return key;
}

/* Sign the file once more. */
static void
cosign(struct buf *file, char *spec)
{
	char *keyid = strchr(spec, ',');
	struct buf next = BUF_INIT;
	struct sign_key *key;
	struct role_signer signer;
	struct err e = { 0 };

	if (keyid != NULL)
		*keyid++ = '\0';
	key = load_key(spec);
	signer = sign_signer(key);
	if (keyid != NULL)
		signer.keyid = keyid;
	if (role_cosign(buf_data(file), buf_len(file), &signer, &next, &e) == -1)
		die(&e, spec);
	sign_free(key);
	buf_clear(file);
	*file = next;
}

int
main(int argc, char **argv)
{
	struct buf file = BUF_INIT;
	struct err e = { 0 };

	read_signed(&file);
	for (int i = 1; i < argc; i++)
		cosign(&file, argv[i]);
	if (file_write_all(STDOUT_FILENO, buf_data(&file), buf_len(&file), &e) == -1)
		die(&e, "standard output");
	buf_clear(&file);
	return 0;
}
