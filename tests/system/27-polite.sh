#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Polite on a bad line: a rate, hours, a month's budget, pause and resume, an HTTP proxy with a password, and
# going on for as long as it takes.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/line.sh"

world
line_start --listen 0 || bail "no line"
line_of sc
HOME_SC=$T/home/sc/.local/share/kebao
noise() {
	openssl enc -aes-128-ctr -K 00112233445566778899aabbccddeeff -iv "${2}000000000000000000000000000000" \
		-in /dev/zero 2>/dev/null | head -c "$1"
}
# release BYTES SEED: the next release of the course, all of it new.
release() {
	course "$T/course" film "第 $2 版"
	noise "$1" "$2" >"$T/course/film.mp4"
	publish bj beijing.ip "$T/course" >"$T/publish.out" 2>&1 || bail "not published"
}
config() { kb sc config "$@" || bail "no setting $*"; }
came() { [ "$(line_stat down)" -ge "$1" ]; }
arrived() { [ "$(line_stat arrived)" -ge "$1" ]; }
unconnected() { [ "$(line_stat open)" = 0 ]; }
now_ms() { date +%s%3N; }
# start ARGUMENTS: kebao in the background.  What the one before said is emptied here: the child does it when it runs, and
# who waits for a line may look before.
start() {
	: >"$T/start.err"
	"${AS_USER[@]}" env HOME="$T/home/sc" "$BIN/kebao" "$@" >"$T/start.out" 2>"$T/start.err" </dev/null &
	KB_PID=$!
}
ended() { ! kill -0 "$KB_PID" 2>/dev/null; }
says() { kb sc status | grep -qE "$1"; }
is_waiting() { kb sc status --json | jq -e '.phase == "waiting"'; }

# --- settings ---
exits 8 "a setting that does not exist is refused" kb sc config speed 3
exits 8 "a rate that is none, too" kb sc config limit-rate fast
like "$err" 'such as 500K' "and the form is shown"
exits 8 "hours that are none" kb sc config hours 25:00-26:00
exits 8 "hours that end when they begin" kb sc config hours 22:00-06:00,08:00-08:00
like "$err" '00:00-24:00 is the whole day, and no other may end when it begins' "and it is said why"
exits 0 "but the whole day" kb sc config hours 00:00-24:00
exits 8 "a setting that is none, in Chinese" kb sc config proxy bad --lang zh
like "$err" '^kebao：输入有误：设置 proxy: "bad" 不对，应为 http://主机:端口' "is said in Chinese all through"
exits 8 "a proxy's password does not belong on a command line" kb sc config proxy http://me:secret@host:1
unlike "$(cat "$HOME_SC"/*.json)" secret "and was not kept"
config hours 22:00-06:00,12:00-13:00
run kb sc config hours
is "$out" 22:00-06:00,12:00-13:00 "what was set is shown"
config hours --unset

# --- a rate ---
# What crosses the line, read or not: the rate, and what the kernel holds: a second's worth is asked for, of which
# the kernel makes up to twice as much.
ALLOWANCE=262144
release 4000000 01
line rate 8000000
begin=$(now_ms)
start fetch --all --limit-rate 128K
wait_for "a good part" arrived 1000000 || bail "nothing comes"
at=$(line_stat arrived)
took=$(($(now_ms) - begin))
[ "$at" -le $((took * 131072 / 1000 + ALLOWANCE)) ]
ok $? "no more crosses the line than the rate allows ($at bytes in $took ms)"
kill "$KB_PID"
wait "$KB_PID"
begin=$(now_ms)
down=$(line_stat arrived)
exits 0 "after an interruption it goes on at a rate" kb sc fetch --all --limit-rate 1M
took=$(($(now_ms) - begin))
down=$(($(line_stat arrived) - down))
[ "$took" -ge $((1000 * (down - 1048576) / 1048576)) ]
ok $? "which takes its time ($took ms)"
# But for what the kernel held and the frame that had not come to its end.
[ $((at + down)) -le $((4000000 + ALLOWANCE + 131072)) ]
ok $? "and what had been read is not paid for twice ($((at + down)) bytes of 4000000)"
line rate 0

