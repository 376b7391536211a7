#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Full disks: the recipient's, the publisher's, the hub's; reserve and quota.  What was there stays, what failed leaves
# nothing, and when there is room again all goes on.
# shellcheck disable=SC2016  # a shell of its own expands what stands in single quotes

# Small disks need root, and a mount namespace of their own, so that nothing stays mounted.
if [ "$(id -u)" = 0 ] && [ -z "${SPACE_MOUNTS:-}" ] && unshare -m true 2>/dev/null; then
	SPACE_MOUNTS=1 exec unshare -m --propagation private "$0"
fi
. "$(dirname "$0")/lib.sh"

leave() {
	local rc=$?
	for path in "$T/disk" "$T/home/sc" "$T/home/bj"; do umount -l "$path" 2>/dev/null; done
	return "$rc"
}
[ -z "${SPACE_MOUNTS:-}" ] || trap 'leave; cleanup' EXIT

# disk PATH SIZE [OPTION]: a small file system there; false where that cannot be.
disk() {
	mkdir -p "$1"
	[ -n "${SPACE_MOUNTS:-}" ] &&
		mount -t tmpfs -o "size=$2,uid=65534,gid=65534,mode=755${3:+,$3}" kebao-test "$1" 2>/dev/null
}
content() { find "$@" -type f -not -name lock -not -name state.json -exec sha256sum {} + 2>/dev/null | sort | sha256sum; }
course "$T/small" small one && seq 1 5000 >"$T/small/text"
course "$T/large" large one && head -c 8000000 /dev/urandom >"$T/large/video.mp4"

is_small=1
if ! { disk "$T/disk" 64M && disk "$T/home/sc" 20M && disk "$T/home/bj" 5M; }; then
	is_small=
	rm -rf "$T/disk" "$T/home/sc" "$T/home/bj"
	as_user mkdir -p "$T/disk"
fi
HUB=$T/disk/hub
world
# What the hub makes by itself, later, would be a change of its repository here.
conf() { hub_conf 'patches = off' "$@"; }
hub_stop
conf
hub_start || bail "no hub without patches"
SC=$T/home/sc/.local/share/kebao
# The disks are small; what a recipient keeps free by default is more than they have.
kb sc config reserve 14M >/dev/null || bail "no reserve"

if [ -z "$is_small" ]; then
	skip "no small file systems can be mounted here (that needs root): the recipient's disk"
	skip "likewise: the publisher's"
	skip "likewise: the hub's"
