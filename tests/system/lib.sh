# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2119,SC2120  # what is set and defined here, tests use
#
# What every system test begins with:
#
#	#!/usr/bin/env bash
#	# SPDX-License-Identifier: Apache-2.0
#	. "$(dirname "$0")/lib.sh"
#
#	world
#	course "$T/course" trademarks 第一版
#	exits 0 "a course is published" publish bj beijing.ip "$T/course"
#	run kb sc check
#	is "$status" 10 "who is paired hears of it"
#	like "$out" trademarks "and of which course"
#	done_testing
#
# A test prints TAP, needs neither root nor the internet, waits for conditions with a deadline and leaves
# nothing behind.  Programs come from $KEBAO_BIN (default build/debug).  As root, programs
# under test are run as the user nobody, from copies that nobody can read.
#
# What is here, in order: the place ($T, $BIN), TAP (ok is isnt like unlike exits skip
# diag bail done_testing), running (as_user run kb wait_for), the hub (hub_init hub_start
# hub_stop hub_kill free_port), stories (admin enrol registry channel publish world course library).
set -u
set +e
export LC_ALL=C.UTF-8 TZ=Asia/Shanghai

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
KEBAO_BIN=${KEBAO_BIN:-$ROOT/build/debug}
case $KEBAO_BIN in /*) ;; *) KEBAO_BIN=$ROOT/$KEBAO_BIN ;; esac
T=$(mktemp -d "${TMPDIR:-/tmp}/kebao-test.XXXXXX") || exit 1
BIN=$T/bin
TEST_N=0
TEST_FAILED=0
# A build with sanitizers is slower; deadlines are for hangs, so they are generous.
DEADLINE_SECONDS=${DEADLINE_SECONDS:-60}
export ASAN_OPTIONS="abort_on_error=0:detect_stack_use_after_return=0:${ASAN_OPTIONS:-}"
export UBSAN_OPTIONS="print_stacktrace=1:${UBSAN_OPTIONS:-}"

# --- the place -------------------------------------------------------------------------

cleanup() {
	local rc=$? pid
	trap - EXIT
	# Those that still run: the number of one that has ended may be another's by now, of another test.
	for pid in $(jobs -pr); do
		kill -KILL "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	[ ! -f "$T/ports" ] || xargs rm -f <"$T/ports"
	if [ -n "${KEEP:-}" ]; then
		printf '# kept: %s\n' "$T"
	else
		chmod -R u+rwX "$T" 2>/dev/null
		rm -rf "$T"
	fi
	exit "$rc"
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

for program in kebaod kebaod-signer kebao; do
	[ -x "$KEBAO_BIN/$program" ] && continue
	echo "Bail out! no $program in $KEBAO_BIN: run make first"
	exit 1
done
mkdir "$BIN" "$T/home" || exit 1
cp "$KEBAO_BIN/kebaod" "$KEBAO_BIN/kebaod-signer" "$KEBAO_BIN/kebao" "$BIN/" || exit 1
chmod 0755 "$T" "$BIN"
AS_USER=()
if [ "$(id -u)" = 0 ]; then
	AS_USER=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	chown 65534:65534 "$T" "$T/home"
fi

# Run as the user of the tests, who owns $T.  What stays in the background is started with "${AS_USER[@]}":
# $! of a function is a shell, and killing that leaves the program.
as_user() { "${AS_USER[@]}" "$@"; }

# --- TAP -------------------------------------------------------------------------------

diag() { printf '%s\n' "$*" | sed 's/^/# /'; }

# ok STATUS NAME: a test passes where STATUS is 0.
ok() {
	TEST_N=$((TEST_N + 1))
	if [ "$1" = 0 ]; then
		printf 'ok %d - %s\n' "$TEST_N" "$2"
		return 0
	fi
	TEST_FAILED=$((TEST_FAILED + 1))
	printf 'not ok %d - %s\n' "$TEST_N" "$2"
	return 1
}

is() {
	[ "$1" = "$2" ]
	ok $? "$3" || diag "got:    $1" "wanted: $2" "${err:+stderr: $err}"
}

isnt() {
	[ "$1" != "$2" ]
	ok $? "$3" || diag "got what was not wanted: $1"
}

# like TEXT REGEX NAME: extended regular expression, searched in every line.
like() {
	printf '%s\n' "$1" | grep -qE -- "$2"
	ok $? "$3" || diag "got:    $1" "wanted: /$2/" "${err:+stderr: $err}"
}

unlike() {
	! printf '%s\n' "$1" | grep -qE -- "$2"
	ok $? "$3" || diag "got:      $1" "unwanted: /$2/"
}

# exits STATUS NAME COMMAND...: runs it (as run does) and compares the exit status.
exits() {
	local want=$1 name=$2
	shift 2
	run "$@"
	[ "$status" = "$want" ]
	ok $? "$name" || diag "exit status $status, wanted $want: $*" "stdout: $out" "stderr: $err"
}

skip() {
	TEST_N=$((TEST_N + 1))
	printf 'ok %d # SKIP %s\n' "$TEST_N" "$1"
}

skip_all() {
	printf '1..0 # SKIP %s\n' "$1"
	exit 0
}

bail() {
	diag "$@"
	[ -z "${err:-}" ] || diag "last stderr: $err"
	for log in "$T"/*.log; do
		[ ! -s "$log" ] || diag "end of $log:" "$(tail -n 20 "$log")"
	done
	echo "Bail out! $1"
	exit 1
}

done_testing() {
	printf '1..%d\n' "$TEST_N"
	[ "$TEST_FAILED" = 0 ] || for log in "$T"/*.log; do
		[ ! -s "$log" ] || diag "end of $log:" "$(tail -n 20 "$log")"
	done
	[ "$TEST_FAILED" = 0 ]
	exit
}

# --- running ---------------------------------------------------------------------------

# Run a command; afterwards $status, $out and $err say what happened.  A function of this file may be
# the command.  The deadline is generous and only for what hangs.
run() {
	"$@" >"$T/run.out" 2>"$T/run.err" </dev/null
	status=$?
	out=$(cat "$T/run.out")
	err=$(cat "$T/run.err")
	case $err in
	*AddressSanitizer* | *ThreadSanitizer* | *'runtime error:'*) bail "sanitizer report of: $*" ;;
	esac
}

# kb WHO ARG...: kebao as the person WHO, who has a home directory of their own.
kb() {
	local who=$1
	shift
	[ -d "$T/home/$who" ] || as_user mkdir "$T/home/$who"
	as_user env HOME="$T/home/$who" timeout -k 5 "$((DEADLINE_SECONDS * 5))" \
		"$BIN/kebao" "$@"
}

# wait_for NAME COMMAND...: until it succeeds or the deadline has passed.
wait_for() {
	local name=$1 end=$((SECONDS + DEADLINE_SECONDS))
	shift
	until "$@" >/dev/null 2>&1; do
		if [ "$SECONDS" -ge "$end" ]; then
			diag "waited $DEADLINE_SECONDS s for: $name"
			return 1
		fi
		sleep 0.05
	done
}

# A TCP port of the loopback that nobody listens on, and that no other test has chosen: between two starts of a hub
# nobody listens on its port.
free_port() {
	local port mark
	while :; do
		port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
		mark=${TMPDIR:-/tmp}/kebao-port.$port
		ln -s "$T" "$mark" 2>/dev/null || continue
		echo "$mark" >>"$T/ports"
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
	done
	echo "$port"
}

# --- the hub ---------------------------------------------------------------------------

HUB=$T/hub              # state directory
OFFLINE=$T/offline      # root and targets keys
CONF=$T/kebaod.conf
HUB_PID=
URL=
PASS=$T/passphrase      # of all keys in tests

# hub_init [ORG]: a new hub, its administrators are of organisation ORG (hub); $INVITATION is the code of
# the first of them.
hub_init() {
	local org=${1:-hub}
	# As random as a machine makes them, so that no test spends its time on scrypt (FORMATS.md 4.1).
	printf '00112233445566778899aabbccddeeff\n' >"$PASS"
	chmod 0644 "$PASS"
	PORT=$(free_port)
	URL=https://127.0.0.1:$PORT
	as_user "$BIN/kebaod" init --state "$HUB" --offline-keys "$OFFLINE" --org "$org" \
		--name-zh 测试站 --name-en 'Test hub' --hostname 127.0.0.1 --hostname localhost \
		--port "$PORT" --passphrase-file "$PASS" >"$T/init.out" 2>"$T/init.log" || return 1
	INVITATION=$(grep -oE 'KB1-[0-9A-Z-]+' "$T/init.out" | head -n 1)
	[ -n "$INVITATION" ] || return 1
	hub_conf
}

# hub_conf [LINE...]: writes the configuration, with further lines.
hub_conf() {
	{
		printf 'state = %s\nlisten = 127.0.0.1:%s\n' "$HUB" "$PORT"
		printf 'hostname = 127.0.0.1\nhostname = localhost\n'
		printf 'name.zh = 测试站\nname.en = Test hub\n'
		# Disks of test machines may be nearly full.
		printf 'free_space_reserve = 16M\n'
		[ $# = 0 ] || printf '%s\n' "$@"
	} >"$CONF"
	chmod 0644 "$CONF"
}

hub_is_up() { curl -ks --max-time 5 "$URL/api/v1/hub" | grep -q '"version"'; }
# A child that ended stays a zombie until it is waited for.
is_running() { grep -qE '^[0-9]+ \(.*\) [^ZX]' "/proc/$1/stat" 2>/dev/null; }
hub_is_up_or_gone() { hub_is_up || ! is_running "$HUB_PID"; }

# hub_start: serves at $URL; $HUB_PID; the log is $T/hub.log.
hub_start() {
	"${AS_USER[@]}" "$BIN/kebaod" --config "$CONF" >>"$T/hub.log" 2>&1 </dev/null &
	HUB_PID=$!
	wait_for "the hub at $URL" hub_is_up_or_gone && hub_is_up
}

# hub_logged: until the log has all requests that were answered.  Who asks may have the answer before the log has the
# request; this asks, too, and its line is behind theirs, where the hub has one loop (workers = 1).
hub_logged() {
	local path=/logged-$EPOCHREALTIME
	curl -ks -o /dev/null "$URL$path"
	wait_for "the hub's log" grep -qF "\"path\":\"$path\"" "$T/hub.log"
}

# hub_stop: SIGTERM; the exit status of kebaod.
hub_stop() {
	local pid=$HUB_PID
	HUB_PID=
	kill -TERM "$pid" && wait "$pid"
}

# hub_kill: as a power cut would, for the process.
hub_kill() {
	local pid=$HUB_PID
	HUB_PID=
	kill -KILL "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	return 0
}

# hub_memory: what the hub has for itself (KiB), without what it reads from files.
hub_memory() { awk '/^RssAnon:/ { print $2 }' "/proc/$HUB_PID/status"; }

# hub_rest: until looks at its memory are the same, one after another, and no thread runs or waits for a disk: what the
# hub makes by itself after a publication is made.
hub_rest() {
	REST_LAST='' REST_N=0
	wait_for "the hub at rest" is_at_rest
}
is_at_rest() {
	local now
	now=$(hub_memory)
	if [ "$now" = "$REST_LAST" ] && ! grep -qE '^[0-9]+ \(.*\) [RD]' "/proc/$HUB_PID/task"/*/stat; then
		REST_N=$((REST_N + 1))
	else
		REST_N=0
	fi
	REST_LAST=$now
	[ "$REST_N" -ge 5 ]
}

