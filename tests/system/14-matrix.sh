#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Who may what: every route of kebaod against every kind of identity, in one table, which is meant to be
# read.  A route without a row fails the test, and so does a row without a route.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/wire.sh"
ASK=$KEBAO_BIN/tests/abuse/ask
ROUTES=$KEBAO_BIN/tests/abuse/routes
for program in "$ASK" "$ROUTES"; do
	[ -x "$program" ] || skip_all "no $program: make check-programs"
done

# anon   nobody: no certificate            past   a member of hebei: its pairing ended in 2020
# alien  a certificate of another CA, with under  a member of chengdu, below sichuan
#        the very serial of pub's          pair   a member of sichuan, paired with beijing
# gone   a member of sichuan, revoked      opub   a publisher of henan, not of beijing
# old    pair's certificate, a year later  pub    a publisher of beijing
# lone   a member of guangdong: no pairing adm    an administrator, of the hub's organisation
# far    a member of guangxi: paired, but  aud    an auditor, of the hub's organisation
#        with shandong
#
# WORD(x) is a capability that x was given: it is a bearer's for ten minutes, as long as x may still see the course.
#
# 401 asks for a certificate, 403 says that this one is not enough, 404 that there is nothing here, or nothing
# that one may see; 400, 409 and 204 say that the asker may, and what became of it.
TABLE='
route                               | target, body                    | anon alien gone old lone far past under pair opub pub adm aud
GET /metadata/{name...}             | /metadata/1.root.json           | 200 200 200 200 200 200 200 200 200 200 200 200 200
GET /metadata/{name...}             | /metadata/timestamp.json        | 200 200 200 200 200 200 200 200 200 200 200 200 200
GET /metadata/{name...}             | /metadata/1.beijing.ip.json     | 404 404 404 404 404 404 404 200 200 404 200 200 200
GET /metadata/{name...}             | /metadata/1.beijing.open.json   | 200 200 200 200 200 200 200 200 200 200 200 200 200
GET /metadata/{name...}             | /metadata/1.beijing.all.json    | 404 404 404 404 200 200 200 200 200 200 200 200 200
GET /metadata/{name...}             | /metadata/1.beijing.self.json   | 404 404 404 404 404 404 404 404 200 404 200 200 200
GET /metadata/{name...}             | /metadata/1.henan.law.json      | 404 404 404 404 404 404 404 404 404 200 404 200 200
GET /targets/{name...}              | /RECORD(beijing.ip)             | 404 404 404 404 404 404 404 200 200 404 200 404 404
GET /targets/{name...}              | /TAR(beijing.ip)                | 404 404 404 404 404 404 404 200 200 404 200 404 404
GET /targets/{name...}              | /RECORD(beijing.open)           | 200 200 200 200 200 200 200 200 200 200 200 200 200
GET /targets/{name...}              | /RECORD(beijing.all)            | 404 404 404 404 200 200 200 200 200 200 200 200 200
GET /targets/{name...}              | /RECORD(henan.law)              | 404 404 404 404 404 404 404 404 404 200 404 404 404
GET /indexes/{name...}              | /INDEX(beijing.ip)              | 404 404 404 404 404 404 404 200 200 404 200 404 404
GET /packs/{name...}                | /PACK(beijing.ip)               | 404 404 404 404 404 404 404 200 200 404 200 404 404
GET /packs/{name...}                | /PACK(beijing.open)             | 200 200 200 200 200 200 200 200 200 200 200 200 200
GET /packs/{name...}                | /PACK(beijing.self)             | 404 404 404 404 404 404 404 404 200 404 200 404 404
GET /hints/{name...}                | /hints/beijing.ip/marks/1       | 404 404 404 404 404 404 404 200 200 404 200 404 404
GET /patches/{name...}              | /PATCH(beijing.ip)              | 404 404 404 404 404 404 404 200 200 404 200 404 404
GET /bundles/{channel}/{course}/{file} | /bundles/beijing.ip/marks/1.tar.zst | 404 404 404 404 404 404 404 200 200 404 200 404 404
GET /bundles/{channel}/{course}/{file} | /bundles/beijing.ip/marks/1.zip | 404 404 404 404 404 404 404 200 200 404 200 404 404
GET /bundles/{channel}/{course}/{file} | /bundles/beijing.open/marks/1.tar.zst | 200 200 200 200 200 200 200 200 200 200 200 200 200
GET /bundles/{channel}/{course}/{file} | /bundles/henan.law/marks/1.tar.zst | 404 404 404 404 404 404 404 404 404 200 404 404 404
GET /files/{channel}/{course}/{release}/{path...} | /files/beijing.ip/marks/1/text.txt | 404 404 404 404 404 404 404 200 200 404 200 404 404
GET /files/{channel}/{course}/{release}/{path...} | /files/beijing.open/marks/1/text.txt | 200 200 200 200 200 200 200 200 200 200 200 200 200
GET /files/{~word}/{path...}        | WORD(pair)text.txt              | 200 200 200 404 200 200 200 200 200 200 200 200 200
GET /files/{~word}/{path...}        | WORD(gone)text.txt              | 404 404 404 404 404 404 404 404 404 404 404 404 404
GET /files/{~word}/{path...}        | WORD(open)text.txt              | 200 200 200 404 200 200 200 200 200 200 200 200 200
POST /api/v1/capabilities           | /api/v1/capabilities ASKWORD(beijing.ip) | 404 404 404 404 404 404 404 201 201 404 201 404 404
POST /api/v1/capabilities           | /api/v1/capabilities ASKWORD(beijing.open) | 201 201 201 201 201 201 201 201 201 201 201 201 201
GET /api/v1/hub                     | /api/v1/hub                     | 200 200 200 200 200 200 200 200 200 200 200 200 200
GET /api/v1/trust                   | /api/v1/trust                   | 200 200 200 200 200 200 200 200 200 200 200 200 200
GET /api/v1/whoami                  | /api/v1/whoami                  | 200 200 200 200 200 200 200 200 200 200 200 200 200
GET /api/v1/channels                | /api/v1/channels                | 200 200 200 200 200 200 200 200 200 200 200 200 200
GET /api/v1/catalogue               | /api/v1/catalogue               | 200 200 200 200 200 200 200 200 200 200 200 200 200
POST /api/v1/enroll                 | /api/v1/enroll {}               | 400 400 400 400 400 400 400 400 400 400 400 400 400
POST /api/v1/renew                  | /api/v1/renew {}                | 401 401 403 401 400 400 400 400 400 400 400 400 400
POST /api/v1/invitations            | /api/v1/invitations {}          | 401 401 403 401 403 403 403 403 403 403 403 400 403
GET /api/v1/enrolments              | /api/v1/enrolments              | 401 401 403 401 403 403 403 403 403 403 403 200 200
DELETE /api/v1/enrolments/{serial}  | /api/v1/enrolments/00           | 401 401 403 401 403 403 403 403 403 403 403 404 403
GET /api/v1/registry                | /api/v1/registry                | 401 401 403 401 403 403 403 403 403 403 403 200 200
PATCH /api/v1/registry              | /api/v1/registry {}             | 401 401 403 401 403 403 403 403 403 403 403 200 403
DELETE /api/v1/registry/{kind}/{id} | /api/v1/registry/pairing/none   | 401 401 403 401 403 403 403 403 403 403 403 404 403
GET /api/v1/audit                   | /api/v1/audit                   | 401 401 403 401 403 403 403 403 403 403 403 200 200
PUT /api/v1/metadata/{role}         | /api/v1/metadata/root {}        | 401 401 403 401 403 403 403 403 403 403 403 400 403
PUT /api/v1/metadata/{role}         | /api/v1/metadata/targets {}     | 401 401 403 401 403 403 403 403 403 403 403 400 403
PUT /api/v1/metadata/{role}         | /api/v1/metadata/beijing.ip {}  | 401 401 403 401 403 403 403 403 403 404 400 400 403
PUT /api/v1/metadata/{role}         | /api/v1/metadata/henan.law {}   | 401 401 403 401 403 403 403 403 403 400 404 400 403
POST /api/v1/online-keys            | /api/v1/online-keys             | 401 401 403 401 403 403 403 403 403 403 403 200 403
POST /api/v1/recover                | /api/v1/recover {}              | 401 401 403 401 403 403 403 403 403 403 403 400 403
POST /api/v1/channels/{channel}/missing | /api/v1/channels/beijing.ip/missing x | 401 401 403 401 404 404 404 403 403 404 400 404 404
POST /api/v1/channels/{channel}/missing | /api/v1/channels/henan.law/missing x | 401 401 403 401 404 404 404 404 404 400 404 404 404
POST /api/v1/channels/{channel}/missing | /api/v1/channels/no.such/missing x | 401 401 403 401 404 404 404 404 404 404 404 404 404
POST /api/v1/drafts                 | /api/v1/drafts {}               | 401 401 403 401 403 403 403 403 403 400 400 400 403
POST /api/v1/drafts                 | /api/v1/drafts NEWDRAFT         | 401 401 403 401 403 403 403 403 403 404 400 404 403
GET /api/v1/drafts/{id}             | /api/v1/drafts/DRAFT            | 401 401 403 401 403 403 403 403 403 404 200 404 403
POST /api/v1/drafts/{id}/publish    | /api/v1/drafts/DRAFT/publish {} | 401 401 403 401 403 403 403 403 403 404 409 404 403
GET /api/v1/drafts/{id}/hint        | /api/v1/drafts/DRAFT/hint       | 401 401 403 401 403 403 403 403 403 404 409 404 403
DELETE /api/v1/drafts/{id}          | /api/v1/drafts/DRAFT            | 401 401 403 401 403 403 403 403 403 404 204 404 403
GET /api/v1/pending                 | /api/v1/pending                 | 401 401 403 401 403 403 403 403 403 200 200 200 200
GET /api/v1/pending/{channel}       | /api/v1/pending/beijing.ip      | 401 401 403 401 404 404 404 403 403 404 200 404 404
GET /api/v1/pending/{channel}       | /api/v1/pending/henan.law       | 401 401 403 401 404 404 404 404 404 200 404 404 404
DELETE /api/v1/pending/{channel}    | /api/v1/pending/beijing.ip      | 401 401 403 401 404 404 404 403 403 404 404 404 404
POST /api/v1/purge                  | /api/v1/purge {}                | 401 401 403 401 403 403 403 403 403 403 403 400 403
POST /uploads                       | /uploads                        | 401 401 403 401 403 403 403 403 403 400 400 400 403
HEAD /uploads/{id}                  | /uploads/UPLOAD                 | 401 401 403 401 403 403 403 403 403 404 200 404 403
PATCH /uploads/{id}                 | /uploads/UPLOAD x               | 401 401 403 401 403 403 403 403 403 404 204 404 403
DELETE /uploads/{id}                | /uploads/UPLOAD                 | 401 401 403 401 403 403 403 403 403 404 204 404 403
'
# pub takes the upload away, so pub comes last.  adm asks twice: before anybody has made the hub keep an object
# open, and after.
TODAY=(adm anon alien gone lone far past under pair opub aud adm pub)
# Revoked like gone, whatever they were, and expired like old.
REVOKED=(gone gonepub goneadm goneaud)
OLD=(pair opub pub adm aud)
# The channels that each is told of.
CHANNELS='
anon  beijing.open
alien beijing.open
gone  beijing.open
old   beijing.open
lone  beijing.all beijing.open
far   beijing.all beijing.open
past  beijing.all beijing.open
under beijing.all beijing.ip beijing.open
pair  beijing.all beijing.ip beijing.open beijing.self
opub  beijing.all beijing.open henan.law
pub   beijing.all beijing.ip beijing.open beijing.self
adm   beijing.all beijing.open
aud   beijing.all beijing.open
'

