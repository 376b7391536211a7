#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# One connection to a hub that is near, up to four to one that is far and whose line loses packets: a
# line on which a single connection does not get faster than 500 KB/s, and 60 ms each round trip.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/line.sh"

world
line_start --listen 0 || bail "no line"
for who in near far one; do
	enrol "$who" sichuan >>"$T/world.log" 2>&1 || bail "no $who"
	line_of "$who"
done
course "$T/course" film 第一版
openssl enc -aes-128-ctr -K 00112233445566778899aabbccddeeff -iv 01000000000000000000000000000000 \
	-in /dev/zero 2>/dev/null | head -c 9000000 >"$T/course/film.mp4"
publish bj beijing.ip "$T/course" >"$T/publish.out" 2>&1 || bail "not published"
same() {
	diff -r "$T/course" "$(library "$1")/beijing.ip/film/1" >"$T/diff.out" 2>&1
	ok $? "$2" || diag "$(head -n 5 "$T/diff.out")"
}
# fetched WHO: $connections and $down are what it took.
fetched() {
	local before_connections before_down
	before_connections=$(line_stat connections)
	before_down=$(line_stat down)
	run kb "$1" fetch --all
	connections=$(($(line_stat connections) - before_connections))
	down=$(($(line_stat down) - before_down))
}
if [ "$(basename "$KEBAO_BIN")" = asan ]; then
	skip "a hub with sanitizers may be slow enough to look far"
else
	fetched near
	is "$status $connections" "0 1" "a near hub is asked over one connection"
	whole=$down
	diag "$whole bytes"
fi
same_near() { [ ! -d "$(library near)/beijing.ip/film/1" ] || same near "and the course is whole"; }
same_near

line delay 30
line each 500000
kb one config connections 1
fetched one
is "$status $connections" "0 1" "where the settings allow one it stays with one"
same one "and the course is whole"

# Midway all connections are reset.
begin=$(line_stat down)
before=$(line_stat connections)
line hole 6000000
"${AS_USER[@]}" env HOME="$T/home/far" "$BIN/kebao" fetch --all >"$T/start.out" 2>&1 </dev/null &
KB_PID=$!
wait_for "6 MB" line_is_hole || bail "nothing comes"
wait_for "them to be read" line_is_read "$KB_PID" || bail "they are not read"
open=$(line_stat open)
line reset 0
line pass
wait "$KB_PID"
is "$?" 0 "a far hub is asked over more, and a reset of all of them costs nothing but a retry" ||
	diag "$(cat "$T/start.out")"
diag "$open connections were open, $(($(line_stat connections) - before)) in all"
[ "$open" -ge 2 ] && [ "$open" -le 4 ]
ok $? "two to four connections at one time"
down=$(($(line_stat down) - begin))
[ "$down" -le $((9100000 + 4 * 16384 + 40000)) ]
ok $? "and nothing was fetched twice but what had come of a record of TLS ($down bytes)"
same far "and the course is whole"
done_testing
