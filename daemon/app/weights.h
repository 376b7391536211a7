/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a share of the line an organisation has: the keys `weight` of kebaod.conf(5) applied to the
 * registry.  Pure.
 */
#ifndef KEBAO_DAEMON_APP_WEIGHTS_H
#define KEBAO_DAEMON_APP_WEIGHTS_H

struct config;
struct registry;

/*
 * The weight given for the organisation itself; else the one for the longest beginning of its
 * region code (of the next organisation above it that has one, where it has none); else 1.
 */
unsigned weights_of(const struct config *config, const struct registry *reg, const char *org);

/* Of those without a certificate that counts, who are one group. */
unsigned weights_of_anonymous(const struct config *config);

#endif
