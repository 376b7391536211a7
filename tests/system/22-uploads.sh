#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Uploads and drafts from outside: tus by curl, and what a hostile publisher may try.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/wire.sh"
. "$(dirname "$0")/line.sh"

world
line_start --listen 0 || bail "no line"
wire_ca
wire_enrol pub beijing publisher || bail "no publisher"
wire_enrol other guangdong publisher || bail "no other publisher"
wire_enrol member sichuan || bail "no member"

# A real release, made by the client for another channel, is the material.
{ registry && channel beijing.spare beijing public bj; } >"$T/spare.log" 2>&1 || bail "no channel"
course "$T/marks" marks one
seq 1 30000 >"$T/marks/text.txt"
head -c 700000 /dev/urandom >"$T/marks/video.mp4"
run publish bj beijing.spare "$T/marks"
is "$status" 0 "a release gives the material"
pack=$(echo "$HUB"/repo/packs/beijing.spare/??/*.pack)
index=$(echo "$HUB"/repo/indexes/beijing.spare/??/*.index)
record=$(echo "$HUB"/repo/targets/beijing.spare/marks/1/*.record.json)
if ! { cp "$pack" "$T/pack" && cp "$index" "$T/index" && cp "$record" "$T/spare.json"; }; then
	bail "no material"
fi
stored() { find "$HUB/repo/packs/beijing.ip" "$HUB/repo/indexes/beijing.ip" "$HUB/repo/targets/beijing.ip" \
	"$HUB/uploads" -type f 2>/dev/null | sort; }
is "$(stored)" '' "the channel is empty"

b64() { printf %s "$1" | base64 -w0; }
meta() { echo "channel $(b64 "$1"),kind $(b64 "$2"),sha256 $(b64 "$3")"; }
tus=(-H 'Tus-Resumable: 1.0.0')
octets=(-H 'Content-Type: application/offset+octet-stream')

# create WHO KIND SHA256 LENGTH [CHANNEL]: the status; $LOCATION afterwards.
create() {
	CODE=$(status_as "$1" -X POST "${tus[@]}" -H "Upload-Length: $4" \
		-H "Upload-Metadata: $(meta "${5:-beijing.ip}" "$2" "$3")" "$URL/uploads")
	LOCATION=$(header location)
}
# patch WHO OFFSET FILE: the status.
patch() {
	status_as "$1" -X PATCH "${tus[@]}" "${octets[@]}" -H "Upload-Offset: $2" --data-binary "@$3" \
		"$URL$LOCATION"
}
look() {
	status_as "$1" -I "${tus[@]}" "$URL$LOCATION" >/dev/null
	header upload-offset
}
# send KIND FILE [SHA256]: create, and PATCH with the whole; the status of the last answer.
send() {
	create pub "$1" "${3:-$(sha256 "$2")}" "$(stat -c %s "$2")"
	[ "$CODE" != 201 ] && echo "$CODE" && return
	patch pub 0 "$2"
}

# --- creation --------------------------------------------------------------------------
size=$(stat -c %s "$T/pack")
hash=$(sha256 "$T/pack")
create nobody pack "$hash" "$size"
is "$CODE" 401 "nobody uploads nothing"
create member pack "$hash" "$size"
is "$CODE" 403 "a member does not upload"
create other pack "$hash" "$size"
is "$CODE" 404 "another's publisher does not even see the channel"
create pub pack "$hash" "$size" beijing.none
is "$CODE" 404 "nor is there another channel"
is "$(status_as pub -X POST -H "Upload-Length: 1" -H "Upload-Metadata: $(meta beijing.ip pack "$hash")" \
	"$URL/uploads")" 412 "without its version tus is refused"
create pub pack "$hash" 0
is "$CODE" 400 "an object has bytes"
create pub pack "$hash" 99999999999
is "$CODE" 400 "a pack has a limit"
create pub record "$hash" 65537
is "$CODE" 400 "a record too"
create pub film "$hash" 1
is "$CODE" 400 "other kinds are not known"
create pub pack "${hash^^}" 1
is "$CODE" 400 "a hash is lower case"
is "$(status_as pub -X POST "${tus[@]}" -H "Upload-Length: 1" -H "Upload-Metadata: kind ####" "$URL/uploads")" \
	400 "metadata is base64"

# --- pieces, resuming -------------------------------------------------------------------
create pub pack "$hash" "$size"
is "$CODE" 201 "an upload begins"
like "$LOCATION" '^/uploads/[0-9a-f]{32}$' "at an address of its own"
first=$LOCATION
is "$(look pub)" 0 "at offset 0"
head -c 100000 "$T/pack" >"$T/piece"
is "$(patch pub 0 "$T/piece")" 204 "a first piece"
is "$(header upload-offset)" 100000 "is acknowledged"
is "$(patch pub 0 "$T/piece")" 409 "not twice"
is "$(json class <"$T/body")" conflict "it is a conflict"
is "$(patch other 100000 "$T/piece")" 404 "another's upload is not there"
is "$(status_as member -X PATCH "${tus[@]}" "${octets[@]}" -H 'Upload-Offset: 100000' --data-binary x \
	"$URL$LOCATION")" 403 "a member does not patch"
is "$(status_as pub -X PATCH "${tus[@]}" -H 'Content-Type: text/plain' -H 'Upload-Offset: 100000' \
	--data-binary x "$URL$LOCATION")" 415 "the type is the protocol's"
create pub pack "$hash" "$size"
is "$CODE $LOCATION" "201 $first" "the same object again is the same upload"
is "$(header upload-offset)" 100000 "where it stood"
create pub pack "$hash" $((size + 1))
is "$CODE" 409 "with another length it is a conflict"
LOCATION=$first
# A client that is cut off in the middle of a piece: what had arrived counts.
tail -c +100001 "$T/pack" >"$T/rest"
line hole-up 250000
curl -sS --cacert "$CA" --cert "$T/pub.crt" --key "$T/pub.key" -X PATCH "${tus[@]}" "${octets[@]}" \
	-H 'Upload-Offset: 100000' --data-binary "@$T/rest" "$LINE_URL$LOCATION" >"$T/cut.out" 2>&1 &
cut=$!
has_some() { find "$HUB/uploads" -type f -size +100000c | grep -q .; }
wait_for "a part of a piece" has_some
kill "$cut"
wait "$cut" 2>/dev/null
offset=$(look pub) # who asks ends what is still written
line pass
[ "$offset" -gt 100000 ] && [ "$offset" -lt "$size" ]
ok $? "after a broken connection the offset is in the middle ($offset of $size)"
hub_kill
hub_start || bail "no hub after a kill"
is "$(look pub)" "$offset" "kill -9 does not lower it"
tail -c +$((offset + 1)) "$T/pack" >"$T/rest"
is "$(patch pub "$offset" "$T/rest")" 204 "the rest completes it"
is "$(look pub)" '' "then the upload is over"
cmp -s "$T/pack" "$(echo "$HUB"/repo/packs/beijing.ip/??/"$hash".pack)"
ok $? "and the pack is in the repository"
create pub pack "$hash" "$size"
is "$CODE $LOCATION" '200 ' "the hub says that it holds it"
is "$(header upload-offset)" "$size" "to its end"
is "$(send index "$T/index")" 204 "the index follows"
is "$(send index "$T/index")" 200 "and is held"
kept=$(stored)

# --- wrong objects leave nothing ---------------------------------------------------------
wrong() { # NAME KIND FILE [SHA256]
	is "$(send "$2" "$3" "${4:-}")" 422 "$1 is refused"
	is "$(json class <"$T/body")" untrusted "as not to be believed"
	is "$(look pub)" '' "its upload is gone"
	is "$(stored)" "$kept" "and nothing is kept"
}
head -c $((size - 1000)) "$T/pack" >"$T/wrong"
wrong "a truncated pack" pack "$T/wrong"
wrong "a truncated pack under the whole one's name" pack "$T/wrong" "${hash/[0-9]/f}"
cp "$T/pack" "$T/wrong" && printf X | dd of="$T/wrong" bs=1 seek=5000 conv=notrunc status=none
wrong "a pack with a changed frame" pack "$T/wrong"
head -c 2000000 /dev/zero >"$T/wrong"
wrong "a pack of nothing" pack "$T/wrong"
wrong "a swapped object" pack "$T/index" "$(printf x | sha256sum | cut -d' ' -f1)"
head -c 300 "$T/index" >"$T/wrong"
wrong "a truncated index" index "$T/wrong"
# Hostile: the counts say four thousand million entries.
{ printf KBINDEX1 && printf '\377%.0s' 1 2 3 4 5 6 7 8 && tail -c +17 "$T/index"; } >"$T/wrong"
wrong "an index that lies about its size" index "$T/wrong"
perl -0777 -pe 's/text\.txt/..\/..\/xx/' "$T/index" >"$T/wrong"
wrong "an index that climbs out" index "$T/wrong"
wrong "a record of another channel" record "$T/spare.json"
perl -pe 's/beijing.spare/beijing.ip/; s/"files":\d+/"files":"many"/' "$T/spare.json" >"$T/wrong"
wrong "a malformed record" record "$T/wrong"

# --- termination -------------------------------------------------------------------------
create pub record "$(printf y | sha256sum | cut -d' ' -f1)" 1
is "$(status_as other -X DELETE "${tus[@]}" "$URL$LOCATION")" 404 "another cannot give it up"
is "$(status_as pub -X DELETE "${tus[@]}" "$URL$LOCATION")" 204 "an upload can be given up"
is "$(stored)" "$kept" "and leaves nothing"

# --- missing ---------------------------------------------------------------------------
missing() { as "$1" -H 'Content-Type: application/octet-stream' --data-binary "@$T/hashes" \
	"$URL/api/v1/channels/beijing.ip/missing"; }
perl -e 'open my $f, "<:raw", $ARGV[0]; local $/; my $p = <$f>; my $n = unpack "V", substr $p, -16, 4;
	my $row = substr $p, -16 - 72 * $n, 72; print substr($row, 0, 32), "x" x 32' "$T/pack" >"$T/hashes"
is "$(missing pub | od -An -tu1 | tr -d ' \n')" 01 "one frame is held, the other missing"
printf short >"$T/hashes"
is "$(status_as pub --data-binary "@$T/hashes" "$URL/api/v1/channels/beijing.ip/missing")" 400 \
	"hashes have 32 bytes"
is "$(status_as member --data-binary "@$T/hashes" "$URL/api/v1/channels/beijing.ip/missing")" 403 \
	"members do not ask"

# --- drafts ----------------------------------------------------------------------------
perl -pe 's/beijing.spare/beijing.ip/' "$T/spare.json" >"$T/record"
draft_body() { printf '{"channel":"beijing.ip","course":"marks","release":%s,"record":{"sha256":"%s","length":%s}}' \
	"$2" "$(sha256 "$1")" "$(stat -c %s "$1")"; }
start_draft() { status_as pub -H 'Content-Type: application/json' -d "$(draft_body "$1" "${2:-1}")" "$URL/api/v1/drafts"; }
# shellcheck disable=SC2317  # called by wait_for
draft_done() { as pub "$URL/api/v1/drafts/$DRAFT" | grep -qv '"state":"checking"'; }
judge() { # FILE: uploads a record and has it judged: $DRAFT, and state and reason in $VERDICT
	send record "$1" >/dev/null
	start_draft "$1" >/dev/null
	DRAFT=$(json id <"$T/body")
	wait_for "the check" draft_done
	as pub "$URL/api/v1/drafts/$DRAFT" >"$T/draft.json"
	VERDICT="$(json state <"$T/draft.json") $(json reason <"$T/draft.json")"
}
is "$(start_draft "$T/record")" 400 "without its record there is no draft"
judge "$T/record"
is "$VERDICT" 'verified ' "a true release is verified"
is "$(json done_bytes <"$T/draft.json")" "$(json total_bytes <"$T/draft.json")" "to its last byte"
is "$(status_as other "$URL/api/v1/drafts/$DRAFT")" 404 "another does not see the draft"
is "$(status_as pub -X POST --data-binary '{}' "$URL/api/v1/drafts/$DRAFT/publish")" 400 "only a role publishes"
perl -pe 's/("tar":\{"length":\d+,"sha256":")(.)/$1 . ($2 eq "0" ? "1" : "0")/e' "$T/record" >"$T/liar"
judge "$T/liar"
like "$VERDICT" '^refused .*tar' "a lie about the tar is found"
perl -pe 's/"files":(\d+)/"files":9$1/' "$T/record" >"$T/liar"
judge "$T/liar"
like "$VERDICT" '^refused the record speaks of' "and one about the files"
perl -pe 's/("index":\{"length":\d+,"sha256":")(.)/$1 . ($2 eq "0" ? "1" : "0")/e' "$T/record" >"$T/liar"
judge "$T/liar"
like "$VERDICT" '^refused the index has not been uploaded' "and an index that is not there"
is "$(as member "$URL/api/v1/catalogue" | json courses 0 channel)" beijing.spare "nobody sees a draft"
is "$(status_as member "$URL/hints/beijing.ip/marks/1")" 404 "nor its hint"
is "$(status_as pub -X DELETE "$URL/api/v1/drafts/$DRAFT")" 204 "a draft can be given up"
is "$(status_as pub "$URL/api/v1/drafts/$DRAFT")" 404 "and is gone"

# --- quota -------------------------------------------------------------------------------
hub_stop
hub_conf "publisher_quota = 2M"
hub_start || bail "no hub with a quota"
create pub pack "$(printf z | sha256sum | cut -d' ' -f1)" 2000000
is "$CODE" 507 "beyond the quota there is no space"
like "$(cat "$T/body")" quota "and the answer names it"
done_testing