# --- hours ---
release 200000 02
closed=$(date -d '+2 hours' +%H:%M)-$(date -d '+3 hours' +%H:%M)
config hours "$closed"
exits 13 "outside of its hours a fetch does nothing" kb sc fetch
like "$err" 'outside of the hours|不传输' "and says so"
run kb sc fetch --lang zh
like "$err" '^kebao：现在不传输：不在传输时段；可以继续的时间：[0-9]' "in Chinese, too"
exits 10 "a look is allowed" kb sc check
run kb sc status
like "$out" 'outside of the hours, next from' "status says when"
config hours "$(date -d '-1 hours' +%H:%M)-$(date -d '+1 hours' +%H:%M)"
exits 0 "within its hours it fetches" kb sc fetch
config hours --unset

# --- a month's budget ---
# None of this at the turn of a month.
until [ "$(date +%m)" = "$(date -d '+5 minutes' +%m)" ]; do sleep 5; done
release 3000000 03
rm -f "$HOME_SC/usage.json"
config monthly-budget 1M
down=$(line_stat down)
line hole $((1048576 + 300000)) # else buffers of the kernel hold the whole course
exits 13 "a fetch stops when the month's budget is used up" kb sc fetch
like "$err" "month's budget is used up" "and says so"
down=$(($(line_stat down) - down))
line pass
[ "$down" -le $((1048576 + 300000)) ]
ok $? "after about as much ($down bytes)"
exits 13 "the next run of the month does not begin" kb sc fetch
run kb sc check --json
[ "$(printf '%s' "$out" | jq .used_bytes)" -gt 1000000 ]
ok $? "the plan knows" || diag "$out"
# As if the clock had been ahead.
sed -i 's/"month":"[0-9-]*"/"month":"2099-01"/' "$HOME_SC/usage.json"
exits 13 "a clock that is set back does not begin a month" kb sc fetch
# usage MONTH BYTES EARLIER BYTES: what was used when.
usage() {
	printf '{"earlier":{"month":"%s","received_bytes":%d},"month":"%s","received_bytes":%d}\n' "$3" "$4" "$1" "$2" \
		>"$HOME_SC/usage.json"
}
usage 2099-01 10 "$(date +%Y-%m)" 2000000
exits 13 "and the true month's use comes back" kb sc fetch
usage 2099-02 2000000 2099-01 0
exits 13 "a clock that is behind does not end a month" kb sc fetch
# As if it were last month's.
sed -i 's/"month":"[0-9-]*"/"month":"2020-01"/' "$HOME_SC/usage.json"
config monthly-budget 9M
down=$(line_stat down)
exits 0 "a new month goes on where the old one stopped" kb sc fetch
down=$(($(line_stat down) - down))
[ "$down" -le 2300000 ]
ok $? "with the rest ($down bytes)"
config monthly-budget --unset

# --- pause and resume ---
release 12000000 04
line rate 800000
begin=$(line_stat down)
start fetch --keep-trying
wait_for "a quarter of it" came $((begin + 3000000)) || bail "nothing comes"
exits 0 "paused in the middle" kb sc pause
wait_for "the pause" says 'waiting: paused' || bail "no pause"
wait_for "the connection's end" unconnected || bail "still connected"
at=$(line_stat down)
run kb sc status
is "$(line_stat down)" "$at" "nothing moves while it is paused"
run kb sc status --lang zh
like "$out" '^等待中：已暂停；kebao resume 后继续；还有 [0-9]+ 门课程。$' "status says so in Chinese, too"
exits 12 "and another run is told that there is one" kb sc fetch
line rate 0
exits 0 "resumed" kb sc resume
wait "$KB_PID"
is "$?" 0 "it goes on by itself" || diag "$(cat "$T/start.err")"
down=$(($(line_stat down) - begin))
[ "$down" -le 14000000 ]
ok $? "and fetches no more again than what was under way ($down bytes of 12000000)"