# --- every route has a row -------------------------------------------------------------
rows() { tail -n +3 <<<"$TABLE" | sed '/^$/d'; }
"$ROUTES" | sort -u >"$T/routes"
rows | sed 's/ *|.*//' | sort -u >"$T/rows"
[ "$(wc -l <"$T/routes")" -ge 30 ]
ok $? "the program tells its routes"
is "$(comm -23 "$T/routes" "$T/rows")" '' "every route of kebaod has a row in this table"
is "$(comm -13 "$T/routes" "$T/rows")" '' "and every row a route"
is "$(rows | awk -F'|' 'split($3, cell, " ") != 13' | wc -l)" 0 "every row has a cell for each identity"

# --- people and courses ----------------------------------------------------------------
world
wire_ca
cat >"$T/more.json" <<'J'
{"organisations": [
 {"id": "chengdu", "kind": "association", "parent": "sichuan", "name": {"zh": "成都市律师协会"}}],
"pairings": [
 {"id": "beijing-hebei", "donor": "beijing", "recipient": "hebei", "level": "association", "until": "2020-12-31"}]}
J
prose() { # DIRECTORY N: N files of text, so that there is a patch
	perl -e '
		my @words = map { join "", map { chr(97 + int rand 26) } 1 .. 2 + int rand 8 } 1 .. 3000;
		for my $i (1 .. $ARGV[1]) {
			open my $f, ">", sprintf("%s/lesson-%03d.md", $ARGV[0], $i) or die;
			print $f join(" ", map { $words[int rand @words] } 1 .. 900), "\n";
		}' "$1" "$2"
	chmod -R a+rX "$1"
}
has_patch() { [ -n "$(object patches beijing.ip '*.patch')" ]; }
object() { (cd "$HUB/repo" && find "$1/$2" -type f -name "$3" | head -n 1); }
setup() {
	registry "$T/more.json" && enrol hn henan publisher &&
		channel beijing.open beijing public bj && channel beijing.all beijing members bj &&
		channel beijing.self beijing paired:self bj && channel henan.law henan paired hn &&
		course "$T/marks" marks one && seq 1 2000 >"$T/marks/text.txt" || return 1
	local c
	for c in beijing.ip beijing.open beijing.all beijing.self; do publish bj "$c" "$T/marks" || return 1; done
	publish hn henan.law "$T/marks" && course "$T/prose" writing one && prose "$T/prose" 200 &&
		publish bj beijing.ip "$T/prose" && echo more >>"$T/prose/lesson-010.md" &&
		publish bj beijing.ip "$T/prose" && wait_for "a patch" has_patch
}
setup >"$T/setup.log" 2>&1 || bail "no channels"
enrolled() {
	wire_enrol gone sichuan && wire_enrol lone guangdong && wire_enrol far guangxi && wire_enrol past hebei &&
		wire_enrol under chengdu && wire_enrol pair sichuan && wire_enrol opub henan publisher &&
		wire_enrol pub beijing publisher && wire_enrol adm hub admin && wire_enrol aud hub auditor &&
		wire_enrol gonepub beijing publisher && wire_enrol goneadm hub admin && wire_enrol goneaud hub auditor
}
enrolled || bail "not all are enrolled"
# Another CA makes a certificate that says all that pub's says.
serial=$(openssl x509 -in "$T/pub.crt" -noout -serial)
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/alienca.key" -out "$T/alienca.crt" \
	-subj "$(openssl x509 -in "$CA" -noout -subject -nameopt compat | sed 's/^subject=//')" -days 30 2>/dev/null
