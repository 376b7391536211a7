# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034  # variables set here are read by the tests
#
# What every system test begins with:
#
#	#!/usr/bin/env bash
#	# SPDX-License-Identifier: Apache-2.0
#	. "$(dirname "$0")/lib.sh"
#
#	hub_init gd && hub_start || bail "no hub"
#	run kb gd-admin whoami
#	is "$status" 0 "the admin is known"
#	like "$out" 'role: admin' "and is an admin"
#	done_testing
#
# A test prints TAP, needs neither root nor the internet, waits for conditions with a deadline and leaves
# nothing behind.  Programs come from $KEBAO_BIN (default build/debug).  As root, programs
# under test are run as the user nobody, from copies that nobody can read.
#
# What is here, in order: the place ($T, $BIN), TAP (ok is isnt like unlike exits skip
# diag bail done_testing), running (as_user run kb wait_for), the hub (hub_init hub_start
# hub_stop hub_kill free_port), stories (enrol registry publisher).
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
PIDS=()
# A build with sanitizers is slower; deadlines are for hangs, so they are generous.
DEADLINE_SECONDS=${DEADLINE_SECONDS:-60}
export ASAN_OPTIONS="abort_on_error=0:detect_stack_use_after_return=0:${ASAN_OPTIONS:-}"
export UBSAN_OPTIONS="print_stacktrace=1:${UBSAN_OPTIONS:-}"

# --- the place -------------------------------------------------------------------------

cleanup() {
	local rc=$? pid
	trap - EXIT
	for pid in "${PIDS[@]}"; do
		kill -KILL "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
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

# Run as the user of the tests (who owns $T); exec, so a pid is the program's own.
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
	*AddressSanitizer* | *'runtime error:'*) bail "sanitizer report of: $*" ;;
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

# A TCP port of the loopback nobody listens on; another may take it, so users of it try again.
free_port() {
	local port
	while :; do
		port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
	done
	echo "$port"
}
