/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/interrupt.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#define STEP_MS 200u

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
	/* In steps, because the signal may wake another thread. */
	for (unsigned step; ms > 0 && !interrupt_pending(); ms -= step) {
		struct timespec left = { 0, 0 };

		step = ms < STEP_MS ? ms : STEP_MS;
		left.tv_nsec = (long)step * 1000000;
		(void)nanosleep(&left, NULL); /* too short a step does no harm */
	}
	return interrupt_check(e);
}