# --- a line that is gone for a while ---
release 3000000 05
line shut
start fetch --keep-trying
wait_for "patience" is_waiting || bail "it does not wait: $(kb sc status)"
run kb sc status
like "$out" '^the hub cannot be reached since .*; it is tried again (at 20[0-9: -]+|now)\.$' "status says why and when"
release 3100000 06
line pass
wait "$KB_PID"
is "$?" 0 "it waited for the line" || diag "$(cat "$T/start.err")"
[ -d "$(library sc)/beijing.ip/film/6" ]
ok $? "and got what was published meanwhile"

# --- a clock that is set back while it waits ---
# shellcheck disable=SC2016  # a shell of its own expands it
CLOCK=$(faketime -m -f +1d sh -c 'echo "$LD_PRELOAD"' 2>/dev/null)
if [ -n "$CLOCK" ] && [ "$(basename "$KEBAO_BIN")" != asan ]; then
	release 100000 0a
	# In one step: the program reads it all the time.
	clock() {
		echo "$1" >"$T/clock.new"
		chmod a+r "$T/clock.new"
		mv "$T/clock.new" "$T/clock"
	}
	clock +1d
	line shut
	: >"$T/start.err"
	"${AS_USER[@]}" env HOME="$T/home/sc" LD_PRELOAD="$CLOCK" FAKETIME_TIMESTAMP_FILE="$T/clock" FAKETIME_NO_CACHE=1 \
		FAKETIME_DONT_FAKE_MONOTONIC=1 "$BIN/kebao" fetch --keep-trying >"$T/start.out" 2>"$T/start.err" </dev/null &
	KB_PID=$!
	wait_for "patience" is_waiting || bail "it does not wait: $(kb sc status)"
	clock +0d
	line pass
	wait_for "the end of the pause" ended || kill "$KB_PID"
	wait "$KB_PID"
	is "$?" 0 "a clock set back by a day does not make it wait for a day" || diag "$(cat "$T/start.err")"
else
	skip "no faketime(1) that works with this build: a clock that is set back"
fi

# --- silence ---
release 3000000 07
config patience 5
begin=$(line_stat down)
line hole 500000
start fetch
wait_for "the silence" came $((begin + 500000)) || bail "nothing comes"
wait_for "another connection" grep -qE 'again in|再试' "$T/start.err" || bail "it waits for ever"
line pass
wait "$KB_PID"
is "$?" 0 "a connection that fell silent is given up for another" || diag "$(cat "$T/start.err")"
line rate 0

# --- silence that nobody has given up yet ---
release 3000000 0b
config patience 300
begin=$(line_stat down)
line hole 500000
start fetch
wait_for "the silence" came $((begin + 500000)) || bail "nothing comes"
wait_for "a word of it" says '^fetching .*: [0-9]+ % of [0-9.]+ MiB, and nothing has come for [0-9]+ s; then 0 more\.$' ||
	bail "status: $(kb sc status)"
ok 0 "status says how long nothing has come, and guesses no end"
exits 0 "paused" kb sc pause
wait_for "the end" ended || kill "$KB_PID"
wait "$KB_PID"
is "$?" 13 "a pause is heard long before patience ends" || diag "$(cat "$T/start.err")"
exits 0 "resumed" kb sc resume
line hole
config patience 5
began=$SECONDS
start check --lang en
wait_for "the next try of a check" grep -q 'again in' "$T/start.err" || bail "a check says nothing"
took=$((SECONDS - began))
like "$(head -n 1 "$T/start.err")" "^$LINE_URL: .*time.*; trying again in " "a check tells that it tries again, and why"
[ "$took" -lt 18 ] # connecting by itself has 20 seconds
ok $? "connecting takes no longer than patience ($took s)"
line pass
wait "$KB_PID"
is "$?" 10 "then it gets through" || diag "$(cat "$T/start.err")"
config patience --unset
exits 0 "what was missing comes" kb sc fetch

