#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Packs stay healthy: after two hundred releases a course is as quick to fetch as after one, views keep their ETag, whoever
# has an old hint still finds what it names, and what was replaced goes after 30 days.
# shellcheck disable=SC2034 # status, out and err are read by the functions of lib.sh
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/wire.sh"
. "$(dirname "$0")/line.sh"

# Two hundred are a minute; forty with sanitizers.
if [ "$(basename "$KEBAO_BIN")" = asan ]; then N=${RELEASES:-40}; else N=${RELEASES:-200}; fi
noise() {
	openssl enc -aes-128-ctr -K 00112233445566778899aabbccddeeff -iv "$(printf '%032x' "$2")" \
		-in /dev/zero 2>/dev/null | head -c "$1"
}
log_has() { grep -q "$1" "$T/hub.log"; }
rewritten() { grep -c '"event":"pack-rewritten"' "$T/hub.log"; }
asked() { grep -c '"path":"/packs/.*"status":206' "$T/hub.log"; }
hint_runs() { kb admin dump "$HUB/repo/hints/beijing.ip/long/$1" | sed -n 's/.* frames in \([0-9]*\) runs$/\1/p'; }
packs() { find "$HUB/repo/packs" -name '*.pack' | wc -l; }
stored() { sqlite3 "$HUB/state.db" "SELECT stored_bytes FROM usage WHERE org = 'beijing'"; }
on_disk() { (cd "$HUB/repo" && find packs indexes targets -type f -printf '%s\n' | awk '{ n += $1 } END { print n + 0 }'); }
etag_of() {
	status_as pair "$URL/bundles/beijing.ip/long/$1.tar.zst" -I >/dev/null
	header etag
}

world
hub_stop
hub_conf 'workers = 1' 'patches = off' # frames are what is counted here
hub_start || bail "no hub"
wire_ca
wire_enrol pair sichuan
line_start --listen 0 || bail "no line"
for who in new late; do enrol "$who" sichuan >>"$T/world.log" 2>&1 || bail "no $who"; done
line_of new
line_of sc

# --- many releases --------------------------------------------------------------------------
course "$T/course" long eins
for i in $(seq 100 139); do noise 100000 "$i" >"$T/course/film-$i.bin"; done
exits 0 "a first release is published" publish bj beijing.ip "$T/course"
failed=0 first=$((N - 9)) # ten stay live
for n in $(seq 2 "$N"); do
	noise 70000 "$((1000 + n))" >"$T/course/film-$((100 + n * 7 % 40)).bin"
	publish bj beijing.ip "$T/course" >"$T/publish.out" 2>&1 || failed=$((failed + 1))
	[ "$n" != "$first" ] || { tag=$(etag_of "$n") && had=$(rewritten) &&
		old=$(kb admin dump "$HUB/repo/hints/beijing.ip/long/$n" | sed -n 's/^pack .* //p'); }
done
is "$failed" 0 "$N releases are published one after the other"
is_rewritten() { [ "$(rewritten)" -gt "$had" ]; }
wait_for "packs to be rewritten" is_rewritten
ok $? "packs were rewritten ($(rewritten) times), also after release $first was seen"
isnt "$tag" "" "a view of that release had an ETag"
is "$(etag_of "$first")" "$tag" "and has it still"
missing=0
for pack in $old; do
	[ "$(status_as pair -r 0-0 "$URL/packs/beijing.ip/${pack:0:2}/$pack.pack")" = 206 ] || missing=$((missing + 1))
done
is "$missing" 0 "what its hint of then named is there"

hub_rest
ok $? "then the hub is done"
hub_logged
before=$(asked) down=$(line_stat down)
exits 0 "someone new fetches it" kb new fetch --all
hub_logged
n=$(($(asked) - before)) down=$(($(line_stat down) - down))
size=$(du -sb --apparent-size "$T/course" | cut -f 1)
diag "$n ranges of packs, $down bytes for $size, the hint has $(hint_runs "$N") runs"
[ "$n" -ge 1 ] && [ "$n" -le 16 ]
ok $? "in at most 16 ranges"
[ "$down" -le $((size * 115 / 100)) ]
ok $? "and few bytes between them"
diff -r -x course.json "$T/course" "$(library new)/beijing.ip/long/$N" >"$T/diff.out" 2>&1
ok $? "every file is as it was" || diag "$(head -5 "$T/diff.out")"

# --- what moves or comes twice -----------------------------------------------------------------
exits 0 "somebody holds it" kb sc fetch --all
printf 'a word\n' >"$T/course/note.md"
publish bj beijing.ip "$T/course" >"$T/publish.out" 2>&1
down=$(line_stat down)
exits 0 "a small change is fetched" kb sc fetch --all
small=$(($(line_stat down) - down))
mkdir "$T/course/moved" "$T/course/twice"
mv "$T"/course/film-10?.bin "$T"/course/film-11?.bin "$T/course/moved"
cp "$T"/course/film-12?.bin "$T/course/twice"
[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$T/course"
exits 0 "20 files are moved, 10 come twice" publish bj beijing.ip "$T/course"
down=$(line_stat down)
exits 0 "that is fetched" kb sc fetch --all
more=$(($(line_stat down) - down - small))
diag "$small bytes for the small change, $more more for 30 files"
[ "$more" -le $((30 * 1024)) ]
ok $? "for at most 1 KiB a file"
[ -f "$(library sc)/beijing.ip/long/$((N + 2))/moved/film-105.bin" ] && cmp -s "$T/course/twice/film-125.bin" \
	"$(library sc)/beijing.ip/long/$((N + 2))/twice/film-125.bin"
ok $? "they are there"

# --- thirty days later -------------------------------------------------------------------------
if ! command -v sqlite3 >/dev/null; then
	skip "no sqlite3 here: make deps"
	done_testing
fi
n=$(packs)
hub_stop
hub_start || bail "no hub"
[ "$(packs)" -ge "$n" ]
ok $? "a start removes nothing"
hub_stop
long=$((31 * 86400))
sqlite3 "$HUB/state.db" "UPDATE packs SET replaced_at = replaced_at - $long WHERE replaced_at != 0;
	UPDATE releases SET ended_at = ended_at - $long WHERE ended_at != 0;"
find "$HUB/repo/packs" -name '*.pack' -exec touch -d '32 days ago' {} +
hub_start || bail "no hub"
wait_for "packs to go" log_has '"event":"pack-removed"'
ok $? "packs that were replaced go after 30 days"
purged() { kb admin --lang en hub purge --now --yes >"$T/purge.out" 2>&1; }
exits 0 "what releases of the past held goes when it is asked" purged
is_counted() { [ "$(stored)" = "$(on_disk)" ]; }
wait_for "the hub's packs" is_counted # one being written is not
is "$(stored)" "$(on_disk)" "what counts for the publisher is what is on the disk"
diag "$n packs became $(packs)"
[ "$(packs)" -lt "$n" ]
ok $? "fewer packs are left"
exits 0 "and the course is fetched from those" kb late fetch --all
diff -r -x course.json "$T/course" "$(library late)/beijing.ip/long/$((N + 2))" >"$T/diff.out" 2>&1
ok $? "whole"
done_testing