else
	# --- the publisher's -----------------------------------------------------------------------
	before=$(content "$HUB/repo")
	exits 6 "a publisher's disk that is too small for the spool" publish bj beijing.ip "$T/large" --lang en
	like "$err" 'out of space: .*(spool|pack|space)' "is what the error is about"
	is "$(find "$T/home/bj" -path '*work*' -type f | wc -l)" 0 "nothing is left in the spool"
	is "$(content "$HUB/repo")" "$before" "the hub has nothing of it"
	exits 0 "what fits is published" publish bj beijing.ip "$T/small"
	umount "$T/home/bj" || bail "no way back"
	rm -rf "$T/home/bj"
	enrol bj beijing publisher || bail "no publisher"

	# --- the recipient's -----------------------------------------------------------------------
	exits 0 "a release that fits is fetched" kb sc fetch --all
	exits 0 "a large one is published" publish bj beijing.ip "$T/large"
	before=$(content "$SC/library" "$SC/identity")
	exits 6 "a recipient's disk that is too small" kb sc --lang en fetch --all
	like "$err" 'out of space: .*MiB are needed at one time, .*MiB are free' "is told how much is missing"
	is "$(content "$SC/library" "$SC/identity")" "$before" "and holds what it held"
	# No names left on the disk: this comes up in the middle of writing, not before.
	as_user sh -c 'mkdir "$1" && cd "$1" && for i in $(seq 400); do echo >"file $i"; done' - "$T/many"
	course "$T/many" small two
	exits 0 "a release of many files is published" publish bj beijing.ip "$T/many"
	mount -o remount,size=64M,nr_inodes=150 "$T/home/sc" || bail "cannot remount"
	exits 6 "a disk that gets full while the release is written" kb sc --lang en fetch small
	like "$err" 'out of space' "is what the error is about"
	is "$(content "$SC/library" "$SC/identity")" "$before" "the old release is still there, whole"
	exits 0 "and verifies" kb sc verify
	mount -o remount,size=64M,nr_inodes=5000 "$T/home/sc"
	exits 0 "with room again the fetch ends well" kb sc fetch --all
	diff -r "$T/many" "$(library sc)/beijing.ip/small/2" >"$T/diff.out"
	ok $? "with what was published"

	# --- little room: release by release -------------------------------------------------------
	course "$T/small" small three && head -c 2000000 /dev/urandom >"$T/small/picture.jpg"
	exits 0 "another release of it" publish bj beijing.ip "$T/small"
	exits 0 "is fetched beside the one before" kb sc fetch small --keep-old
	course "$T/small" small four && echo more >>"$T/small/text"
	exits 0 "and another" publish bj beijing.ip "$T/small"
	exits 0 "with the picture they share" kb sc fetch small --keep-old
	course "$T/film" film one && head -c 6000000 /dev/urandom >"$T/film/film.mp4"
	exits 0 "something new" publish bj beijing.ip "$T/film"
	held() { (cd "$(library sc)/beijing.ip" && echo small/* film/*) 2>/dev/null; }
	# leaves BYTES: what the reserve leaves of the disk.
	leaves() {
		kb sc config reserve $(($(df --output=avail -B1 "$T/home/sc" | tail -n 1) - $1)) >/dev/null || bail "no reserve"
	}
	is "$(held)" "small/2 small/3 small/4 film/*" "three releases are held"
	leaves 2000000
	exits 6 "where what was replaced would not be enough" kb sc --lang en fetch film --low-space
	is "$(held)" "small/2 small/3 small/4 film/*" "nothing is removed"
	leaves 5500000
	exits 0 "where it is enough, it is removed" kb sc --lang en fetch film --low-space
	like "$err" 'removed beijing.ip/small release [23]' "which is said"
	like "$(held)" '^small/[23] small/4 film/1$|^small/4 film/1$' "and the newest stays"
	kb sc config reserve 14M >/dev/null || bail "no reserve"
	exits 0 "all that is held verifies" kb sc verify

	# --- the hub's -----------------------------------------------------------------------------
	course "$T/huge" huge one && head -c 50000000 /dev/urandom >"$T/huge/video.mp4"
	before=$(content "$HUB/repo")
	exits 6 "a release that would eat up the hub's reserve" publish bj beijing.ip "$T/huge" --lang en
	like "$err" 'out of space: .*disk is too full' "is refused for that"
	is "$(content "$HUB/repo")" "$before" "and the hub has nothing of it"
	hub_stop
	conf && sed -i 's/^free_space_reserve.*/free_space_reserve = 0/' "$CONF"
	room=$(df --output=avail -B1 "$T/disk" | tail -n 1)
	as_user sh -c 'head -c "$1" /dev/zero >"$2"' - $((room - 3000000)) "$T/disk/ballast"
	hub_start || bail "no hub on a nearly full disk"
	course "$T/medium" medium one && head -c 6000000 /dev/urandom >"$T/medium/video.mp4"
	exits 6 "a hub's disk that is full" publish bj beijing.ip "$T/medium" --lang en
	like "$err" 'out of space' "is what the error is about"
	is "$(content "$HUB/repo")" "$before" "nobody sees a part of it"
	as_user sh -c 'cat /dev/zero >"$1"' - "$T/disk/ballast2" 2>/dev/null
	is "$(df --output=avail "$T/disk" | tail -n 1 | tr -d ' ')" 0 "not a byte is free"
	exits 0 "readers are served all the same" kb sc check
	run publish bj beijing.ip "$T/medium" --lang en
	is "$status" 6 "a publisher hears that there is no space"
	hub_up=1 && hub_is_up || hub_up=0
	is "$hub_up" 1 "the hub is alive"
	as_user rm "$T/disk/ballast" "$T/disk/ballast2"
	exits 0 "with room again all goes on" publish bj beijing.ip "$T/medium"
	exits 0 "down to the reader" kb sc fetch --all
	exits 0 "who has it all" kb sc verify
fi

# --- room for the files, but not for a patch beside them -------------------------------------------
if [ -n "$is_small" ]; then
	hub_stop
	hub_conf
	hub_start || bail "no hub with patches"
	course "$T/prose" prose one
	perl -e '
		srand(5);
		my @lines = map { join " ", map { int rand 1e6 } 1 .. 12 } 1 .. 6000;
		for my $i (1 .. 80) {
			open my $f, ">", "$ARGV[0]/lesson-$i.txt" or die;
			print $f map { "$lines[int rand @lines]\n" } 1 .. 1500;
		}' "$T/prose"
	chmod -R a+rX "$T/prose"
	exits 0 "a course that is shorter as a patch" publish bj beijing.ip "$T/prose"
	is_made() { grep -q '"event":"patch-made".*"course":"prose","release":1,"from":0' "$T/hub.log"; }
	wait_for "the patch from nothing" is_made || bail "no patch"
	kb sc config reserve 0 >/dev/null || bail "no reserve"
	run kb sc fetch prose --dry-run --json
	fetch=$(jq .fetch_bytes <<<"$out") need=$(jq .need_bytes <<<"$out")
	size=$(cat "$T/prose"/* | wc -c)
	[ "$need" -ge $((size + fetch)) ]
	ok $? "the plan counts the files and the patch" || diag "$out"
	free=$(df --output=avail -B1 "$T/home/sc" | tail -n 1)
	kb sc config reserve $((free - need + fetch / 2)) >/dev/null || bail "no reserve"
	run kb sc fetch prose --dry-run --json
	is "$(jq .fits <<<"$out") $(("$(jq .fetch_bytes <<<"$out")" > fetch))" "true 1" \
		"where both do not fit, it is for frames" || diag "$out"
	exits 0 "which are fetched" kb sc fetch prose -v --lang en
	like "$err" 'frames from packs: a patch does not fit on the disk' "and with -v it says why"
	diff -r "$T/prose" "$(library sc)/beijing.ip/prose/1" >"$T/diff.out"
	ok $? "the release is whole"
fi

# --- reserve and quota, on any disk ---------------------------------------------------------------
hub_stop
conf && sed -i 's/^free_space_reserve.*/free_space_reserve = 1000T/' "$CONF"
hub_start || bail "no hub"
course "$T/more" more one && head -c 3000000 /dev/urandom >"$T/more/video.mp4"
before=$(content "$HUB/repo")
exits 6 "beyond the reserve" publish bj beijing.ip "$T/more" --lang en
like "$err" 'out of space: .*disk is too full' "the answer names it"
hub_stop
conf "publisher_quota = 2M"
hub_start || bail "no hub"
exits 6 "beyond the quota" publish bj beijing.ip "$T/more" --lang en
like "$err" 'out of space: .*quota' "the answer names it"
is "$(content "$HUB/repo")" "$before" "and nothing was kept"
done_testing
