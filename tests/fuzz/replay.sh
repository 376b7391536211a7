#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every fuzz entry over its corpus, once: what once broke a parser stays repaired.  Arguments:
# the fuzz programs; their corpora are tests/fuzz/corpus/<name>/.
set -u
cd "$(dirname "$0")/../.." || exit 1
n=0 failed=0
for program in "$@"; do
	name=$(basename "$program" _fuzz)
	n=$((n + 1))
	corpus=tests/fuzz/corpus/$name
	if [ ! -d "$corpus" ]; then
		echo "not ok $n - $name has a corpus"
		echo "# no $corpus"
		failed=$((failed + 1))
	elif said=$("$program" "$corpus" 2>&1); then
		echo "ok $n - $name: $said"
	else
		echo "not ok $n - $name: a file of $corpus breaks it"
		printf '%s\n' "$said" | sed 's/^/# /'
		failed=$((failed + 1))
	fi
done
[ "$n" -gt 0 ] && echo "1..$n" || echo "1..0 # SKIP no fuzz entries"
[ "$failed" = 0 ]