# --- stories ---------------------------------------------------------------------------

# admin: enrols the first administrator as the person "admin".
admin() { kb admin enroll "$URL" "$INVITATION" >"$T/enroll.out" 2>&1; }

# enrol WHO ORG [ROLE]: WHO becomes a member (or publisher) of ORG.
enrol() {
	local code
	code=$(kb admin hub invite "$2" --role "${3:-member}" 2>>"$T/invite.log") || return 1
	kb "$1" enroll "$URL" "$code" >>"$T/enroll.out" 2>&1
}

# registry FILE...: loads documents; without files those of docs/examples/registry but the channels.
registry() {
	[ $# -gt 0 ] || set -- "$ROOT/docs/examples/registry/organisations.json" \
		"$ROOT/docs/examples/registry/pairings.json"
	local file n=0
	for file in "$@"; do
		n=$((n + 1))
		cp "$file" "$T/registry.$n.json" && chmod 0644 "$T/registry.$n.json" || return 1
		kb admin hub registry load "$T/registry.$n.json" || return 1
	done
}

# channel ID PUBLISHER AUDIENCE WHO: a new channel of organisation PUBLISHER, signed by a key of WHO,
# $T/WHO.pem, which is made if it is not there.
channel() {
	if [ ! -f "$T/$4.pem" ]; then
		kb "$4" key new "$T/$4.pem" --passphrase-file "$PASS" &&
			kb "$4" key export-public "$T/$4.pem" --passphrase-file "$PASS" \
				>"$T/$4.pub" || return 1
		chmod 0644 "$T/$4.pub"
	fi
	kb admin hub channel add "$1" --publisher "$2" --audience "$3" --title-zh "$1" \
		--publisher-key "$T/$4.pub" --targets-key "$OFFLINE/targets.pem" \
		--passphrase-file "$PASS"
}

# publish WHO CHANNEL DIRECTORY [OPTION...]: a release, signed by WHO's key.
publish() {
	local who=$1 channel=$2 dir=$3
	shift 3
	kb "$who" publish "$dir" --channel "$channel" --key "$T/$who.pem" \
		--passphrase-file "$PASS" "$@"
}

# world: the story most tests begin with.  A hub; a publisher "bj" of beijing with the
# channel beijing.ip for its pairs; "sc" of sichuan, which is paired; "gd" of guangdong, which is not.
world() {
	if ! hub_init || ! hub_start; then
		bail "no hub"
	fi
	if ! { admin && registry && enrol bj beijing publisher && enrol sc sichuan &&
		enrol gd guangdong && channel beijing.ip beijing paired bj; } >"$T/world.log" 2>&1; then
		bail "no world"
	fi
}

# course DIRECTORY NAME LABEL: a course.json; the caller adds files.
course() {
	mkdir -p "$1"
	printf '{"course":"%s","label":"%s","title":{"zh":"%s"},"field":"ip","languages":["zh"]}\n' \
		"$2" "$3" "$2" >"$1/course.json"
	[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$1"
}

# library WHO: where WHO's releases lie.
library() { echo "$T/home/$1/.local/share/kebao/library"; }
