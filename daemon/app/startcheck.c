/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/app/startcheck.h"

#include <fcntl.h>
#include <unistd.h>

#include "catalog/base/buf.h"
#include "catalog/hub/state.h"
#include "catalog/repo/store.h"
#include "daemon/app/context.h"
#include "daemon/app/servercert.h"
#include "daemon/app/upkeep.h"
#include "daemon/config.h"
#include "daemon/net/server.h"
#include "daemon/signer/signer.h"

static int
check_files(const struct config *config, int dirfd, struct err *e)
{
	struct store *store = NULL;
	struct buf path = BUF_INIT;
	int rc = -1;

	if (buf_printf(&path, e, "%s/" CONTEXT_STATE_FILE, config->state) == 0)
		rc = state_check(buf_text(&path), e);
	buf_clear(&path);
	if (rc == 0)
		rc = store_open(dirfd, CONTEXT_REPOSITORY, STORE_READ, &store, e);
	store_close(store);
	return rc;
}

/* It reads its keys, says that it is ready, and ends. */
static int
check_signer(const struct config *config, struct err *e)
{
	struct buf program = BUF_INIT;
	struct signer *signer = NULL;
	int rc = -1;

	if (signer_find_program(&program, e) == 0)
		rc = signer_start(buf_text(&program), config->state, config->passphrase_file,
		    &signer, e);
	signer_stop(signer);
	buf_clear(&program);
	return rc;
}

static int
check_certificate(int dirfd, struct err *e)
{
	struct service_certs certs;
	int rc;

	if (servercert_load(dirfd, &certs, e) == -1)
		return -1;
	rc = server_check_certs(&certs, e);
	buf_clear(&certs.chain);
	buf_wipe(&certs.key);
	buf_clear(&certs.ca);
	return rc;
}

int
startcheck_run(const struct config *config, struct err *e)
{
	int dirfd, rc = -1;

	if (upkeep_set_zone(config->timezone, e) == -1)
		return -1;
	dirfd = open(config->state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd == -1)
		return err_errno(e, "open the state directory %s", config->state);
	if (check_files(config, dirfd, e) == 0 && check_signer(config, e) == 0)
		rc = check_certificate(dirfd, e);
	(void)close(dirfd); /* only read */
	return rc;
}
