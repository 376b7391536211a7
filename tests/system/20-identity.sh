#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Who one is and what one may see: certificates by openssl, requests by curl.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/wire.sh"

world
wire_ca
course "$T/marks" marks one
seq 1 20000 >"$T/marks/text.txt"
run publish bj beijing.ip "$T/marks"
is "$status" 0 "a release is published"

# --- enrolment -------------------------------------------------------------------------
code=$(kb admin hub invite sichuan 2>/dev/null)
wire_request first
S=$(secret_of "$code") enroll_body "$code" "$T/first.csr"
enroll=(-H 'Content-Type: application/json' --data-binary "@$T/enroll.json" "$URL/api/v1/enroll")
is "$(status_as nobody "${enroll[@]}")" 200 "a request made by openssl is enrolled"
json certificate <"$T/body" >"$T/first.crt"
is "$(json org <"$T/body") $(json role <"$T/body")" 'sichuan member' "as what the invitation says"
openssl verify -CAfile "$CA" -purpose sslclient "$T/first.crt" >"$T/verify.out" 2>&1
is $? 0 "the certificate is one of the hub's CA, for clients"
like "$(openssl x509 -in "$T/first.crt" -noout -subject)" 'CN *= *sichuan$' \
	"its name is the organisation, whatever the request said"
cp "$T/body" "$T/answer"
is "$(status_as nobody "${enroll[@]}")" 200 "the same request again is answered again"
cmp -s "$T/body" "$T/answer"
ok $? "with the same bytes"
wire_request second
S=$(secret_of "$code") enroll_body "$code" "$T/second.csr"
is "$(status_as nobody "${enroll[@]}")" 403 "the code is used up for another key"
like "$(cat "$T/body")" 'used' "and the answer says so"
S=00000000000000000000000000000000 enroll_body "$code" "$T/second.csr"
is "$(status_as nobody "${enroll[@]}")" 403 "an invented secret is refused"
printf '{"secret":"xyz","csr":"x"}' >"$T/enroll.json"
is "$(status_as nobody "${enroll[@]}")" 400 "a malformed secret is bad input"
S=$(secret_of "$(kb admin hub invite sichuan 2>/dev/null)") enroll_body - /dev/null
is "$(status_as nobody "${enroll[@]}")" 400 "a request that is none is bad input"

# --- identity --------------------------------------------------------------------------
status_as first "$URL/api/v1/whoami" >/dev/null
is "$(json identity <"$T/body") $(json org <"$T/body")" 'member sichuan' "the hub knows the member"
is "$(header kebao-identity)" 'sichuan; member' "and says so in a header"
status_as nobody "$URL/api/v1/whoami" >/dev/null
is "$(json identity <"$T/body") $(header kebao-identity)" 'none none' "without a certificate one is nobody"
openssl req -x509 -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=sichuan -days 9 \
	-keyout "$T/foreign.key" -out "$T/foreign.crt" 2>/dev/null
status_as foreign "$URL/api/v1/whoami" >/dev/null
is "$(json identity <"$T/body")" unknown "a certificate of another CA is unknown, and answered"
wire_enrol outsider guangdong
ok $? "an unpaired organisation enrols"

