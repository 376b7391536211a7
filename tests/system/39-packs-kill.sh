#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A hub that fails or is killed while it writes packs anew: readers have what they had, the next start goes on.
# shellcheck disable=SC2034 # status, out and err are read by the functions of lib.sh
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/wire.sh"

N=20
noise() {
	openssl enc -aes-128-ctr -K 00112233445566778899aabbccddeeff -iv "$(printf '%032x' "$2")" \
		-in /dev/zero 2>/dev/null | head -c "$1"
}
log_has() { grep -q "$1" "$T/hub.log"; }
db() { sqlite3 "$HUB/state.db" "$1"; }
hint_of() { kb admin dump "$HUB/repo/hints/beijing.ip/long/$1"; }
# Whether a new pack is known, all hints say so, and no file is left over.
is_done() {
	[ "$(db 'SELECT count(*) FROM packs WHERE replaced_at != 0')" -gt 0 ] &&
		[ "$(db 'SELECT sum(hints_due) FROM channels')" = 0 ] && [ ! -e "$HUB/repack.tmp" ]
}
# What a kill left, in one word.
left() {
	local known packs
	known=$(db 'SELECT count(*) FROM packs')
	packs=$(find "$HUB/repo/packs" -name '*.pack' | wc -l)
	if [ "$(db 'SELECT sum(hints_due) FROM channels')" != 0 ]; then
		echo hints-due
	elif [ "$(db 'SELECT count(*) FROM packs WHERE replaced_at != 0')" -gt 0 ]; then
		echo all-done
	elif [ "$packs" -gt "$known" ]; then
		echo pack-unknown
	elif [ -e "$HUB/repack.tmp" ]; then
		echo half-written
	else
		echo nothing
	fi
}

command -v sqlite3 >/dev/null || skip_all "no sqlite3 here: make deps"
world
hub_stop
hub_conf 'patches = off'
# --- the disk fails ---------------------------------------------------------------------------
as_user mkdir "$HUB/repack.tmp" # where the file should be made
hub_start || bail "no hub"
course "$T/course" long eins
for i in $(seq 100 119); do noise 200000 "$i" >"$T/course/film-$i.bin"; done
failed=0
for n in $(seq 1 "$N"); do
	noise 70000 "$((1000 + n))" >"$T/course/film-$((100 + n)).bin"
	publish bj beijing.ip "$T/course" >"$T/publish.out" 2>&1 || failed=$((failed + 1))
done
is "$failed" 0 "$N releases are published, though packs cannot be written anew"
wait_for "the warning" log_has '"level":"warn","event":"packs".*repack.tmp'
ok $? "which the log says"
hub_stop
is "$(left)" half-written "nothing was changed"
as_user rmdir "$HUB/repack.tmp"
cp -a "$HUB" "$T/before"
cp -a "$T/home/sc" "$T/fresh"

# --- killed at each step -----------------------------------------------------------------------
if ! strace -o /dev/null true 2>/dev/null; then
	skip "strace cannot trace here"
	done_testing
fi
export ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0"
port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null; }
is_over() { ! is_running "$HUB_PID"; }
# strike CALL NTH: start the hub, which is killed as one of its threads makes its NTH such call.
strike() {
	rm -rf "$HUB"
	cp -a "$T/before" "$HUB"
	wait_for "the port" port_is_free
	"${AS_USER[@]}" strace -f -qq -o /dev/null -e "trace=$1" -e "inject=$1:signal=KILL:when=$2" \
		"$BIN/kebaod" --config "$CONF" >>"$T/hub.log" 2>&1 </dev/null &
	HUB_PID=$!
	wait_for "the end of a hub" is_over
	wait "$HUB_PID" 2>/dev/null
	wait_for "the port" port_is_free
}
fetched() {
	rm -rf "$T/home/sc"
	cp -a "$T/fresh" "$T/home/sc"
	kb sc fetch --all && diff -r -x course.json "$T/course" "$(library sc)/beijing.ip/long/$N"
}
declare -A seen=()
# Only the thread in question calls fsync at such a start: file, directory, directory after the rename, hints.
for at in 'fsync 1' 'fsync 2' 'fsync 3' 'fsync 4' 'renameat 1' 'renameat 5' 'fsync 23'; do
	# shellcheck disable=SC2086 # two words
	strike $at
	what=$(left)
	diag "killed at $at: $what"
	seen[$what]=1
	hub_start || bail "no hub after $at"
	wait_for "the packs" is_done && fetched >"$T/fetched.out" 2>&1
	ok $? "killed at $at, the next start finishes, and the course is whole" || diag "$(cat "$T/fetched.out")"
	hub_stop
done
for what in half-written pack-unknown hints-due; do
	is "${seen[$what]:-0}" 1 "a kill left: $what"
done

# --- a frame that rotted -----------------------------------------------------------------------
rm -rf "$HUB"
cp -a "$T/before" "$HUB"
: >"$T/hub.log"
for pack in "$HUB"/repo/packs/beijing.ip/*/*.pack; do
	printf changed | dd of="$pack" bs=1 seek=40 conv=notrunc 2>/dev/null
done
hub_start || bail "no hub"
wait_for "the damage" log_has '"level":"warn","event":"packs".*damaged on the disk'
ok $? "what rotted on the disk is seen, not copied"
is "$(db 'SELECT count(*) FROM packs WHERE replaced_at != 0')" 0 "and all stays where it was"
done_testing
