#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Bad input: one clear line, a documented exit code, and no change on disk.  The hub is a hostile one in half of
# it: its repository is tampered with while it runs.
# shellcheck disable=SC2016  # a shell of its own expands what stands in single quotes
. "$(dirname "$0")/lib.sh"

world
# So that index and frames come from where this test changes them: a patch brings both by itself.
hub_stop
hub_conf 'patches = off'
hub_start || bail "no hub without patches"
REPO=$HUB/repo
READER=$T/home/sc/.local/share/kebao

# state DIRECTORY...: a hash of every name and every byte below.  What says when somebody was last asked
# (the lock, state.json) and what came of it (check.json) is no change.
state() {
	find "$@" \( -name lock -o -name state.json -o -name check.json -o -path '*/work' -prune \) -o -printf '%y %p\n' \
		-type f -exec sha256sum {} + 2>/dev/null | sort | sha256sum
}
# refused STATUS REGEX NAME PLACE... -- COMMAND...: the command ends so, says so in one line for a person, and what
# lies in the places is as before.
refused() {
	local want=$1 regex=$2 name=$3 places=() before
	shift 3
	while [ "$1" != -- ]; do
		places+=("$1")
		shift
	done
	shift
	before=$(state "${places[@]}")
	exits "$want" "$name" "$@"
	like "$err" "$regex" "... says what is wrong"
	is "$(grep -cE '^(kebaod?:|channel )' <<<"$err")" 1 "... in one line"
	is "$(state "${places[@]}")" "$before" "... and nothing changed"
}

