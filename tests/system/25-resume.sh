#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What was verified is never fetched again: over cut connections, a killed client, a release published
# meanwhile.  Every byte passes a counting line.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/line.sh"

world
# Frames and indexes first; patches come at the end.
hub_stop
hub_conf 'patches = off'
hub_start || bail "the hub does not start"
line_start --listen 0 || bail "no line"
# People of one organisation, each with an empty library, all behind the line.
for who in whole cut killed newer small patch patchcut; do
	enrol "$who" sichuan >>"$T/world.log" 2>&1 || bail "no $who"
	line_of "$who"
done

# Noise does not compress, so bytes on the wire are bytes of the course.  Always the same noise.
noise() {
	openssl enc -aes-128-ctr -K 00112233445566778899aabbccddeeff -iv "${2}000000000000000000000000000000" \
		-in /dev/zero 2>/dev/null | head -c "$1"
}
course "$T/course" film 第一版
for i in 01 02 03 04; do noise 2500000 "$i" >"$T/course/$i.mp4"; done
exits 0 "a course of 10 MB is published" publish bj beijing.ip "$T/course"

# down_during COMMAND...: runs it; $down is what came down the line meanwhile.
down_during() {
	local before
	before=$(line_stat down)
	run "$@"
	down=$(($(line_stat down) - before))
}
# wait_for_hole: until as much has come as `line hole` lets pass, and the client has dealt with it.
wait_for_hole() {
	wait_for "a hole" line_is_hole || bail "nothing comes: $(cat "$T/start.out")"
	wait_for "what has come to be read" line_is_read "$KB_PID" || bail "it is not read"
}
# start WHO ARG...: kebao in the background; $KB_PID is its own process.
start() {
	local who=$1
	shift
	"${AS_USER[@]}" env HOME="$T/home/$who" "$BIN/kebao" "$@" >"$T/start.out" 2>&1 </dev/null &
	KB_PID=$!
}
# at_most BYTES NAME: about $down.
at_most() {
	[ "$down" -le "$1" ]
	ok $? "$2" || diag "$down bytes came down, $1 at most were expected"
}
same() {
	diff -r "$T/course" "$(library "$1")/beijing.ip/film/$2" >"$T/diff.out" 2>&1
	ok $? "$3" || diag "$(head -n 5 "$T/diff.out")"
}

down_during kb whole fetch --all
is "$status" 0 "fetched without trouble"
whole=$down
diag "an undisturbed fetch: $whole bytes down the line"
[ "$whole" -ge 10000000 ] && [ "$whole" -le 10200000 ]
ok $? "which is about what the course has"

# --- the line breaks, again and again ---
HANDSHAKE=8192 # and headers
begin=$(line_stat down)
line hole 2000000
start cut fetch --all
for how in reset cut reset cut; do
	wait_for_hole
	line "$how" 0
	line hole 2000000
done
line pass
wait "$KB_PID"
is "$?" 0 "fetched although the line broke four times" || diag "$(cat "$T/start.out")"
down=$(($(line_stat down) - begin))
diag "with four breaks: $down bytes, $(line_stat connections) connections so far"
# What had come of a record of TLS (16 KiB) is lost with its connection.
at_most $((whole + 4 * (HANDSHAKE + 16384))) "hardly anything came twice"
same cut 1 "and it is the course"

# --- the client dies ---
begin=$(line_stat down)
for _ in 1 2; do
	line hole 3000000
	start killed fetch --all
	wait_for_hole
	kill -KILL "$KB_PID"
	wait "$KB_PID" 2>/dev/null
done
line pass
run kb killed fetch --all
is "$status" 0 "fetched although the client was killed twice"
down=$(($(line_stat down) - begin))
diag "with two kills: $down bytes"
# A frame has at most 512 KiB.
at_most $((whole + 2 * (HANDSHAKE + 524288))) "at most the frame under way came twice"
same killed 1 "and it is the course"

