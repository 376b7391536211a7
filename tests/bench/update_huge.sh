#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# `make bench-update PARTS=huge`: one film of 5 GiB, published, fetched, changed in its middle and updated: time, what
# crosses the wire, and the most memory of publisher, hub and client.  Needs some 25 GB of disk and many minutes; no part of
# the usual run.
#
#	GIB   of the film (5)
. "$(dirname "$0")/../system/lib.sh"
. "$(dirname "$0")/update_common.sh"
GIB=${GIB:-5}
MIDDLE=$((GIB << 29))

world
hub_peak() { awk '/^VmHWM/ { print $2 / 1024 }' "/proc/$HUB_PID/status"; }
# From here on the hub's most memory is counted anew.
hub_forget_peak() { echo 5 >"/proc/$HUB_PID/clear_refs"; }
published() { # STEP LABEL
	course "$T/course" huge "$2"
	hub_forget_peak
	timed "$W/used" "${AS_USER[@]}" env HOME="$T/home/bj" "$BIN/kebao" --lang en publish "$T/course" --channel beijing.ip \
		--key "$T/bj.pem" --passphrase-file "$PASS" -v >"$W/out" 2>"$W/err" || bail "publish: $(tail -n 1 "$W/err")"
	used "huge.$1.publish" "$W/used"
	note "$1: $(grep -o 'time: .*' "$W/err")"
	say "huge.$1.hub.memory" "$(hub_peak)" MiB
}
fetched() { # STEP
	: >"$T/hub.log"
	hub_forget_peak
	timed "$W/used" "${AS_USER[@]}" env HOME="$T/home/sc" "$BIN/kebao" fetch beijing.ip/huge >"$W/out" 2>"$W/err" ||
		bail "fetch: $(tail -n 1 "$W/err")"
	used "huge.$1.fetch" "$W/used"
	say "huge.$1.fetch.payload" "$(sed -n 's/.*"path":"\/\(packs\|patches\|indexes\)\/.*"bytes":\([0-9]*\).*/\2/p' "$T/hub.log" |
		awk '{ n += $1 } END { print n + 0 }')" bytes
	say "huge.$1.fetch.requests" "$(grep -c '"event":"request".*"who":"sichuan' "$T/hub.log")" requests
	say "huge.$1.fetch.hub.memory" "$(hub_peak)" MiB
	cmp -s "$T/course/film.mp4" "$(library sc)/beijing.ip/huge/$2/film.mp4" || bail "another film"
}
is_over() { grep -qE "\"event\":\"patch-(made|not-worth-it)\".*\"release\":$1,\"from\":$2," "$T/hub.log"; }

mkdir "$T/course"
noise 99 "$((GIB << 10))" >"$T/course/film.mp4"
say huge.size "$(stat -c %s "$T/course/film.mp4")" bytes
published first eins
DEADLINE_SECONDS=3600 wait_for "the patch from nothing" is_over 1 0
say huge.first.hub.patches.memory "$(hub_peak)" MiB
fetched first 1
# Some words in its middle become longer: everything behind them moves.
noise 100 1 >"$W/inserted"
{
	head -c "$MIDDLE" "$T/course/film.mp4"
	head -c 1000 "$W/inserted"
	tail -c "+$((MIDDLE + 1))" "$T/course/film.mp4"
} >"$T/film.mp4"
mv "$T/film.mp4" "$T/course/film.mp4"
published update zwei
DEADLINE_SECONDS=3600 wait_for "the patch from release 1" is_over 2 1
DEADLINE_SECONDS=3600 wait_for "the patch from nothing" is_over 2 0
say huge.update.hub.patches.memory "$(hub_peak)" MiB
fetched update 2
