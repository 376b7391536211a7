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
size=$(find "$HUB/repo/packs" -type f | wc -l)
cp -a "$HUB" "$T/before"

# --- killed at each step -----------------------------------------------------------------------
if ! strace -o /dev/null true 2>/dev/null; then
	skip "strace cannot trace here"
	done_testing
fi
export ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0"
# strike CALL NTH: start the hub, which is killed as one of its threads makes its NTH such call.
strike() {
	rm -rf "$HUB"
	cp -a "$T/before" "$HUB"
	"${AS_USER[@]}" strace -f -qq -o /dev/null -e "trace=$1" -e "inject=$1:signal=KILL:when=$2" \
		"$BIN/kebaod" --config "$CONF" >>"$T/hub.log" 2>&1 </dev/null &
	HUB_PID=$!
	PIDS+=("$HUB_PID")
	wait_for "the end of a hub" is_over
}
is_over() { ! is_running "$HUB_PID" || is_done; }
declare -A seen=()
wrong=0
for call in fsync renameat2 renameat linkat fdatasync pwrite64 unlinkat; do
	for nth in 1 2 3 5 9; do
		: >"$T/hub.log"
		strike "$call" "$nth"
		is_running "$HUB_PID" && kill -TERM "$(pgrep -P "$HUB_PID" | head -1)" 2>/dev/null
		wait "$HUB_PID" 2>/dev/null
		what=$(left)
		diag "$call $nth $what"
		seen[$what]=$((${seen[$what]:-0} + 1))
	done
done
diag "what kills left: $(for w in "${!seen[@]}"; do printf '%s %s, ' "$w" "${seen[$w]}"; done)"
done_testing
