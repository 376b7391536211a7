#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016  # perl has dollars
#
# Files that are moved or there twice: a large one costs who updates a kibibyte at most, small ones 1.5 times what
# xdelta3 needs between the two archives, which knows the whole of either and serves nobody.
. "$(dirname "$0")/lib.sh"
command -v xdelta3 >/dev/null || skip_all "no xdelta3 here: make deps"

# content DIRECTORY: small files of text and of noise, some large ones of noise; the same at every run.
content() {
	perl -e '
		use File::Path "make_path";
		srand(11);
		my ($dir) = @ARGV;
		my @words = map { join "", map { chr(97 + int rand 26) } 1 .. 2 + int rand 8 } 1 .. 3000;
		sub put { my ($name, $bytes) = @_; open my $f, ">", "$dir/$name" or die; print $f $bytes; close $f }
		sub noise { join "", map { pack "L", int rand 4294967296 } 1 .. $_[0] / 4 }
		make_path("$dir/kit", "$dir/media", "$dir/more");
		for my $i (1 .. 200) {
			put(sprintf("kit/text-%03d.html", $i), join " ", map { $words[3000 * rand() ** 3] } 1 .. 100 + 30 * $i);
			put(sprintf("kit/picture-%03d.jpg", $i), noise(500 + 200 * $i));
		}
		put(sprintf("more/page-%03d.md", $_), join " ", map { $words[3000 * rand() ** 3] } 1 .. 300) for 1 .. 100;
		put("media/film-$_.mp4", noise(65536 + 40000 * $_)) for 0 .. 9;' "$1"
	chmod -R a+rX "$1"
	[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$1"
}
archive() { tar -C "$T/course" --sort=name --mtime=@0 --owner=0 --group=0 -cf "$1" .; }
log_has() { grep -q "$1" "$T/hub.log"; }
# release LABEL NUMBER: published, and its patch from the one before is there, or none is worth it.
release() {
	course "$T/course" kit "$1"
	publish bj beijing.ip "$T/course" >"$T/publish.out" 2>&1 || bail "not published: $(cat "$T/publish.out")"
	wait_for "the hub's look at release $2" log_has "\"release\":$2,\"from\":0" || bail "no look at release $2"
}
# update NUMBER: $got, the bytes of content that the update took, heads of their answers included; and it is right.
update() {
	local mark
	hub_logged
	mark=$(wc -l <"$T/hub.log")
	run kb sc fetch --all
	hub_logged
	is "$status" 0 "release $1 is fetched"
	diff -r "$T/course" "$(library sc)/beijing.ip/kit/$1" >"$T/diff.out" 2>&1
	ok $? "and right" || diag "$(head -n 5 "$T/diff.out")"
	got=$(tail -n "+$((mark + 1))" "$T/hub.log" |
		sed -n 's/.*"path":"\/\(packs\|patches\|indexes\)\/.*"bytes":\([0-9]*\).*/\2/p' | awk '{ n += $1 } END { print n + 0 }')
}
# bound NAME FILES: what FILES large files, moved or doubled, and the small ones may cost since the last archive.
bound() {
	archive "$T/new.tar"
	xdelta3 -q -f -9 -B 536870912 -e -s "$T/old.tar" "$T/new.tar" "$T/delta" || bail "xdelta3"
	xdelta=$(stat -c %s "$T/delta")
	mv "$T/new.tar" "$T/old.tar"
	[ "$got" -le $((xdelta * 3 / 2 + 1024 * $2)) ]
	ok $? "$1: $got bytes; xdelta3 $xdelta, and $2 large files" || diag "more than 1.5 x $xdelta + $2 KiB"
}

world
hub_stop
hub_conf 'workers = 1'
hub_start || bail "no hub with one loop"
content "$T/course"
release one 1
archive "$T/old.tar"
update 1
[ "$got" -gt 4000000 ]
ok $? "the first time all of it comes ($got bytes)"

cp -a "$T/course/kit" "$T/course/2027"
release two 2
update 2
bound "a folder of 400 small files doubled" 0

mv "$T/course/2027" "$T/course/archive"
mv "$T/course/more" "$T/course/extra"
release three 3
update 3
bound "500 small files moved" 0

sed -i '1s/^/edited /' "$T/course/archive/text-007.html"
for i in $(seq 10 19); do cp -a "$T/course/kit/text-0$i.html" "$T/course/text-0$i-copy.html"; done
release four 4
update 4
bound "ten doubled, one edited" 0

mkdir "$T/course/films"
mv "$T/course"/media/film-[0-4].mp4 "$T/course/films/"
for i in 5 6 7; do cp -a "$T/course/media/film-$i.mp4" "$T/course/films/copy-$i.mp4"; done
release five 5
update 5
[ "$got" -le $((8 * 1024)) ]
ok $? "five large files moved and three doubled: $got bytes, at most 1 KiB each"
done_testing
