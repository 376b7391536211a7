/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A folder becomes the newest release of a course: look, cut and hash, ask the
 * hub what it lacks, compress and upload that, have it checked, sign, switch.
 * May be interrupted anywhere; the next run uploads only what is still missing.
 */
#ifndef KEBAO_CLIENTS_KEBAO_PUBLISH_H
#define KEBAO_CLIENTS_KEBAO_PUBLISH_H

#include <stdbool.h>
#include <stdint.h>

#include "catalog/base/err.h"
#include "catalog/repo/build.h"
#include "catalog/repo/record.h"
#include "catalog/trust/sign.h"
#include "clients/kebao/home.h"
#include "clients/kebao/hub.h"
#include "clients/kebao/messages.h"
#include "clients/kebao/pending.h"

struct publish {
	struct home *home;            /* borrowed, as all here; locked */
	struct hub *hub;
	const char *channel;
	struct sign_key *const *keys;
	size_t n_keys;
	struct build *build;          /* the scanned folder */
	struct record *record;        /* from course.json, label and notes as wished; filled in */
	bool is_forced;               /* publish even what did not change */
	void (*on_progress)(void *ctx, enum message what, uint64_t done_bytes,
	    uint64_t total_bytes);    /* may be NULL; not always from the caller's thread */
	void *ctx;
};

struct publish_figures {
	bool is_unchanged;       /* release is the one that holds the same already */
	uint32_t release;
	bool is_waiting_already; /* the same content waits for signatures: nothing was sent */
	struct pending_outcome outcome; /* of the role sent; cleared by the caller */
	uint32_t n_frames;       /* of the release */
	uint32_t n_new_frames;   /* that the hub lacked */
	uint64_t new_bytes;      /* content of those */
	uint64_t uploaded_bytes; /* over the wire */
	uint64_t n_packs;
	struct publish_times {   /* how long each part took; all rounds together */
		int64_t read_ms;     /* cutting and hashing the folder */
		int64_t pack_ms;     /* reading again and compressing, up to finished packs */
		int64_t upload_ms;
		int64_t check_ms;    /* of the hub's */
	} times;
};

/*
 * ERR_NOT_FOUND: no such channel.  ERR_DENIED: the keys may not sign for it.
 * ERR_CONFLICT: others published in between, more often than we tried, or a file
 * changed under our hands.  ERR_UNTRUSTED: the hub found something wrong.
 */
int publish_release(const struct publish *p, struct publish_figures *out, struct err *e)
    __attribute__((warn_unused_result));

#endif
