#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A full line is shared by organisation and weight, not by connections; questions do not wait behind
# it; an organisation with too many transfers is told so.
#
# A machine that does other things, too, fills no line to the brim and shares by larger steps: the bounds are wide, and
# still far from what connections would make of it (1 to 8) or the transfers before a question (20 s).
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/wire.sh"

RATE=2000000
WINDOW=8000000 # bytes: some seconds of that line

world
wire_ca
{ wire_enrol few sichuan && wire_enrol many xizang && registry &&
	channel beijing.all beijing members bj; } >"$T/more.log" 2>&1 || bail "no members"
course "$T/marks" marks one
head -c 40000000 /dev/urandom >"$T/marks/video.mp4"
[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$T/marks"
exits 0 "a large course is published" publish bj beijing.all "$T/marks"
BULK=$URL/bundles/beijing.all/marks/1.tar.zst

# restart LINE...: the hub with another configuration.
restart() {
	hub_stop || bail "the hub did not end in order"
	hub_conf "local_listen = 127.0.0.1:$LOCAL" "$@"
	hub_start || bail "no hub again"
}
metric() { curl -s "http://127.0.0.1:$LOCAL/metrics" | sed -n "s/^$1 //p"; }

LOADS=()
# load WHO N [OPTION...]: N transfers as WHO, into $T/got.WHO.*
load() {
	local i who=$1 n=$2
	shift 2
	for i in $(seq "$n"); do
		curl -sS -N "$@" --cacert "$CA" --cert "$T/$who.crt" --key "$T/$who.key" -o "$T/got.$who.$i" \
			"$BULK" 2>"$T/load.log" &
		LOADS+=("$!")
	done
}
unload() {
	kill "${LOADS[@]}" 2>/dev/null
	wait "${LOADS[@]}" 2>/dev/null
	LOADS=()
	rm -f "$T"/got.*
}
trap 'unload; cleanup' EXIT
bytes_of() { stat -c %s "$T"/got."$1".* 2>/dev/null | awk '{ n += $1 } END { print n + 0 }'; }
# has_begun WHO...: each of them has got something, so the sharing has begun.
has_begun() {
	local who
	for who in "$@"; do
		[ "$(bytes_of "$who")" -gt 400000 ] || return 1
	done
}

has_carried() { [ "$(($(bytes_of few) + $(bytes_of many)))" -ge "$1" ]; }

# measure WHO...: what few and many get while the line carries a window: $few, $many; and $all, bytes per
# second of both.
measure() {
	local from to few0 many0
	wait_for "both to be served" has_begun "$@" || bail "nothing is served"
	few0=$(bytes_of few) many0=$(bytes_of many) from=$(date +%s%N)
	wait_for "a window of bytes" has_carried $((few0 + many0 + WINDOW)) ||
		bail "the line stands still"
	few=$(($(bytes_of few) - few0)) many=$(($(bytes_of many) - many0)) to=$(date +%s%N)
	all=$(((few + many) * 1000000 / ((to - from) / 1000)))
	diag "few $few bytes, many $many bytes, $all bytes/s"
}
# between LOW VALUE HIGH NAME
between() {
	[ "$1" -le "$2" ] && [ "$2" -le "$3" ]
	ok $? "$4" || diag "$2 is not from $1 to $3"
}
# latency: milliseconds of the slowest of ten questions over one connection, in $ms; fails with them.
latency() {
	local urls=() i
	for i in 1 2 3 4 5 6 7 8 9 10; do
		urls+=(-o /dev/null "$URL/api/v1/channels")
	done
	as few --fail -w '%{http_code} %{time_total}\n' "${urls[@]}" >"$T/questions" || return 1
	[ "$(grep -c '^200 ' "$T/questions")" = 10 ] || return 1
	ms=$(awk '{ if ($2 > m) m = $2 } END { printf "%d", m * 1000 }' "$T/questions")
}

LOCAL=$(free_port)
restart "line_rate = $RATE"

# --- equal weights: one connection and eight -------------------------------------------
load few 1
load many 8
measure few many
between $((75 * many)) $((100 * few)) $((133 * many)) "1 and 8 connections get the same"
between $((RATE * 50 / 100)) "$all" $((RATE * 108 / 100)) "the line is full and no more than full"
latency
ok $? "questions are answered meanwhile"
diag "the slowest of ten questions took $ms ms"
between 0 "$ms" 3000 "and do not wait behind the transfers"
between 1 "$(metric kebao_line_waits_total)" 1000000000 "the metrics say that transfers wait"
is "$(metric kebao_line_groups)" 2 "and for how many groups"
unload

# --- what one leaves is the other's ----------------------------------------------------
load few 1
measure few
between $((RATE * 50 / 100)) "$all" $((RATE * 108 / 100)) "one connection alone gets the line"
unload

# --- weights ---------------------------------------------------------------------------
restart "line_rate = 16Mbit" 'weight = 51:3' 'weight = anonymous:2'
load few 1
load many 8
measure few many
between $((180 * many)) $((100 * few)) $((500 * many)) "weight 3 gets about three times as much"
between $((RATE * 50 / 100)) "$all" $((RATE * 108 / 100)) "and the line is full"
unload

# --- an organisation's limit -----------------------------------------------------------
restart "line_rate = $RATE" 'max_transfers_per_organisation = 2'
load few 2
has_two() { [ "$(metric kebao_line_groups)" = 1 ] && [ -s "$T/got.few.1" ] && [ -s "$T/got.few.2" ]; }
wait_for "two transfers" has_two || bail "no two transfers"
is "$(status_as few "$BULK")" 429 "a third transfer of an organisation is refused"
between 1 "$(header retry-after)" 60 "with the time to try again"
is "$(header content-type)" application/problem+json "as a problem"
is "$(json class <"$T/body")" busy "of class busy"
like "$(json detail <"$T/body")" 'your organisation has as many transfers' "in words"
is "$(metric kebao_requests_over_limit_total)" 1 "it is counted"
is "$(status_as few "$URL/api/v1/channels")" 200 "its questions are answered"
is "$(status_as many -r 0-99 "$BULK")" 206 "other organisations go on"
unload
no_group() { [ "$(metric kebao_line_groups)" = 0 ]; }
wait_for "the transfers to be gone" no_group
is "$(status_as few -r 0-99 "$BULK")" 206 "afterwards there is room again"

# --- and what a client makes of it -----------------------------------------------------
restart 'max_transfers_per_organisation = 1'
load few 1 --limit-rate 1M
wait_for "a transfer" test -s "$T/got.few.1"
kb sc fetch --all >"$T/fetch.log" 2>&1 &
fetch=$!
refused_once() { [ "$(metric kebao_requests_over_limit_total)" -ge 1 ]; }
wait_for "the client to be refused" refused_once
ok $? "a client is told to wait while a colleague fetches"
unload
wait "$fetch"
is "$?" 0 "and afterwards has its course"

hub_stop
is "$?" 0 "the hub ends in order"
done_testing
