#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# `make bench`: prints `name value unit` lines.  What is measured: cutting, packing and parsing on one core;
# publishing a folder (scan, cut, hash, compress, packs, synced to disk) beside `tar | zstd` at the same level and
# number of threads; the bytes of an update beside a full download and what peers need.  Peers that are
# not there are named aloud.
#
#	BENCH_FROM, BENCH_TO    two states of a course; default: the samples, all in one folder
#	KEBAO_BIN               the build to measure
set -euo pipefail
cd "$(dirname "$0")/../.."
export LC_ALL=C.UTF-8
bin=${KEBAO_BIN:-build/release}
peers=$PWD/build/peers/root
mkdir -p "$peers"
tmp=$(mktemp -d build/bench.XXXXXX)
trap 'rm -rf "$tmp"' EXIT

if [ -z "${BENCH_FROM:-}" ]; then
	for release in 1 2; do
		mkdir "$tmp/$release"
		for course in build/courses/*/; do
			cp -R "$course$release" "$tmp/$release/$(basename "$course")"
		done
	done
	BENCH_FROM=$tmp/1 BENCH_TO=$tmp/2
fi
size() { stat -c %s "$1"; }
say() { printf '%s %s %s\n' "$@"; }
# How long a command takes, in seconds.
seconds() {
	local begin end
	begin=$(date +%s%N)
	"$@" >/dev/null 2>"$tmp/stderr" || { cat "$tmp/stderr" >&2 && return 1; }
	end=$(date +%s%N)
	awk -v ns=$((end - begin)) 'BEGIN { printf "%.2f", ns / 1e9 }'
}

say machine.cores "$(nproc)" cores
say corpus.bytes "$(find "$BENCH_FROM" -type f -printf '%s\n' | awk '{ n += $1 } END { print n }')" B
"$bin/tests/bench/frame_bench"
mkdir "$tmp/spool"
# Read once, so that both find the files in memory.
find "$BENCH_FROM" -type f -exec cat {} + >/dev/null
"$bin/tests/bench/build_bench" "$tmp/spool" "$BENCH_FROM" ${BENCH_TO:+"$BENCH_TO"}
rm -rf "$tmp/spool"

tar_zstd() { tar -C "$1" --sort=name -cf - . | zstd -q -f -12 -T0 -o "$2" && sync "$2"; }
say publish.tar_zstd12.seconds "$(seconds tar_zstd "$BENCH_FROM" "$tmp/from.tar.zst")" s
say publish.tar_zstd12.bytes "$(size "$tmp/from.tar.zst")" B

if [ -n "${BENCH_TO:-}" ]; then
	tar_zstd "$BENCH_TO" "$tmp/to.tar.zst"
	say update.full.bytes "$(size "$tmp/to.tar.zst")" B
	for state in from to; do zstd -q -d "$tmp/$state.tar.zst" -o "$tmp/$state.tar"; done
	say update.zstd_patch.seconds "$(seconds zstd -q -f -19 --long=27 \
		--patch-from="$tmp/from.tar" "$tmp/to.tar" -o "$tmp/patch.zst")" s
	say update.zstd_patch.bytes "$(size "$tmp/patch.zst")" B
	rsync=$peers/usr/bin/rsync
	lib=$(dirname "$(find "$peers" -name 'libpopt.so.0' | head -n 1)")
	if [ -x "$rsync" ]; then
		cp -R "$BENCH_FROM" "$tmp/mirror"
		say update.rsync.bytes "$(LD_LIBRARY_PATH=$lib "$rsync" -a --delete --no-whole-file -z --stats \
			"$BENCH_TO/" "$tmp/mirror/" | tr -d ',' |
			awk '/^Total bytes (sent|received)/ { n += $NF } END { print n }')" B
	else
		echo "bench: no rsync, not measured: make bench-deps" >&2
	fi
	xdelta=$peers/usr/bin/xdelta3
	if [ -x "$xdelta" ]; then
		say update.xdelta3.seconds "$(seconds "$xdelta" -e -9 -f -s "$tmp/from.tar" \
			"$tmp/to.tar" "$tmp/to.vcdiff")" s
		say update.xdelta3.bytes "$(size "$tmp/to.vcdiff")" B
	else
		echo "bench: no xdelta3, not measured: make bench-deps" >&2
	fi
fi
