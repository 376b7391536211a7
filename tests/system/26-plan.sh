#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What a fetch would do is said before anything moves, and the disk is never filled.
. "$(dirname "$0")/lib.sh"

world
noise() {
	openssl enc -aes-128-ctr -K 00112233445566778899aabbccddeeff -iv "${2}000000000000000000000000000000" \
		-in /dev/zero 2>/dev/null | head -c "$1"
}
HOME_SC=$T/home/sc/.local/share/kebao
json() { printf '%s' "$out" | jq -r "$1"; }

course "$T/small" small 第一版
noise 300000 01 >"$T/small/a.mp4"
course "$T/large" large 第一版
noise 3000000 02 >"$T/large/b.mp4"
noise 1000000 03 >"$T/large/c.mp4"
exits 0 "two courses are published" publish bj beijing.ip "$T/small"
run publish bj beijing.ip "$T/large"

# --- the plan ---
run kb sc fetch --all --dry-run
is "$status" 10 "a dry run says that there is something"
like "$out" '2 in all \(2 new, 0 changed\), 4\.[0-9] MiB to fetch|共 2 项' "how much of what"
like "$out" 'disk: .* needed .* freed .* free, 64\.0 MiB of it reserved' "and what the disk has to say"
[ ! -d "$HOME_SC/library" ] && [ ! -d "$HOME_SC/work/beijing.ip" ]
ok $? "and nothing has moved"
run kb sc fetch --all --dry-run --json
is "$(json '.new | length')" 2 "the same as JSON"
is "$(json .fits)" true "it fits"
[ "$(json .need_bytes)" -ge 4300000 ] && [ "$(json .need_bytes)" -lt 4400000 ]
ok $? "and needs what the files are" || diag "$out"
exits 0 "fetched" kb sc fetch --all

# --- an update: shared files are not counted ---
noise 1000000 04 >"$T/large/c.mp4"
run publish bj beijing.ip "$T/large" --label 第二版
run kb sc check --json
is "$status" 10 "check finds it"
[ "$(json .fetch_bytes)" -ge 1000000 ] && [ "$(json .fetch_bytes)" -lt 1100000 ]
ok $? "of a course of 4 MB only the changed file is fetched" || diag "$out"
[ "$(json .need_bytes)" -lt 1100000 ] && [ "$(json .freed_bytes)" -ge 999000 ] &&
	[ "$(json .freed_bytes)" -lt 1100000 ]
ok $? "needed and freed is that file: the others are one file with two names" || diag "$out"
isnt "$(json .bytes_per_second)" 0 "with the speed as last measured"
run kb sc check
like "$out" '1 in all \(0 new, 1 changed\), .* about .* at the last speed' "minutes for people"

run kb sc fetch --dry-run --limit-rate 10K
like "$out" 'about [12]\.?[0-9]* min.* at the limit set' "and of a limit, where that is slower"
run kb sc config limit-rate 10K
run kb sc check --lang zh
like "$out" '按所设限速约 ' "of the one that is set, too, in Chinese"
run kb sc check --json
is "$(json .bytes_per_second)" 10240 "and as JSON"
run kb sc config hours "$(date -d '-10 minutes' +%H:%M)-$(date -d '+1 minutes' +%H:%M)"
run kb sc check
like "$out" '^the hours are too short for it: fetch will stop half-way at ' "hours that end too early are told of" ||
	diag "$out"
run kb sc config limit-rate --unset
run kb sc config hours "$(date -d '+2 hours' +%H:%M)-$(date -d '+3 hours' +%H:%M)"
run kb sc check
like "$out" '^outside of the hours: fetch will refuse until 20' "and hours that have not begun"
run kb sc check --lang zh
like "$out" '^现在不在传输时段：fetch 会拒绝开始' "in Chinese, too"
run kb sc config hours --unset
run kb sc pause
run kb sc check
like "$out" '^paused: fetch will refuse now' "a pause"
run kb sc resume
run kb sc config monthly-budget 5M
run kb sc check --lang zh
like "$out" '^超出本月流量：fetch 再下载约 .* 就会中途停止' "a budget that will not do" || diag "$out"
run kb sc config monthly-budget 1M
run kb sc check
like "$out" "^this month's budget is used up: fetch will refuse until 20" "and one that is used up"
run kb sc config monthly-budget --unset

# --- no room ---
run kb sc config reserve 1000T
is "$status" 0 "a reserve larger than any disk"
run kb sc fetch
is "$status" 6 "a fetch that would pass it is refused"
like "$err" 'needed at one time, .* free, .* left alone; nothing was fetched' "with the numbers"
[ -d "$HOME_SC/library/beijing.ip/large/1" ] && [ ! -e "$HOME_SC/work/beijing.ip/large/2" ]
ok $? "beforehand: what is held stays, nothing was begun"
run kb sc fetch --low-space
is "$status" 6 "--low-space does not fit it in either"
like "$err" 'beijing.ip/large does not fit' "and names the course"
[ -d "$HOME_SC/library/beijing.ip/large/1" ]
ok $? "the only copy is not given up for it"
run kb sc config reserve --unset

# --- a disk that fills on the way ---
if ! strace -o /dev/null true 2>/dev/null; then
	skip "no strace here: make deps"
