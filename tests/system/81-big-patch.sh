#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# 210 MB of films, of which one is muxed anew, one loses its head and one gets new scenes: the hub makes the patch in 128 MiB,
# and it is applied in 96.
. "$(dirname "$0")/lib.sh"

[ "$(basename "$KEBAO_BIN")" != asan ] ||
	skip_all "memory of a build with sanitizers says nothing"
[ -x /usr/bin/time ] || skip_all "no /usr/bin/time on this machine: make deps"
MIB=$((1024 * 1024))

# film N MIB: bytes that do not compress, the same at every run.
film() {
	openssl enc -aes-128-ctr -K 00112233445566778899aabbccddeeff -iv "$(printf '%08x%024x' "$1" 0)" \
		-in /dev/zero 2>/dev/null | head -c $(($2 * MIB))
}
# muxed STEP: its input in packets of STEP bytes, each behind a header.
muxed() {
	perl -e 'binmode STDIN; binmode STDOUT; my ($step, $i) = ($ARGV[0], 0);
		print pack("a4NN", "pckt", $i++, length $_), $_ while read STDIN, $_, $step' "$1"
}
log_has() { grep -q "$1" "$T/hub.log"; }
# below NAME KIB MIB
below() {
	diag "$1: peak $(($2 / 1024)) MiB ($2 KiB)"
	[ "$2" -gt 0 ] && [ "$2" -lt $(($3 * 1024)) ]
	ok $? "$1 needs less than $3 MiB"
}

world
course "$T/course" films eins
film 1 60 | muxed 12000 >"$T/course/muxed.mp4"
film 2 50 >"$T/course/headless.mp4"
film 3 50 >"$T/course/scenes.mp4"
film 4 50 >"$T/course/stays.mp4"
exits 0 "a course of $(du -sm "$T/course" | cut -f 1) MiB is published" publish bj beijing.ip "$T/course"
exits 0 "and fetched" kb sc fetch --all
film 1 60 | muxed 9000 >"$T/course/muxed.mp4"
film 2 50 | tail -c +5000001 >"$T/course/headless.mp4"
film 5 6 | dd of="$T/course/scenes.mp4" bs=1M seek=20 conv=notrunc status=none
exits 0 "a second release is published" publish bj beijing.ip "$T/course"
DEADLINE_SECONDS=$((DEADLINE_SECONDS * 15)) # patches have the lowest priority
wait_for "the patch" log_has '"event":"patch-made".*"release":2,"from":1,'
ok $? "a patch is made: $(grep -oE '"event":"patch-made".*"release":2,"from":1,.*' "$T/hub.log" | grep -oE '"bytes":[0-9]+.*' | tr -d '"}')"
below "the hub" "$(awk '/^VmHWM/ { print $2 }' "/proc/$HUB_PID/status")" 128
run as_user env HOME="$T/home/sc" /usr/bin/time -o "$T/client.kib" -f '%M' "$BIN/kebao" --lang en fetch -v
is "$status" 0 "it is fetched"
like "$err" 'by patch from release 1' "by the patch"
below "the client" "$(tail -n 1 "$T/client.kib")" 96
diff -r "$T/course" "$(library sc)/beijing.ip/films/2" >"$T/diff.out" 2>&1
ok $? "and is the folder" || diag "$(head -n 5 "$T/diff.out")"
hub_stop
ok $? "the hub ends cleanly"
done_testing