wire_request alien
openssl x509 -req -in "$T/alien.csr" -CA "$T/alienca.crt" -CAkey "$T/alienca.key" -set_serial "0x${serial#*=}" \
	-days 30 -out "$T/alien.crt" 2>/dev/null
is "$(openssl x509 -in "$T/alien.crt" -noout -serial)" "$serial" "another CA repeats a serial"

# --- what the targets stand for --------------------------------------------------------
ask_word() { printf '{"channel":"%s","course":"marks","release":1}' "$1"; }
word() { # WHO CHANNEL: the path of a capability
	as "$1" -H 'Content-Type: application/json' -d "$(ask_word "$2")" "$URL/api/v1/capabilities" | json path
}
b64() { printf %s "$1" | base64 -w0; }
new_upload() {
	status_as pub -X POST -H 'Tus-Resumable: 1.0.0' -H 'Upload-Length: 1000' -H "Upload-Metadata: channel $(
		b64 beijing.ip),kind $(b64 pack),sha256 $(b64 "$(printf %064d 0)")" "$URL/uploads" >/dev/null
	upload=$(header location)
	[ -n "$upload" ]
}
new_upload || bail "no upload"
draft=$(as adm "$URL/api/v1/audit" | jq -r '[.entries[] | select(.action == "publish" and
	(.object | startswith("beijing.ip/")))][0].detail')
