#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2119  # perl has dollars; relist may have no roles
# Bytes from a mirror that owns everything but the keys: endless, slow, too long, too short, another's.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/attack.sh"

attack_world

# "fresh" has enrolled and holds nothing yet.
cp -a "$T/home/sc" "$T/home/fresh"
home=$T/home/fresh/.local/share/kebao
rm -rf "$home/library" "$home/meta" "$home/trust" "$home/state.json" "$home/channels.json"
mkdir "$home/trust" && cp "$HUB/repo/metadata/1.root.json" "$home/trust/root.json"
chmod 0644 "$home/trust/root.json"
[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$T/home/fresh"

# A new victim before an honest mirror.
begin() {
	evil_is "$HUB/repo"
	victim wants fresh
}
fault() { echo "/${FILE#"$EVIL/"} $*" >>"$FAULTS"; }
hash_of() { perl -MJSON::PP -0777 -ne "print decode_json(\$_)->{$1}{sha256}" "$2"; }
record=$(echo "$HUB"/repo/targets/beijing.ip/marks/2/*.record.json)
index=$(hash_of index "$record")
record=targets/beijing.ip/marks/2/$(basename "$record")
index=indexes/beijing.ip/${index:0:2}/$index.index
video=$(cd "$HUB/repo" && find packs/beijing.ip -size +100k)
snapshot=metadata/$(basename "$(newest snapshot)")
hint=hints/beijing.ip/marks/2

begin
run kb wants fetch --all
is "$status" 0 "an honest mirror is as good as the hub"

# --- endless -----------------------------------------------------------------------------
endless() { # NAME PATH LIMIT
	begin
	FILE=$EVIL/$2
	[ -f "$FILE" ] || cp "$EVIL/metadata/1.root.json" "$FILE"
	chmod a+r "$FILE"
	fault endless
	run kb wants fetch --all
	[ "$status" = 8 ] || [ "$status" = 3 ]
	ok $? "an endless $1 is cut off" || diag "status $status: $err"
	like "$err" "longer than $3 bytes|with other bytes" "$1: at its limit"
	is "$(holdings)" "$HELD" "$1: and nothing came of it"
}
# Neither in what a refusal says nor in headers, which nobody announces.
babbling() { # NAME FAULT STATUS TEXT
	begin
	FILE=$EVIL/metadata/timestamp.json
	fault "$2"
	run as_user timeout "$((DEADLINE_SECONDS * 5))" env HOME="$T/home/wants" "$BIN/kebao" --lang en check
	is "$status" "$3" "$1 without end are cut off" || diag "$err"
	like "$err" "$4" "and it says why"
}
babbling "words of a refusal" "moans 404" 9 "status 404"
babbling "headers" headers 3 "headers are longer than"
babbling "interim answers" interim 3 "headers are longer than"
endless root metadata/2.root.json 512000
endless timestamp metadata/timestamp.json 16384
endless snapshot "$snapshot" '[0-9]{3,4}'
endless targets "metadata/$(version targets).targets.json" '[0-9]{3,4}'
endless role "metadata/$(version beijing.ip).beijing.ip.json" '[0-9]{3,4}'
endless "list of channels" api/v1/channels 4194304
endless record "$record" '[0-9]{3,4}'
endless index "$index" '[0-9]{3,4}'
endless hint "$hint" 16777216
endless pack "$video" -

# --- wrong length ------------------------------------------------------------------------
# Blanks behind JSON change nothing but the length (and the hash, which a thief of keys may list).
for what in "$snapshot" "metadata/$(version targets).targets.json" "metadata/$(version beijing.ip).beijing.ip.json" \
	"$record" "$index"; do
	begin
	FILE=$EVIL/$what
	fault padded 1
	run kb wants fetch --all
	[ "$status" = 8 ] || [ "$status" = 3 ]
	ok $? "a blank behind $(basename "$what" | sed 's/.*\([0-9]\.\)/\1/') is one too many" || diag "$status: $err"
	is "$(holdings)" "$HELD" "and nothing came of it"
done
for by in 1 -1; do
	begin
	name=beijing.ip.json
	PERL="\$s->{meta}{'$name'}{length} += $by" relist
	run kb wants fetch --all
	[ "$status" = 8 ] || [ "$status" = 3 ]
	ok $? "thief of the online keys: the right hash with a length $by off" || diag "$status: $err"
	like "$err" 'bytes where [0-9]+ are signed|longer than' "and it says why"
done
begin
FILE=$EVIL/metadata/timestamp.json
fault claims $(($(stat -c %s "$FILE") - 2))
refused "a file cut short" 'timestamp.*not acceptable JSON' fetch --all
begin
FILE=$EVIL/$video
fault whole
refused "the whole pack is no answer to a range" 'got status 200 with other bytes' fetch --all
fault shifted
refused "frames that are not those asked for" 'beijing.ip/marks release 2' fetch --all

# --- wrong hash --------------------------------------------------------------------------
# One byte is another, the length the same, and the result as well-formed as before.
changed() { # NAME PATH PERL TEXT
	begin
	perl -0777 -pi -e "$3" "$EVIL/$2"
	! cmp -s "$EVIL/$2" "$HUB/repo/$2" || bail "$1 was not changed"
	refused "$1" "$4" fetch --all
}
changed "a record with another title" "$record" 's/"label":"two"/"label":"tvo"/' 'record.json: the SHA-256 is'
changed "an index with another name of a file" "$index" 's/text\.txt/texu.txt/' 'index: the SHA-256 is'
# Random data is stored as it is: a changed byte in it decompresses well.
changed "a frame of other content" "$video" 'substr($_, 50000, 1) = chr(255 - ord(substr $_, 50000, 1))' \
	'marks release 2: .*frame [0-9]+ has another SHA-256'
changed "packs of nothing" "$video" '$_ = "\0" x length' 'marks release 2'
# Nobody signs hints: a wrong one says where bytes lie, not what they are.
changed "a hint that points elsewhere" "$hint" 'substr($_, -8, 1) = chr(ord(substr $_, -8, 1) ^ 7)' 'marks release 2'
changed "a hint that is noise" "$hint" '$_ = reverse' 'marks release 2'
begin
cp "$HUB/repo/$hint" "$T/hint"
perl -0777 -pi -e '$_ = reverse' "$EVIL/$hint"
(wait_for "the client to ask for the hint" grep -q hints "$ASKED" && cp "$T/hint" "$EVIL/$hint") &
mender=$!
run kb wants fetch --all
wait "$mender"
{ [ "$status" = 0 ] && [ -f "$(library wants)/beijing.ip/marks/2/text.txt" ]; } || [ "$status" = 3 ]
ok $? "a wrong hint costs a retry, never a wrong byte"
cp -r "$HUB/repo/hints/." "$EVIL/hints/" && chmod -R a+rX "$EVIL"
run kb wants fetch --all
is "$status" 0 "with a right one everything comes"
cmp -s "$(library wants)/beijing.ip/marks/2/video.mp4" "$T/marks/video.mp4"
ok $? "and is what was published"

# --- elsewhere ---------------------------------------------------------------------------
begin
FILE=$EVIL/$record
fault moved "https://127.0.0.1:$EVIL_PORT/elsewhere"
run kb wants fetch --all
isnt "$status" 0 "a redirect is no answer"
unlike "$(cat "$ASKED")" elsewhere "and nobody goes there"
as_user openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=127.0.0.1 \
	-addext subjectAltName=IP:127.0.0.1 -days 2 -keyout "$T/self.key" -out "$T/self.pem" 2>/dev/null
port=$(free_port)
"${AS_USER[@]}" "$BIN/hostile" "$port" "$T/self.pem" "$T/self.key" "$EVIL" "$FAULTS" "$ASKED" >>"$T/hostile.log" 2>&1 &
# shellcheck disable=SC2317  # called by wait_for
other_is_up() { curl -ks --max-time 5 "https://127.0.0.1:$port/" -o /dev/null; }
wait_for "another server" other_is_up
begin
sed -i "s|:$EVIL_PORT\"|:$port\"|" "$T/home/wants/.local/share/kebao/config.json"
refused "a server without a certificate of the hub's CA" "not one of the hub's CA" fetch --all
is "$(cat "$ASKED")" '' "not even asked"

# --- slow --------------------------------------------------------------------------------
# One byte a second, for ever.  Whoever waits a second for signs of life gives up soon.
begin
FILE=$EVIL/metadata/timestamp.json
fault slow
began=$SECONDS
export KEBAO_PATIENCE=1
run kb wants check
unset KEBAO_PATIENCE
is "$status" 4 "a mirror that trickles is one that broke off"
[ $((SECONDS - began)) -lt 120 ]
ok $? "after a bounded time ($((SECONDS - began)) s)"
like "$err" 'too slow|Operation' "and it says that it was too slow"
done_testing
