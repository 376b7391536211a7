#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# kill -9 of hub or client at random moments of publishing and fetching: the next run ends well, and readers only ever see
# the old release or the new one.
#
#	KILLS    how many kills must have hit something that ran (50; 15 in a build with sanitizers, where
#	         a round takes five times as long)
#	SEED     of the random choices; printed
. "$(dirname "$0")/lib.sh"

[ "$(basename "$KEBAO_BIN")" = asan ] && usual=15 || usual=50
KILLS=${KILLS:-$usual}
SEED=${SEED:-$(date +%s)}
RANDOM=$((SEED % 32768))
diag "SEED=$SEED KILLS=$KILLS"
world

LIBRARY=$(library sc)/beijing.ip/killed
hits=0 round=0 wrong=0
declare -A hit_count=()

# write_course ROUND: $T/course, of which a copy stays as $T/src/ROUND.  Files name their round.
write_course() {
	course "$T/course" killed "round $1"
	mkdir -p "$T/course/讲义" "$T/src"
	printf 'round %s\n' "$1" >"$T/course/round"
	printf '第 %s 轮\n' "$1" >"$T/course/讲义/第一讲.md"
	# One file that never changes, one that does, both too large for one frame.
	[ -f "$T/course/same.bin" ] || head -c 3000000 /dev/urandom >"$T/course/same.bin"
	head -c 1500000 /dev/urandom >"$T/course/changed.bin"
	cp -R "$T/course" "$T/src/$1"
	[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$T/course"
}

# start WHO ARG...: kebao in the background; $KB_PID is its own process.
start() {
	local who=$1
	shift
	"${AS_USER[@]}" env HOME="$T/home/$who" "$BIN/kebao" "$@" >"$T/start.out" 2>&1 </dev/null &
	KB_PID=$!
}
start_publish() {
	start bj publish "$T/course" --channel beijing.ip --key "$T/bj.pem" --passphrase-file "$PASS"
}

now_ms() { date +%s%3N; }

# strike WHAT LONGEST_MS: after a random part of LONGEST_MS kill hub or client; counts what hit.
strike() {
	local delay=$((RANDOM * $2 / 32768)) victim
	sleep "$((delay / 1000)).$(printf '%03d' $((delay % 1000)))"
	if [ $((RANDOM % 2)) = 0 ]; then victim=hub; else victim=client; fi
	if is_running "$KB_PID"; then
		hits=$((hits + 1))
		hit_count["$1, $victim"]=$((${hit_count["$1, $victim"]:-0} + 1))
	fi
	if [ "$victim" = hub ]; then
		hub_kill
	else
		kill -KILL "$KB_PID" 2>/dev/null
	fi
	wait "$KB_PID" 2>/dev/null
	[ -n "$HUB_PID" ] || hub_start || bail "the hub does not start again"
}

# whole: every release the reader holds is one round, entirely.
whole() {
	local release of n=0
	for release in "$LIBRARY"/[0-9]*; do
		[ -d "$release" ] || continue
		n=$((n + 1))
		of=$(sed 's/^round //' "$release/round" 2>/dev/null)
		if ! diff -r "$release" "$T/src/${of:-none}" >"$T/diff.out" 2>&1; then
			diag "round $round: $release is not one round:" "$(head -n 5 "$T/diff.out")"
			wrong=$((wrong + 1))
		fi
	done
	[ "$n" -gt 0 ] || [ "$round" = 0 ]
}

write_course 0
begin=$(now_ms)
exits 0 "an undisturbed publication" publish bj beijing.ip "$T/course"
publish_ms=$(($(now_ms) - begin + 50))
begin=$(now_ms)
exits 0 "an undisturbed fetch" kb sc fetch --all
fetch_ms=$(($(now_ms) - begin + 50))
whole

failed=0
while [ "$hits" -lt "$KILLS" ] && [ "$round" -lt $((KILLS * 4)) ] && [ "$failed" -lt 3 ]; do
	round=$((round + 1))
	write_course "$round"

	start_publish
	strike publish "$publish_ms"
	# Whoever reads now sees the old or the new, never an error.
	run kb sc check
	case $status in
	0 | 10) ;;
	*) failed=$((failed + 1)) && diag "round $round: check after a kill: $status" "$err" ;;
	esac
	run publish bj beijing.ip "$T/course"
	[ "$status" = 0 ] || { failed=$((failed + 1)) && diag "round $round: publish again: $status" "$err"; }

	start sc fetch
	strike fetch "$fetch_ms"
	whole || { wrong=$((wrong + 1)) && diag "round $round: the old release is gone"; }
	run kb sc fetch
	[ "$status" = 0 ] || { failed=$((failed + 1)) && diag "round $round: fetch again: $status" "$err"; }
	whole
	newest=$(find "$LIBRARY" -maxdepth 1 -name '[0-9]*' -printf '%f\n' | sort -n | tail -n 1)
	if ! diff -r "$LIBRARY/$newest" "$T/src/$round" >/dev/null 2>&1; then
		failed=$((failed + 1))
		diag "round $round: the newest release held, $newest, is not what was published"
	fi
	rm -rf "$T/src/$((round - 3))"
done

for what in "${!hit_count[@]}"; do diag "killed during $what: ${hit_count[$what]}"; done
[ "$hits" -ge "$KILLS" ]
ok $? "$hits kills in $round rounds hit a running publication or fetch"
is "$failed" 0 "the run after a kill always ends well"
is "$wrong" 0 "readers only ever saw one release or the other, entirely"
exits 0 "in the end everything verifies" kb sc verify
exits 0 "and a reader who begins now gets the newest" kb sc fetch --all
leftovers=$(find "$HUB" -name '.tmp-*' | wc -l)
diag "temporary names left in the hub: $leftovers"
done_testing
