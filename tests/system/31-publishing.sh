#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What a publisher does: a template, a release, the same again, two at once, a line that breaks.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/wire.sh"

world
wire_ca

# --- a template ------------------------------------------------------------------------------
as_user mkdir "$T/trademark-basics"
exits 0 "publish --init" kb bj --lang en publish --init "$T/trademark-basics"
like "$out" 'fill it in' "says what comes next"
jq . "$T/trademark-basics/course.json" >"$T/template"
ok $? "the template is JSON"
is "$(jq -r .course "$T/template")" trademark-basics "the course is named after the folder"
is "$(jq '[.title, .label, .field, .languages, .summary, .notes, .minutes, .lecturers, .rights] | all(. != null)' \
	"$T/template")" true "and shows every member"
exits 7 "a course.json that is there" kb bj publish --init "$T/trademark-basics"
cmp -s "$T/template" <(jq . "$T/trademark-basics/course.json")
ok $? "is left alone"
before=$(find "$HUB/repo" | sort | sha256sum)
run publish bj beijing.ip "$T/trademark-basics"
is "$status" 8 "a template that nobody filled in is not published"
like "$err" 'course.json: .*(label|title)' "and the error names what is empty"
is "$(find "$HUB/repo" | sort | sha256sum)" "$before" "the hub has nothing of it"
jq '.label = "第一版" | .title = {zh: "商标基础"} | .field = "ip" | .languages = ["zh"]' "$T/template" >"$T/filled" &&
	cat "$T/filled" >"$T/trademark-basics/course.json"
seq 1 30000 >"$T/trademark-basics/text.txt"
as_user mkdir "$T/trademark-basics/空"
exits 0 "filled in, it is" publish bj beijing.ip "$T/trademark-basics"

# --- the same again ----------------------------------------------------------------------------
objects() { find "$HUB/repo/packs" "$HUB/repo/indexes" "$HUB/repo/targets" -type f | sort; }
before=$(objects)
exits 0 "the same folder again" kb bj --lang en publish "$T/trademark-basics" --channel beijing.ip --key "$T/bj.pem" \
	--passphrase-file "$PASS"
like "$out" 'unchanged since release 1, nothing was published' "is said to be unchanged"
is "$(objects)" "$before" "and adds nothing"
unlike "$err" '--label' "and nothing is said of a label"
exits 0 "with a label and notes" kb bj --lang en publish "$T/trademark-basics" --channel beijing.ip \
	--key "$T/bj.pem" --passphrase-file "$PASS" --label 修订版 --notes 改了标签
like "$out" 'unchanged since release 1' "it is unchanged all the same"
like "$err" '--label and --notes were not used: .*--force' "and what was not used is said"
exits 0 "a release all the same" kb bj --lang en publish "$T/trademark-basics" --channel beijing.ip --key "$T/bj.pem" \
	--passphrase-file "$PASS" --force
like "$out" 'release 2 .* 0 of them new' "has no new frame"
is "$(find "$HUB/repo/packs" -type f | wc -l)" "$(grep -c /packs/ <<<"$before")" "and no new pack"
echo 'one more line' >>"$T/trademark-basics/text.txt"
exits 0 "a small edit" kb bj --lang en publish "$T/trademark-basics" --channel beijing.ip --key "$T/bj.pem" \
	--passphrase-file "$PASS" -v
like "$out" 'release 3 .*: [0-9]+ frames, [1-3] of them new' "adds a few frames"
like "$err" 'reading [0-9.]+ s, packing [0-9.]+ s, uploading [0-9.]+ s, .* check [0-9.]+ s' \
	"with -v: and where the time went"

# --- a terminal --------------------------------------------------------------------------------
if [ -x /usr/bin/script ]; then
	course "$T/shown" shown one && head -c 30000000 /dev/urandom >"$T/shown/video.mp4"
	as_user env HOME="$T/home/bj" script -qec "$BIN/kebao --lang en publish $T/shown --channel beijing.ip \
		--key $T/bj.pem --passphrase-file $PASS" /dev/null >"$T/tty" </dev/null
	ok $? "publishing at a terminal"
	like "$(tr '\r' '\n' <"$T/tty")" '(reading the folder|uploading|the hub is checking).*[0-9]+%' "shows how far it is"
else
	skip "no script(1) here: no terminal to look at"
fi

