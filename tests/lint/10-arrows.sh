#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Who may include whom: daemon -> catalog <- clients, and inside catalog a folder only those above it.
. "$(dirname "$0")/lib.sh"

# file:line: included-path, for quoted includes of the files given.
includes() { xargs -r grep -HnoE '^[ \t]*#[ \t]*include[ \t]*["<][^">]+[">]' | sed -E 's/#[ \t]*include[ \t]*//; s/["<>]//g'; }

# reaches FROM... -- REGEX: includes in files of FROM whose path matches.
reaches() {
	local from=()
	while [ "$1" != -- ]; do
		from+=("$1")
		shift
	done
	ours "${from[@]}" | includes | grep -E "^[^:]+:[0-9]+:[ \t]*($2)" || true
}

clean "catalog includes neither daemon nor clients nor tests" \
	reaches 'catalog/*.[ch]' -- '(daemon|clients|tests)/'
clean "daemon includes neither clients nor tests" reaches 'daemon/*.[ch]' -- '(clients|tests)/'
clean "clients include neither daemon nor tests" reaches 'clients/*.[ch]' -- '(daemon|tests)/'
clean "catalog includes no socket, TLS, event loop or transfer header" \
	reaches 'catalog/*.[ch]' -- '(sys/socket|sys/un|sys/epoll|netinet/|arpa/|netdb|openssl/ssl|event2?[./]|event2/|curl/|llhttp)'
clean "clients include no event loop and no HTTP parser" \
	reaches 'clients/*.[ch]' -- '(event2/|event\.h|llhttp)'

# docs/ARCHITECTURE.md: each folder uses only itself and those before it.
order=(base json trust repo hub)
below() {
	local i j
	for i in "${!order[@]}"; do
		for ((j = i + 1; j < ${#order[@]}; j++)); do
			reaches "catalog/${order[i]}/*.[ch]" -- "catalog/${order[j]}/"
		done
	done
	ours 'catalog/*.[ch]' | grep -vE "^catalog/($(IFS='|' && echo "${order[*]}"))/" |
		sed 's/$/: a folder that docs\/ARCHITECTURE.md does not order/'
}
clean "inside catalog no folder includes a later one (${order[*]})" below

from_root() {
	ours 'catalog/*.[ch]' 'daemon/*.[ch]' 'clients/*.[ch]' |
		xargs -r grep -nE '^[ \t]*#[ \t]*include[ \t]*"' |
		grep -vE '"(catalog|daemon|clients)/' || true
}
clean "includes begin at the root" from_root
lint_done
