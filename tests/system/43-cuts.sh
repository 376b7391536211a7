#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The power fails at a recipient, at any step, on any file system: a diary of what kebao does to its files is cut off, and
# of what was not synced by then chance keeps what it likes (cut.pl).  Needs neither root nor a disk of its own; 40-power.sh
# has the real thing.
#
#	TRIALS   how many cuts each story gets (16; 8 in a build with sanitizers)
#	SEED     of the random choices; printed
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/line.sh"

[ "$(basename "$KEBAO_BIN")" = asan ] && usual=8 || usual=16
TRIALS=${TRIALS:-$usual}
SEED=${SEED:-$(date +%s)}
RANDOM=$((SEED % 32768))
diag "SEED=$SEED TRIALS=$TRIALS"
cp "$KEBAO_BIN/tests/tools/diary" "$ROOT/tests/system/cut.pl" "$BIN/" || bail "no diary: make check-programs"
HOME_SC=$T/home/sc
KEBAO=$HOME_SC/.local/share/kebao

# record ARG...: kebao as sc, with a diary from here on; $status, and $STEPS entries, of which $MARKS sync or name something.
record() {
	rm -rf "$T/base" "$T/diary"
	cp -a "$HOME_SC" "$T/base"
	as_user "$BIN/cut.pl" list "$HOME_SC" >"$T/list"
	as_user env HOME="$HOME_SC" DIARY="$T/diary" LD_PRELOAD="$BIN/diary" \
		ASAN_OPTIONS="$ASAN_OPTIONS:verify_asan_link_order=0" "$BIN/kebao" "$@" >"$T/said" 2>"$T/said.err" </dev/null
	status=$?
	err=$(cat "$T/said.err")
	case $err in *Sanitizer* | *'runtime error:'*) bail "sanitizer report of: $*" ;; esac
	read -r STEPS MARKS < <("$BIN/cut.pl" steps "$T/diary")
	read -ra MARKS <<<"$MARKS"
}
attributes() { (cd "$1" && find . -printf '%P %y %m %n\n' | sort && find . -type f ! -newermt 2024-01-01 | sort); }
# The diary tells of everything: after all of it a home has to be as it is.
tells_all() { # NAME
	rm -rf "$T/copy"
	as_user "$BIN/cut.pl" make "$T/base" "$T/list" "$T/diary" "$STEPS" all "$T/copy" >/dev/null &&
		diff -r "$HOME_SC" "$T/copy" >"$T/diff.out" 2>&1 &&
		diff <(attributes "$HOME_SC") <(attributes "$T/copy") >"$T/diff.out" 2>&1
	ok $? "$1: the diary has all $STEPS steps" || diag "$(head -n 10 "$T/diff.out")"
}
# power_cut STEP HOW: the home as it is then; $said, $synced, $tail.
power_cut() {
	local _
	rm -rf "$HOME_SC"
	read -r _ said _ synced _ tail < <(as_user "$BIN/cut.pl" make "$T/base" "$T/list" "$T/diary" "$1" "$2" "$HOME_SC")
	[ -n "${tail:-}" ] || bail "no cut after $1 steps, $2"
}
# What lies in the library is a release as it was published, entirely; of what is in $HELD there is one.
library_is_right() {
	local dir course
	for dir in "$KEBAO"/library/*/*/[0-9]*; do
		[ -d "$dir" ] || continue
		course=$(basename "$(dirname "$dir")")
		diff -r "$dir" "$T/src/$course.$(basename "$dir")" >"$T/diff.out" 2>&1 || {
			echo "$dir is not as published: $(head -n 3 "$T/diff.out")"
			return 1
		}
	done
	for course in $HELD; do
		compgen -G "$KEBAO/library/beijing.ip/$course/[0-9]*" >/dev/null || {
			echo "nothing is held of $course"
			return 1
		}
	done
}
# What was said to be fetched is there.
said_is_there() {
	local course release
	[ "$said" != -1 ] || said=$(stat -c %s "$T/said")
	head -c "$said" "$T/said" | jq -r 'select(.event == "fetched") | "\(.course) \(.release)"' | while read -r course release; do
		[ -d "$KEBAO/library/beijing.ip/$course/$release" ] || echo "$course $release was said to be fetched"
	done
}
# Of what is half written or half fetched nothing is there when a run ended well two weeks later.
litter() {
	find "$HOME_SC" \( -name '.tmp-*' -o -path "$KEBAO/work/.parts/*" \) -exec touch -d '15 days ago' {} +
	kb sc fetch >"$T/fetch.out" 2>&1 || echo "fetch: $(cat "$T/fetch.out")"
	find "$HOME_SC" -name '.tmp-*' -o -name '*.new' -o -name '*.swap' -o -path "$KEBAO/work/*" -type f
}
# trial STEP HOW NEWEST...: that cut, and the run after it; prints what is wrong.  NEWEST is course.release.
trial() {
	local step=$1 how=$2 newest
	shift 2
	power_cut "$step" "$how"
	library_is_right
	said_is_there
	kb sc status >"$T/status.out" 2>&1 || echo "status: $(cat "$T/status.out")"
	kb sc fetch --all >"$T/fetch.out" 2>&1 || echo "fetch: $(cat "$T/fetch.out")"
	library_is_right
	for newest in "$@"; do
		[ -d "$KEBAO/library/beijing.ip/${newest%.*}/${newest##*.}" ] || echo "$newest is not fetched"
	done
	kb sc verify >"$T/verify.out" 2>&1 || echo "verify: $(cat "$T/verify.out")"
	litter
}
# trials NAME NEWEST...: at a step that syncs or names something, or just before, or any.
trials() {
	local name=$1 i step how wrong=0 what
	shift
	for i in $(seq "$TRIALS"); do
		case $((RANDOM % 3)) in
		0) step=$((RANDOM % (STEPS + 1))) ;;
		1) step=${MARKS[RANDOM % ${#MARKS[@]}]} ;;
		2) step=$((${MARKS[RANDOM % ${#MARKS[@]}]} - 1)) ;;
		esac
		case $((i % 8)) in
		1) how=nothing ;;
		2) how=names ;;
		3) how=bytes ;;
		*) how=$((RANDOM * 32768 + RANDOM)) ;;
		esac
		what=$(trial "$step" "$how" "$@")
		[ -z "$what" ] || {
			wrong=$((wrong + 1))
			diag "cut after $step of $STEPS steps, $how:" "$what"
		}
	done
	is "$wrong" 0 "$name: after each of $TRIALS cuts it is in order and goes on"
}
# lasts NAME NEWEST...: cut as soon as kebao has ended well.
lasts() {
	local name=$1 how wrong=0 what newest
	shift
	for how in nothing names bytes 1 2 3 4; do
		power_cut "$STEPS" "$how"
		what=$(library_is_right
			for newest in "$@"; do
				[ -d "$KEBAO/library/beijing.ip/${newest%.*}/${newest##*.}" ] || echo "$newest is gone"
			done
			kb sc verify 2>&1 >/dev/null || echo "it does not verify"
			kb sc check 2>&1 >/dev/null || echo "something is new")
		[ -z "$what" ] || {
			wrong=$((wrong + 1))
			diag "cut at the end, $how:" "$what"
		}
	done
	is "$wrong" 0 "$name: what kebao has ended well with outlasts a cut"
}

noise() {
	openssl enc -aes-128-ctr -K 00112233445566778899aabbccddeeff -iv "${2}000000000000000000000000000000" \
		-in /dev/zero 2>/dev/null | head -c "$1"
}
# release COURSE NUMBER: published, and kept as it is for comparisons.
release() {
	course "$T/$1" "$1" "release $2"
	mkdir -p "$T/src"
	cp -a "$T/$1" "$T/src/$1.$2"
	publish bj beijing.ip "$T/$1" >"$T/publish.out" 2>&1 || bail "not published: $(cat "$T/publish.out")"
}
log_has() { grep -q "$1" "$T/hub.log"; }

world
hub_stop
hub_conf 'patches = off'
hub_start || bail "the hub does not start"
HELD=

# --- the first fetch ---------------------------------------------------------------------------
mkdir -p "$T/film/讲义" "$T/quiz"
noise 1500000 01 >"$T/film/a.mp4"
noise 700000 02 >"$T/film/b.mp4"
for i in 1 2 3 4 5; do noise 20000 "1$i" >"$T/film/讲义/$i.pdf"; done
printf '#!/bin/sh\n' >"$T/film/run.sh" && chmod 755 "$T/film/run.sh"
for i in 1 2 3 4 5 6; do printf '第 %s 题\n' "$i" >"$T/quiz/$i.md"; done
release film 1
release quiz 1
record fetch --all --json
is "$status" 0 "two courses are fetched" || diag "$err"
tells_all "a first fetch"
lasts "a first fetch" film.1 quiz.1
trials "a first fetch" film.1 quiz.1

# --- an update, which takes files of the old release, and its place -----------------------------
power_cut "$STEPS" all
noise 700000 03 >"$T/film/b.mp4"
mkdir "$T/film/archive" && mv "$T/film/讲义" "$T/film/archive/讲义"
release film 2
HELD="film quiz"
record fetch --all --json
is "$status" 0 "an update is fetched" || diag "$err"
tells_all "an update"
lasts "an update" film.2 quiz.1
trials "an update" film.2 quiz.1

# --- a patch, and cuts of what goes on after a cut -----------------------------------------------
power_cut "$STEPS" all
hub_stop
hub_conf
hub_start || bail "no hub with patches"
perl -e 'local $/ = \32768; while (<STDIN>) { print $_, "note $.\n" }' <"$T/src/film.2/a.mp4" >"$T/film/a.mp4"
release film 3
wait_for "the patch" log_has '"event":"patch-made".*"course":"film","release":3,"from":2' || bail "no patch"
record fetch --all --json
is "$status" 0 "an update comes by a patch" || diag "$err"
wait_for "a request for it" log_has '"path":"/patches/'
ok $? "of which the hub knows"
tells_all "a patch"
lasts "a patch" film.3 quiz.1
trials "a patch" film.3 quiz.1

# --- again and again: each run begins where a cut left the one before ---------------------------
power_cut "$STEPS" nothing
noise 1500000 04 >"$T/film/a.mp4"
noise 900000 05 >"$T/quiz/sound.flac"
release film 4
release quiz 2
for i in 1 2 3 4 5 6; do
	record fetch --all --json
	[ "$status" = 0 ] || break
	power_cut "$((RANDOM % (STEPS + 1)))" "$((RANDOM * 32768 + RANDOM))"
	what=$(library_is_right; said_is_there)
	[ -z "$what" ] || break
done
is "$status $what" "0 " "cut again and again it goes on" || diag "$err"
what=$(trial "$STEPS" nothing film.4 quiz.2)
is "$what" "" "and gets there"

# --- what is said in one word --------------------------------------------------------------------
record pause
power_cut "$STEPS" nothing
exits 13 "who paused has paused" kb sc fetch
record resume
power_cut "$STEPS" nothing
exits 0 "who goes on goes on" kb sc fetch

# --- what was synced is not fetched again ---------------------------------------------------------
line_start --listen 0 || bail "no line"
noise 12000000 06 >"$T/film/c.mp4"
release film 5
line_of sc
whole=12000000
line rate 1000000 # so that it takes twelve seconds, and is synced twice
record fetch
is "$status" 0 "a long fetch" || diag "$err"
tells_all "a long fetch"
line rate 0
wrong=0 most=0
for percent in 40 60 70 80 90 98; do
	how=$((RANDOM * 32768 + RANDOM))
	[ $((percent % 20)) != 0 ] || how=nothing
	power_cut $((STEPS * percent / 100)) "$how"
	begin=$(line_stat down)
	kb sc fetch >"$T/fetch.out" 2>&1 || { wrong=$((wrong + 1)) && diag "$(cat "$T/fetch.out")"; }
	down=$(($(line_stat down) - begin))
	diag "cut after $percent %: $synced bytes were synced, $tail were not; $down came down"
	# Beside frames: a handshake, metadata, the index, heads; and a frame that was half there.
	[ "$down" -le $((whole - synced + 524288 + 65536)) ] || wrong=$((wrong + 1))
	# The end of a fetch syncs all; this is about the middle.
	[ "$synced" -le "$most" ] || [ "$synced" -ge "$whole" ] || most=$synced
	what=$(library_is_right)
	[ -z "$what" ] || { wrong=$((wrong + 1)) && diag "$what"; }
done
is "$wrong" 0 "what was synced before a cut does not come again"
[ "$most" -ge 3000000 ]
ok $? "and it is synced while it is fetched"

# --- enrolment ---------------------------------------------------------------------------------
enrol_later() { kb admin hub invite sichuan --role member 2>>"$T/invite.log"; }
rm -rf "$HOME_SC"
as_user mkdir "$HOME_SC"
HELD=
record enroll "$URL" "$(enrol_later)"
is "$status" 0 "enrolled" || diag "$err"
tells_all "an enrolment"
wrong=0
for how in nothing names bytes 1 2 3; do
	power_cut "$STEPS" "$how"
	kb sc check --lang en >"$T/check.out" 2>&1
	[ $? = 10 ] || { wrong=$((wrong + 1)) && diag "$how: $(cat "$T/check.out")"; }
done
is "$wrong" 0 "who was told to be enrolled is"
wrong=0
for i in $(seq "$TRIALS"); do
	how=$((RANDOM * 32768 + RANDOM))
	[ "$((i % 3))" != 0 ] || how=nothing
	step=$((RANDOM % (STEPS + 1)))
	power_cut "$step" "$how"
	run kb sc enroll "$URL" "$(enrol_later)"
	first=$err
	[ "$status" != 0 ] || run kb sc check
	[ "$status" = 10 ] || { wrong=$((wrong + 1)) && diag "cut after $step of $STEPS, $how: $first $err"; }
done
is "$wrong" 0 "after $TRIALS cuts of an enrolment the next one is as good as a first"
done_testing
