/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/app/weights.h"

#include <string.h>

#include "catalog/hub/registry.h"
#include "daemon/config.h"

/* The region of the organisation or of the next one above that has one; "": none. */
static const char *
region_of(const struct registry *reg, const char *org)
{
	const struct regdoc *d = registry_find_organisation(reg, org);

	/* The tree has no circles: registry.h. */
	while (d != NULL && d->u.organisation.region[0] == '\0')
		d = registry_find_organisation(reg, d->u.organisation.parent);
	return d == NULL ? "" : d->u.organisation.region;
}

unsigned
weights_of(const struct config *config, const struct registry *reg, const char *org)
{
	const char *region = NULL;
	unsigned weight = 1;
	size_t best = 0;

	for (size_t i = 0; i < config->n_weights; i++) {
		const struct config_weight *w = &config->weights[i];
		size_t len = strlen(w->whom);

		if (w->kind == CONFIG_WEIGHT_ORG && strcmp(w->whom, org) == 0)
			return w->weight;
		if (w->kind != CONFIG_WEIGHT_REGION || len <= best)
			continue;
		if (region == NULL)
			region = region_of(reg, org);
		if (strncmp(region, w->whom, len) == 0) {
			best = len;
			weight = w->weight;
		}
	}
	return weight;
}

unsigned
weights_of_anonymous(const struct config *config)
{
	for (size_t i = 0; i < config->n_weights; i++)
		if (config->weights[i].kind == CONFIG_WEIGHT_ANONYMOUS)
			return config->weights[i].weight;
	return 1;
}
