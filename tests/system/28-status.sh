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

exits 9 "what there is, before the hub was asked" kb sc list --all --lang en
like "$err" '^the hub was not asked yet: kebao check$' "is not known, and no file is missed"
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
exits 12 "another one at the same time" kb sc check --lang en
like "$err" 'another kebao \(process [0-9]+\) is at work in .*; kebao status says what it does$' "is told how to learn more"
run kb sc status --json
is "$(printf '%s' "$out" | jq -r '[.running, .phase, .course] | join(" ")')" "true fetching film" "the same as JSON"
kill -KILL "$KB_PID"
wait "$KB_PID" 2>/dev/null
run kb sc status
like "$out" 'nothing runs; broken off at .* in beijing.ip/film at [0-9]+ %; next: kebao fetch --all goes on' "a run that was killed is not running"
line hole
"${AS_USER[@]}" env HOME="$T/home/sc" "$BIN/kebao" check >"$T/check.out" 2>&1 </dev/null &
KB_PID=$!
wait_for "the check" says '^another kebao is at work here\.$' || bail "status: $(kb sc status)"
ok 0 "while another verb is at work nothing is said of a fetch that is over"
kill -KILL "$KB_PID"
wait "$KB_PID" 2>/dev/null
line pass
exits 10 "what would be done by who names nothing" kb sc fetch --dry-run --lang en
like "$err" '^going on with what was not finished: kebao fetch --all$' "is what was asked for before"
exits 9 "a name that is none, in a dry run" kb sc fetch beijing.ip/filn beijing.ip/film --dry-run
run kb sc status
like "$out" 'broken off at .* next: kebao fetch --all goes on' "a dry run does not change what status knows"

line rate 0
run kb sc fetch --quiet --progress=json
is "$status" 0 "fetched by who names nothing: what was asked for before"
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
like "$err" "^$LINE_URL: [^/]*; trying again in [0-9]+ s
kebao: network: $LINE_URL: [^/]*\$" "which says each thing once"
run kb sc status
like "$out" 'the last run, at .*, did not finish: .*; next: kebao fetch' "and status knows"
line pass
exits 0 "then a check reaches the hub" kb sc check
run kb sc status
like "$out" 'did not finish, and what kept it is over; next: kebao fetch$' "and the trouble is not told any more"
exits 0 "nor is there any" kb sc fetch
line shut
exits 4 "a check that does not reach it" kb sc check
run kb sc status
like "$out" 'nothing runs; the last check, at .*, failed: .*; next: kebao check$' "is what status says"
line pass
exits 0 "the next one does" kb sc check
run kb sc status
like "$out" 'nothing runs; nothing to fetch as of 20.*; next: kebao check$' "and that, too"
exits 0 "paused" kb sc pause
run kb sc status
like "$out" 'paused, nothing moves; next: kebao resume' "a pause is what comes next"
exits 13 "a fetch then does nothing" kb sc fetch
exits 0 "resumed" kb sc resume
run kb sc fetch --quiet
is "$status$out$err" 0 "a quiet fetch of nothing says nothing"

# --- a name that is none ---
exits 9 "a course that does not exist" kb sc fetch beijing.ip/filn
run kb sc status
like "$out" '^nothing runs; the last run, at .*: no such course: "beijing.ip/filn"; next: kebao list --all shows' \
	"status does not send him to fetch again"
run kb sc status --lang zh
like "$out" '^没有运行；上次 .*：没有这门课程："beijing.ip/filn"；下一步：kebao list --all' "in Chinese, too"

# --- a release by its number ---
echo more >"$T/course/more.txt"
publish bj beijing.ip "$T/course" >"$T/publish.out" 2>&1 || bail "not published"
exits 10 "a check hears of release 2" kb sc check
run kb sc status
like "$out" 'courses to fetch as of 20.*: 1 \(0 new, 1 changed\); next: kebao fetch$' "status knows of it"
exits 9 "a release that is not the newest" kb sc fetch beijing.ip/film/1
like "$err" 'beijing.ip/film/1: fetch brings only the newest release of a course, now release 2: kebao fetch beijing.ip/film$' \
	"is no mystery"
