#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a recipient does: check, fetch, list, show, verify, and what a damaged library needs.
# shellcheck disable=SC2016  # a shell of its own expands what stands in single quotes
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/wire.sh"

world
wire_ca
wire_enrol reader sichuan || bail "no reader"

course "$T/course" marks 第一版
mkdir -p "$T/course/讲义" "$T/course/空目录/更空" "$T/course/作业"
seq 1 20000 >"$T/course/讲义/第一讲.txt"
head -c 1200000 /dev/urandom >"$T/course/讲义/录像.mp4"
[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$T/course"

# tree: a hash of all names and contents below directories.
tree() { find "$@" -printf '%y %P\n' -type f -exec sha256sum {} + | sort | sha256sum; }
home=$T/home/sc/.local/share/kebao

# --- nothing yet -------------------------------------------------------------------------
exits 0 "check where nothing is published" kb sc check
is "$out$err" '' "says nothing where nobody watches: cron would mail it"
exits 0 "fetch too" kb sc fetch --all
is "$out$err" '' "is quiet"
exits 0 "check --json" kb sc check --json
is "$(jq -c '[.new, .withheld, .fetch_bytes]' <<<"$out")" '[[],[],0]' "is a document all the same"
exits 9 "show of what does not exist" kb sc show marks
exits 0 "list of an empty library" kb sc list

# --- release 1 ---------------------------------------------------------------------------
exits 0 "published" publish bj beijing.ip "$T/course"
unlike "$err" 'left out|略过' "empty folders are not left out"
exits 10 "check tells that there is something new" kb sc --lang en check
like "$out" 'beijing.ip/marks .*release 1 .*第一版.* [0-9.]+ [KM]i?B.*fetching [0-9.]+ [KM]i?B' "what and how big"
exits 10 "and to programs" kb sc check --json
is "$(jq -r '.new[0] | "\(.channel)/\(.course) \(.release) \(.held) \(.label)"' <<<"$out")" \
	'beijing.ip/marks 1 0 第一版' "what it is"
is "$(jq '.new[0].fetch_bytes == .new[0].full_bytes and .new[0].bytes > 1200000 and
	.fetch_bytes == .new[0].fetch_bytes' <<<"$out")" true "and how big"
exits 0 "list --all names what is on offer" kb sc --lang en list --all
like "$out" 'marks.*not held' "as not held"
exits 0 "show before fetching" kb sc --lang en show marks
like "$out" 'not held' "says so"
exits 9 "a course that does not exist is named" kb sc fetch nosuch
like "$err" nosuch "by its name"
exits 0 "fetched" kb sc fetch marks
diff -r "$T/course" "$(library sc)/beijing.ip/marks/1" >"$T/diff.out"
ok $? "equal to what was published, empty folders too" || diag "$(cat "$T/diff.out")"
[ -d "$(library sc)/beijing.ip/marks/1/空目录/更空" ]
ok $? "the empty folder in the empty folder is there"
exits 0 "check afterwards" kb sc check
is "$out$err" '' "has nothing to say"
exits 0 "fetch afterwards" kb sc fetch
is "$out$err" '' "neither"
exits 0 "show" kb sc --lang en show marks
like "$out" 'field: intellectual property' "gives the record"
exits 0 "list" kb sc list
like "$out" 'beijing.ip/marks' "names it"

# --- a bundle, by curl ---------------------------------------------------------------------
as reader -o "$T/marks.tar.zst" "$URL/bundles/beijing.ip/marks/1.tar.zst"
mkdir "$T/unpacked" && tar -C "$T/unpacked" --zstd -xf "$T/marks.tar.zst"
diff -r "$T/course" "$T/unpacked" >"$T/diff.out"
ok $? "tar unpacks the bundle to the published folder, empty folders too"
chmod 0644 "$T/marks.tar.zst"
exits 0 "verify knows a bundle somebody downloaded" kb sc verify "$T/marks.tar.zst"
zstd -dcq "$T/marks.tar.zst" >"$T/marks.tar" && chmod 0644 "$T/marks.tar"
exits 0 "and its tar" kb sc verify "$T/marks.tar"
signed=$(kb sc show marks | grep -oE '[0-9a-f]{64}')
is "$(zstd -dcq "$T/marks.tar.zst" | sha256sum | cut -d' ' -f1)" "$signed" "whose hash is what show names"
cp "$T/marks.tar.zst" "$T/bad.tar.zst"
printf 'X' | dd of="$T/bad.tar.zst" bs=1 seek=700000 conv=notrunc status=none
run kb sc verify "$T/bad.tar.zst"
is "$status" 3 "a changed bundle is not to be trusted"
head -c 600000 "$T/marks.tar.zst" >"$T/short.tar.zst" && chmod 0644 "$T/short.tar.zst"
run kb sc verify "$T/short.tar.zst"
like "$status" '^[38]$' "nor is a truncated one ($status)"

# --- damage ------------------------------------------------------------------------------
files=$(library sc)/beijing.ip/marks/1
exits 0 "verify of a sound library" kb sc verify
before=$(tree "$files")
# Rot: the size, the time and the mode stay.
as_user sh -c 'f=$1; m=$(stat -c %y "$f"); printf X | dd of="$f" bs=1 seek=900000 conv=notrunc status=none
	touch -d "$m" "$f"' - "$files/讲义/录像.mp4"
as_user rm "$files/讲义/第一讲.txt"
as_user rmdir "$files/空目录/更空"
exits 3 "verify of a damaged one" kb sc --lang en verify
like "$err" '^changed: .*录像.mp4' "names what was changed"
like "$err" '^missing: .*第一讲.txt' "what is missing"
like "$err" '^missing: .*更空' "a folder, too"
like "$err" 'kebao fetch beijing.ip/marks' "and what to do"
run kb sc --lang en fetch
is "$status" 0 "fetch repairs it"
like "$err" repaired "and says that it does"
fetched=$(grep -oE '[0-9.]+ [KM]?i?B over the wire' <<<"$out")
diag "repair: $fetched"
is "$(tree "$files")" "$before" "it is as it was"
exits 0 "verify agrees" kb sc verify
exits 0 "the next fetch" kb sc fetch
is "$out$err" '' "has nothing to do"
is "$(find "$home/work" -mindepth 1 -not -path '*/.trash' -type f | wc -l)" 0 "nothing is left behind"
as_user sh -c 'echo mine >"$1/笔记.txt"' - "$files"
exits 3 "what a reader adds is named" kb sc --lang en verify
like "$err" '^not part of it: .*笔记' "as not part of it"
exits 0 "but is no damage" kb sc fetch
[ -f "$files/笔记.txt" ]
ok $? "and stays"
as_user rm "$files/笔记.txt"
as_user sh -c 'echo x >>"$1/meta/beijing.ip/marks/1/index"' - "$home"
run kb sc verify
isnt "$status" 0 "a damaged index is noticed"
exits 0 "and repaired by fetch" kb sc fetch
exits 0 "so that all verifies" kb sc verify

# --- release 2 ---------------------------------------------------------------------------
printf '新的一讲\n' >"$T/course/讲义/第二讲.txt"
exits 0 "release 2" publish bj beijing.ip "$T/course" --label 第二版 --notes 新增一讲
exits 10 "check" kb sc --lang en check
like "$out" 'release 1 -> 2 .*第二版' "tells from what to what"
like "$out" '新增一讲' "what is new in it"
exits 10 "and how long" kb sc check --json
is "$(jq '.bytes_per_second > 0 and .new[0].held == 1 and
	4 * .new[0].fetch_bytes < .new[0].full_bytes' <<<"$out")" true "the cost is less than a quarter"
exits 0 "fetched, the old one kept" kb sc fetch --keep-old
[ -d "$files" ] && [ -d "${files%/1}/2" ]
ok $? "both are there"
as_user rm "${files%/1}/2/讲义/录像.mp4"
exits 3 "damage in one of them" kb sc verify
exits 0 "is repaired" kb sc fetch
[ -d "$files" ]
ok $? "the older release is still there"
exits 0 "and both verify" kb sc verify
exits 0 "nothing remains to be done" kb sc verify beijing.ip/marks/2

# --- a terminal ----------------------------------------------------------------------------
if [ -x /usr/bin/script ]; then
	as_user rm -r "$home/library/beijing.ip"
	head -c 6000000 /dev/urandom >"$T/course/大.bin"
	run publish bj beijing.ip "$T/course"
	as_user env HOME="$T/home/sc" script -qec "$BIN/kebao --lang en fetch --all" /dev/null >"$T/tty" </dev/null
	ok $? "fetch on a terminal"
	like "$(tr '\r' '\n' <"$T/tty")" '(fetching|looking).*[0-9]+%' "shows its progress"
	as_user env HOME="$T/home/sc" script -qec "$BIN/kebao --lang en --quiet verify" /dev/null >"$T/tty" </dev/null
	unlike "$(tr '\r' '\n' <"$T/tty")" '%' "and not when told to be quiet"
	as_user env HOME="$T/home/sc" script -qec "$BIN/kebao --lang en check" /dev/null >"$T/tty" </dev/null
	like "$(cat "$T/tty")" 'nothing new' "whoever watches hears that there is nothing"
else
	skip "no script(1) here: no terminal to look at"
fi
done_testing
