#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What a run tells of itself: kebao status in one line at any moment, events as JSON, nothing where nobody looks.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/line.sh"

world
line_start --listen 0 || bail "no line"
line_of sc
course "$T/course" film 第一版
head -c 4000000 /dev/urandom >"$T/course/film.mp4"
publish bj beijing.ip "$T/course" >"$T/publish.out" 2>&1 || bail "not published"
came() { [ "$(line_stat down)" -ge "$1" ]; }
says() { kb sc status | grep -qE "$1"; }

run kb sc status
like "$out" 'nothing was fetched yet; next: kebao fetch --all' "before anything was fetched"
is "$(printf '%s\n' "$out" | wc -l)" 1 "in one line"
run kb sc status --lang zh
like "$out" '还没有取得过课程；下一步' "in Chinese, too"

line rate 100000
"${AS_USER[@]}" env HOME="$T/home/sc" "$BIN/kebao" fetch --all --progress=json >"$T/events" 2>"$T/start.err" </dev/null &
KB_PID=$!
wait_for "the fetch" says '^fetching beijing.ip/film release 1: [1-9][0-9]* % of 3\.8 MiB, [1-9].*/s, .* left; then 0 more' ||
	bail "status: $(kb sc status)"
ok 0 "while it fetches: what, how far, how fast, how long"
run kb sc status --json
is "$(printf '%s' "$out" | jq -r '[.running, .phase, .course] | join(" ")')" "true fetching film" "the same as JSON"
kill -KILL "$KB_PID"
wait "$KB_PID" 2>/dev/null
run kb sc status
like "$out" 'nothing runs; broken off at .* in beijing.ip/film at [0-9]+ %; next: kebao fetch' "a run that was killed is not running"

line rate 0
run kb sc fetch --all --progress=json
is "$status" 0 "fetched"
is "$err" "" "nothing on standard error"
printf '%s\n' "$out" >"$T/events"
jq -e . "$T/events" >/dev/null
ok $? "every line is JSON"
is "$(jq -r .event "$T/events" | uniq | tr '\n' ' ')" "course progress fetched end " "events in their order"
is "$(jq -s '[.[] | select(.event == "progress")] | last | .files_done == .files and .done_bytes == .total_bytes' "$T/events")" \
	true "the last progress is all of it" || diag "$(cat "$T/events")"
is "$(jq -r 'select(.event == "end") | .status' "$T/events")" 0 "the end has the status"
run kb sc status
like "$out" 'nothing runs; the last run ended well at .*, last contact .*; next: kebao check' "after a good run"

line shut
run kb sc fetch
is "$status" 4 "without a line the fetch ends as network trouble"
run kb sc status
like "$out" 'the last run, at .*, did not finish: .*; next: kebao fetch' "and status knows"
line pass
exits 0 "paused" kb sc pause
run kb sc status
like "$out" 'paused, nothing moves; next: kebao resume' "a pause is what comes next"
exits 13 "a fetch then does nothing" kb sc fetch
exits 0 "resumed" kb sc resume
run kb sc fetch --quiet
is "$status$out$err" 0 "a quiet fetch of nothing says nothing"

# --- somebody looks while a run begins ---
if strace -o /dev/null true 2>/dev/null; then
	# He is stopped at his question about the lock, the file being open.
	[ "$(basename "$KEBAO_BIN")" != asan ] || export ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0"
	"${AS_USER[@]}" env HOME="$T/home/sc" strace -qq -o /dev/null -e trace=flock,fcntl \
		-e inject=flock,fcntl:signal=STOP "$BIN/kebao" status >"$T/look.out" 2>&1 &
	LOOK_PID=$!
	goes_on() { kill -CONT "$(pgrep -P "$LOOK_PID")"; }
	is_stopped() { grep -qE '^[0-9]+ \(.*\) [tT]' "/proc/$(pgrep -P "$LOOK_PID")/stat"; }
	asks() {
		is_stopped || return 1
		find "/proc/$(pgrep -P "$LOOK_PID")/fd" -lname '*/lock' | grep -q . && return 0
		goes_on # it asks something else
		return 1
	}
	wait_for "the question" asks || bail "it does not ask: $(cat "$T/look.out")"
	exits 0 "who looks does not stand in the way of a run that begins" kb sc fetch --quiet
	asks
	ok $? "though he was asking all the time"
	has_ended() {
		is_running "$LOOK_PID" || return 0
		! is_stopped || goes_on
		return 1
	}
	wait_for "his end" has_ended
	wait "$LOOK_PID"
	is "$?" 0 "and learns what he wants to know" || diag "$(cat "$T/look.out")"
else
	skip "no strace here: a run that begins while somebody looks"
fi
# --- a file that was named and is gone ---
kb sc config proxy-password-file "$T/nowhere" || bail "no setting"
exits 8 "a password's file that is not there" kb sc check --lang en
like "$err" "the proxy's password: .*$T/nowhere" "is what the error is about"
kb sc config proxy-password-file --unset || bail "no way back"

# --- before there is anything ---
for verb in check status list verify pause 'config limit-rate 1M'; do
	# shellcheck disable=SC2086
	exits 5 "$verb of somebody who has not enrolled" kb newcomer $verb --lang zh
	like "$err" '还没有加入课程中心：kebao enroll' "says what to do first"
done
exits 9 "a place that was named" kb newcomer list --home "$T/home/newcomer/nowhere"
like "$err" 'home/newcomer/nowhere' "is named"
done_testing