else
	run kb sc fetch
	exits 0 "the update is fetched" kb sc fetch
	course "$T/film" film 第一版
	noise 4000000 05 >"$T/film/d.mp4"
	run publish bj beijing.ip "$T/film"
	[ "$(basename "$KEBAO_BIN")" != asan ] || export ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0"
	run as_user env HOME="$T/home/sc" strace -f -qq -o /dev/null -e trace=pwrite64 \
		-e inject=pwrite64:error=ENOSPC:when=30+ "$BIN/kebao" fetch --all
	is "$status" 6 "a disk that is full after a while ends the run as such"
	like "$err" 'out of space|空间不足' "in words"
	left=$(du -sb "$HOME_SC/work/beijing.ip/film" | cut -f1)
	[ "$left" -gt 500000 ]
	ok $? "what was verified is still there" || diag "$left bytes"
	run kb sc fetch --all --dry-run --json
	rest=$((4000000 - $(json .fetch_bytes)))
	[ "$rest" -gt $((left / 2)) ] && [ "$rest" -le $((left + 16384)) ]
	ok $? "the plan does not promise it once more ($rest of $left bytes)"
	exits 0 "and the next run goes on" kb sc fetch --all
	exits 0 "to a whole course" kb sc verify
fi

# --- little room: what newer ones replaced goes first ---
course "$T/small" small 第二版
noise 300000 06 >"$T/small/a.mp4"
run publish bj beijing.ip "$T/small"
run kb sc fetch --keep-old
[ -d "$HOME_SC/library/beijing.ip/small/1" ] && [ -d "$HOME_SC/library/beijing.ip/small/2" ]
ok $? "--keep-old leaves the older release"
course "$T/film" film 第二版
noise 500000 07 >"$T/film/e.mp4"
run publish bj beijing.ip "$T/film"
free=$(df --output=avail -B1 "$T" | tail -n 1)
# More than there is; 35-space.sh has a disk of its own, and removes just as much as is needed.
run kb sc config reserve $((free + (1 << 30)))
run kb sc fetch --low-space
is "$status" 6 "where all that was replaced would not suffice"
[ -d "$HOME_SC/library/beijing.ip/small/1" ] && [ -d "$HOME_SC/library/beijing.ip/small/2" ] &&
	[ -d "$HOME_SC/library/beijing.ip/film/1" ]
ok $? "nothing was removed in vain"
run kb sc config reserve --unset
exits 0 "with room again" kb sc fetch --low-space
[ -d "$HOME_SC/library/beijing.ip/film/2" ] && [ ! -e "$HOME_SC/library/beijing.ip/film/1" ]
ok $? "the new release is there and the old one gone"

# --- nothing new costs two requests, whatever is on offer ---
hub_stop
hub_conf 'workers = 1'
hub_start || bail "no hub with one loop"
# requests_of ARG...: $T/requests has what kebao asked for, one request a line.
requests_of() {
	local before
	hub_logged
	before=$(wc -l <"$T/hub.log")
	run kb sc "$@"
	hub_logged
	tail -n "+$((before + 1))" "$T/hub.log" | grep '"event":"request"' | grep '"who":"sichuan' >"$T/requests"
}
requests_of check
is "$status" 0 "nothing is new"
is "$(jq -r .path "$T/requests" | tr '\n' ' ')" '/metadata/2.root.json /metadata/timestamp.json ' \
	"which took two requests: the next root and the timestamp"
bodies=$(jq -r .path "$T/requests" | while read -r path; do
	curl -ks "$URL$path"
done | wc -c)
[ "$bodies" -gt 300 ] && [ "$bodies" -lt 1024 ]
ok $? "of less than 1 KB of bodies ($bodies)"
requests_of fetch
is "$(wc -l <"$T/requests")" 2 "and fetch is no different" || diag "$(cat "$T/requests")"

# --- hints that are as long as may be ---
# Nobody signs them: a hub may say that a course of three files has 1,500,000 frames.
if [ "$(basename "$KEBAO_BIN")" = asan ] || [ ! -x /usr/bin/time ]; then
	skip "memory of a build with sanitizers says nothing, or there is no /usr/bin/time (make deps)"
else
	hub_stop
	hub_conf 'patches = off'
	hub_start || bail "no hub without patches"
	for i in 1 2 3 4 5 6 7 8; do
		course "$T/many" "many-$i" 第一版
		publish bj beijing.ip "$T/many" >"$T/publish.out" 2>&1 || bail "not published: $(cat "$T/publish.out")"
		hint=$HUB/repo/hints/beijing.ip/many-$i/1
		perl -e '
			local $/; open my $f, "<", $ARGV[0] or die; my $h = <$f>; my $n = 1500000;
			print substr($h, 0, 48), "PACK", pack("V", 32), "p" x 32, "STOR", pack("V", 4 * $n),
				pack("V", 1) x $n, "RUNS", pack("V3Q<", 16, $n, 0, 0)' "$hint" >"$T/hint"
		cat "$T/hint" >"$hint"
	done
	run as_user env HOME="$T/home/sc" /usr/bin/time -o "$T/check.kib" -f '%M' "$BIN/kebao" fetch --all --dry-run --json
	is "$status" 10 "a plan of eight courses whose hints are as long as may be"
	is "$(json '.new | length')" 8 "it has them all"
	kib=$(tail -n 1 "$T/check.kib")
	[ "$kib" -lt $((96 * 1024)) ]
	ok $? "in less than 96 MiB ($kib KiB)"
fi
done_testing