like "$upload" '^/uploads/.' "an upload is under way"
like "$draft" '^[0-9a-z]{8,}$' "a draft is known"
tar_of() { # CHANNEL
	as pub "$URL/metadata/1.$1.json" | jq -r '.signed.targets | to_entries[] | select(.key | endswith("bundle.tar")) |
		"targets/" + (.key | sub("bundle.tar$"; "")) + .value.hashes.sha256 + ".bundle.tar"'
}
{
	for c in beijing.ip beijing.open beijing.all beijing.self henan.law; do
		printf 's|RECORD(%s)|%s|\n' "$c" "$(object targets "$c" '*.record.json')"
		printf 's|INDEX(%s)|%s|\n' "$c" "$(object indexes "$c" '*.index')"
		printf 's|PACK(%s)|%s|\n' "$c" "$(object packs "$c" '*.pack')"
		printf 's|ASKWORD(%s)|%s|\n' "$c" "$(ask_word "$c")"
	done
	printf 's|PATCH(beijing.ip)|%s|\n' "$(object patches beijing.ip '*.patch')"
	printf 's|WORD(gone)|%s|\n' "$(word gone beijing.ip)"
	printf 's|WORD(pair)|%s|\n' "$(word pair beijing.ip)"
	printf 's|WORD(open)|%s|\n' "$(word nobody beijing.open)"
	printf 's|TAR(beijing.ip)|%s|\n' "$(tar_of beijing.ip)"
	printf 's|/DRAFT|/%s|\n' "$draft"
	printf 's|NEWDRAFT|%s|\n' '{"channel":"beijing.ip","course":"marks","release":2,"record":{"sha256":"'"$(printf %064d 0)"'","length":9}}'
} >"$T/targets.sed"
# Method, target and body of each row.
write_requests() {
	rows | awk -F'|' '{ split($1, route, " "); sub(/^ */, "", $2); sub(/ *$/, "", $2); print route[1] " " $2 }' |
		sed -f "$T/targets.sed" -e "s|/uploads/UPLOAD|$upload|" >"$T/requests"
}
write_requests
unlike "$(cat "$T/targets.sed")" '\|\|' "everything is there"
unlike "$(cat "$T/requests")" '[A-Z]\(|UPLOAD|DRAFT' "all targets are real"
unlike "$(cat "$T/requests")" ' /$' "each one"

