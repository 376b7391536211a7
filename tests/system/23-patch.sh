#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Patches: made after the switch, named by the hint, used where they are cheapest, never believed.
. "$(dirname "$0")/lib.sh"

# prose DIRECTORY N: N files of text, the same at every run.
prose() {
	perl -e '
		srand(7);
		my ($dir, $n) = @ARGV;
		my @words = map { join "", map { chr(97 + int rand 26) } 1 .. 2 + int rand 8 } 1 .. 3000;
		for my $i (1 .. $n) {
			open my $f, ">", sprintf("%s/lesson-%03d.md", $dir, $i) or die;
			print $f join(" ", map { $words[int rand @words] } 1 .. 900), "\n";
		}' "$1" "$2"
	chmod -R a+rX "$1"
}
log_has() { grep -q "$1" "$T/hub.log"; }

world
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
is "$(basename "$patch" .patch)" "$(sha256sum "$patch" | cut -d ' ' -f 1)" "named by its hash, and small"
is "$(curl -ks -o "$T/stolen" -w '%{http_code}' "$URL/${patch#"$HUB/repo/"}")" 404 \
	"who may not see the channel gets none"
done_testing
