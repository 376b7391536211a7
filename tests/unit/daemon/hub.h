/* SPDX-License-Identifier: Apache-2.0 */
/* A hub founded for a test: in a new directory, by the real kebaod-signer of this build. */
#ifndef KEBAO_TESTS_UNIT_DAEMON_HUB_H
#define KEBAO_TESTS_UNIT_DAEMON_HUB_H

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "catalog/base/buf.h"
#include "catalog/base/file.h"
#include "daemon/app/init.h"

#define HUB_PASSPHRASE "carry me off"

struct hub {
	char dir[64];               /* holds state and offline */
	char state[100], offline[100];
	char program[PATH_MAX];     /* kebaod-signer */
	struct init_options options;
};

static const char *const hub_names[] = { "localhost", "127.0.0.1", "::1" };

/* build/<config>/tests/unit/daemon/x_test -> build/<config>/kebaod-signer */
static inline int
hub_find_program(char *out, size_t size)
{
	char self[PATH_MAX - 40];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n == -1)
		return -1;
	self[n] = '\0';
	for (int up = 0; up < 4; up++) {
		char *slash = strrchr(self, '/');

		if (slash == NULL)
			return -1;
		*slash = '\0';
	}
	return snprintf(out, size, "%s/kebaod-signer", self) < (int)size ? 0 : -1;
}

/* Directories and options, nothing founded yet. */
static inline int
hub_prepare(struct hub *h)
{
	memset(h, 0, sizeof(*h));
	(void)snprintf(h->dir, sizeof(h->dir), "/tmp/kebao-hub-test-XXXXXX");
	if (mkdtemp(h->dir) == NULL || hub_find_program(h->program, sizeof(h->program)) == -1)
		return -1;
	(void)snprintf(h->state, sizeof(h->state), "%s/state", h->dir);
	(void)snprintf(h->offline, sizeof(h->offline), "%s/offline", h->dir);
	h->options = (struct init_options){
		.signer_program = h->program,
		.state_dir = h->state,
		.offline_dir = h->offline,
		.name_zh = "测试课包中心",
		.name_en = "Test hub",
		.org = "hub",
		.hostnames = hub_names,
		.n_hostnames = sizeof(hub_names) / sizeof(hub_names[0]),
		.passphrase = HUB_PASSPHRASE,
		.passphrase_len = strlen(HUB_PASSPHRASE),
		.n_root_keys = 1,
		.root_threshold = 1,
		.port = 8443,
		.now = time(NULL),
	};
	return 0;
}

static inline int
hub_found(struct hub *h, struct err *e)
{
	struct buf advice = BUF_INIT;
	int rc = init_hub(&h->options, &advice, e);

	buf_wipe(&advice);
	return rc;
}

static inline void
hub_remove(struct hub *h)
{
	(void)file_remove_tree(AT_FDCWD, h->dir, NULL);
}

#endif