course "$T/course" marks 第一版
seq 1 20000 >"$T/course/text.txt"
head -c 900000 /dev/urandom >"$T/course/video.mp4"
[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$T/course"
exits 0 "a release" publish bj beijing.ip "$T/course"
exits 0 "is held" kb sc fetch --all

# --- what a publisher gives ------------------------------------------------------------------
WRITER=$T/home/bj/.local/share/kebao
run kb bj check # the trust store of the publisher is of today
printf 'another passphrase\n' >"$T/wrong.pass" && chmod 0644 "$T/wrong.pass"
echo more >>"$T/course/text.txt"
pub() { kb bj --lang en publish "$1" --channel "${2:-beijing.ip}" --key "$T/bj.pem" --passphrase-file "${3:-$PASS}"; }
refused 5 'wrong passphrase' "a wrong passphrase" "$REPO" "$WRITER" -- pub "$T/course" beijing.ip "$T/wrong.pass"
refused 5 'wrong passphrase' "for showing a key, too" "$T/bj.pem" "$WRITER" -- \
	kb bj --lang en key show "$T/bj.pem" --passphrase-file "$T/wrong.pass"
refused 9 'beijing\.none' "an unknown channel" "$REPO" "$WRITER" -- pub "$T/course" beijing.none
refused 8 'Beijing' "a channel that cannot be" "$REPO" "$WRITER" -- pub "$T/course" Beijing
refused 9 'nowhere' "a folder that is not there" "$REPO" "$WRITER" -- pub "$T/nowhere"
kb bj key new "$T/other.pem" --passphrase-file "$PASS" >/dev/null 2>&1
refused 5 'key' "a key that is not the channel's" "$REPO" "$WRITER" -- kb bj --lang en publish "$T/course" \
	--channel beijing.ip --key "$T/other.pem" --passphrase-file "$PASS"

# illegal WHAT REGEX PATH [PATH]: a folder with this name in it.
illegal() {
	local what=$1 regex=$2 path
	shift 2
	rm -rf "$T/illegal"
	course "$T/illegal" marks one
	for path in "$@"; do
		mkdir -p "$T/illegal/$(dirname "$path")"
		echo x >"$T/illegal/$path"
	done
	[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$T/illegal"
	refused 8 "$regex" "$what" "$REPO" "$WRITER" -- pub "$T/illegal"
}
illegal "a Windows device" 'con\.txt.*device name.*choose another' con.txt
illegal "as a folder, in capitals" 'AUX".*choose another' AUX/讲义.txt
illegal "a superscript device" 'com¹.*choose another' com¹.md
illegal "a question mark" 'what\?\.txt.*use another' 'what?.txt'
illegal "a colon" '第一讲:上.*use another' '第一讲:上.txt'
illegal "a backslash" 'use another' 'a\b.txt'
illegal "a dot at the end" 'draft\..*remove it' draft.
illegal "a blank at the end" 'remove it' 'draft '
illegal "a blank at the beginning" 'remove it' ' draft'
illegal "a control character" 'control character; remove' $'a\tb.txt'
illegal "a name in GBK" 'not UTF-8; rename' $'\xbf\xce\xb3\xcc.txt'
illegal "a hidden direction" 'direction of writing' $'a\u202etxt.exe'
illegal "a byte order mark" 'byte order mark' $'\ufeffa.txt'
illegal "twins by case" 'Mark\.txt.*mark\.txt.*rename one' 'Mark.txt' 'mark.txt'
illegal "twins by folding" 'rename one' 'Straße.txt' 'STRASSE.txt'
illegal "twins by form" 'é\.txt.*(rename|remove)' $'\u00e9.txt' $'e\u0301.txt'
illegal "twins as folders" 'rename one' 'Teil/a' 'teil/b'
rm -rf "$T/illegal" && course "$T/illegal" marks one && ln -s course.json "$T/illegal/link"
refused 8 'link.*symbolic link.*put the file itself' "a symbolic link" "$REPO" "$WRITER" -- pub "$T/illegal"
rm "$T/illegal/link"
printf '{"course":"marks","label":"","title":{"zh":"x"},"field":"law","languages":["zh"],"more":1}' >"$T/illegal/course.json"
refused 8 'course\.json|field|label|more' "a bad course.json" "$REPO" "$WRITER" -- pub "$T/illegal"
mv "$T/illegal/course.json" "$T/illegal/other.json"
refused 9 'course\.json' "none at all" "$REPO" "$WRITER" -- pub "$T/illegal"

# --- what a hostile hub gives -----------------------------------------------------------------
exits 0 "release 2" pub "$T/course"
held=("$READER/library" "$READER/trust" "$READER/identity" "$READER/config.json")
# With release 2 in the trust store every refusal below is about the content alone.
exits 10 "which the reader has heard of" kb sc check
# hostile STATUS REGEX NAME FILE COMMAND...: FILE of the repository is what COMMAND makes of it, a reader
# fetches, and it is put back.
hostile() {
	local want=$1 regex=$2 name=$3 file=$4
	shift 4
	cp -p "$file" "$T/saved"
	"$@" "$file" || bail "cannot tamper with $file"
	refused "$want" "$regex" "$name" "${held[@]}" -- kb sc --lang en fetch
	cp -p "$T/saved" "$file"
}
flip() { # one byte in the middle
	local at
	at=$(($(stat -c %s "$1") / 2))
	perl -e 'open my $f, "+<:raw", $ARGV[0] or die; seek $f, $ARGV[1], 0; read $f, my $c, 1;
		seek $f, $ARGV[1], 0; print $f chr(255 ^ ord $c)' "$1" "$at"
}
halve() { truncate -s $(($(stat -c %s "$1") / 2)) "$1"; }
become() { cat "$1" >"$2"; }
newest() { find "$REPO/$1" -type f -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d' ' -f2-; }
oldest() { find "$REPO/$1" -type f -printf '%T@ %p\n' | sort -n | head -n 1 | cut -d' ' -f2-; }
index=$(newest indexes/beijing.ip) pack=$(newest packs/beijing.ip) hint=$REPO/hints/beijing.ip/marks/2
record=$(newest targets/beijing.ip/marks/2)
cp "$(oldest targets/beijing.ip/marks/1)" "$T/old.record"
cp "$(oldest indexes/beijing.ip)" "$T/old.index"
cp "$(oldest packs/beijing.ip)" "$T/old.pack"
cp "$REPO/hints/beijing.ip/marks/1" "$T/old.hint"
chmod u+w "$index" "$pack" "$hint" "$record"
as_user rm -rf "$READER/meta/beijing.ip/marks/2" # nothing of release 2 may be here already
hostile 3 'record\.json.*(SHA-256|sha256|hash)' "a record with another byte" "$record" flip
hostile 3 'record\.json' "the record of the other release" "$record" become "$T/old.record"
hostile 3 'index.*(SHA-256|sha256|hash)' "an index with another byte" "$index" flip
hostile 3 'index' "half an index" "$index" halve
hostile 3 'index' "the other release's index" "$index" become "$T/old.index"
hostile 3 'marks release 2' "a pack with another byte" "$pack" flip
hostile 3 'marks release 2' "a truncated pack" "$pack" halve
hostile 3 'marks release 2' "another pack under its name" "$pack" become "$T/old.pack"
hostile 3 'hint' "a hint of nothing" "$hint" become /dev/null
hostile 3 'hint' "half a hint" "$hint" halve
hostile 3 'hint' "the other release's hint" "$hint" become "$T/old.hint"
lie() { # places are moved, sums are as they were
	perl -0777 -pi -e '/RUNS(....)/s or die; my ($at, $len) = ($+[0], unpack "V", $1);
		for (my $i = $at; $i < $at + $len; $i += 16) {
			substr($_, $i + 8, 8) = pack "Q<", 1 + unpack "Q<", substr $_, $i + 8, 8 }' "$1"
}
hostile 3 'marks release 2' "a lying hint" "$hint" lie
exits 0 "an honest hub after all that" kb sc fetch
exits 0 "gives what verifies" kb sc verify

# --- metadata --------------------------------------------------------------------------------
cp "$REPO/metadata/timestamp.json" "$T/old.timestamp"
echo again >>"$T/course/text.txt"
exits 0 "release 3" pub "$T/course"
exits 0 "is held" kb sc fetch
hostile 3 'timestamp.*(version|lower|older|back)' "a rolled-back timestamp" "$REPO/metadata/timestamp.json" become "$T/old.timestamp"
hostile 3 'timestamp' "a timestamp with another byte" "$REPO/metadata/timestamp.json" flip
hostile 3 'timestamp' "half a timestamp" "$REPO/metadata/timestamp.json" halve
if faketime -f +8d true 2>/dev/null && [ "$(basename "$KEBAO_BIN")" != asan ]; then
	ahead() { as_user env HOME="$T/home/sc" faketime -f +8d "$BIN/kebao" --lang en "$@"; }
	refused 3 'timestamp.*expired' "an expired timestamp" "${held[@]}" -- ahead fetch
	far() { as_user env HOME="$T/home/sc" faketime -f "$1" "$BIN/kebao" --lang en check; }
	refused 3 'clock says' "a clock that is two years slow" "${held[@]}" -- far -730d
	refused 3 'clock says' "a clock that is two years fast" "${held[@]}" -- far +730d
else
	skip "no faketime(1) that works with this build: expired metadata"
fi
role=$(find "$REPO/metadata" -name '*.beijing.ip.json' -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d' ' -f2-)
echo more >>"$T/course/text.txt"
exits 0 "release 4" pub "$T/course"
role=${role%/*}/$(($(basename "$role" | cut -d. -f1) + 1)).beijing.ip.json
mv "$role" "$T/withheld"
refused 11 'beijing\.ip.*withholds' "a channel's role withheld" "${held[0]}" "${held[2]}" -- kb sc --lang en check
refused 11 'beijing\.ip.*withholds' "by fetch, too" "${held[0]}" "${held[2]}" -- kb sc --lang en fetch
exits 11 "and to programs" kb sc check --json
is "$(jq -c .withheld <<<"$out")" '["beijing.ip"]' "by name"
mv "$T/withheld" "$role"
exits 0 "given again, all is well" kb sc fetch

# --- another hub --------------------------------------------------------------------------------
first=("$HUB" "$OFFLINE" "$CONF")
code=$(kb admin hub invite sichuan 2>/dev/null)
port=$PORT
HUB=$T/hub2 OFFLINE=$T/offline2 CONF=$T/kebaod2.conf
hub_init other || bail "no second hub"
PORT=$port URL=https://127.0.0.1:$port
hub_conf
refused_line=$(state "$T/hub2/repo" "$T/hub2/keys")
run as_user "$BIN/kebaod" --config "$CONF"
is "$status" 1 "a port in use"
like "$out$err" "127.0.0.1:$port.*another program uses this port" "... is named"
is "$(state "$T/hub2/repo" "$T/hub2/keys")" "$refused_line" "... and nothing changed"
hub_stop
ok $? "the first hub ends"
hub_start || bail "the second hub does not start"
refused 3 'certificate is not one of the hub.s CA' "a hub with a certificate of another CA" "$READER" -- kb sc --lang en check
refused 3 'not the hub this code was made for.*not sent' "a code of another hub" "$T/home/gd" -- \
	kb gd --lang en enroll "$URL" "$code"
hub_stop
refused 4 "$port" "a hub that does not answer" "$READER" -- kb sc --lang en check
HUB=${first[0]} OFFLINE=${first[1]} CONF=${first[2]}
printf 'listen = 127.0.0.1:%s\nwhatever = 1\n' "$port" >"$T/bad.conf" && chmod 0644 "$T/bad.conf"
refused_line=$(state "$HUB/repo" "$HUB/keys")
run as_user "$BIN/kebaod" --config "$T/bad.conf"
is "$status" 2 "a configuration with an unknown key"
like "$err" 'bad.conf:2: .*whatever' "... is named with its line"
hub_conf "passphrase_file = $T/wrong.pass"
run as_user "$BIN/kebaod" --config "$CONF"
is "$status" 1 "a wrong passphrase of the online keys"
like "$out$err" 'passphrase' "... is named"
is "$(state "$HUB/repo" "$HUB/keys")" "$refused_line" "... and nothing changed"
done_testing