# --- what one may not see ---------------------------------------------------------------
role=metadata/1.beijing.ip.json
status_as first "$URL/$role" >/dev/null
record=$(perl -MJSON::PP -0777 -ne 'my $t = decode_json($_)->{signed}{targets};
	print $t->{"beijing.ip/marks/1/record.json"}{hashes}{sha256}' "$T/body")
tar=$(perl -MJSON::PP -0777 -ne 'my $t = decode_json($_)->{signed}{targets};
	print $t->{"beijing.ip/marks/1/bundle.tar"}{hashes}{sha256}' "$T/body")
index=$(as first "$URL/targets/beijing.ip/marks/1/$record.record.json" | json index sha256)
pack=$(cd "$HUB/repo/packs/beijing.ip" && echo ??/*.pack)
things=("$role" "targets/beijing.ip/marks/1/$record.record.json"
	"targets/beijing.ip/marks/1/$tar.bundle.tar" "indexes/beijing.ip/${index:0:2}/$index.index"
	"packs/beijing.ip/$pack" hints/beijing.ip/marks/1 bundles/beijing.ip/marks/1.tar.zst)

# What differs between two refusals by nature: the date.
refusal() {
	{
		status_as "$1" "${@:3}" "$URL/$2"
		echo
		grep -vi '^date:' "$T/headers"
		cat "$T/body"
	} 2>&1
}

for thing in "${things[@]}"; do
	is "$(status_as first "$URL/$thing")" 200 "a paired member gets $thing"
	for who in nobody foreign outsider; do
		absent=${thing/beijing.ip/beijing.none}
		seen=$(refusal "$who" "$thing")
		is "${seen%%$'\n'*}" 404 "$who does not"
		is "$seen" "$(refusal "$who" "$absent")" "and cannot tell it from what does not exist"
	done
done
is "$(refusal outsider "${things[1]}")" "$(refusal outsider "targets/beijing.ip/none/9/$record.record.json")" \
	"nor a course"
for method in POST PUT PATCH DELETE; do
	is "$(refusal outsider "${things[0]}" -X "$method")" \
		"$(refusal outsider "${things[0]/beijing.ip/beijing.none}" -X "$method")" "nor with $method"
done
for file in 1.root.json 2.targets.json timestamp.json; do
	is "$(status_as nobody "$URL/metadata/$file")" 200 "metadata/$file is for all"
done
is "$(as outsider "$URL/api/v1/channels")" '{"channels":[]}' "an outsider has no channel"
is "$(as nobody "$URL/api/v1/catalogue")" '{"courses":[]}' "nobody has no course"
is "$(as first "$URL/api/v1/channels" | json channels 0 id)" beijing.ip "a member has"
is "$(as first "$URL/api/v1/catalogue" | json courses 0 course)" marks "and sees the course"

# --- views and roles -------------------------------------------------------------------
view() {
	status_as "$1" "$URL/metadata/timestamp.json" >/dev/null
	header kebao-view
}
isnt "$(view first)" "$(view outsider)" "another view has another Kebao-View"
is "$(view nobody)" "$(view outsider)" "the same view has the same"
like "$(view first)" '^[0-9a-f]{16}$' "of 16 digits"
for path in registry enrolments audit; do
	is "$(status_as first "$URL/api/v1/$path")" 403 "$path is not for members"
	is "$(status_as nobody "$URL/api/v1/$path")" 401 "nor for nobody"
done
is "$(status_as first -X POST -H 'Content-Type: application/json' -d '{}' "$URL/api/v1/drafts")" 403 \
	"a member does not publish"
is "$(status_as first -X PATCH -H 'Content-Type: application/json' -d '{}' "$URL/api/v1/registry")" 403 \
	"nor change the registry"

# --- renewal and revocation ------------------------------------------------------------
wire_request renewed
perl -MJSON::PP -0777 -ne 'print encode_json({ csr => $_ })' "$T/renewed.csr" >"$T/renew.json"
renew=(-H 'Content-Type: application/json' --data-binary "@$T/renew.json" "$URL/api/v1/renew")
is "$(status_as nobody "${renew[@]}")" 401 "nobody renews nothing"
is "$(status_as first "${renew[@]}")" 200 "a member renews"
json certificate <"$T/body" >"$T/renewed.crt"
is "$(as renewed "$URL/api/v1/whoami" | json org)" sichuan "and is the same with the new certificate"
is "$(as first "$URL/api/v1/whoami" | json org)" sichuan "the old one lives on"
for i in 3 4 5 6 7 8; do
	[ "$(status_as first "${renew[@]}")" = 200 ] || break
done
is "$i" 8 "one enrolment has eight certificates that are good"
is "$(status_as renewed "${renew[@]}")" 409 "and no more, whichever of them asks"
like "$(cat "$T/body")" 'has 8 good certificates already: ask the hub.s administrator to revoke' "which is said"
serial=$(as first "$URL/api/v1/whoami" | json serial)
kb admin hub revoke "$serial" >"$T/revoke.out" 2>&1
ok $? "the administrator revokes a certificate"
is "$(as first "$URL/api/v1/whoami" | json identity)" revoked "it is revoked at once"
is "$(status_as first "$URL/$role")" 404 "and sees nothing any more"
is "$(header kebao-identity)" revoked "the reason is in the header"
is "$(status_as renewed "${renew[@]}")" 200 "of eight one less: another may be made"
is "$(status_as renewed "$URL/$role")" 200 "the other certificate of the organisation is not touched"

# --- the pairing ends ------------------------------------------------------------------
printf '{"pairings":[{"id":"beijing-sichuan","donor":"beijing","recipient":"sichuan",
	"level":"association","until":"2020-01-01"}]}' >"$T/end.json"
chmod 0644 "$T/end.json"
kb admin hub registry load "$T/end.json" >"$T/end.out" 2>&1
is "$(status_as renewed "$URL/$role")" 404 "with the pairing ends what the recipient sees"
is "$(status_as renewed "$URL/metadata/timestamp.json")" 200 "but not what all may see"
is "$(header kebao-view)" "$(view outsider)" "and the view says so"
done_testing
