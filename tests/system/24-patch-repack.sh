#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Patches and packs in one channel: while many releases come, one thread names patches in the hints and another
# moves the frames these hints point to.  Whoever follows takes each patch once and no frame, whoever comes late each
# frame once.
# shellcheck disable=SC2034 # status, out and err are read by the functions of lib.sh
. "$(dirname "$0")/lib.sh"

N=${RELEASES:-20}
FILES=20
FOLLOWED=4 # releases at the end, by which time packs are many
noise() {
	openssl enc -aes-128-ctr -K 00112233445566778899aabbccddeeff -iv "$(printf '%08x%024x' "$2" 0)" \
		-in /dev/zero 2>/dev/null | head -c "$1"
}
log_has() { grep -q "$1" "$T/hub.log"; }
rewritten() { grep -c '"event":"pack-rewritten"' "$T/hub.log"; }
# mark: the requests answered from here on are those of since().
mark() {
	hub_logged
	MARK=$(wc -l <"$T/hub.log")
}
since() {
	hub_logged
	tail -n "+$((MARK + 1))" "$T/hub.log" | grep '"event":"request"'
}
count() { since | grep -c "\"path\":\"/$1/"; }
bytes_of() { since | grep "\"path\":\"/$1/" | grep -oE '"bytes":[0-9]+' | cut -d : -f 2 | paste -sd + | bc; }
hint() { kb admin --lang en dump "$HUB/repo/hints/beijing.ip/long/$1"; }
same() { diff -r "$T/course" "$(library "$1")/beijing.ip/long/$2" >"$T/diff.out" 2>&1; }

world
hub_stop
hub_conf 'workers = 1' 'patch.releases = 2'
hub_start || bail "no hub"
DEADLINE_SECONDS=$((DEADLINE_SECONDS * 5)) # patches have the lowest priority
for who in late far new; do enrol "$who" sichuan >>"$T/world.log" 2>&1 || bail "no $who"; done

# --- many releases, the last ones fetched as they come ---------------------------------------
# A few bytes change in one file: a patch costs next to nothing, the frame they lie in some 60 KB.
course "$T/course" long eins
for i in $(seq 1 "$FILES"); do noise 60000 "$i" >"$T/course/film-$i.bin"; done
[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$T/course"
exits 0 "a first release is published" publish bj beijing.ip "$T/course"
unpublished=0 unpatched=0 unfetched=0 frames=0 patches=0 wrong=0
for n in $(seq 2 "$N"); do
	printf 'release %d' "$n" | dd of="$T/course/film-$((n % FILES + 1)).bin" bs=1 seek=$((n * 1000)) conv=notrunc status=none
	publish bj beijing.ip "$T/course" >"$T/publish.out" 2>&1 || unpublished=$((unpublished + 1))
	[ "$n" != $((N - 8)) ] || kb far fetch --all >"$T/far.out" 2>&1
	[ "$n" != $((N - FOLLOWED)) ] || kb sc fetch --all >"$T/sc.out" 2>&1
	[ "$n" -gt $((N - FOLLOWED)) ] || continue
	wait_for "the patch to release $n" log_has "\"event\":\"patch-made\".*\"release\":$n,\"from\":$((n - 1))," ||
		unpatched=$((unpatched + 1))
	mark
	kb sc fetch >"$T/fetch.out" 2>&1 || unfetched=$((unfetched + 1))
	frames=$((frames + $(count packs) + $(count indexes)))
	patches=$((patches + $(count patches)))
	same sc "$n" || wrong=$((wrong + 1))
	[ "$n" != $((N - 2)) ] || kb late fetch --all >"$T/late.out" 2>&1
done
is "$unpublished" 0 "$N releases are published one after the other"
is "$unpatched" 0 "each of the last $FOLLOWED has a patch from the one before"
is_rewritten() { [ "$(rewritten)" -ge 1 ]; }
wait_for "packs to be rewritten" is_rewritten
ok $? "packs were rewritten meanwhile ($(rewritten) times)"
wait_for "the patch from the last but one" log_has "\"event\":\"patch-made\".*\"release\":$N,\"from\":$((N - 2)),"
ok $? "and the newest has one from the last but one"
hub_rest
ok $? "then the hub is done"
is "$unfetched" 0 "who follows fetches each of these"
is "$frames" 0 "without one frame or index"
is "$patches" "$FOLLOWED" "and each patch once"
is "$wrong" 0 "every release is the folder"
exits 0 "and what is held verifies" kb sc verify

# --- the hints of what is live ---------------------------------------------------------------
lost=0 wrong=0 named=0
for n in $(seq $((N > 10 ? N - 9 : 1)) "$N"); do
	hint "$n" >"$T/hint.out" || wrong=$((wrong + 1))
	while read -r name; do
		named=$((named + 1))
		[ -s "$HUB/repo/packs/beijing.ip/${name:0:2}/$name.pack" ] || lost=$((lost + 1))
	done < <(sed -n 's/^pack .* //p' "$T/hint.out")
	while read -r name; do
		named=$((named + 1))
		[ -s "$HUB/repo/patches/beijing.ip/${name:0:2}/$name.patch" ] || lost=$((lost + 1))
	done < <(sed -n 's/.* by patch //p' "$T/hint.out")
done
is "$wrong" 0 "the hints of the live releases are hints"
is "$lost" 0 "what they name is there"
[ "$named" -ge 20 ]
ok $? "packs and patches, $named times"
hint "$N" >"$T/hint.out"
like "$(cat "$T/hint.out")" ' by patch [0-9a-f]{64}$' "the newest names its patches, after all that moved"

# --- who comes late --------------------------------------------------------------------------
mark
run kb late fetch -v --lang en
is "$status" 0 "who held the release before the last but one fetches"
like "$err" "by patch from release $((N - 2))" "by a patch that was named before packs moved or after"
is "$(count packs).$(count patches)" 0.1 "one patch and nothing else"
same late "$N"
ok $? "it is the folder"
mark
run kb far fetch -v --lang en
is "$status" 0 "who holds a release that no patch begins from fetches, too"
is "$(count patches)" 0 "without a patch"
got=$(bytes_of packs)
diag "$got bytes of packs for 8 changed files, $(count packs) ranges"
# A changed file is one frame or, with a cut in it, two; each once, and little between them.
[ "$got" -gt 0 ] && [ "$got" -le $((8 * 62000 * 12 / 10)) ]
ok $? "and no more than the frames that are new to it"
same far "$N"
ok $? "it is the folder"
exits 0 "and verifies" kb far verify
mark
exits 0 "somebody new fetches all" kb new fetch --all
[ "$(count packs)" -ge 1 ] && [ "$(count packs)" -le 16 ]
ok $? "in $(count packs) ranges"
same new "$N"
ok $? "it is the folder"

# --- after a restart it goes on --------------------------------------------------------------
hub_stop
hub_start || bail "no hub"
printf 'the last' | dd of="$T/course/film-3.bin" bs=1 seek=20 conv=notrunc status=none
exits 0 "one more release" publish bj beijing.ip "$T/course"
wait_for "its patch" log_has "\"event\":\"patch-made\".*\"release\":$((N + 1)),\"from\":$N,"
ok $? "has its patch"
for who in sc new; do
	mark
	exits 0 "$who fetches it" kb "$who" fetch
	is "$(count packs).$(count indexes).$(count patches)" 0.0.1 "by patch"
	same "$who" $((N + 1))
	ok $? "and right"
	exits 0 "and verified" kb "$who" verify
done
done_testing
