/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/interrupt.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

/* A signal handler has nothing but a global to write to. */
static atomic_bool pending;

static void
on_signal(int signo)
{
	(void)signo;
	atomic_store(&pending, true); /* lock-free, so allowed here */
}

void
interrupt_install(void)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_signal;
	sigemptyset(&sa.sa_mask);
	sa.sa_flags = (int)SA_RESETHAND; /* the second one kills */
	(void)sigaction(SIGINT, &sa, NULL); /* cannot fail: both numbers are valid */
	(void)sigaction(SIGTERM, &sa, NULL);
	sa.sa_handler = SIG_IGN;
	sa.sa_flags = 0;
	(void)sigaction(SIGPIPE, &sa, NULL);
}

bool
interrupt_pending(void)
{
	return atomic_load(&pending);
}

const atomic_bool *
interrupt_flag(void)
{
	return &pending;
}

int
interrupt_check(struct err *e)
{
	if (!interrupt_pending())
		return 0;
	(void)err_set(e, ERR_SYSTEM, "interrupted; the next run goes on from here");
	if (e != NULL)
		e->sys = EINTR;
	return -1;
}

int
interrupt_sleep_ms(unsigned ms, struct err *e)
{
	struct timespec left = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 };

	while (!interrupt_pending() && nanosleep(&left, &left) == -1 && errno == EINTR)
		;
	return interrupt_check(e);
}