# --- an HTTP proxy ---
release 100000 08
line_start --connect 'clerk:口令 with blank' || bail "no proxy"
sed -i "s|https://127.0.0.1:[0-9]*|$URL|" "$HOME_SC/config.json"
printf '口令 with blank\n' >"$T/proxy.password"
chmod 0644 "$T/proxy.password"
config proxy "http://clerk@127.0.0.1:$LINE_PORT"
exits 5 "without its password the proxy lets nobody through" kb sc fetch
like "$err" 'proxy wants a name and a password' "which is said"
config proxy-password-file "$T/proxy.password"
exits 0 "with the password" kb sc fetch
[ "$(line_stat down)" -gt 100000 ]
ok $? "the course came through the proxy"
cmp -s "$T/course/film.mp4" "$(library sc)"/beijing.ip/film/*/film.mp4
ok $? "and is there"
release 1000000 0c
begin=$(now_ms)
down=$(line_stat arrived)
start fetch --limit-rate 128K
wait_for "a good part of it" arrived $((down + 500000)) || bail "nothing comes: $(cat "$T/start.err")"
at=$(($(line_stat arrived) - down))
took=$(($(now_ms) - begin))
[ "$at" -le $((took * 131072 / 1000 + ALLOWANCE)) ]
ok $? "a rate holds through a proxy ($at bytes in $took ms)"
wait "$KB_PID"
is "$?" 0 "and the course comes" || diag "$(cat "$T/start.err")"
# A hub speaks TLS: to who asks it as a proxy it answers rubbish.
config proxy "http://clerk@127.0.0.1:$PORT"
start fetch --lang en
wait_for "the other try" grep -q 'again in' "$T/start.err" || bail "no other try"
kill "$KB_PID"
wait "$KB_PID"
like "$(cat "$T/start.err")" "through the proxy 127.0.0.1:$PORT: " "a proxy that answers rubbish is named"
config proxy --unset
config proxy-password-file --unset
# tries VARIABLE=VALUE...: what is said of a first try in that environment.
tries() {
	: >"$T/start.err"
	"${AS_USER[@]}" env HOME="$T/home/sc" "$@" "$BIN/kebao" fetch --lang en >"$T/start.out" 2>"$T/start.err" </dev/null &
	KB_PID=$!
	wait_for "the other try" grep -q 'again in' "$T/start.err" || bail "no other try"
	kill "$KB_PID"
	wait "$KB_PID"
	err=$(head -n 1 "$T/start.err")
}
tries HTTPS_PROXY="http://clerk:secret@127.0.0.1:$PORT"
like "$err" "^$URL, through the proxy 127\\.0\\.0\\.1:$PORT \\(HTTPS_PROXY\\): " \
	"one of the environment is named, with the variable"
unlike "$err" 'clerk|secret' "and without name and password"
tries all_proxy="127.0.0.1:$PORT"
like "$err" "through the proxy 127.0.0.1:$PORT \\(all_proxy\\): " "so is one for everything"
hub_stop
tries HTTPS_PROXY="http://127.0.0.1:$LINE_PORT" NO_PROXY="example.org, 127.0.0.1"
like "$err" "^$URL: Failed to connect" "one that is not asked for this hub is not named"
hub_start || bail "no hub"
release 100000 09
down=$(line_stat down)
exits 0 "HTTPS_PROXY is honoured" as_user env HOME="$T/home/sc" \
	HTTPS_PROXY="http://clerk:%E5%8F%A3%E4%BB%A4%20with%20blank@127.0.0.1:$LINE_PORT" "$BIN/kebao" fetch
[ $(($(line_stat down) - down)) -gt 100000 ]
ok $? "and the course came through it"
done_testing