exits 9 "one that there is not yet, too" kb sc fetch beijing.ip/film/7
like "$err" 'now release 2' "is none"
exits 9 "of a course that there is not" kb sc fetch beijing.ip/filn/1
like "$err" 'no such course: beijing.ip/filn/1' "the course is what is missing"
exits 0 "the newest by its number" kb sc fetch beijing.ip/film/2
printf changed | as_user dd of="$(library sc)/beijing.ip/film/2/film.mp4" bs=1 conv=notrunc status=none
exits 3 "it is damaged" kb sc verify
run kb sc status
like "$out" 'nothing runs; beijing.ip/film release 2 is damaged; next: kebao fetch repairs it$' "status knows of that, too"
rm -rf "$T/course/more.txt"
publish bj beijing.ip "$T/course" >"$T/publish.out" 2>&1 || bail "not published"
exits 0 "a damaged one that is not the newest is repaired by its number" kb sc fetch beijing.ip/film/2
like "$err" 'release 2 is damaged and is repaired' "and no other is fetched"

# --- stopped in a course that was named ---
course "$T/second" second 第一版
head -c 2000000 /dev/urandom >"$T/second/film.mp4"
publish bj beijing.ip "$T/second" >"$T/publish.out" 2>&1 || bail "not published"
exits 10 "a check hears of another course" kb sc check
run kb sc status
like "$out" 'courses to fetch as of 20.*: 2 \(1 new, 1 changed\); next: kebao fetch, or kebao fetch --all$' "status knows how many"
kb sc config reserve 900T || bail "no setting"
run kb sc status
like "$out" 'no room on the disk: .* free, 900.0 TiB to be left alone; next: make room, then kebao fetch$' "and that they do not fit"
exits 6 "no room" kb sc fetch beijing.ip/second
run kb sc status
like "$out" 'next: make room, then kebao fetch beijing.ip/second; or kebao fetch beijing.ip/second --low-space$' \
	"fetching once more is not what comes next"
exits 6 "no room for any" kb sc fetch beijing.ip/second --low-space
run kb sc status --lang zh
like "$out" '未完成：beijing.ip/second 磁盘上放不下；下一步：腾出空间，再运行 kebao fetch beijing.ip/second --low-space$' \
	"nor what was done already"
kb sc config reserve --unset || bail "no way back"
line rate 100000
begin=$(line_stat down)
"${AS_USER[@]}" env HOME="$T/home/sc" "$BIN/kebao" fetch beijing.ip/second >"$T/start.out" 2>"$T/start.err" </dev/null &
KB_PID=$!
wait_for "a beginning" came $((begin + 100000)) || bail "nothing comes"
kill -INT "$KB_PID"
wait "$KB_PID"
is "$?" 130 "stopped in the middle"
line rate 0
run kb sc status
like "$out" 'nothing runs; broken off at .*; next: kebao fetch beijing.ip/second$' "what was named is what comes next"
rm -r "$T/course/film.mp4"
publish bj beijing.ip "$T/course" >"$T/publish.out" 2>&1 || bail "not published"
exits 0 "who names nothing" kb sc fetch
like "$err" 'going on with what was not finished: kebao fetch beijing.ip/second$' "goes on"
[ -d "$(library sc)/beijing.ip/second/1" ] && [ ! -e "$(library sc)/beijing.ip/film/4/film.mp4" ]
ok $? "with that, and with what is held"
exits 0 "once" kb sc fetch
unlike "$err" 'going on' "and not again"

# --- what is believed is gone ---
HOME_SC=$T/home/sc/.local/share/kebao
as_user mv "$HOME_SC/trust" "$HOME_SC/trust.away"
for verb in check fetch; do
	exits 5 "$verb without what is believed" kb sc "$verb"
	like "$err" 'trust/root.json is missing.*: ask .* for a new code and run kebao enroll; the library stays' \
		"says what to do"
done
run kb sc check --lang zh
like "$err" '^kebao：没有权限：.*/trust/root.json 丢失，无法确认课程中心：请向管理员要新的注册码' "in Chinese, too"
run kb sc status
like "$out" 'next: kebao enroll URL CODE, with a new code' "so does status"
as_user rm -r "$HOME_SC/trust"
enrol sc sichuan || bail "not enrolled again"
line_of sc
exits 0 "who does it" kb sc fetch
exits 0 "has what he had" kb sc verify

