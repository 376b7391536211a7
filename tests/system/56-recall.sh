#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A release is recalled: who holds it is told, the copy is hidden and not deleted, nobody gets the
# bytes any more, whatever the hub says; and all of that can be undone.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/wire.sh"

# recall WHO ARGUMENT...: with WHO's key.
recall() {
	local who=$1
	shift
	kb "$who" recall "$@" --key "$T/$who.pem" --passphrase-file "$PASS"
}
# target NAME: of the newest role of beijing.ip that the hub's directory holds.
target() {
	local newest
	newest=$(find "$HUB/repo/metadata" -name '*.beijing.ip.json' -printf '%f\n' | sort -n | tail -n 1)
	perl -MJSON::PP -0777 -ne 'binmode STDOUT, ":utf8";
		my $t = decode_json($_)->{signed}{targets}{$ENV{NAME}};
		print $t ? JSON::PP->new->canonical->encode($t) : ""' "$HUB/repo/metadata/$newest"
}
has_target() { [ -n "$(NAME="beijing.ip/marks/$1" target)" ]; }

# patch_to RELEASE: the name of a patch that leads to it, or nothing.
patch_to() {
	local index
	index=$(json index sha256 <"$(echo "$HUB/repo/targets/beijing.ip/marks/$1"/*.record.json)")
	(cd "$HUB/repo" && perl -e 'my $to = pack "H64", shift; for (@ARGV) {
		open my $f, "<", $_ or die; read $f, my $head, 72;
		print and exit if substr($head, 40) eq $to; }' "$index" patches/beijing.ip/*/*.patch)
}

