#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The program that other people's tests of TUF clients are pointed at: its command line, what it asks for,
# and that it believes nothing it should not, over a repository that a file server serves.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/wire.sh"
cp "$KEBAO_BIN/tests/interop/tuf-client" "$ROOT/tests/interop/files.pl" "$BIN/" ||
	bail "no tuf-client in $KEBAO_BIN: make tuf-client"
command -v perl >/dev/null || skip_all "no perl on this machine: make deps"

# --- a repository, and its copy as files -----------------------------------------------
world
course "$T/marks" marks one
seq 1 30000 >"$T/marks/讲义.txt"
run publish bj beijing.ip "$T/marks"
is "$status" 0 "published"
mirror=$T/mirror
as_user cp -r "$HUB/repo" "$mirror"
course "$T/marks" marks two
run publish bj beijing.ip "$T/marks"
is "$status" 0 "published again"
as_user cp -r "$HUB/repo" "$T/newer"
hub_stop
"${AS_USER[@]}" "$BIN/files.pl" "$mirror" "$T/asked" >"$T/port" 2>"$T/files.log" &
wait_for "the file server" test -s "$T/port" || bail "no file server"
site=http://127.0.0.1:$(cat "$T/port")
cp -r "$mirror" "$T/one"

# tuf COMMAND...: what the client does with the mirror, its metadata in $T/metadata, targets in $T/targets.
as_user mkdir "$T/metadata" "$T/targets"
tuf() {
	: >"$T/asked"
	as_user "$BIN/tuf-client" --metadata-dir "$T/metadata" --metadata-url "$site/metadata/" "$@"
}
download() {
	local names=() name
	for name; do names+=(--target-name "$name"); done
	tuf "${names[@]}" --target-dir "$T/targets" --target-base-url "$site/targets/" download
}
# asked PATH...: the requests of the last command.
asked() {
	local name=$1
	shift
	is "$(cat "$T/asked")" "$(printf '%s\n' "$@")" "$name"
}
mirror_is() { # a copy of $1, in place
	as_user cp -r "$1/." "$mirror/"
}
version() { json signed version <"$T/metadata/$1.json"; }

# --- init and refresh ------------------------------------------------------------------
as_user touch "$T/asked"
echo '{}' >"$T/rubbish.json"
exits 0 "init copies" tuf init "$T/rubbish.json"
exits 1 "but a refresh looks at it" tuf refresh
is "$(cat "$T/asked")" '' "before anything is asked for"
exits 1 "init replaces nothing" tuf init "$mirror/metadata/1.root.json"
as_user rm "$T/metadata/root.json"
exits 0 "a root is taken" tuf init "$mirror/metadata/1.root.json"
is "$(cat "$T/asked")" '' "without a request"
targets=$(json signed meta targets.json version <"$(echo "$mirror"/metadata/*.snapshot.json | tr ' ' '\n' | sort -V | tail -n 1)")
snapshot=$(json signed meta snapshot.json version <"$mirror/metadata/timestamp.json")
exits 0 "a refresh succeeds" tuf refresh
asked "and asks for each role once" metadata/2.root.json metadata/timestamp.json \
	"metadata/$snapshot.snapshot.json" "metadata/$targets.targets.json"
exits 0 "nothing new" tuf refresh
asked "is two requests" metadata/2.root.json metadata/timestamp.json

# --- download --------------------------------------------------------------------------
record=$(cd "$mirror" && echo targets/beijing.ip/marks/1/*.record.json)
exits 0 "a record comes" download beijing.ip/marks/1/record.json
asked "by its role and its hash" metadata/2.root.json metadata/timestamp.json \
	metadata/1.beijing.ip.json "$record"
cmp -s "$mirror/$record" "$T/targets/beijing.ip%2Fmarks%2F1%2Frecord.json"
ok $? "byte for byte"
exits 0 "a second time" download beijing.ip/marks/1/record.json
asked "nothing of it travels" metadata/2.root.json metadata/timestamp.json
exits 1 "a target nobody vouches for fails" download beijing.ip/marks/1/record.json beijing.ip/none
like "$err" 'no role vouches' "and that is said"
is "$(ls "$T/metadata")" "beijing.ip.json
root.json
snapshot.json
targets.json
timestamp.json" "the directory holds role files and nothing else"
is "$(ls "$T/targets")" 'beijing.ip%2Fmarks%2F1%2Frecord.json' "the other one targets"
as_user rm "$T/targets/beijing.ip%2Fmarks%2F1%2Frecord.json"
sed 's/"label":"one"/"label":"eno"/' "$T/one/$record" >"$mirror/$record"
exits 1 "a changed byte is refused" download beijing.ip/marks/1/record.json
like "$err" 'SHA-256' "by its hash"
is "$(ls "$T/targets")" '' "and nothing is kept"

# --- what changes ----------------------------------------------------------------------
mirror_is "$T/newer"
exits 0 "news are taken" download beijing.ip/marks/2/record.json
is "$(version beijing.ip)" 2 "the role's new version"
newest=$(version timestamp)
cp "$T/one/metadata/timestamp.json" "$mirror/metadata/timestamp.json"
exits 1 "a timestamp rolled back is refused" tuf refresh
like "$err" 'untrusted: timestamp: version [0-9]+ after version [0-9]+ was seen: a rollback' "and called so"
is "$(version timestamp)" "$newest" "and the newer one kept"
asked "nothing more was asked for" metadata/2.root.json metadata/timestamp.json
rm "$mirror/metadata/timestamp.json"
exits 1 "a mirror without a timestamp is none" tuf refresh
exits 1 "what is no command is refused" tuf remember
exits 1 "and so is an option too few" as_user "$BIN/tuf-client" refresh
done_testing
