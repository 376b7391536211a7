# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034  # what is set here, the measurements use
#
# What measurements of updates, fetching and publishing share.  Sourced after tests/system/lib.sh; W is a
# folder for whatever they make.
#
# say note              a `name value unit` line; a remark
# timed used            CPU, wall and memory of a command
# median spread         of numbers on standard input
# media DIRECTORY MIB   a course of films, slides and notes, of so many MiB, always the same
# peers_path            programs of `make bench-deps` before all others

PEER_ROOT=$ROOT/build/peers/root
W=$T/w
mkdir "$W"
say() { printf '%s %s %s\n' "$@"; }
note() { printf '# %s\n' "$*"; }

TIME=$PEER_ROOT/usr/bin/time
[ -x "$TIME" ] || note "no GNU time: no CPU, no memory (make bench-deps)"
# timed FILE COMMAND...: seconds of CPU in user mode and in the kernel, wall seconds, KiB at the most, into FILE.
timed() {
	local file=$1
	shift
	if [ -x "$TIME" ]; then
		"$TIME" -q -o "$file" -f '%U %S %e %M' "$@"
	else
		echo 0 0 0 0 >"$file"
		"$@"
	fi
}
used() { # NAME FILE
	awk -v n="$1" '{ printf "%s.cpu %.3f s\n%s.wall %.3f s\n%s.memory %.1f MiB\n", n, $1 + $2, n, $3, n, $4 / 1024 }' "$2"
}
cpu_of() { awk '{ printf "%.3f\n", $1 + $2 }' "$1"; }
wall_of() { awk '{ printf "%.3f\n", $3 }' "$1"; }

median() { sort -n | awk '{ v[NR] = $1 } END { printf "%.3f\n", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
# The least and the most, as LEAST-MOST.
spread() { sort -n | awk 'NR == 1 { a = $1 } { b = $1 } END { printf "%.3f-%.3f\n", a, b }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.3f", a / b }'; }
# summed NAME FILE: median and spread of a column of numbers.
summed() {
	say "$1" "$(median <"$2")" s
	say "$1.spread" "$(spread <"$2")" s
}

# noise SEED MIB: bytes that nothing compresses, the same for the same seed.
noise() {
	openssl enc -aes-128-ctr -K "$(printf '%032x' "$1")" -iv 00 -in /dev/zero 2>/dev/null | head -c "$(($2 << 20))"
}
media() {
	local i n=$(($2 / 25))
	mkdir -p "$1/films" "$1/notes"
	for i in $(seq "$n"); do
		noise "$i" 24 >"$1/films/film-$i.mp4"
	done
	for i in $(seq 40); do
		perl -e 'srand shift; print join(" ", map { ("law", "court", "trade", "mark", "patent", "appeal")[rand 6] .
			int rand 500 } 1 .. 4000), "\n"' "$i" >"$1/notes/lesson-$i.md"
	done
}

peers_path() {
	local arch
	arch=$(uname -m)-linux-gnu
	export LD_LIBRARY_PATH=$PEER_ROOT/usr/lib/$arch:$PEER_ROOT/lib/$arch
	export PATH=$PEER_ROOT/usr/bin:$PEER_ROOT/usr/sbin:$PATH CASYNC_PROTOCOL_PATH=$PEER_ROOT/usr/lib/casync/protocols
}
