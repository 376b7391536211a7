/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <termios.h>
#include <unistd.h>

#include "catalog/base/file.h"
#include "catalog/base/hex.h"
#include "clients/kebao/args.h"

#define MOST_BYTES 1024u
#define FEWEST_BYTES 8u /* of a new one; what a key costs to guess is scrypt's part */
#define MADE_BYTES 20u

/* Keep the first line; 0 when it is usable. */
static int
trim(struct buf *b, const char *where, struct err *e)
{
	const char *text = buf_text(b);
	size_t len = strcspn(text, "\r\n");

	if (memchr(text, '\0', buf_len(b)) != NULL)
		return err_set(e, ERR_BAD_INPUT, "%s: the passphrase holds a NUL", where);
	buf_truncate(b, len);
	if (len == 0)
		return err_set(e, ERR_BAD_INPUT, "%s: the passphrase is empty", where);
	if (len > MOST_BYTES)
		return err_set(e, ERR_BAD_INPUT, "%s: the passphrase is longer than %u bytes",
		    where, MOST_BYTES);
	return 0;
}

/* Bytes of fd up to the end of a line, of the input, or one more than allowed. */
static int
read_line(int fd, const char *where, struct buf *out, struct err *e)
{
	char c;

	while (buf_len(out) <= MOST_BYTES) {
		ssize_t n = TEMP_FAILURE_RETRY(read(fd, &c, 1));

		if (n == -1)
			return err_errno(e, "%s: reading the passphrase", where);
		if (n == 0 || c == '\n')
			break;
		if (buf_add(out, &c, 1, e) == -1)
			return -1;
	}
	return trim(out, where, e);
}

static int
from_file(const char *path, struct buf *out, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int rc;

	if (fd == -1) {
		(void)err_errno(e, "passphrase file %s", path);
		if (e != NULL && e->sys == ENOENT)
			e->class = ERR_NOT_FOUND;
		return -1;
	}
	rc = read_line(fd, path, out, e);
	(void)close(fd); /* only read */
	return rc;
}

static int
from_fd(const char *number, struct buf *out, struct err *e)
{
	long long fd;

	if (args_number(number, 0, 65535, &fd) == -1)
		return err_set(e, ERR_BAD_INPUT, "--passphrase-fd %s: want a number", number);
	return read_line((int)fd, "passphrase descriptor", out, e);
}

/* One line from the terminal without showing it. */
static int
ask(int tty, const char *prompt, struct buf *out, struct err *e)
{
	struct termios shown, hidden;
	int rc;

	if (tcgetattr(tty, &shown) == -1)
		return err_errno(e, "terminal");
	hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	if (file_write_all(tty, prompt, strlen(prompt), e) == -1)
		return -1;
	if (tcsetattr(tty, TCSAFLUSH, &hidden) == -1)
		return err_errno(e, "terminal");
	rc = read_line(tty, "terminal", out, e);
	(void)tcsetattr(tty, TCSAFLUSH, &shown); /* nothing better to do when it fails */
	(void)file_write_all(tty, "\n", 1, NULL); /* looks only */
	return rc;
}

static int
from_terminal(const struct passphrase_source *src, struct buf *out, struct err *e)
{
	struct buf again = BUF_INIT;
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	int rc = -1;

	if (tty == -1)
		return err_set(e, ERR_BAD_INPUT,
		    "a passphrase is needed and there is no terminal to ask"
		    " at: give --passphrase-file or --passphrase-fd");
	if (ask(tty, src->prompt, out, e) == -1)
		goto out;
	if (src->prompt_again != NULL) {
		if (ask(tty, src->prompt_again, &again, e) == -1)
			goto out;
		if (strcmp(buf_text(out), buf_text(&again)) != 0) {
			(void)err_set(e, ERR_BAD_INPUT, "the two passphrases differ");
			goto out;
		}
	}
	rc = 0;
out:
	buf_wipe(&again);
	(void)close(tty); /* nothing buffered */
	return rc;
}

int
passphrase_read(const struct passphrase_source *src, struct buf *out, struct err *e)
{
	int rc;

	if (src->file != NULL && src->fd != NULL)
		return err_set(
		    e, ERR_BAD_INPUT, "give --passphrase-file or --passphrase-fd, not both");
	if (src->file != NULL)
		rc = from_file(src->file, out, e);
	else if (src->fd != NULL)
		rc = from_fd(src->fd, out, e);
	else
		rc = from_terminal(src, out, e);
	if (rc == 0 && src->prompt_again != NULL && buf_len(out) < FEWEST_BYTES)
		rc = err_set(
		    e, ERR_BAD_INPUT, "the passphrase is shorter than %u bytes", FEWEST_BYTES);
	if (rc == -1)
		buf_wipe(out);
	return rc;
}

int
passphrase_make(struct buf *out, struct err *e)
{
	uint8_t random[MADE_BYTES];
	char text[2 * MADE_BYTES + 1];
	int rc = -1;

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
		(void)err_errno(e, "random numbers");
		goto out;
	}
	hex_encode(text, random, sizeof(random));
	rc = buf_add_text(out, text, e);
out:
	explicit_bzero(random, sizeof(random));
	explicit_bzero(text, sizeof(text));
	return rc;
}
