#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `make fuzz`: each program in turn, FUZZ_SECONDS in all.  Findings stay in build/fuzz/<name>/.
# Arguments: libfuzzer or driver, then the programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
engine=$1
shift
[ $# -gt 0 ] || { echo "fuzz: no fuzz entries" >&2 && exit 1; }
seconds=$((${FUZZ_SECONDS:-60} / $#))
[ "$seconds" -gt 0 ] || seconds=1
seed=${FUZZ_SEED:-$(date +%s)}
failed=0
for program in "$@"; do
	name=$(basename "$program" _fuzz)
	corpus=$PWD/tests/fuzz/corpus/$name
	program=$PWD/$program
	work=build/fuzz/$name
	mkdir -p "$work/grown"
	echo "fuzz: $name, $seconds s, $engine, seed $seed"
	if [ "$engine" = libfuzzer ]; then
		(cd "$work" && "$program" -max_total_time="$seconds" -seed="$seed" -timeout=20 \
			-rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 grown "$corpus" 2>&1 |
			grep -vE '^(INFO|stat::(new|slow|peak))' && exit "${PIPESTATUS[0]}") || failed=1
	else
		(cd "$work" && "$program" --seconds "$seconds" --seed "$seed" "$corpus") || failed=1
	fi
done
exit "$failed"