# column NAME: what the table wants of NAME, row by row.
column() {
	awk -F'|' -v who="$1" 'NR == 2 { n = split($3, name, " "); for (i = 1; i <= n; i++) if (name[i] == who) at = i }
		NR > 2 && NF == 3 { split($3, cell, " "); print cell[at] }' <<<"$TABLE"
}
# asked WHO [ARGUMENT...]: what the hub answers, row by row.
asked() {
	local who=$1 id=()
	shift
	[ "$who" = anon ] || id=(cert "$T/$who.crt" key "$T/$who.key")
	"$ASK" "$PORT" "${id[@]}" "$@" <"$T/requests" 2>"$T/ask.err"
}
# A resumed session shows no certificate: who it is comes from the ticket, and is judged anew.
session() { # WHO [IDENTITY]
	local id=(cert "$T/$1.crt" key "$T/$1.key")
	[ "$1" != anon ] || id=()
	echo GET /api/v1/whoami | "$ASK" "$PORT" "${id[@]}" save "$T/$1.session" >"$T/answers"
	like "$(cat "$T/answers")" "^200 ${2:-}" "$1 has a session"
}
resumed() { # WHO
	asked anon resume "$T/$1.session" >"$T/answers"
	ok $? "$1's session is resumed" || diag "$(cat "$T/ask.err")"
}
# judge COLUMN NAME: $T/answers against the table.
judge() {
	column "$1" >"$T/wanted"
	paste -d' ' "$T/wanted" <(cut -d' ' -f1 "$T/answers") "$T/requests" | awk '$1 != $2 {
		print "wanted " $1 ", got " $2 ": " $3 " " $4 }' >"$T/wrong"
	is "$(cat "$T/wrong")" '' "$2"
	is "$(wc -l <"$T/answers")" "$(wc -l <"$T/requests")" "... all of them" || diag "$(cat "$T/ask.err")"
}

