/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A long, narrow, lossy line between two network namespaces, packet by packet, so that TCP meets
 * it as it is (the proxy of line.c has no packets to lose).  Linux, as root.
 *
 *	longline RATE DELAY-MS LOSS-PER-MILLE
 *
 * Makes the interface "near" in the namespace it is started in and "far" in a new one, which
 * lives as long as the program does (nsenter -t PID -n).  Each direction carries RATE bytes a
 * second behind a queue of QUEUE_MS, then delays by DELAY-MS, and loses so many packets of a
 * thousand, by a generator with a fixed seed.  Prints "ready" when both are there; addresses are
 * the caller's.  Ends with a signal.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define QUEUE_MS 250
#define PACKET_BYTES 2048
#define N_PACKETS 16384u /* on their way; more are dropped */

struct packet {
	int64_t due_us;
	size_t len;
	uint8_t bytes[PACKET_BYTES];
};

struct way {
	int in, out;
	int64_t free_us; /* when the last packet has left the queue */
	struct packet *packets;
	uint32_t first, n;
};

static uint64_t chance = 88172645463325252u;
static double bytes_per_us;
static int64_t delay_us;
static uint32_t loss;

static int64_t
now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail with this clock */
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static int
tun(const char *name)
{
	struct ifreq r = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	(void)snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	if (fd == -1 || ioctl(fd, TUNSETIFF, &r) == -1) {
		perror("longline: tun");
		exit(1);
	}
	return fd;
}

static bool
is_lost(void)
{
	chance ^= chance << 13;
	chance ^= chance >> 7;
	chance ^= chance << 17;
	return chance % 1000 < loss;
}

static void
take(struct way *w)
{
	for (;;) {
		struct packet *p = &w->packets[(w->first + w->n) % N_PACKETS];
		uint8_t spill[PACKET_BYTES];
		bool is_full = w->n == N_PACKETS;
		ssize_t len = read(w->in, is_full ? spill : p->bytes, PACKET_BYTES);
		int64_t now = now_us();

		if (len <= 0)
			return;
		if (is_full || is_lost() || w->free_us - now > QUEUE_MS * 1000)
			continue;
		w->free_us =
		    (w->free_us > now ? w->free_us : now) + (int64_t)((double)len / bytes_per_us);
		p->due_us = w->free_us + delay_us;
		p->len = (size_t)len;
		w->n++;
	}
}

/* Microseconds until the next packet is due, or -1. */
static int64_t
give(struct way *w)
{
	while (w->n > 0) {
		const struct packet *p = &w->packets[w->first];
		int64_t left = p->due_us - now_us();

		if (left > 0)
			return left;
		(void)!write(w->out, p->bytes, p->len); /* what the kernel does not take is lost */
		w->first = (w->first + 1) % N_PACKETS;
		w->n--;
	}
	return -1;
}

int
main(int argc, char **argv)
{
	struct way ways[2] = { { .in = -1 }, { .in = -1 } };
	int near, far;

	if (argc != 4) {
		(void)fputs("usage: longline RATE DELAY-MS LOSS-PER-MILLE\n", stderr);
		return 2;
	}
	bytes_per_us = strtod(argv[1], NULL) / 1e6;
	delay_us = strtoll(argv[2], NULL, 10) * 1000;
	loss = (uint32_t)strtoul(argv[3], NULL, 10);
	near = tun("near");
	if (unshare(CLONE_NEWNET) == -1) {
		perror("longline: a namespace");
		return 1;
	}
	far = tun("far");
	ways[0].in = ways[1].out = near;
	ways[1].in = ways[0].out = far;
	for (int i = 0; i < 2; i++) {
		ways[i].packets = calloc(N_PACKETS, sizeof(*ways[i].packets));
		assert(ways[i].packets != NULL);
	}
	(void)puts("ready");
	(void)fflush(stdout);
	for (;;) {
		struct pollfd fds[2] = { { .fd = near, .events = POLLIN },
			{ .fd = far, .events = POLLIN } };
		struct timespec wait = { .tv_sec = 1 };

		for (int i = 0; i < 2; i++) {
			int64_t left = give(&ways[i]);

			if (left >= 0 &&
			    left * 1000 < wait.tv_nsec + (int64_t)wait.tv_sec * 1000000000)
				wait = (struct timespec){ .tv_sec = left / 1000000,
					.tv_nsec = left % 1000000 * 1000 };
		}
		if (ppoll(fds, 2, &wait, NULL) == -1 && errno != EINTR)
			return 1;
		for (int i = 0; i < 2; i++)
			take(&ways[i]);
	}
}
