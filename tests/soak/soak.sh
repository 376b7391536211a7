#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# `make soak`: one hub for an hour, and everything at once: a crowd of idle connections that ask now and then,
# load, one bad client in all the ways it can be bad, publications and fetches of which some are killed; in the last
# part the hub itself is killed in the middle of publications.  Afterwards nothing is lost: all releases are there,
# what recipients hold verifies, the chain of the audit log is whole.
#
#	SOAK_MINUTES   how long (60)
#	SOAK_CROWD     idle connections (10000)
#	SOAK_FLAT_KIB  by how much the hub's memory may differ (8192): the median of the last quarter of the
#	               storm against that of its second quarter
#	SOAK_CALM_MS   how much longer others may wait in the storm than before it (50): median and 99 % of
#	               requests on connections that stand
#	SEED           of the random choices; printed
. "$(dirname "$0")/../system/lib.sh"
. "$(dirname "$0")/../system/wire.sh"

MINUTES=${SOAK_MINUTES:-60}
CROWD=${SOAK_CROWD:-10000}
FLAT_KIB=${SOAK_FLAT_KIB:-8192}
CALM_MS=${SOAK_CALM_MS:-50}
SEED=${SEED:-$(date +%s)}
RANDOM=$((SEED % 32768))
FLOOD=$KEBAO_BIN/tests/abuse/flood
LOAD=$KEBAO_BIN/tests/bench/load
COURSES=4
for program in "$FLOOD" "$LOAD" "$KEBAO_BIN/tests/soak/crowd"; do
	[ -x "$program" ] || bail "no $program: make soak"
done
command -v jq >/dev/null || bail "no jq: make deps"

# Calm at first, then the storm, in the end the kills.
TOTAL_S=$((MINUTES * 60))
CALM_S=$((TOTAL_S / 20 < 60 ? 60 : TOTAL_S / 20))
KILLS_S=$((TOTAL_S * 3 / 20))
STORM_S=$((TOTAL_S - CALM_S - KILLS_S))
[ "$STORM_S" -ge 120 ] || bail "SOAK_MINUTES: 4 at least"

# Descriptors: the hub has one for each connection and some for files, the crowd one each.
wanted_fds=$((CROWD + 3000)) crowd_skipped=
if [ "$(ulimit -Hn)" != unlimited ] && [ "$(ulimit -Hn)" -lt "$wanted_fds" ]; then
	crowd_skipped="$CROWD idle connections: ulimit -n allows $(ulimit -Hn), $wanted_fds are needed"
	CROWD=$(($(ulimit -Hn) - 3000))
	[ "$CROWD" -gt 0 ] || skip_all "$crowd_skipped"
	diag "SKIP $crowd_skipped: $CROWD it is"
fi
diag "SEED=$SEED, $MINUTES minutes: ${CALM_S} s calm, ${STORM_S} s storm, ${KILLS_S} s of kills; $CROWD connections"

# --- the place -------------------------------------------------------------------------

LOOPS=()
end_loops() {
	touch "$T/stop"
	[ "${#LOOPS[@]}" = 0 ] || wait "${LOOPS[@]}" 2>/dev/null
	LOOPS=()
	rm -f "$T/stop"
}
loop() { # FUNCTION: in the background, until end_loops
	"$1" >>"$T/$1.log" 2>&1 </dev/null &
	LOOPS+=("$!")
}
goes_on() { [ ! -e "$T/stop" ]; }
# What loops have started ends before the hub does.
leave() {
	local rc=$?
	[ "${#LOOPS[@]}" = 0 ] || end_loops
	return "$rc"
}
trap 'leave; cleanup' EXIT