world
wire_ca
course "$T/marks" marks one
seq 1 20000 >"$T/marks/text.txt"
head -c 300000 /dev/urandom >"$T/marks/film.mp4"
[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$T/marks"
run publish bj beijing.ip "$T/marks"
is "$status" 0 "release 1 is published"
kb sc fetch --all >/dev/null 2>&1
echo more >>"$T/marks/text.txt"
run publish bj beijing.ip "$T/marks" --label two
is "$status" 0 "release 2 is published"
wait_for "the patches to release 2" grep -qE '"event":"patch-(made|not-worth-it)".*"release":2,"from":0' "$T/hub.log"
ok $? "and there are patches to it"
run kb sc fetch
is "$status" 0 "and fetched by who is paired"
two=$(library sc)/beijing.ip/marks/2
[ -f "$two/text.txt" ]
ok $? "it is in the library"
(cd "$two" && find . -type f -exec sha256sum {} +) | sort >"$T/before"
for who in tidy small; do
	run kb "$who" enroll "$URL" "$(kb admin hub invite sichuan 2>/dev/null)"
	run kb "$who" fetch --all
	is "$status" 0 "so has $who, another office"
done

# --- who may, and how it must be said ------------------------------------------------------
run recall bj beijing.ip/marks
is "$status" 2 "a recall wants a reason"
run recall bj beijing.ip/marks --reason "$(printf 'a\tb')"
is "$status" 8 "which is one line of text"
run recall bj beijing.ip/marks --reason wrong --release 7
is "$status" 9 "a release that is not there is not found"
run recall bj beijing.ip/marks --reason wrong --successor 9
is "$status" 8 "nor can it be a successor"
kb gd key new "$T/gd.pem" --passphrase-file "$PASS" >/dev/null 2>&1
run kb bj recall beijing.ip/marks --reason mine --key "$T/gd.pem" --passphrase-file "$PASS"
is "$status" 5 "a key that does not sign for the channel recalls nothing"
run recall bj beijing.ip/marks --undo
is "$status" 9 "what is not withdrawn cannot be undone"

# --- recall --------------------------------------------------------------------------------
wire_enrol pair sichuan
wire_enrol stranger guangdong
bundle=$URL/bundles/beijing.ip/marks/2.tar.zst
hint=$URL/hints/beijing.ip/marks/2
patch=$URL/$(patch_to 2)
is "$(status_as pair "$bundle") $(status_as pair "$hint") $(status_as pair "$patch")" '200 200 200' \
	"release 2 is served while it is live"
tar=$(NAME=beijing.ip/marks/2/bundle.tar target | json hashes sha256)
run recall bj beijing.ip/marks --reason '引用的法条已修订' --successor 1
is "$status" 0 "the newest release is recalled"
like "$(NAME=beijing.ip/marks/2/record.json target)" \
	'"withdrawn":\{"date":"20[0-9TZ:-]+","reason":"引用的法条已修订","successor":1\}' \
	"its record target stays and says why"
! has_target 2/bundle.tar
ok $? "its bundle target is gone"
has_target 1/bundle.tar
ok $? "the newest release that is not withdrawn has one"
is "$(status_as pair "$bundle")" 410 "the view answers 410 to who may see the channel"
like "$(cat "$T/body")" '"class":"withdrawn"' "with its own class"
is "$(status_as pair "$hint")" 410 "so does the hint"
is "$(status_as pair "$patch")" 410 "and a patch to it, for who knows the name"
is "$(status_as pair "$patch" -H 'Range: bytes=0-9')" 410 "in pieces, too"
is "$(status_as pair "$URL/targets/beijing.ip/marks/2/$tar.bundle.tar")" 410 "and the tar"
is "$(status_as stranger "$bundle") $(status_as nobody "$hint") $(status_as stranger "$patch")" '404 404 404' \
	"others learn nothing of it"
run recall bj beijing.ip/marks --release 2 --reason again
is "$status" 7 "it cannot be recalled twice"

# --- recipients ----------------------------------------------------------------------------
run kb sc check
is "$status" 14 "check says so with a status of its own"
like "$out" 'marks.*引用的法条已修订.*1' "with the reason and the successor"
run kb sc status
like "$out" 'nothing runs; releases held here that were recalled, or are good again: 1; next: kebao fetch$' \
	"status knows of it"
run kb sc check --json
is "$(json withdrawn 0 reason <<<"$out") $(json withdrawn 0 successor <<<"$out")" '引用的法条已修订 1' \
	"in JSON, too"
is "$(jq .freed_bytes <<<"$out")" 0 "what is put out of sight frees no room"
[ -d "$two" ]
ok $? "looking hides nothing"
run kb sc fetch
like "$out" '引用的法条已修订' "fetch says why"
[ ! -e "$two" ]
ok $? "the copy is out of the library"
hidden=$T/home/sc/.local/share/kebao/.withdrawn/beijing.ip/marks/2
(cd "$hidden" && find . -type f -exec sha256sum {} +) | sort | cmp -s - "$T/before"
ok $? "every byte of it is kept where nobody looks"
[ -f "$(library sc)/beijing.ip/marks/1/text.txt" ]
ok $? "and the newest release that is live has been fetched"
run kb sc check
is "$status" 0 "there is nothing to say any more"
run kb sc list
like "$out" 'marks.*引用的法条已修订' "list tells it"
run kb sc show beijing.ip/marks/2
like "$out" '引用的法条已修订' "show tells it"
like "$out" '\.withdrawn/beijing\.ip/marks/2' "and where the copy lies"
run kb sc verify beijing.ip/marks/2
is "$status" 0 "the hidden copy can be verified"

# --- offices that see no need of hidden copies, or have no room ---
run kb tidy fetch --dry-run
is "$status" 14 "a dry run ends as check does"
run kb small fetch --dry-run --json
planned=$(jq .fetch_bytes <<<"$out")
run kb small fetch --progress=json
fetched=$(jq 'select(.event == "fetched") | .fetched_bytes' <<<"$out")
[ "$fetched" -le $((planned + 4096)) ] && [ "$fetched" -lt 200000 ]
ok $? "what lies in the hidden copy is not fetched again ($fetched bytes, planned $planned)" || diag "$out"
run kb tidy fetch --delete-withdrawn --lang en
is "$status" 0 "one wants hidden copies deleted"
unlike "$out" 'not deleted' "and is not told the contrary"
[ -f "$(library tidy)/beijing.ip/marks/1/film.mp4" ]
ok $? "the release in its place has come all the same"
[ ! -e "$T/home/tidy/.local/share/kebao/.withdrawn/beijing.ip/marks/2" ]
ok $? "and then the copy was deleted"

# --- a hub that lies -----------------------------------------------------------------------
# One that serves what is withdrawn, and says it is the newest: the role is signed, the hub is not asked.
hub_stop
sqlite3 "$HUB/state.db" "UPDATE releases SET is_live = 1, withdrawn_at = 0"
ok $? "the hub is made to forget the recall"
hub_start || bail "no hub"
is "$(status_as pair "$bundle")" 200 "it serves the withdrawn release again"
run kb sc fetch beijing.ip/marks
[ ! -e "$two" ]
ok $? "who holds it is not given it back"
run kb new enroll "$URL" "$(kb admin hub invite sichuan 2>/dev/null)"
run kb new fetch --all
is "$status" 0 "a newcomer fetches"
is "$(ls "$(library new)/beijing.ip/marks")" 1 "the release that is live, not the one the hub would like"
hub_stop
sqlite3 "$HUB/state.db" "UPDATE releases SET is_live = 0, withdrawn_at = 1 WHERE number = 2"
hub_conf 'workers = 1'
hub_start || bail "no hub"

# --- numbering, and the undo ---------------------------------------------------------------
run publish bj beijing.ip "$T/marks" --label three --force
like "$out" ' 3 ' "the next release has number 3: the recalled one counts"
run recall bj beijing.ip/marks --undo
is "$status" 0 "the recall is taken back"
unlike "$(NAME=beijing.ip/marks/2/record.json target)" withdrawn "the record target is as it was"
has_target 3/bundle.tar && ! has_target 2/bundle.tar
ok $? "the bundle is that of the newest"
is "$(status_as pair "$bundle") $(status_as pair "$patch")" '200 200' "the view is served again, and the patch"
run kb sc check
is "$status" 10 "check says that there is something"
like "$out" '2.*kebao fetch' "and that fetch brings the copy back"
hub_logged
packs=$(grep -c '"path":"/packs/' "$T/hub.log")
run kb sc fetch --keep-old
is "$status" 0 "fetch"
(cd "$two" && find . -type f -exec sha256sum {} +) | sort | cmp -s - "$T/before"
ok $? "the copy is back"
unlike "$out" 'fetched beijing.ip/marks release 2' "without a transfer"
hub_logged
is "$(grep -c '"path":"/packs/' "$T/hub.log")" "$packs" "not one pack was asked for"

# --- consent to delete ---------------------------------------------------------------------
run recall bj beijing.ip/marks --release 2 --reason 'again'
is "$status" 0 "an older release is recalled"
has_target 3/bundle.tar
ok $? "the newest keeps its bundle"
run kb sc fetch
[ -d "$hidden" ]
ok $? "it is hidden again"
echo x >>"$hidden/text.txt"
run kb sc verify beijing.ip/marks/2
is "$status" 3 "a hidden copy that was changed is found out"
run kb sc fetch --delete-withdrawn
is "$status" 0 "she wants it deleted"
[ ! -e "$hidden" ] && [ -d "$(library sc)/beijing.ip/marks/3" ]
ok $? "it is, and nothing else"
run kb admin hub audit
like "$out" 'recall .*marks/2 .*引用的法条已修订' "the audit log has the recall with its reason"
like "$out" 'recall-undo .*marks/2' "and the undo"
hub_stop
is $? 0 "the hub ends well"
done_testing
