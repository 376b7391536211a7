#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A course of 300 MB as a view, for several at once, one of them slow: it costs the hub what a small one costs.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/wire.sh"
[ "$(basename "$KEBAO_BIN")" != asan ] || skip_all "memory means nothing with a sanitizer"
LIMIT_KIB=8192

world
{ registry && channel beijing.open beijing public bj; } >"$T/open.log" 2>&1 || bail "no open channel"
course "$T/marks" marks one
head -c 280000000 /dev/urandom >"$T/marks/video.mp4"
seq 1 3000000 >"$T/marks/numbers.txt"
[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$T/marks"
exits 0 "a course of 300 MB" publish bj beijing.open "$T/marks"
tar=$(curl -ks "$URL/bundles/beijing.open/marks/1.tar.zst" | zstd -dc | sha256sum | cut -c1-64)
hub_stop
# No work of its own; as much for each loop and thread as on a small machine.
hub_conf 'patches = off' 'workers = 2' 'pool_threads = 4'

# get ADDRESS FILE: all of $view, from that address; its hash goes to the file.
get() {
	curl -ksS --fail --max-time $((DEADLINE_SECONDS * 5)) --interface "$1" "$URL/$view" | sha256sum |
		cut -c1-64 >"$2" &
	READERS+=("$!")
}
are_reading() {
	local pid
	for pid in "${READERS[@]}"; do
		! is_running "$pid" || return 0
	done
	return 1
}
has_begun() { [ -s "$T/slow" ]; }
# read_at_once VIEW SHA256: what that costs; "" for a hash: all have the same.
read_at_once() {
	view=$1
	local want=$2 before now peak=0 slow i
	hub_start || bail "no hub"
	hub_rest
	before=$(hub_memory)
	rm -f "$T/slow"
	curl -ks --interface 127.0.0.4 --limit-rate 100k -o "$T/slow" "$URL/$view" &
	slow=$!
	wait_for "a slow reader" has_begun
	READERS=()
	for i in 1 2 3; do get "127.0.0.$((4 + i))" "$T/sum.$i"; done
	while are_reading; do
		now=$(hub_memory)
		[ "$now" -le "$peak" ] || peak=$now
		sleep 0.02
	done
	[ -n "$want" ] || want=$(cat "$T/sum.1")
	is "$(cat "$T/sum.1" "$T/sum.2" "$T/sum.3")" "$want"$'\n'"$want"$'\n'"$want" "${view##*.}: three have read all of it"
	is_running "$slow"
	ok $? "... while one was slow"
	[ $((peak - before)) -lt "$LIMIT_KIB" ]
	ok $? "... for $((peak - before)) KiB"
	kill -KILL "$slow"
	wait "$slow" 2>/dev/null
	hub_stop
	ok $? "... and the hub ends in order"
}

read_at_once bundles/beijing.open/marks/1.zip ''
like "$(cat "$T/sum.1")" '^[0-9a-f]{64}$' "that was something"
isnt "$(cat "$T/sum.1")" "$(sha256sum </dev/null | cut -c1-64)" "and not nothing"
read_at_once "targets/beijing.open/marks/1/$tar.bundle.tar" "$tar"
read_at_once files/beijing.open/marks/1/video.mp4 "$(sha256 "$T/marks/video.mp4")"
unlike "$(cat "$T/hub.log")" '"error"|out of memory' "the hub complains of nothing"
done_testing
