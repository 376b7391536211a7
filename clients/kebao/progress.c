/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "catalog/base/utf8.h"
#include "clients/kebao/text.h"
#include "clients/kebao/ticks.h"

#define DRAW_MS 200
#define MEASURE_MS 1000
#define STILL_MS 10000 /* after this a speed says nothing any more */
#define BAR_MOST 30u
#define USUAL_COLUMNS 80u

static unsigned
terminal_columns(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == -1 || size.ws_col == 0)
		return USUAL_COLUMNS;
	return size.ws_col;
}

void
progress_begin(struct progress *p, enum language lang, bool is_quiet, const char *label,
    uint64_t total_bytes)
{
	memset(p, 0, sizeof(*p));
	p->lang = lang;
	p->is_shown = !is_quiet && isatty(STDERR_FILENO) == 1;
	(void)err_quote(p->label, sizeof(p->label), label, strlen(label));
	p->total = total_bytes;
	p->began_ms = p->mark_ms = p->moved_ms = ticks_ms();
}

/* Cut text to so many columns, at a character. */
static int
add_cut(struct buf *b, const char *text, size_t columns, struct err *e)
{
	size_t len = strlen(text), take = 0;

	while (take < len) {
		size_t n = utf8_char(text + take, len - take);

		if (n == 0 || utf8_columns(text, take + n) > columns)
			break;
		take += n;
	}
	return buf_add(b, text, take, e);
}

static int
add_bar(const struct progress *p, unsigned width, struct buf *b, struct err *e)
{
	uint64_t done = p->done < p->total ? p->done : p->total;
	unsigned full = p->total > 0 ? (unsigned)((double)done / (double)p->total * width) : 0;

	for (unsigned i = 0; i < width; i++)
		if (buf_add_text(b, i < full ? "#" : ".", e) == -1)
			return -1;
	return 0;
}

int
progress_line(const struct progress *p, unsigned columns, struct buf *b, struct err *e)
{
	struct text done, total, speed, left, files_done, files;
	struct buf tail = BUF_INIT;
	unsigned percent =
	    p->total > 0 ? (unsigned)(100.0 * (double)p->done / (double)p->total) : 0;
	uint64_t rest = p->total > p->done ? p->total - p->done : 0;
	size_t tail_columns, room;
	unsigned bar;
	int rc = -1;

	if (buf_printf(&tail, e, " %3u%%  %s / %s", percent > 100 ? 100 : percent,
	    text_bytes(&done, p->done), text_bytes(&total, p->total)) == -1)
		goto out;
	if (p->n_files > 0 && (buf_add_text(&tail, "  ", e) == -1 ||
	    messages_add(&tail, p->lang, MSG_PROGRESS_FILES,
	    MESSAGES_ARGS(text_number(&files_done, p->n_files_done),
	    text_number(&files, p->n_files)), e) == -1))
		goto out;
	if (p->still_s > 0) {
		if (buf_add_text(&tail, "  ", e) == -1 ||
		    messages_add(&tail, p->lang, MSG_PROGRESS_STILL,
		    MESSAGES_ARGS(text_duration(&left, p->lang, (uint64_t)p->still_s)), e) == -1)
			goto out;
	} else if (p->speed > 0) {
		if (buf_add_text(&tail, "  ", e) == -1 ||
		    messages_add(&tail, p->lang, MSG_PROGRESS_SPEED,
		    MESSAGES_ARGS(text_bytes(&speed, p->speed),
		    text_duration(&left, p->lang, rest / p->speed)), e) == -1)
			goto out;
	}
	tail_columns = utf8_columns(buf_data(&tail), buf_len(&tail));
	room = columns > tail_columns + 1 ? columns - tail_columns - 1 : 0;
	bar = room >= 40 ? (unsigned)(room / 2) : 0;
	bar = bar > BAR_MOST ? BAR_MOST : bar;
	room -= bar > 0 ? bar + 3 : 0;
	if (add_cut(b, p->label, room, e) == -1)
		goto out;
	if (bar > 0 && (buf_add_text(b, " [", e) == -1 || add_bar(p, bar, b, e) == -1 ||
	    buf_add_text(b, "]", e) == -1))
		goto out;
	rc = add_cut(b, buf_text(&tail), columns > 1 ? columns - 1 : 0, e);
out:
	buf_clear(&tail);
	return rc;
}

/* Over the last second and a half of what came before; none where nothing moves. */
static void
measure(struct progress *p, bool has_moved, int64_t now)
{
	int64_t ms = now - p->mark_ms;
	uint64_t speed;

	if (has_moved)
		p->moved_ms = now;
	p->still_s = now - p->moved_ms >= STILL_MS ? (now - p->moved_ms) / 1000 : 0;
	if (p->still_s > 0) {
		p->speed = 0;
		p->mark_ms = now;
		p->mark_done = p->done;
		return;
	}
	if (ms < MEASURE_MS || p->done < p->mark_done)
		return;
	speed = (p->done - p->mark_done) * 1000 / (uint64_t)ms;
	p->speed = p->speed == 0 ? speed : (2 * p->speed + speed) / 3;
	p->mark_ms = now;
	p->mark_done = p->done;
}

void
progress_set_files(struct progress *p, uint32_t n_done, uint32_t n_files)
{
	p->n_files_done = n_done;
	p->n_files = n_files;
}

void
progress_set(struct progress *p, uint64_t done_bytes, uint64_t total_bytes)
{
	bool has_moved = done_bytes != p->done || total_bytes != p->total;
	struct buf line = BUF_INIT;
	int64_t now;

	if (done_bytes < p->done || total_bytes != p->total)
		p->mark_done = done_bytes;
	p->done = done_bytes;
	p->total = total_bytes;
	now = ticks_ms();
	measure(p, has_moved, now);
	if (!p->is_shown || now - p->drawn_ms < DRAW_MS)
		return;
	p->drawn_ms = now;
	if (progress_line(p, terminal_columns(), &line, NULL) == 0) {
		(void)fprintf(stderr, "\r\033[K%s", buf_text(&line)); /* looks only */
		p->is_drawn = true;
	}
	buf_clear(&line);
}

void
progress_end(struct progress *p)
{
	if (p->is_drawn)
		(void)fputs("\r\033[K", stderr); /* looks only */
	p->is_drawn = false;
}
