#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A TUF client that others wrote fetches from our hub and verifies what it gets: nothing of ours in it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/wire.sh"
export NODE_PATH=$ROOT/build/npm/node_modules NODE_EXTRA_CA_CERTS=$CA
command -v node >/dev/null || skip_all "no node on this machine: make deps"
[ -d "$NODE_PATH/tuf-js" ] || skip_all "no tuf-js below build/npm: make deps, with npm and its registry"
diag "node $(node --version), tuf-js $(json version <"$NODE_PATH/tuf-js/package.json")"

world
channel beijing.open beijing public bj >"$T/open.log" 2>&1 || bail "no open channel"
wire_ca
if ! { wire_enrol member sichuan && wire_enrol stranger guangdong; }; then
	bail "no members"
fi
course "$T/marks" marks one
mkdir "$T/marks/讲义"
seq 1 30000 >"$T/marks/讲义/第一讲.txt"
head -c 1500000 /dev/urandom >"$T/marks/video.mp4"
[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$T/marks"
for channel in beijing.ip beijing.open; do
	run publish bj "$channel" "$T/marks"
	is "$status" 0 "published in $channel"
done

# A client NAME in $T/NAME, that was given the root by hand.
js_new() {
	mkdir -p "$T/$1/metadata" "$T/$1/targets"
	cp "$HUB/repo/metadata/1.root.json" "$T/$1/metadata/root.json"
}
# js NAME TARGET...: refresh, and fetch.
js() {
	local name=$1
	shift
	timeout -k 5 "$((DEADLINE_SECONDS * 2))" node "$ROOT/tests/interop/tuf_js.js" "$URL" \
		"$T/$name/metadata" "$T/$name/targets" "$@"
}
# js_as WHO NAME TARGET...: with WHO's certificate.
js_as() {
	local who=$1
	shift
	KEBAO_CERT=$T/$who.crt KEBAO_KEY=$T/$who.key js "$@"
}
same() { # FILE FILE NAME
	cmp -s "$1" "$2"
	ok $? "$3"
}

# --- what is public --------------------------------------------------------------------
js_new open
course=beijing.open/marks
exits 0 "tuf-js takes record and bundle" js open "$course/1/record.json" "$course/1/bundle.tar"
is "$out" "refreshed
$course/1/record.json
$course/1/bundle.tar" "both verified"
kept=$T/open/metadata
for role in targets snapshot beijing.open; do
	version=$(json signed version <"$kept/$role.json")
	same "$kept/$role.json" "$HUB/repo/metadata/$version.$role.json" "it keeps our $role"
done
same "$kept/timestamp.json" "$HUB/repo/metadata/timestamp.json" "and our timestamp"
record=$T/open/targets/beijing.open_marks_1_record.json
same "$record" "$(echo "$HUB"/repo/targets/beijing.open/marks/1/*.record.json)" "the record is ours"
bundle=$T/open/targets/beijing.open_marks_1_bundle.tar
is "$(sha256 "$bundle")" "$(json tar sha256 <"$record")" "the bundle is what the record says"
mkdir "$T/out"
tar -C "$T/out" -xf "$bundle"
diff -r "$T/marks" "$T/out" >"$T/diff.out"
ok $? "and holds the published files"

# --- what changes ----------------------------------------------------------------------
cp "$HUB/repo/metadata/timestamp.json" "$T/old.timestamp.json"
course "$T/marks" marks two
run publish bj beijing.open "$T/marks"
is "$status" 0 "published again"
exits 0 "the same client takes the second release" js open "$course/2/bundle.tar" "$course/1/record.json"
run tar -xOf "$T/open/targets/beijing.open_marks_2_bundle.tar" course.json
like "$out" '"label":"two"' "which is the new one"
exits 1 "the first one's bundle has no target any more" js open "$course/1/bundle.tar"
like "$err" 'no role vouches for it' "as the channel's role says"

# --- what is not for all ---------------------------------------------------------------
js_new closed
exits 1 "without a certificate there is no restricted channel" js closed beijing.ip/marks/1/record.json
exits 1 "nor with one that is not of the audience" js_as stranger closed beijing.ip/marks/1/record.json
like "$err" 'Unable to load targets.*Failed to download' "the role is not there for them"
exits 0 "a member's certificate opens it" \
	js_as member closed beijing.ip/marks/1/record.json beijing.ip/marks/1/bundle.tar
is "$(sha256 "$T/closed/targets/beijing.ip_marks_1_bundle.tar")" "$(sha256 "$bundle")" \
	"the same course is the same bundle"

# --- whether it looks ------------------------------------------------------------------
js_new doubting
record=$(echo "$HUB"/repo/targets/beijing.open/marks/2/*.record.json)
as_user cp "$record" "$T/record"
sed 's/"label":"two"/"label":"owt"/' "$T/record" >"$record"
exits 1 "a record that was changed on our disk is refused" js doubting "$course/2/record.json"
like "$err" 'hash' "by its hash"
cp "$T/record" "$record"
exits 0 "and the right one taken" js doubting "$course/2/record.json"
cp "$T/old.timestamp.json" "$HUB/repo/metadata/timestamp.json"
exits 1 "an older timestamp put back on our disk is refused" js open "$course/1/record.json"
like "$err" '[Vv]ersion' "by its version"
done_testing
