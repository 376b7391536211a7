/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/signer/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/signer/talk.h"

extern char **environ;

/* posix_spawn's actions; returns an errno as they do. */
static int
describe(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attr, int fd)
{
	sigset_t none, all;
	int rc;

	(void)sigemptyset(&none); /* cannot fail */
	(void)sigfillset(&all);
	if ((rc = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0)) != 0 ||
	    (rc = posix_spawn_file_actions_addopen(actions, 1, "/dev/null", O_WRONLY, 0)) != 0 ||
	    (rc = posix_spawn_file_actions_adddup2(actions, fd, TALK_FD)) != 0 ||
	    (rc = posix_spawn_file_actions_addclosefrom_np(actions, TALK_FD + 1)) != 0 ||
	    (rc = posix_spawnattr_setsigmask(attr, &none)) != 0 ||
	    (rc = posix_spawnattr_setsigdefault(attr, &all)) != 0 ||
	    (rc = posix_spawnattr_setflags(attr,
	         POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF)) != 0)
		return rc;
	return 0;
}

static int
spawn(const char *const *argv, int fd, pid_t *pid, struct err *e)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int rc;

	if (posix_spawn_file_actions_init(&actions) != 0)
		return err_nomem(e);
	if (posix_spawnattr_init(&attr) != 0) {
		(void)posix_spawn_file_actions_destroy(&actions); /* cannot fail */
		return err_nomem(e);
	}
	rc = describe(&actions, &attr, fd);
	if (rc == 0)
		rc = posix_spawn(pid, argv[0], &actions, &attr, (char *const *)(uintptr_t)argv,
		    environ);
	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (rc != 0) {
		errno = rc;
		return err_errno(e, "cannot start %s", argv[0]);
	}
	return 0;
}

int
child_start(const char *const *argv, struct child *out, struct err *e)
{
	const struct timeval patience = { .tv_sec = CHILD_ANSWER_SECONDS };
	int pair[2], theirs, rc = -1;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
		return err_errno(e, "cannot make a socketpair");
	/* dup2 to itself would keep close-on-exec: the child's end must not lie at TALK_FD. */
	theirs = fcntl(pair[1], F_DUPFD_CLOEXEC, TALK_FD + 1);
	(void)close(pair[1]); /* its copy is what the child gets */
	if (theirs == -1 ||
	    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == -1 ||
	    setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == -1)
		err_errno(e, "cannot prepare a socketpair");
	else
		rc = spawn(argv, theirs, &pid, e);
	if (theirs != -1)
		(void)close(theirs);
	if (rc == -1) {
		(void)close(pair[0]);
		return -1;
	}
	out->pid = pid;
	out->fd = pair[0];
	return 0;
}

/* Wait until the process ends or the time is over. */
static void
wait_for_end(pid_t pid)
{
	struct pollfd p = { .events = POLLIN };

	p.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (p.fd == -1)
		return; /* an old kernel: then it is killed at once, it holds nothing unsaved */
	while (poll(&p, 1, CHILD_END_MS) == -1 && errno == EINTR)
		;
	(void)close(p.fd);
}

void
child_end(struct child *c)
{
	int status;

	if (c->fd != -1)
		(void)close(c->fd); /* the child reads the end */
	c->fd = -1;
	if (c->pid == -1)
		return;
	wait_for_end(c->pid);
	(void)kill(c->pid, SIGKILL); /* not reaped yet, so the number is its own */
	while (waitpid(c->pid, &status, 0) == -1 && errno == EINTR)
		;
	c->pid = -1;
}
