/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kebaod.conf: lines of `key = value`, `#` begins a comment line, blank lines are
 * free.  An unknown key, a key given twice that is not a list, and a value out
 * of range are refused with the line's number.  kebaod.conf(5) describes each key.
 */
#ifndef KEBAO_DAEMON_CONFIG_H
#define KEBAO_DAEMON_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/err.h"
#include "catalog/base/limits.h"
#include "daemon/log.h"

struct config_list {
	char **item; /* owned, each of them too */
	size_t n;
};

enum config_weight_kind {
	CONFIG_WEIGHT_ORG,       /* whom is its id */
	CONFIG_WEIGHT_REGION,    /* two, four or six digits, the beginning of a code */
	CONFIG_WEIGHT_ANONYMOUS, /* those without a certificate */
};

struct config_weight {
	enum config_weight_kind kind;
	unsigned weight;
	char whom[LIMIT_ID_BYTES + 1];
};

struct config {
	char *state;                   /* owned: directory of repository and state; absolute */
	struct config_list listen;     /* default [::]:8443 and 0.0.0.0:8443 */
	char *local_listen;            /* owned; NULL: no local listener */
	struct config_list hostnames;  /* names in the server's certificate; may be empty */
	char *name_zh;                 /* owned; the hub's name for people */
	char *name_en;                 /* owned */
	char *timezone;                /* owned; days of pairings; default Asia/Shanghai */
	char *passphrase_file;         /* owned; NULL: keys/online.pass below state */
	uint64_t free_space_reserve;   /* bytes that uploads must leave on the disk */
	uint64_t publisher_quota;      /* bytes one publishing organisation may hold; 0: no quota */
	unsigned workers;              /* 0: one per core */
	unsigned pool_threads;         /* 0: the default */
	unsigned max_connections;
	unsigned max_connections_per_address;
	unsigned max_connections_per_certificate;
	uint64_t line_rate;            /* bytes per second; 0: no limit */
	unsigned max_transfers_per_organisation; /* at the same time; 0: no limit */
	struct config_weight *weights; /* owned; no two for the same */
	size_t n_weights;
	enum log_level log_level;
	bool makes_patches;            /* patches = on */
	unsigned patch_level;          /* of zstd */
	unsigned patch_releases;       /* how many earlier ones get a patch to the newest */
};

/* Pure.  name stands in messages.  0 with *out to clear; -1: *out is untouched, ERR_BAD_INPUT. */
int config_parse(const char *text, size_t len, const char *name, struct config *out,
    struct err *e);
int config_load(const char *path, struct config *out, struct err *e);
void config_clear(struct config *config);

#endif
