/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/signer/passfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "catalog/base/file.h"

/* Keep the first line; what came before from on is not ours. */
static int
first_line(struct buf *out, size_t from, const char *name, struct err *e)
{
	const uint8_t *begin = buf_data(out) + from;
	const uint8_t *end = memchr(begin, '\n', buf_len(out) - from);

	if (end != NULL)
		buf_truncate(out, (size_t)(end - buf_data(out)));
	if (buf_len(out) > from && buf_data(out)[buf_len(out) - 1] == '\r' && end != NULL)
		buf_truncate(out, buf_len(out) - 1);
	if (buf_len(out) == from)
		return err_set(e, ERR_BAD_INPUT, "%s holds no passphrase", name);
	return 0;
}

int
passfile_load(int dirfd, const char *name, struct buf *out, struct err *e)
{
	size_t from = buf_len(out);

	if (file_load(dirfd, name, PASSFILE_BYTES, out, e) == -1)
		return -1;
	return first_line(out, from, name, e);
}

/* Up to the end, or to the first line end where is_line. */
static int
read_some(int fd, bool is_line, struct buf *out, struct err *e)
{
	char c;
	ssize_t n = 1;

	for (size_t got = 0; n != 0; got++) {
		n = read(fd, &c, 1); /* no further than needed: the rest may be another's */
		if (n == -1 && errno == EINTR) {
			got--;
			n = 1;
			continue;
		}
		if (n == -1)
			return err_errno(e, "cannot read the passphrase");
		if (got == PASSFILE_BYTES)
			return err_set(e, ERR_BAD_INPUT, "a passphrase has at most %u bytes",
			    PASSFILE_BYTES);
		if (n == 1 && buf_add(out, &c, 1, e) == -1)
			return -1;
		if (n == 1 && is_line && c == '\n')
			return 0;
	}
	return 0;
}

int
passfile_read(int fd, struct buf *out, struct err *e)
{
	size_t from = buf_len(out);

	if (read_some(fd, true, out, e) == -1)
		return -1;
	return first_line(out, from, "the descriptor", e);
}

static int
ask_once(int tty, const char *prompt, struct buf *out, struct err *e)
{
	struct termios was, silent;
	int rc;

	if (file_write_all(tty, prompt, strlen(prompt), e) == -1)
		return -1;
	if (tcgetattr(tty, &was) == -1)
		return err_errno(e, "cannot ask at the terminal");
	silent = was;
	silent.c_lflag &= (tcflag_t)~ECHO;
	if (tcsetattr(tty, TCSAFLUSH, &silent) == -1)
		return err_errno(e, "cannot ask at the terminal");
	rc = read_some(tty, true, out, e);
	if (tcsetattr(tty, TCSAFLUSH, &was) == -1 && rc == 0)
		rc = err_errno(e, "cannot restore the terminal");
	(void)file_write_all(tty, "\n", 1, NULL); /* for the eye only */
	return rc == 0 ? first_line(out, 0, "the answer", e) : -1;
}

int
passfile_ask(const char *prompt, const char *confirm, struct buf *out, struct err *e)
{
	struct buf first = BUF_INIT, second = BUF_INIT;
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY), rc = -1;

	if (tty == -1)
		return err_errno(e, "no terminal to ask for a passphrase; give a file");
	if (ask_once(tty, prompt, &first, e) == -1)
		goto out;
	if (confirm != NULL) {
		if (ask_once(tty, confirm, &second, e) == -1)
			goto out;
		if (buf_len(&first) != buf_len(&second) ||
		    memcmp(buf_data(&first), buf_data(&second), buf_len(&first)) != 0) {
			err_set(e, ERR_BAD_INPUT, "the two passphrases differ");
			goto out;
		}
	}
	rc = buf_add(out, buf_data(&first), buf_len(&first), e);
out:
	(void)close(tty);
	buf_wipe(&first);
	buf_wipe(&second);
	return rc;
}