# --- two at once -------------------------------------------------------------------------------
enrol bj2 beijing publisher || bail "no second publisher"
as_user cp "$T/bj.pem" "$T/bj2.pem"
both() { # DIRECTORY DIRECTORY: published at the same time, by two people
	publish bj beijing.ip "$1" >"$T/one.out" 2>&1 &
	local one=$! two rc
	publish bj2 beijing.ip "$2" >"$T/two.out" 2>&1 &
	two=$!
	wait "$one"
	rc=$?
	wait "$two" || rc=$?
	[ "$rc" = 0 ] || diag "one: $(cat "$T/one.out")" "two: $(cat "$T/two.out")"
	return "$rc"
}
conflicts() { grep -c '"path":"/api/v1/drafts/[^"]*/publish","status":409' "$T/hub.log"; }
course "$T/first" first one && course "$T/second" second one
failed=0 rounds=0
for round in 1 2 3 4 5 6 7 8; do
	[ "$round" -le 2 ] || [ "$(conflicts)" = 0 ] || break
	rounds=$round
	echo "$round" | tee "$T/first/text" >"$T/second/text"
	both "$T/first" "$T/second" || failed=$((failed + 1))
done
is "$failed" 0 "two publishers at once in one channel both land, $rounds times"
[ "$(conflicts)" -gt 0 ]
ok $? "though one of them met a conflict ($(conflicts) in all)"
run kb sc check --json
is "$(jq -c '[.new[] | select(.course == ("first", "second")) | "\(.course) \(.release)"]' <<<"$out")" \
	"[\"first $rounds\",\"second $rounds\"]" "and all their releases are there"
course "$T/same" first again && echo a >"$T/same/text"
course "$T/same2" first again2 && echo b >"$T/same2/text"
both "$T/same" "$T/same2"
ok $? "two releases of one course at once land, too"
run kb sc check --json
is "$(jq -c '.new[] | select(.course == "first") | .release' <<<"$out")" $((rounds + 2)) "in some order"

# --- a line that breaks --------------------------------------------------------------------------
line=$(free_port)
"${AS_USER[@]}" perl "$(dirname "$0")/proxy.pl" "$line" "$PORT" "$T" 2>"$T/proxy.log" &
wait_for "the proxy" curl -ks "https://127.0.0.1:$line/api/v1/hub"
code=$(kb admin hub invite beijing --role publisher 2>/dev/null)
exits 0 "a publisher behind a line that breaks" kb far enroll "https://127.0.0.1:$line" "$code"
as_user cp "$T/bj.pem" "$T/far.pem"
size=40000000
limit() { echo "$1" >"$T/limit.new" && mv "$T/limit.new" "$T/limit"; }
course "$T/large" large one
head -c "$size" /dev/urandom >"$T/large/video.mp4"
start=$(cat "$T/count")
limit "cut 25000000"
exits 0 "an upload that is cut off once is gone on with" kb far --lang en publish "$T/large" --channel beijing.ip \
	--key "$T/far.pem" --passphrase-file "$PASS"
[ ! -e "$T/limit" ]
ok $? "it was cut off"
sent=$(($(cat "$T/count") - start))
diag "$sent bytes went over the line for $size bytes of video, cut at 25000000"
[ "$sent" -lt $((size + size / 20)) ]
ok $? "what the hub had was not sent again"

# The publisher's machine dies in the middle, too.
head -c "$size" /dev/urandom >"$T/large/video.mp4"
limit "stall 25000000"
"${AS_USER[@]}" env HOME="$T/home/far" "$BIN/kebao" publish "$T/large" --channel beijing.ip --key "$T/far.pem" \
	--passphrase-file "$PASS" >"$T/far.out" 2>&1 </dev/null &
far=$!
# shellcheck disable=SC2317  # called by wait_for
stalled() { [ ! -e "$T/limit" ] || ! is_running "$far"; }
wait_for "the line to stall" stalled
is_running "$far"
ok $? "a publisher in the middle of an upload"
kill -KILL "$far" && wait "$far" 2>/dev/null
start=$(cat "$T/count")
exits 0 "who is killed there and begins anew" kb far --lang en publish "$T/large" --channel beijing.ip \
	--key "$T/far.pem" --passphrase-file "$PASS"
sent=$(($(cat "$T/count") - start))
diag "$sent bytes went over the line for the rest"
[ "$sent" -lt $((size - 20000000)) ]
ok $? "sends the rest only"
is "$(find "$T/home/far/.local/share/kebao/work" -type f | wc -l)" 0 "and keeps no pack in the spool"
exits 0 "the reader gets it" kb sc fetch beijing.ip/large
cmp -s "$T/large/video.mp4" "$(library sc)/beijing.ip/large/2/video.mp4"
ok $? "as it is"
done_testing
