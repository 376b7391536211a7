# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# For tests that speak to the hub with curl, openssl and perl alone: a second client, as it were, written
# from PROTOCOL.md.  Sourced after lib.sh.
#
# wire_ca, wire_enrol, as (a request as somebody), status_as, header_as, json, sha256.

CA=$T/ca.pem

# json KEY...: one value out of a JSON document on standard input; numbers index arrays.
json() {
	perl -MJSON::PP -e 'my $v = decode_json(do { local $/; <STDIN> });
		$v = ref $v eq "ARRAY" ? $v->[$_] : $v->{$_} for @ARGV;
		binmode STDOUT, ":utf8"; print ref $v ? encode_json($v) : $v // ""' -- "$@"
}

# What the hub says its CA is; a test does not need the fingerprint.
wire_ca() { curl -ksS "$URL/api/v1/trust" | json ca >"$CA"; }

# as WHO CURL-ARGUMENT...: a request with WHO's certificate, "nobody" without one.
as() {
	local who=$1 id=()
	shift
	[ "$who" = nobody ] || id=(--cert "$T/$who.crt" --key "$T/$who.key")
	curl -sS --max-time "$DEADLINE_SECONDS" --cacert "$CA" "${id[@]}" "$@"
}

# status_as WHO CURL-ARGUMENT...: the status; the body goes to $T/body, the headers to $T/headers.
status_as() {
	local who=$1
	shift
	rm -f "$T/body" # an answer without a body leaves the file alone
	as "$who" -o "$T/body" -D "$T/headers" -w '%{http_code}' "$@"
}

# header NAME: a header of the last status_as.
header() { sed -n "s/^$1: \\(.*\\)\\r\$/\\1/Ip" "$T/headers"; }

# The secret in an enrolment code, in hexadecimal: bytes 3 to 18.
secret_of() {
	perl -e '$_ = uc $ARGV[0]; s/^KB1//; s/[^0-9A-Z]//g;
		my $d = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"; my $b = "";
		$b .= sprintf "%05b", index $d, $_ for split //;
		print unpack "H32", substr pack("B*", substr $b, 0, 8 * int(length($b) / 8)), 3, 16' \
		-- "$1"
}

# wire_request WHO: a key and a request, as any tool makes them.
wire_request() {
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=somebody \
		-keyout "$T/$1.key" -out "$T/$1.csr" 2>/dev/null
}

# enroll_body CODE CSR-FILE: the body of POST /api/v1/enroll.
enroll_body() {
	perl -MJSON::PP -0777 -ne 'print encode_json({ secret => $ENV{S}, csr => $_ })' "$2" \
		>"$T/enroll.json"
}

# wire_enrol WHO ORG [ROLE]: WHO becomes a member of ORG, by curl.
wire_enrol() {
	local code
	code=$(kb admin hub invite "$2" --role "${3:-member}" 2>/dev/null) || return 1
	wire_request "$1" || return 1
	S=$(secret_of "$code") enroll_body "$code" "$T/$1.csr"
	as nobody -o "$T/enrolled.json" --fail -H 'Content-Type: application/json' \
		--data-binary "@$T/enroll.json" "$URL/api/v1/enroll" || return 1
	json certificate <"$T/enrolled.json" >"$T/$1.crt"
	[ -s "$T/$1.crt" ]
}

sha256() { sha256sum "$1" | cut -d' ' -f1; }
