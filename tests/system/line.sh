# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2120
#
# A bad line in front of the hub, steered by the test: tests/tools/line.c, whose first comment lists the
# commands.  Sourced after lib.sh.
#
# line_start [OPTION...]   $LINE_PORT, $LINE_URL; options of the program
# line COMMAND             e.g. line rate 500000; prints the answer
# line_stat NAME           one number of the statistics: connections, open, up, down, refused, unread, hole
# line_is_hole             whether nothing passes any more (for wait_for)
# line_is_read PID         whether that client has read what came down, and has dealt with it (for wait_for, after
#                          a hole: what is broken off then is the same on a machine that is fast or busy)
# line_of WHO              from here on WHO speaks to the hub through the line

LINE_URL=
LINE_PORT=
LINE_CONTROL=

[ -x "$KEBAO_BIN/tests/tools/line" ] || {
	echo "Bail out! no line in $KEBAO_BIN/tests/tools: run make check-programs first"
	exit 1
}

line_start() {
	mkfifo "$T/line.ports" || return 1
	"$KEBAO_BIN/tests/tools/line" --to "$PORT" "$@" >"$T/line.ports" 2>"$T/line.log" </dev/null &
	read -r LINE_PORT LINE_CONTROL <"$T/line.ports" || return 1
	rm -f "$T/line.ports"
	LINE_URL=https://127.0.0.1:$LINE_PORT
}

line() {
	local answer
	exec 9<>"/dev/tcp/127.0.0.1/$LINE_CONTROL" || return 1
	printf '%s\n' "$*" >&9
	read -r answer <&9
	exec 9>&-
	case $* in
	stats) printf '%s\n' "$answer" ;;
	*) [ "$answer" = ok ] ;;
	esac
}

line_stat() { line stats | awk -v name="$1" '{ for (i = 1; i < NF; i += 2) if ($i == name) print $(i + 1) }'; }

line_is_hole() { [ "$(line_stat hole)" = 1 ]; }
# No thread of it runs, three looks in a row: one may just be waking another.
LINE_LOOKS=0
line_is_read() {
	if [ "$(line_stat unread)" = 0 ] && ! grep -qE '^[0-9]+ \(.*\) [RD]' "/proc/$1/task"/*/stat; then
		LINE_LOOKS=$((LINE_LOOKS + 1))
	else
		LINE_LOOKS=0
	fi
	[ "$LINE_LOOKS" -ge 3 ] && LINE_LOOKS=0
}

# The address a home speaks to is in its config.json and nowhere else.
line_of() {
	local config=$T/home/$1/.local/share/kebao/config.json
	sed -i "s|https://127.0.0.1:[0-9]*|$LINE_URL|" "$config"
	[ "$(id -u)" != 0 ] || chown 65534:65534 "$config"
}