mkdir "$T/sums"
: >"$T/wrong"
wrong() { printf '%s\n' "$*" | tee -a "$T/wrong" | sed 's/^/# WRONG: /' >&3; }
exec 3>&1 # the terminal, from within loops too
now_ms() { date +%s%3N; }
# some_ms LONGEST_MS: a random part of it passes.
some_ms() {
	local delay=$((RANDOM * $1 / 32768))
	sleep "$((delay / 1000)).$(printf '%03d' $((delay % 1000)))"
}
sum_of() { (cd "$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum) | sha256sum | cut -d' ' -f1; }

world
{ registry && channel open.soak beijing public bj; } >"$T/open.log" 2>&1 || bail "no open channel"
enrol late sichuan >"$T/late.log" 2>&1 || bail "nobody who comes late"
{ wire_ca && wire_enrol reader sichuan && wire_enrol auditor hub admin; } >"$T/wire.log" 2>&1 || bail "no reader"
course "$T/load" load one
head -c 20000000 /dev/urandom >"$T/load/video.mp4"
[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$T/load"
publish bj open.soak "$T/load" >"$T/load.out" 2>&1 || bail "no load: $(cat "$T/load.out")"
pack=$(cd "$HUB/repo" && find packs -type f -size +1M -printf '/%p\n' | head -n 1)
echo "$pack" >"$T/load.paths"
pack_bytes=$(stat -c %s "$HUB/repo$pack")
hub_stop || bail "no end"
# The line is what a hub has; transfers beyond it wait, as they would.
hub_conf 'log_level = warn' "max_connections = $((CROWD + 2000))" 'line_rate = 40M'
hub_start || bail "no hub"

# --- who does what ---------------------------------------------------------------------

# write_course NAME ROUND: $T/course, whose sum is kept.
write_course() {
	local dir=$T/course
	rm -rf "$dir"
	course "$dir" "$1" "round $2"
	mkdir -p "$dir/讲义"
	printf '%s\n' "$2" >"$dir/round"
	printf '第 %s 轮\n' "$2" >"$dir/讲义/第一讲.md"
	# One file that stays, one that changes, both of several frames.
	cp "$T/same.bin" "$dir/same.bin"
	head -c 600000 /dev/urandom >"$dir/changed.bin"
	[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$dir"
	sum_of "$dir" >"$T/sums/$1.$2"
}
head -c 3000000 /dev/urandom >"$T/same.bin"

# start WHO ARG...: kebao in the background; $KB_PID is its own process.
start() {
	local who=$1
	shift
	"${AS_USER[@]}" env HOME="$T/home/$who" "$BIN/kebao" "$@" >"$T/start.$who" 2>&1 </dev/null &
	KB_PID=$!
}
start_publish() {
	start bj publish "$T/course" --channel beijing.ip --key "$T/bj.pem" --passphrase-file "$PASS"
}
# published NAME ROUND: it is the newest release of its course now.
published() { echo "$1 $2" >>"$T/published"; }

# held WHO: each release in WHO's library is one round, entirely; 1 where one is not.
held() {
	local release name round sum
	for release in "$(library "$1")"/beijing.ip/*/[0-9]*; do
		[ -d "$release" ] || continue
		name=$(basename "$(dirname "$release")")
		round=$(cat "$release/round" 2>/dev/null)
		sum=$(sum_of "$release")
		[ "$sum" = "$(cat "$T/sums/$name.${round:-none}" 2>/dev/null)" ] ||
			{ wrong "$1 holds $release, which is no round"; return 1; }
	done
}

publish_rounds() {
	local begin
	while goes_on; do
		ROUND=$((ROUND + 1))
		local name=kill$((ROUND % COURSES))
		write_course "$name" "$ROUND"
		if [ $((RANDOM % 3)) = 0 ]; then
			start_publish
			some_ms "$PUBLISH_MS"
			kill -KILL "$KB_PID" 2>/dev/null && echo "killed publish" >>"$T/counts"
			wait "$KB_PID" 2>/dev/null
		fi
		begin=$(now_ms)
		publish bj beijing.ip "$T/course" >"$T/publish.out" 2>&1 ||
			wrong "round $ROUND: publish: $(tail -n 3 "$T/publish.out")"
		PUBLISH_MS=$(($(now_ms) - begin))
		published "$name" "$ROUND"
		echo "$ROUND" >"$T/round"
		some_ms 4000
	done
}

fetch_rounds() {
	local begin status longest=1000
	while goes_on; do
		start sc fetch --all
		if [ $((RANDOM % 3)) = 0 ]; then
			some_ms "$longest"
			kill -KILL "$KB_PID" 2>/dev/null && echo "killed fetch" >>"$T/counts"
		fi
		wait "$KB_PID" 2>/dev/null
		begin=$(now_ms)
		kb sc fetch --all >"$T/fetch.out" 2>&1
		status=$?
		[ "$status" = 0 ] || wrong "fetch ends with $status: $(tail -n 3 "$T/fetch.out")"
		longest=$(($(now_ms) - begin + 200))
		held sc && echo "fetched" >>"$T/counts"
		if [ $((RANDOM % 5)) = 0 ]; then
			kb sc verify >"$T/verify.out" 2>&1 || wrong "verify: $(tail -n 3 "$T/verify.out")"
			echo "verified" >>"$T/counts"
		fi
		some_ms 4000
	done
}

# Pieces of a mebibyte, as much as the line gives.
load_rounds() {
	while goes_on; do
		"$LOAD" --port "$PORT" --from 127.0.0.4 --paths "$T/load.paths" --connections 16 --seconds 10 \
			--range 1048576 --size "$pack_bytes" >"$T/load.out" 2>"$T/load.err" ||
			cat "$T/load.out" "$T/load.err" >>"$T/load.bad"
		tr ' ' '\n' <"$T/load.out" | sed -n 's/^bytes=//p' >>"$T/load.bytes"
	done
}

# All modes of the bad client, one after another; it is a program of somebody else's machine, so it is served last here.
flood_rounds() {
	local mode n
	while goes_on; do
		while read -r mode n; do
			goes_on || break
			echo "$mode" >"$T/mode"
			nice -n 10 "$FLOOD" "$PORT" "$HUB_PID" "$mode" "$n" 3000 "$pack" >"$T/flood.out" 2>&1 ||
				wrong "flood $mode: $(cat "$T/flood.out")"
			printf '%s %s\n' "$mode" "$(cat "$T/flood.out")" >>"$T/floods"
		done < <("$FLOOD" --list)
		echo "storm" >>"$T/counts"
	done
}

# tell_crowd NAME: what the crowd has seen since it was last told, in $crowd
tell_crowd() {
	echo "$1" >&8
	IFS= read -r -t 120 crowd <&9 || bail "the crowd does not answer: $(cat "$T/crowd.err")"
	case $crowd in "$1 "*) ;; *) bail "the crowd says: $crowd" ;; esac
}
# value NAME: out of $crowd
value() { sed -n "s/.* $1 \\([0-9]*\\).*/\\1/p" <<<"$crowd"; }
resident() { awk '/^VmRSS:/ { print $2 }' "/proc/$HUB_PID/status"; }
counted() { grep -c "^$1\$" "$T/counts" 2>/dev/null; }
ms() { awk -v us="$1" 'BEGIN { printf "%.1f", us / 1000 }'; }

# watch PHASE SECONDS: samples of memory, a line for each minute.  What the crowd saw is kept in $T/crowd.PHASE.
watch() {
	local phase=$1 end=$((SECONDS + $2)) began=$SECONDS next=$((SECONDS + 60))
	while [ "$SECONDS" -lt "$end" ]; do
		sleep 1
		is_running "$HUB_PID" || bail "the hub has gone"
		echo "$((SECONDS - began)) $(resident)" >>"$T/rss.$phase"
		if [ "$SECONDS" -ge "$next" ] || [ "$SECONDS" -ge "$end" ]; then
			next=$((next + 60))
			tell_crowd "$phase"
			echo "$crowd" >>"$T/crowd.$phase"
			diag "$(printf '%2d:%02d %s: %d MiB; crowd %s, waits %s ms (99 %% %s, at most %s), anew %s (99 %% %s, at most %s), failed %s, cut %s; %s releases, %s fetches; killed: %s and %s; wrong: %s; load average %s' \
				$((SECONDS / 60)) $((SECONDS % 60)) "$phase" $(($(resident) / 1024)) "$(value up)" \
				"$(ms "$(value p50_us)")" "$(ms "$(value p99_us)")" "$(ms "$(value max_us)")" \
				"$(ms "$(value new_p50_us)")" "$(ms "$(value new_p99_us)")" "$(ms "$(value new_max_us)")" \
				"$(value failed)" "$(value cut)" \
				"$(wc -l <"$T/published")" "$(counted fetched)" "$(counted 'killed publish')" \
				"$(counted 'killed fetch')" "$(wc -l <"$T/wrong")" "$(cut -d' ' -f1 /proc/loadavg)")"
		fi
	done
}

# --- the crowd gathers -----------------------------------------------------------------

PUBLISH_MS=2000 ROUND=0
: >"$T/published"
: >"$T/counts"
: >"$T/load.bytes"
: >"$T/load.bad"
mkfifo "$T/to.crowd" "$T/from.crowd"
"$KEBAO_BIN/tests/soak/crowd" "$PORT" "$CROWD" /api/v1/hub <"$T/to.crowd" >"$T/from.crowd" 2>"$T/crowd.err" &
exec 8>"$T/to.crowd" 9<"$T/from.crowd"
IFS= read -r -t 600 crowd <&9 || bail "the crowd does not gather: $(cat "$T/crowd.err")"
diag "the crowd is there: $crowd; the hub needs $(($(resident) / 1024)) MiB"

# --- calm, storm -----------------------------------------------------------------------

loop publish_rounds
loop fetch_rounds
loop load_rounds
tell_crowd gathering
watch calm "$CALM_S"
tell_crowd "=calm"
calm=$crowd
loop flood_rounds
watch storm "$STORM_S"
tell_crowd "=storm"
storm=$crowd
end_loops
ROUND=$(cat "$T/round")

# --- the hub is killed -----------------------------------------------------------------

n_kills=0 n_hits=0
kills_end=$((SECONDS + KILLS_S))
while [ "$SECONDS" -lt "$kills_end" ]; do
	ROUND=$((ROUND + 1))
	name=kill$((ROUND % COURSES))
	write_course "$name" "$ROUND"
	start_publish
	some_ms 1500
	is_running "$KB_PID" && n_hits=$((n_hits + 1))
	hub_kill
	n_kills=$((n_kills + 1))
	wait "$KB_PID" 2>/dev/null
	hub_start || bail "the hub does not start again"
	publish bj beijing.ip "$T/course" >"$T/publish.out" 2>&1 ||
		wrong "round $ROUND: publish after a kill: $(tail -n 3 "$T/publish.out")"
	published "$name" "$ROUND"
	kb sc fetch --all >"$T/fetch.out" 2>&1 || wrong "round $ROUND: fetch: $(tail -n 3 "$T/fetch.out")"
	held sc
done
diag "$(printf '%2d:%02d %s kills of the hub, %s of them within a publication' $((SECONDS / 60)) $((SECONDS % 60)) "$n_kills" "$n_hits")"
is_crowd_back() {
	tell_crowd back
	[ "$(value up)" = "$CROWD" ]
}
wait_for "the crowd" is_crowd_back
crowd_is_back=$?

# --- what is left ----------------------------------------------------------------------

# The chain of the audit log, as docs/PROTOCOL.md has it, by another program: each hash is that of the one before
# and the canonical entry.  Prints "whole N", or what is wrong.
audit_chain() {
	perl -MJSON::PP -MDigest::SHA=sha256 -MTime::Local -e '
		my ($seq, $hash) = (0, "\0" x 32);
		my $json = JSON::PP->new->canonical->utf8;
		for my $page (@ARGV) {
			open my $f, "<", $page or die;
			for my $e (@{$json->decode(do { local $/; <$f> })->{entries}}) {
				my $want = delete $e->{hash};
				my ($y, $m, $d, $h, $min, $s) = $e->{at} =~ /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)Z$/;
				$e->{at} = timegm($s, $min, $h, $d, $m - 1, $y);
				my $text = join ",", map { "\"$_\":" . ($_ =~ /^(at|seq)$/ ? $e->{$_} + 0 : text($e->{$_})) } sort keys %$e;
				$hash = sha256($hash, "{$text}");
				die "entry $e->{seq} where ", $seq + 1, " was due\n" if $e->{seq} != ++$seq;
				die "entry $seq has another hash\n" if unpack("H64", $hash) ne $want;
			}
		}
		print "whole $seq\n";
		sub text { my $t = shift; utf8::encode($t); $t =~ s/(["\\])/\\$1/g; "\"$t\"" }' "$@" 2>&1
}
fetch_audit() {
	local after=0 n=0 last
	while :; do
		as auditor "$URL/api/v1/audit?after=$after" >"$T/audit.$((10000 + n))" || return 1
		last=$(jq -r '.entries | last | .seq // empty' "$T/audit.$((10000 + n))") || return 1
		[ -n "$last" ] || break
		after=$last n=$((n + 1))
	done
}

fetch_audit || wrong "the audit log cannot be read"
like "$(audit_chain "$T"/audit.1*)" '^whole [0-9]+$' "the chain of the audit log is whole"
jq -r '.entries[] | select(.action == "publish") | .object' "$T"/audit.1* | grep '^beijing.ip/' | sort >"$T/audit.publish"
is "$(uniq -d "$T/audit.publish")" "" "no release was published twice"
n_published=$(wc -l <"$T/published")
# A publication that was killed after the switch is there, and publishing again is none.
[ "$(wc -l <"$T/audit.publish")" -ge "$n_published" ]
ok $? "each of $n_published publications is in it ($(wc -l <"$T/audit.publish") entries)"
n_missing=0
while read -r course; do
	# Numbers go up by one; each is in the log.
	newest=$(sed -n "s|^beijing.ip/$course/||p" "$T/audit.publish" | sort -n | tail -n 1)
	for n in $(seq "${newest:-0}"); do
		grep -qx "beijing.ip/$course/$n" "$T/audit.publish" || n_missing=$((n_missing + 1))
	done
	# Live are the last ten: their bytes, whole, by another client.
	for n in $(seq $((newest > 9 ? newest - 9 : 1)) "$newest"); do
		rm -rf "$T/unpacked"
		mkdir "$T/unpacked"
		as reader --fail "$URL/bundles/beijing.ip/$course/$n.tar.zst" 2>"$T/bundle.err" |
			tar -x --zstd --no-same-owner -C "$T/unpacked" 2>>"$T/bundle.err"
		dir=$(find "$T/unpacked" -name course.json -printf '%h\n' -quit)
		round=$(cat "${dir:-/nowhere}/round" 2>/dev/null)
		if [ -z "$round" ] || [ "$(sum_of "$dir")" != "$(cat "$T/sums/$course.$round")" ]; then
			wrong "$course/$n is not there as it was published: $(head -n 2 "$T/bundle.err")"
		fi
	done
	round=$(sed -n "s/^$course //p" "$T/published" | tail -n 1)
	[ "$(sum_of "$dir")" = "$(cat "$T/sums/$course.$round")" ] || wrong "$course/$newest is not round $round"
done < <(cut -d' ' -f1 "$T/published" | sort -u)
is "$n_missing" 0 "no number of a release is missing"
exits 0 "who held them all along fetches" kb sc fetch --all
exits 0 "and all of it verifies" kb sc verify
exits 0 "who comes late fetches all" kb late fetch --all
exits 0 "and verifies, too" kb late verify
held sc && held late
exits 0 "the hub's state is good" kb admin hub status
exec 8>&- 9<&-
hub_stop
ok $? "the hub ends in order"
is "$(sqlite3 "$HUB/state.db" 'PRAGMA integrity_check' 2>&1)" ok "its database is sound"
unlike "$(cat "$T/hub.log")" '"level":"error"|Sanitizer|out of memory' "it has complained of nothing"
is "$(cat "$T/wrong")" "" "nothing went wrong on the way"

# --- judgement -------------------------------------------------------------------------

if [ -n "$crowd_skipped" ]; then
	skip "$crowd_skipped"
else
	is "$crowd_is_back" 0 "$CROWD idle connections, and again after the last kill"
fi
for crowd in "$calm" "$storm"; do
	is "$(value failed) $(value cut)" "0 0" "nobody of the crowd was failed or cut ($(value asked) requests, ${crowd%% *})"
done
is "$(wc -l <"$T/load.bad")" 0 "no piece of the load was refused"
diag "load: $(awk '{ n += $1 } END { printf "%.1f", n / 1e9 }' "$T/load.bytes") GB"
is "$(grep -c ' failed 0 ' "$T/floods")" "$(wc -l <"$T/floods")" "who asked beside the bad client was always answered" ||
	diag "$(grep -v ' failed 0 ' "$T/floods")"
diag "all the ways of a bad client, $(counted storm) times:"
awk '{ for (i = 2; i < NF; i += 2) v[$1, $i] = $(i + 1); n[$1]++; m[$1] = m[$1] < v[$1, "median"] ? v[$1, "median"] : m[$1]
	h[$1] = h[$1] < v[$1, "highest"] ? v[$1, "highest"] : h[$1] }
	END { for (k in n) printf "#   %s: another client, anew each time, waited %d ms (median, worst of %d), %d ms at most\n", k, m[k], n[k], h[k] }' \
	"$T/floods" | sort

# quarter N: median of the memory in that quarter of the storm
quarter() {
	awk -v from="$((STORM_S * ($1 - 1) / 4))" -v to="$((STORM_S * $1 / 4))" '$1 > from && $1 <= to { print $2 }' "$T/rss.storm" |
		sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}
second=$(quarter 2) fourth=$(quarter 4)
diag "memory of the hub (VmRSS, median): calm $(cut -d' ' -f2 "$T/rss.calm" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }')," \
	"storm $(quarter 1), $second, $(quarter 3), $fourth KiB; highest $(cut -d' ' -f2 "$T/rss.storm" | sort -n | tail -n 1)"
[ $((fourth - second)) -le "$FLAT_KIB" ]
ok $? "memory is flat: $((fourth - second)) KiB from the second quarter to the last, $FLAT_KIB at most"
for which in p50_us p99_us; do
	crowd=$calm && before=$(value "$which")
	crowd=$storm && after=$(value "$which")
	[ $((after - before)) -le $((CALM_MS * 1000)) ]
	ok $? "others wait not $CALM_MS ms longer in the storm: $which $(ms "$before") ms, then $(ms "$after")"
done
for crowd in "$calm" "$storm"; do
	diag "${crowd%% *}: waits $(ms "$(value p50_us)") ms (median), $(ms "$(value p99_us)") (99 %), $(ms "$(value max_us)") at most;" \
		"on a new connection $(ms "$(value new_p50_us)"), $(ms "$(value new_p99_us)"), $(ms "$(value new_max_us)")"
done
done_testing
