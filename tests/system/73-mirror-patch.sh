#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Patches from a mirror that owns everything but the keys: whatever it sends in a patch's place, the
# update ends well by another way, and every byte is the publisher's.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/attack.sh"

# prose N: N lines of text, the same at every run.
prose() {
	perl -e 'srand(9); my @w = map { join "", map { chr(97 + int rand 26) } 1 .. 2 + int rand 8 } 1 .. 900;
		print join(" ", map { $w[int rand @w] } 1 .. 11), "\n" for 1 .. shift' "$1"
}
# From nothing comes last, when the hint names the others.
made() { grep -qE "\"release\":$1,\"from\":0" "$T/hub.log"; }
# patch_of RELEASE: the file of the hub's patch from release 1 to this one, below repo/.
patch_of() {
	local from to
	from=$(index_of 1) to=$(index_of "$1")
	(cd "$HUB/repo" && perl -e 'my $ends = pack "H64H64", splice @ARGV, 0, 2; for (@ARGV) {
		open my $f, "<", $_ or die; read $f, my $head, 72;
		print and exit if substr($head, 8) eq $ends; }' "$from" "$to" patches/beijing.ip/*/*.patch)
}
index_of() {
	perl -MJSON::PP -0777 -ne 'print decode_json($_)->{index}{sha256}' "$HUB/repo/targets/beijing.ip/writing/$1"/*.record.json
}
# hint_length BYTES: what the mirror's hint says of the length of every patch.
hint_length() {
	perl -e 'my $len = shift; local $/; my $h = <STDIN>;
		my $at = index($h, "PTCH"); die if $at < 0;
		my $n = unpack("V", substr($h, $at + 4, 4)) / 96;
		for my $i (0 .. $n - 1) {
			my $p = $at + 8 + 96 * $i;
			next if substr($h, $p + 32, 32) eq "\0" x 32;
			substr($h, $p + 64, 8) = pack "Q<", $len;
		}
		print $h' "$1" <"$T/second/hints/beijing.ip/writing/2" >"$T/hint.bad" &&
		cat "$T/hint.bad" >"$EVIL/hints/beijing.ip/writing/2"
}
same() { diff -r "$T/course2" "$(library "$VICTIM")/beijing.ip/writing/2" >"$T/diff" 2>&1; }
# begin: somebody who holds release 1, before a mirror of the second release.
begin() {
	evil_is "$T/second"
	victim wants holds
	FILE=$EVIL/$patch
}
fault() { echo "/$patch $*" >>"$FAULTS"; }
# falls_back WHAT: the update succeeds by frames, byte for byte.
falls_back() {
	run kb wants fetch -v --lang en
	is "$status" 0 "$1: the update succeeds"
	like "$err" 'the patch is of no use, frames from packs instead' "$1: the patch was tried, frames came instead"
	like "$(cat "$ASKED")" "^GET /$patch\$" "$1: from the mirror"
	same
	ok $? "$1: and not a byte is wrong"
}

world
tools_of_attack
course "$T/course" writing one
prose 4000 >"$T/course/text.txt"
head -c 300000 /dev/urandom >"$T/course/video.mp4"
exits 0 "release 1 is published" publish bj beijing.ip "$T/course"
exits 0 "and fetched" kb sc fetch --all
cp -a "$T/home/sc" "$T/home/holds"
sed -i '70s/^/a word more /; 3000s/$/ at the end/' "$T/course/text.txt"
exits 0 "release 2 is published" publish bj beijing.ip "$T/course"
wait_for "the patch to release 2" made 2
ok $? "there is a patch to it"
cp -a "$T/course" "$T/course2"
cp -r "$HUB/repo" "$T/second"
patch=$(patch_of 2)
sed -i '70s/^/another /' "$T/course/text.txt"
exits 0 "release 3 is published" publish bj beijing.ip "$T/course"
wait_for "the patch to release 3" made 3
ok $? "there is a patch to it, too"
other=$(patch_of 3)
evil_is "$T/second"
evil_start

begin
run kb wants fetch -v --lang en
is "$status" 0 "from an honest mirror: the update succeeds"
like "$err" 'by patch from release 1' "by the patch"
unlike "$err" 'of no use' "which is of use"
same
ok $? "and not a byte is wrong"

# --- wrong bytes, wherever they are ---------------------------------------------------------
size=$(stat -c %s "$T/second/$patch")
for at in 0 10 45 72 76 80 90 $((size / 2)) $((size - 20)) $((size - 1)); do
	begin
	perl -e 'open my $f, "+<", $ARGV[0] or die; seek $f, $ARGV[1], 0; read $f, my $c, 1;
		seek $f, $ARGV[1], 0; print $f chr(ord($c) ^ 0x41); close $f or die' "$FILE" "$at"
	falls_back "byte $at of $size is another one"
done
begin
head -c "$size" /dev/urandom >"$T/noise" && cat "$T/noise" >"$FILE"
falls_back "noise"

# --- another's ------------------------------------------------------------------------------
begin
cat "$HUB/repo/$other" >"$FILE"
hint_length "$(stat -c %s "$FILE")"
falls_back "a patch to another release"
# Right in itself, but what comes out is not the index that the record names.
begin
{ head -c 72 "$T/second/$patch" && tail -c +73 "$HUB/repo/$other"; } >"$T/relabelled"
cat "$T/relabelled" >"$FILE"
hint_length "$(stat -c %s "$FILE")"
falls_back "a patch to another release that says it leads to this one"

# --- more, or less, than it says ------------------------------------------------------------
begin
head -c 72 "$T/second/$patch" >"$T/bomb"
head -c 16777216 /dev/zero | zstd -q -3 >"$T/zeros"
perl -e 'print pack "VV", -s $ARGV[0], 16777216' "$T/zeros" >>"$T/bomb"
cat "$T/zeros" >>"$T/bomb"
cat "$T/bomb" >"$FILE"
hint_length "$(stat -c %s "$FILE")"
falls_back "a recipe of 16 MiB of nothing"
begin
head -c 72 "$T/second/$patch" >"$T/bomb"
perl -e 'print pack "VV", -s $ARGV[0], 16777215' "$T/zeros" >>"$T/bomb"
cat "$T/zeros" >>"$T/bomb"
cat "$T/bomb" >"$FILE"
hint_length "$(stat -c %s "$FILE")"
falls_back "a recipe that unpacks to more than it says"
begin
head -c $((size - 7)) "$T/second/$patch" >"$FILE"
hint_length $((size - 7))
falls_back "a patch that was cut"
begin
hint_length $((size + 1))
falls_back "a hint of one byte more"
begin
hint_length $((size - 1))
falls_back "a hint of one byte less"

# --- the server lies about it ---------------------------------------------------------------
for code in 400 403 410 422 500; do
	begin
	fault says "$code"
	falls_back "the answer $code"
done
begin
fault moved "https://127.0.0.1:$PORT/$patch"
falls_back "a redirect"
begin
fault endless
falls_back "an endless patch"
begin
fault padded 5
falls_back "a patch with more behind it"
is "$(ls -A "$T/home/wants/.local/share/kebao/work/.parts" 2>/dev/null)" "" "nothing of it is left behind"

# --- and what she holds was changed ---------------------------------------------------------
begin
sed -i '10s/$/ not the publisher'"'"'s/' "$(library wants)/beijing.ip/writing/1/text.txt"
run kb wants fetch -v --lang en
is "$status" 0 "a patch on files that were changed: the update succeeds"
same
ok $? "and not a byte is wrong"
done_testing
