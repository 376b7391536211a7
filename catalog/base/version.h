/* SPDX-License-Identifier: Apache-2.0 */
/* What the programs call themselves: --version. */
#ifndef KEBAO_CATALOG_BASE_VERSION_H
#define KEBAO_CATALOG_BASE_VERSION_H

#define VERSION_TEXT "1"

#endif
