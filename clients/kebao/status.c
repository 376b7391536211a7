/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/status.h"

#include <errno.h>

bool
status_must_enrol(const struct err *e)
{
	return e->class == ERR_DENIED && e->sys == STATUS_SYS_ENROL;
}

enum status
status_of(const struct err *e)
{
	if (e->sys == ENOSPC || e->sys == EDQUOT)
		return STATUS_SPACE;
	if (e->sys == EINTR)
		return STATUS_INTERRUPTED;
	if (e->class == ERR_BUSY && e->sys == EAGAIN)
		return STATUS_NOT_NOW;
	switch (e->class) {
	case ERR_NONE:
		return STATUS_OK;
	case ERR_BAD_INPUT:
		return STATUS_BAD_INPUT;
	case ERR_UNTRUSTED:
		return STATUS_UNTRUSTED;
	case ERR_NOT_FOUND:
		return STATUS_NOT_FOUND;
	case ERR_DENIED:
		return STATUS_DENIED;
	case ERR_CONFLICT:
		return STATUS_CONFLICT;
	case ERR_WITHHELD:
		return STATUS_WITHHELD;
	case ERR_WITHDRAWN:
		return STATUS_WITHDRAWN;
	case ERR_BUSY:
		return STATUS_BUSY;
	case ERR_NETWORK:
		return STATUS_NETWORK;
	case ERR_SYSTEM:
		return STATUS_ERROR;
	}
	return STATUS_ERROR;
}