# --- the hub is out of reach ---
# start ARGUMENTS: kebao in the background.
start() {
	: >"$T/start.err"
	"${AS_USER[@]}" env HOME="$T/home/sc" "$BIN/kebao" "$@" >"$T/start.out" 2>"$T/start.err" </dev/null &
	KB_PID=$!
}
line shut
start fetch --keep-trying
wait_for "the trouble" says '^the hub cannot be reached since 20[0-9-]+ [0-9:]+: .*; it is tried again at 20[0-9-]+ [0-9:]+\.$'
ok $? "a hub that is down while it is looked at is named as such" || diag "$(kb sc status)"
run kb sc status
is "$(printf '%s\n' "$out" | wc -l)" 1 "in one line"
in_chinese() { kb sc status --lang zh | grep -qE '^20[0-9: -]+ 起连不上课程中心：.*；会再试，下次 20'; }
wait_for "the same in Chinese" in_chinese
ok $? "and in Chinese" || diag "$(kb sc status --lang zh)"
is "$(kb sc status --json | jq '.since > 0 and .running')" true "and for programs"
exits 0 "paused meanwhile" kb sc pause
run kb sc status
like "$out" '^waiting: paused; kebao resume lets it go on\.$' "the pause and what ends it are said"
exits 0 "resumed" kb sc resume
wait_for "the trouble" says '^the hub cannot be reached since'
ok $? "then it is the hub again"
line pass
wait "$KB_PID"
is "$?" 0 "which comes back" || diag "$(cat "$T/start.err")"
run kb sc status
like "$out" 'the last run ended well' "and nothing is said of the trouble"

# --- hours that are closed ---
kb sc config hours "$(date -d '+2 hours' +%H:%M)-$(date -d '+3 hours' +%H:%M)" || bail "no setting"
start fetch --keep-trying --lang en
wait_for "the wait" says '^waiting: outside of the hours; it may go on at 20[0-9]+-[0-9]+-[0-9]+ [0-9:]+\.$'
ok $? "say when they open, once" || diag "$(kb sc status)"
kill -INT "$KB_PID"
wait "$KB_PID"
like "$(cat "$T/start.err")" '^outside of the hours; it may go on at 20[0-9]+-[0-9]+-[0-9]+ [0-9:]+$' "and so does the fetch"
kb sc config hours --unset || bail "no way back"

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

# --- revoked in the middle ---
head -c 6000000 /dev/urandom >"$T/course/film.mp4"
publish bj beijing.ip "$T/course" >"$T/publish.out" 2>&1 || bail "not published"
line rate 100000
begin=$(line_stat down)
start fetch --keep-trying --lang en
wait_for "a beginning" came $((begin + 300000)) || bail "nothing comes"
serial=$(openssl x509 -in "$T/home/sc/.local/share/kebao/identity/client.pem" -noout -serial)
exits 0 "revoked" kb admin hub revoke "$(tr '[:upper:]' '[:lower:]' <<<"${serial#serial=}")"
wait "$KB_PID"
is "$?" 5 "who is revoked during a fetch is denied"
like "$(cat "$T/start.err")" \
	'^kebao: denied: .* says that our certificate is revoked: ask .* for a new code and run kebao enroll' "and is told why"
unlike "$(cat "$T/start.err")" 'not found' "and not that something is missing"
line rate 0
run kb sc status
like "$out" 'certificate is revoked.*; next: kebao enroll URL CODE, with a new code' "status knows what comes next"
run kb sc status --lang zh
like "$out" '本机的证书已吊销：请向管理员要新的注册码.*；下一步：kebao enroll 地址 新注册码' "in Chinese, too"
exits 5 "so it is when he comes back" kb sc fetch
rm "$HOME_SC/run.json"
exits 5 "or asks only" kb sc check
run kb sc status
like "$out" 'the last check.*certificate is revoked.*; next: kebao enroll URL CODE, with a new code' "of which status knows as well"
enrol sc sichuan || bail "not enrolled again"
run kb sc status
like "$out" '^nothing runs; courses to fetch as of 20.*; next: kebao fetch$' "who has enrolled again is not sent to do so"
exits 0 "and fetches" kb sc fetch
ls "$(library sc)/beijing.ip/film/5" >"$T/ls.out" 2>&1
ok $? "what was begun"

# --- before there is anything ---
for verb in check status list verify pause 'config limit-rate 1M'; do
	# shellcheck disable=SC2086
	exits 5 "$verb of somebody who has not enrolled" kb newcomer $verb --lang zh
	like "$err" '还没有加入课程中心：kebao enroll' "says what to do first"
done
exits 9 "a place that was named" kb newcomer list --home "$T/home/newcomer/nowhere"
like "$err" 'home/newcomer/nowhere' "is named"
done_testing