# --- a release is published while one is under way ---
begin=$(line_stat down)
line hole 5000000
start newer fetch --all
wait_for_hole
kill -KILL "$KB_PID"
wait "$KB_PID" 2>/dev/null
line pass
course "$T/course" film 第二版
printf '补充说明\n' >"$T/course/readme.md"
exits 0 "another release is published" publish bj beijing.ip "$T/course"
run kb newer fetch --all --dry-run --json
planned=$(jq .fetch_bytes <<<"$out")
run kb newer fetch --all --progress=json
is "$status" 0 "the interrupted reader gets the new release"
fetched=$(jq 'select(.event == "fetched") | .fetched_bytes' <<<"$out")
[ "$planned" -le $((fetched + 1048576)) ] && [ "$fetched" -le $((planned + 1048576)) ]
ok $? "as much as a dry run has said ($fetched bytes, $planned planned)"
down=$(($(line_stat down) - begin))
diag "with a release meanwhile: $down bytes"
at_most $((whole + 3 * HANDSHAKE + 524288)) "and what it had of the old one was not fetched again"
same newer 2 "it is the new release"
[ ! -e "$T/home/newer/.local/share/kebao/work/beijing.ip/film/1" ]
ok $? "nothing of the old one is left behind"

# --- a long index ---
course "$T/tiny" tiny 第一版
mkdir "$T/tiny/题库"
for i in $(seq 3000); do printf '第 %s 题\n' "$i" >"$T/tiny/题库/专利法第$i题.md"; done
[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$T/tiny"
exits 0 "3,000 files are published" publish bj beijing.ip "$T/tiny"
down_during kb whole fetch tiny
whole=$down
index=$(stat -c %s "$T/home/whole/.local/share/kebao/meta/beijing.ip/tiny/1/index")
diag "undisturbed: $whole bytes, of them an index of $index"
line hole $((index / 2 + 20000))
begin=$(line_stat down)
start small fetch tiny
parts=$T/home/small/.local/share/kebao/work/.parts
part_has() { [ "$(find "$parts" -type f -size +"$1"c 2>/dev/null | wc -l)" = 1 ]; }
wait_for_hole
part_has 65536
ok $? "a part of the index is kept"
kill -KILL "$KB_PID"
wait "$KB_PID" 2>/dev/null
line pass
run kb small fetch tiny
is "$status" 0 "fetched although the client was killed within the index"
down=$(($(line_stat down) - begin))
diag "with a kill in the index: $down bytes"
at_most $((whole + 2 * HANDSHAKE + 49152)) "what had come of the index did not come again"
[ "$(find "$parts" -type f | wc -l)" = 0 ]
ok $? "and no part is left"

# --- within a group of a patch ---
hub_stop
hub_conf
hub_start || bail "no hub with patches"
log_has() { grep -q "$1" "$T/hub.log"; }
course "$T/scans" scans 第一版
noise 3000000 05 >"$T/scans/pages.pdf"
exits 0 "scanned pages are published" publish bj beijing.ip "$T/scans"
for who in patch patchcut; do exits 0 "$who has them" kb "$who" fetch scans; done
# A note on every page changes every frame; the new pages are what a patch has to bring.
perl -e 'local $/ = \32768; while (<STDIN>) { print $_, "note $.\n" }' <"$T/scans/pages.pdf" >"$T/pages.new"
{ cat "$T/pages.new" && noise 1500000 06; } >"$T/scans/pages.pdf"
course "$T/scans" scans 第二版
exits 0 "and again, with notes and more pages" publish bj beijing.ip "$T/scans"
wait_for "the patch" log_has '"event":"patch-made".*"course":"scans","release":2,"from":1' || bail "no patch"
down_during kb patch fetch scans -v --lang en
like "$err" 'by patch from release 1' "undisturbed it comes by patch"
whole=$down
diag "undisturbed: $whole bytes"
[ "$whole" -ge 1500000 ] && [ "$whole" -le 1600000 ]
ok $? "which is the new pages, in one group of the patch"
parts=$T/home/patchcut/.local/share/kebao/work/.parts
begin=$(line_stat down)
for part in 400000 850000; do
	line hole 460000
	start patchcut fetch scans
	wait_for_hole
	part_has "$part"
	ok $? "$part bytes of the patch are kept"
	kill -KILL "$KB_PID"
	wait "$KB_PID" 2>/dev/null
	line pass
done
run kb patchcut fetch scans -v --lang en
is "$status" 0 "fetched although the client was killed twice within the group"
like "$err" 'by patch from release 1' "by the patch that was begun"
down=$(($(line_stat down) - begin))
diag "with two kills: $down bytes"
at_most $((whole + 2 * (HANDSHAKE + 65536))) "what had come of the group did not come again"
diff -r "$T/scans" "$(library patchcut)/beijing.ip/scans/2" >"$T/diff.out" 2>&1
ok $? "it is the release" || diag "$(head -n 5 "$T/diff.out")"
exits 0 "which verifies" kb patchcut verify
[ "$(find "$parts" -type f | wc -l)" = 0 ]
ok $? "and no part is left"
done_testing
