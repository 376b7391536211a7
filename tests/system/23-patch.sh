#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Patches: made after the switch, named by the hint, used where they are cheapest, never believed.
. "$(dirname "$0")/lib.sh"

# prose DIRECTORY N: N files of text, the same at every run; sentences come again in other files.
prose() {
	perl -e '
		srand(7);
		my ($dir, $n) = @ARGV;
		my @words = map { join "", map { chr(97 + int rand 26) } 1 .. 2 + int rand 8 } 1 .. 3000;
		my @lines = map { join " ", map { $words[int rand @words] } 1 .. 12 } 1 .. 4000;
		for my $i (1 .. $n) {
			open my $f, ">", sprintf("%s/lesson-%03d.md", $dir, $i) or die;
			print $f join("\n", map { $lines[int rand @lines] } 1 .. 75), "\n";
		}' "$1" "$2"
	chmod -R a+rX "$1"
}
log_has() { grep -q "$1" "$T/hub.log"; }
# mark: the requests answered from here on are those of since().
mark() {
	hub_logged
	MARK=$(wc -l <"$T/hub.log")
}
since() {
	hub_logged
	tail -n "+$((MARK + 1))" "$T/hub.log" | grep '"event":"request"' | grep -v '"path":"/logged-'
}
# bodies: bytes of all answers since mark().
bodies() { since | grep -oE '"bytes":[0-9]+' | cut -d : -f 2 | paste -sd + | bc; }
# is_making: the third release has a patch under way, or has it already on a fast machine.
is_making() { [ -e "$HUB/patch.tmp" ] || log_has '"release":3,"from"'; }
# same WHO N: what WHO holds of release N is the folder.
same() { diff -r "$T/course" "$(library "$1")/beijing.ip/writing/$2" >"$T/diff" 2>&1; }

