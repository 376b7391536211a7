/* SPDX-License-Identifier: Apache-2.0 */
/* Other programs as judges of our bytes: run, with their output in a file or thrown away. */
#ifndef KEBAO_TESTS_UNIT_JUDGE_H
#define KEBAO_TESTS_UNIT_JUDGE_H

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define JUDGE_ABSENT 127

/* Exit code of argv[0] with argv, standard output to out_path (created); JUDGE_ABSENT without it.
 */
static inline int
judge_run(char *const *argv, const char *out_path)
{
	char *const env[] = { (char[]) { "LC_ALL=C.UTF-8" }, (char[]) { "TZ=UTC" },
		(char[]) { "PATH=/usr/local/bin:/usr/bin:/bin" }, NULL };
	posix_spawn_file_actions_t actions;
	int status = -1, rc;
	pid_t pid;

	if (posix_spawn_file_actions_init(&actions) != 0)
		return -1;
	rc = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out_path,
	    O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (rc == 0)
		rc = posix_spawnp(&pid, argv[0], &actions, NULL, argv, env);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (rc != 0)
		return rc == ENOENT ? JUDGE_ABSENT : -1;
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#endif
