#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# `make bench-update PARTS=nothing`: what `kebao check` and `kebao fetch` ask for where there is nothing new, with few and
# with many releases in the catalogue.  The releases are real ones: courses of one small file, published one by one through
# the hub by several publishers at a time, each into channels of its own; the recipient holds all of them.
#
#	RELEASES     in the catalogue, ascending (10 200)
#	PUBLISHERS   at a time (4)
. "$(dirname "$0")/../system/lib.sh"
. "$(dirname "$0")/../system/wire.sh"
. "$(dirname "$0")/update_common.sh"
RELEASES=${RELEASES:-10 200}
PUBLISHERS=${PUBLISHERS:-4}
PER_CHANNEL=250 # courses: a role names all of them, and may have 5 MB

world
wire_ca
wire_enrol curl sichuan || bail "no identity for curl"
for p in $(seq "$PUBLISHERS"); do
	enrol "p$p" beijing publisher >>"$T/world.log" 2>&1 || bail "no publisher"
done
chmod 0644 "$T/bj.pem"

# one_by_one PUBLISHER FROM TO: every PUBLISHERS-th of the numbers.
one_by_one() {
	local i dir=$T/course.$1 channel
	for i in $(seq $(($2 + $1 - 1)) "$PUBLISHERS" "$3"); do
		channel="p$1.c$(((i - 1) / PUBLISHERS / PER_CHANNEL))"
		rm -rf "$dir"
		course "$dir" "course-$i" eins
		echo "lesson $i" >"$dir/lesson.md"
		kb "p$1" publish "$dir" --channel "$channel" --key "$T/bj.pem" --passphrase-file "$PASS" >"$T/out.$1" 2>&1 ||
			{ note "publish $i: $(tail -n 1 "$T/out.$1")"; return 1; }
	done
}
published() { # FROM TO
	local p c pids=()
	for p in $(seq "$PUBLISHERS"); do
		for c in $(seq $((($1 - 1) / PUBLISHERS / PER_CHANNEL)) $((($2 - 1) / PUBLISHERS / PER_CHANNEL))); do
			[ -e "$T/channel.$p.$c" ] || channel "p$p.c$c" beijing paired bj >>"$T/world.log" 2>&1 || bail "no channel"
			: >"$T/channel.$p.$c"
		done
		one_by_one "$p" "$1" "$2" &
		pids+=("$!")
	done
	for p in "${pids[@]}"; do
		wait "$p" || bail "not all are published"
	done
}
# asked VERB NAME: requests and bytes of bodies; these are asked for again, by curl, to count them.
asked() {
	local paths path bytes=0 n=0
	: >"$T/hub.log"
	timed "$W/used" "${AS_USER[@]}" env HOME="$T/home/sc" "$BIN/kebao" "$1" >"$W/out" 2>&1
	paths=$(sed -n 's/.*"event":"request".*"path":"\([^"]*\)".*/\1/p' "$T/hub.log")
	for path in $paths; do
		n=$((n + 1))
		bytes=$((bytes + $(as curl -o /dev/null -w '%{size_download}' "$URL$path")))
	done
	say "nothing.$2.$1.requests" "$n" requests
	say "nothing.$2.$1.bodies" "$bytes" bytes
	used "nothing.$2.$1" "$W/used"
}

done_so_far=0
for n in $RELEASES; do
	began=$SECONDS
	published $((done_so_far + 1)) "$n"
	say "nothing.$n.published" "$(((SECONDS - began) * 1000 / (n - done_so_far)))" ms/release
	done_so_far=$n
	kb sc fetch --all >"$W/out" 2>&1 || bail "fetch: $(tail -n 1 "$W/out")"
	asked check "$n"
	asked fetch "$n"
done