world
hub_stop
hub_conf 'workers = 1'
hub_start || bail "no hub with one loop"
course "$T/course" writing 第一版
prose "$T/course" 200
exits 0 "a first release is published" publish bj beijing.ip "$T/course"
wait_for "the hub's look at the first release" log_has '"release":1,"from":0'
ok $? "and the hub sees whether a patch from nothing is worth it"
exits 0 "it is fetched" kb sc fetch --all
sed -i '1s/^/one word more /' "$T/course/lesson-010.md"
printf 'a new line\n' >>"$T/course/lesson-123.md"
exits 0 "a second release is published" publish bj beijing.ip "$T/course"
wait_for "a patch from the first release" log_has '"event":"patch-made".*"release":2,"from":1'
ok $? "a patch is made from the first to the second"
patch=$(find "$HUB/repo/patches" -name '*.patch' -size -2k)
patch_dir=$(dirname "$patch")
is "$(basename "$patch" .patch)" "$(sha256sum "$patch" | cut -d ' ' -f 1)" "named by its hash, and small"
is "$(curl -ks -o "$T/stolen" -w '%{http_code}' "$URL/${patch#"$HUB/repo/"}")" 404 \
	"who may not see the channel gets none"

# --- what an update costs ---------------------------------------------------------------

# Each has what sc had: the first release and nothing of the second.
for who in sc2 sc3 sc4 sc5 sc6 sc7; do
	cp -a "$T/home/sc" "$T/home/$who"
done
run kb sc check --lang en
like "$out" 'fetching only [0-9]{3} B' "check says what the patch will cost"
mark
run kb sc2 fetch -v --lang en
is "$status" 0 "an update by patch"
like "$err" 'by patch from release 1: [0-9]+ B; frames from packs would be' "with -v it says so, and why"
n=$(since | wc -l)
[ "$n" -le 7 ]
ok $? "it takes $n requests, at most 7"
since | grep -qE '/(packs|indexes)/'
is $? 1 "neither packs nor the index among them"
[ "$(since | grep -c /patches/)" = 1 ]
ok $? "and the patch once"
got=$(bodies)
[ "$got" -lt 8000 ]
ok $? "headers and all metadata included that is $got bytes"
same sc2 2
ok $? "the release is the folder, byte for byte"
exits 0 "and verifies" kb sc2 verify
is "$(ls -A "$T/home/sc2/.local/share/kebao/work/.parts" 2>/dev/null)" "" "nothing of the patch is left behind"
mark
run kb sc2 fetch
is "$(since | wc -l)" 2 "nothing new: two requests"

# --- wrong ones -------------------------------------------------------------------------

hint=$HUB/repo/hints/beijing.ip/writing/2
cp -a "$hint" "$T/hint.good"
cp -a "$patch" "$T/patch.good"
# falls_back WHO WHAT: an update that finds the patch wrong ends well all the same.
falls_back() {
	mark
	run kb "$1" fetch -v --lang en
	is "$status" 0 "$2: the update succeeds"
	like "$err" 'the patch is of no use, frames from packs instead' "$2: frames come instead"
	[ "$(since | grep -c /patches/)" -le 1 ]
	ok $? "$2: it is asked for once"
	same "$1" 2
	ok $? "$2: and not a byte is wrong"
}
# Overwrite, keeping owner and mode.
printf 'no patch, but as long' | dd of="$patch" bs=1 seek=90 conv=notrunc 2>/dev/null
falls_back sc3 "a patch with wrong bytes"

# A recipe of 16 MiB of nothing behind the right header; the hint has its length.
head -c 72 "$T/patch.good" >"$T/bomb"
head -c 16777216 /dev/zero | zstd -q -3 >"$T/zeros"
perl -e 'print pack "VV", -s $ARGV[0], 16777216' "$T/zeros" >>"$T/bomb"
cat "$T/zeros" >>"$T/bomb"
cat "$T/bomb" >"$patch"
# hint_length BYTES: what the hint says of the length of every patch.
hint_length() {
	perl -e '
		my ($good, $len) = @ARGV;
		local $/; open my $f, "<", $good or die; my $h = <$f>;
		my $at = index($h, "PTCH"); die if $at < 0;
		my $n = unpack("V", substr($h, $at + 4, 4)) / 96;
		for my $i (0 .. $n - 1) {
			my $p = $at + 8 + 96 * $i;
			next if substr($h, $p + 32, 32) eq "\0" x 32;
			substr($h, $p + 64, 8) = pack "Q<", $len;
		}
		print $h' "$T/hint.good" "$1" >"$T/hint.bad" && cat "$T/hint.bad" >"$hint"
}
hint_length "$(stat -c %s "$T/bomb")"
falls_back sc4 "a bomb"

cat "$T/patch.good" >"$patch"
hint_length 100000
falls_back sc5 "a hint with a wrong length"
# Figures of the disk and of frames that cannot be: nobody makes room for them, and a plan can be said.
perl -e '
	local $/; open my $f, "<", $ARGV[0] or die; my $h = <$f>;
	my $at = index($h, "PTCH"); die if $at < 0;
	for my $i (0 .. unpack("V", substr($h, $at + 4, 4)) / 96 - 1) {
		substr($h, $at + 8 + 96 * $i + 72, 24) = pack "Q<3", ~0 - 1, 1 << 52, 1 << 52;
	}
	print $h' "$T/hint.good" >"$T/hint.bad" && cat "$T/hint.bad" >"$hint"
run kb sc6 check --json
is "$status" 10 "a hint with figures that cannot be: check goes on"
size=$(du -sb --apparent-size "$T/course" | cut -f 1)
is "$(printf '%s' "$out" | jq ".need_bytes < $size + 201 * 4096 and .freed_bytes < $size + 202 * 4096 and .fits")" true \
	"and takes no more for true than can be" || diag "$out"
cat "$T/hint.good" >"$hint"
rm "$patch"
falls_back sc6 "a patch that is gone"
# What a hub of the version before left: a patch of format 2 under its name, and a hint that says so.
{ printf 'KBPATCH2' && tail -c +9 "$T/patch.good"; } >"$T/patch.old"
sum=$(sha256sum "$T/patch.old" | cut -d ' ' -f 1)
old=$HUB/repo/patches/beijing.ip/${sum:0:2}/$sum.patch
mkdir -p "$(dirname "$old")"
cp "$T/patch.old" "$old"
chown --reference "$patch_dir" "$(dirname "$old")" "$old"
chmod --reference "$patch_dir" "$(dirname "$old")"
perl -0777 -pe 'BEGIN { ($good, $old) = map { pack "H*", $_ } splice @ARGV, 0, 2 } s/\Q$good/$old/' \
	"$(basename "$patch" .patch)" "$sum" "$T/hint.good" >"$T/hint.bad"
cat "$T/hint.bad" >"$hint"
falls_back sc7 "a patch of the format before"
hub_stop
is $? 0 "the hub stops"

# --- the hub, killed and restarted ------------------------------------------------------

hub_start || bail "the hub does not start"
wait_for "the patch again" test -s "$patch"
ok $? "what is missing, or of another format, is made at the next start"
cmp -s "$patch" "$T/patch.good"
ok $? "as it was"
prose "$T/course" 260
head -c 300000 /dev/urandom >"$T/course/photo.jpg" # long enough to measure a speed by
chmod a+r "$T/course/photo.jpg"
exits 0 "a third release is published" publish bj beijing.ip "$T/course"
wait_for "a patch being made" is_making
hub_kill
hub_start || bail "the hub does not start"
wait_for "patches to the third" log_has '"release":3,"from":2'
ok $? "after a kill the patches are made"
wait_for "the patch from nothing" log_has '"release":3,"from":0'
ok $? "all of them"
is "$(find "$HUB" -maxdepth 1 -name 'patch.tmp')" "" "and nothing half made is left"
mark
run kb sc2 fetch -v --lang en
like "$err" 'by patch from release 2' "the next update is by patch, too"
same sc2 3
ok $? "and right"
touch -d '3 days ago' "$patch"
hub_stop
hub_start || bail "the hub does not start"
wait_for "the old patch's end" test ! -e "$patch"
ok $? "a patch that nobody is told of any more is removed after a day"

# --- from nothing -----------------------------------------------------------------------

# Plain text costs more in frames than in one piece.
exits 0 "somebody new enrols" enrol neu sichuan
run kb neu fetch --all -v --lang en
like "$err" 'by a patch from nothing' "who has nothing gets a patch, too"
same neu 3
ok $? "and all of the release"
[ "$(kb neu check --json | jq .bytes_per_second)" -gt 0 ]
ok $? "the speed was measured, though no frame came"

# New pictures beside a small change: a patch saves little, but from a release a 32nd is enough, and from nothing it is
# not.
course "$T/pictures" pictures 第一版
mkdir "$T/pictures/text"
prose "$T/pictures/text" 8
exits 0 "a course with texts" publish bj beijing.ip "$T/pictures"
wait_for "the hub's look at it" log_has '"course":"pictures","release":1,"from":0'
head -c 350000 /dev/urandom >"$T/pictures/new.jpg"
for lesson in "$T"/pictures/text/*; do echo more >>"$lesson"; done
exits 0 "with a picture, too" publish bj beijing.ip "$T/pictures"
wait_for "the hub's look at that" log_has '"course":"pictures","release":2,"from":0'
read -r made frames < <(sed -n 's/.*"event":"patch-made".*"course":"pictures","release":2,"from":1,"bytes":\([0-9]*\),"frames_bytes":\([0-9]*\).*/\1 \2/p' \
	"$T/hub.log")
[ "${made:-0}" -gt $((${frames:-0} * 9 / 10)) ] && [ "${made:-0}" -lt $((${frames:-0} * 31 / 32)) ]
ok $? "a patch that saves less than a tenth is made (${made:-?} of ${frames:-?} B)"
log_has '"event":"patch-not-worth-it".*"course":"pictures","release":2,"from":0'
ok $? "from nothing it is not"

# Files so many and so small that their index is longer than all of them in one patch, and a hub that makes no
# other: who holds an earlier release takes it, and not the index.
hub_stop
hub_conf 'workers = 1' 'patch.releases = 0'
hub_start || bail "the hub does not start"
course "$T/tiny" notes 第一版
perl -e 'srand(3); for my $i (1 .. 3000) { open my $f, ">", "$ARGV[0]/n-$i.txt" or die; print $f int(rand(1e9)), "\n" }' "$T/tiny"
chmod -R a+rX "$T/tiny"
exits 0 "a course of 3,000 tiny files" publish bj beijing.ip "$T/tiny"
wait_for "its patch from nothing" log_has '"course":"notes","release":1,"from":0'
exits 0 "is fetched" kb neu fetch --all
printf 'more\n' >>"$T/tiny/n-7.txt"
exits 0 "one file changes" publish bj beijing.ip "$T/tiny"
wait_for "the patch from nothing" log_has '"event":"patch-made".*"course":"notes","release":2,"from":0'
run kb neu check --lang en
mark
run kb neu fetch -v --lang en
like "$err" 'by a patch from nothing' "who holds the first takes the patch from nothing"
since | grep -qE '/(packs|indexes)/'
is $? 1 "and neither packs nor the index"
diff -r "$T/tiny" "$(library neu)/beijing.ip/notes/2" >"$T/diff" 2>&1
ok $? "it is right"
exits 0 "and verifies" kb neu verify
done_testing