# --- the table, but for old ------------------------------------------------------------
for who in "${REVOKED[@]}"; do session "$who" '[a-z]+; '; done
for who in "${REVOKED[@]}"; do
	as adm -o "$T/body" --fail -X DELETE "$URL/api/v1/enrolments/$(openssl x509 -in "$T/$who.crt" -noout -serial |
		sed 's/.*=//' | tr '[:upper:]' '[:lower:]')"
	ok $? "and is revoked"
	resumed "$who"
	judge gone "a session from before the revocation opens nothing"
	like "$(head -n 1 "$T/answers")" revoked "and its owner hears why"
done
for who in "${TODAY[@]}"; do
	asked "$who" >"$T/answers"
	judge "$who" "$who: every cell"
	session "$who"
	[ "$who" != pub ] || { new_upload && write_requests; }
	resumed "$who"
	judge "$who" "$who, resumed: every cell"
	is "$(as "${who/#anon/nobody}" "$URL/api/v1/channels" | jq -r '[.channels[].id] | sort | join(" ")')" \
		"$(sed -n "s/^$who *//p" <<<"$CHANNELS")" "$who: the channels"
	is "$(as "${who/#anon/nobody}" "$URL/api/v1/catalogue" | jq -r '[.courses[].channel] | unique | join(" ")')" \
		"$(sed -n "s/^$who *//p" <<<"$CHANNELS")" "$who: the courses"
done

# --- a year later ----------------------------------------------------------------------
# clock SECONDS: what time it is for the hub, since 1970.
clock() {
	printf '+%d\n' $(($1 - $(date +%s))) >"$T/clock.new"
	chmod 0644 "$T/clock.new"
	mv "$T/clock.new" "$T/clock"
}
# end WHO: the last second of a certificate.
end() { date -d "$(openssl x509 -in "$T/$1.crt" -noout -enddate | sed 's/.*=//')" +%s; }
# shellcheck disable=SC2016  # a shell of its own expands it
PRELOAD=$(faketime -f +1d sh -c 'echo "$LD_PRELOAD"' 2>/dev/null)
if [ -n "$PRELOAD" ] && [ "$(basename "$KEBAO_BIN")" != asan ]; then
	hub_stop
	ends=$(for who in "${OLD[@]}"; do end "$who"; done | sort -n)
	clock $(($(head -n 1 <<<"$ends") - 900))
	"${AS_USER[@]}" env LD_PRELOAD="$PRELOAD" FAKETIME_TIMESTAMP_FILE="$T/clock" FAKETIME_NO_CACHE=1 \
		FAKETIME_DONT_FAKE_MONOTONIC=1 "$BIN/kebaod" --config "$CONF" >>"$T/hub.log" 2>&1 </dev/null &
	HUB_PID=$!
	if ! { wait_for "the hub in a year" hub_is_up_or_gone && hub_is_up; }; then
		bail "no hub in a year"
	fi
	# The last minutes of their certificates, and then one minute too late: the sessions are still young.
	for who in "${OLD[@]}"; do session "$who" '[a-z]+; '; done
	clock $(($(tail -n 1 <<<"$ends") + 60))
	for who in "${OLD[@]}"; do
		asked "$who" >"$T/answers"
		judge old "old ($who's certificate, a year later): every cell"
		like "$(head -n 1 "$T/answers")" '^200 expired' "and its owner hears why"
		resumed "$who"
		judge old "old ($who's session from before the end): every cell"
		like "$(head -n 1 "$T/answers")" '^200 expired' "and its owner hears why"
	done
	is "$(curl -ks --cert "$T/pair.crt" --key "$T/pair.key" "$URL/api/v1/channels" |
		jq -r '[.channels[].id] | sort | join(" ")')" "$(sed -n "s/^old *//p" <<<"$CHANNELS")" "old: the channels"
else
	skip "no faketime(1) that works with this build: expired certificates"
fi
done_testing
