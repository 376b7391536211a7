/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/net/mailbox.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct mailbox {
	pthread_mutex_t lock;
	struct mail *first, **last; /* under lock */
	int fd;                     /* eventfd: readable while there is mail */
	struct event *event;
};

void
mailbox_empty(struct mailbox *box)
{
	struct mail *m, *next;

	pthread_mutex_lock(&box->lock);
	m = box->first;
	box->first = NULL;
	box->last = &box->first;
	pthread_mutex_unlock(&box->lock);
	for (; m != NULL; m = next) {
		next = m->next;
		m->deliver(m);
	}
}

static void
on_mail(evutil_socket_t fd, short what, void *arg)
{
	uint64_t count;

	(void)what;
	/* The number does not matter, and an empty one only means that mailbox_empty was faster. */
	if (read(fd, &count, sizeof(count)) == -1 && errno != EAGAIN && errno != EINTR)
		return;
	mailbox_empty(arg);
}

struct mailbox *
mailbox_new(struct event_base *base, struct err *e)
{
	struct mailbox *box = calloc(1, sizeof(*box));

	if (box == NULL) {
		err_nomem(e);
		return NULL;
	}
	(void)pthread_mutex_init(&box->lock, NULL); /* cannot fail on Linux */
	box->last = &box->first;
	box->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (box->fd == -1) {
		err_errno(e, "eventfd");
		goto fail;
	}
	box->event = event_new(base, box->fd, EV_READ | EV_PERSIST, on_mail, box);
	if (box->event == NULL || event_add(box->event, NULL) == -1) {
		err_nomem(e);
		goto fail;
	}
	return box;
fail:
	mailbox_free(box);
	return NULL;
}

void
mailbox_post(struct mailbox *box, struct mail *m)
{
	const uint64_t one = 1;
	bool was_empty;

	m->next = NULL;
	pthread_mutex_lock(&box->lock);
	was_empty = box->first == NULL;
	*box->last = m;
	box->last = &m->next;
	/* Under the lock: once the mail is out of the box, the box may be gone. */
	while (was_empty && write(box->fd, &one, sizeof(one)) == -1 && errno == EINTR)
		;
	pthread_mutex_unlock(&box->lock);
}

void
mailbox_free(struct mailbox *box)
{
	if (box == NULL)
		return;
	assert(box->first == NULL);
	if (box->event != NULL)
		event_free(box->event);
	if (box->fd != -1)
		(void)close(box->fd); /* nothing is lost with a counter */
	(void)pthread_mutex_destroy(&box->lock);
	free(box);
}
