#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# As many connections as one certificate may have, from as many addresses: the next is told to come again, others are
# served, and when one ends there is room for one.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/wire.sh"
ASK=$KEBAO_BIN/tests/abuse/ask
[ -x "$ASK" ] || skip_all "no $ASK: make check-programs"
CAP=3

world
wire_ca
wire_enrol one sichuan || bail "no member"
wire_enrol two sichuan || bail "no second member"
# renew OLD NEW: OLD asks for a certificate for the key of NEW.
renew() {
	jq -n --rawfile csr "$T/$2.csr" '{csr: $csr}' >"$T/renew.json"
	as "$1" -o "$T/enrolled.json" --fail -H 'Content-Type: application/json' --data-binary "@$T/renew.json" \
		"$URL/api/v1/renew" || bail "no renewal"
	json certificate <"$T/enrolled.json" >"$T/$2.crt"
}
key_of() { openssl x509 -in "$T/$1.crt" -noout -pubkey; }
cp "$T/one.key" "$T/renewed.key"
cp "$T/one.csr" "$T/renewed.csr"
renew one renewed
is "$(key_of renewed)" "$(key_of one)" "somebody renews with the same key"
wire_request other
renew one other
wire_request third
renew other third
isnt "$(key_of third)" "$(key_of one)" "and with another, and that once more with another"

hub_stop
LOCAL=$(free_port)
hub_conf "max_connections_per_certificate = $CAP" 'workers = 2' "local_listen = 127.0.0.1:$LOCAL"
hub_start || bail "no hub"

head -c 100000 /dev/zero >"$T/long"

declare -A ASKER LINE
n_lines() { wc -l <"$T/$1.out"; }
has_lines() { [ "$(n_lines "$1")" -ge "$2" ] || ! is_running "${ASKER[$1]}"; }
# say NAME: one more request on that connection; the answer's status.
say() {
	local want=$(($(n_lines "$1") + 1))
	echo GET /api/v1/hub >&"${LINE[$1]}"
	wait_for "an answer to $1" has_lines "$1" "$want"
	sed -n "${want}s/ .*//p" "$T/$1.out"
}
# hold NAME ADDRESS WHO: a connection from ADDRESS that stays, with WHO's certificate.
hold() {
	local fd
	mkfifo "$T/$1.in"
	exec {fd}<>"$T/$1.in"
	LINE[$1]=$fd
	: >"$T/$1.out"
	"$ASK" "$PORT" cert "$T/$3.crt" key "$T/$3.key" from "$2" <&"$fd" >>"$T/$1.out" 2>"$T/$1.err" &
	ASKER[$1]=$!
}
let_go() {
	kill -KILL "${ASKER[$1]}"
	wait "${ASKER[$1]}" 2>/dev/null
}
gets_in() { [ "$(say "$1")" = 200 ]; }
# next WHO ADDRESS [CURL-ARGUMENT...]: the status that a new connection gets.
next() { status_as "$1" --interface "$2" "${@:3}" "$URL/api/v1/hub"; }
is_served() { [ "$(next "$@")" = 200 ]; }

echo GET /api/v1/hub | "$ASK" "$PORT" cert "$T/one.crt" key "$T/one.key" save "$T/one.session" >"$T/answers"
is "$(cut -d' ' -f1 "$T/answers")" 200 "a session is kept"
for i in $(seq "$CAP"); do
	hold "$i" "127.0.0.$i" one
	wait_for "connection $i" gets_in "$i" # the hub may not have seen yet that earlier ones ended
	ok $? "connection $i of one certificate, from 127.0.0.$i"
done
is "$(next one 127.0.0.9)" 429 "the next is refused, wherever it comes from"
like "$(header retry-after)" '^[0-9]+$' "... and hears when to come again"
is "$(header connection)" close "... on another connection"
is "$(header content-type)" application/problem+json "... and why"
is "$(json class <"$T/body")" busy "... as a program reads it"
like "$(json detail <"$T/body")" 'this certificate' "... and as a person does"
like "$(header kebao-identity)" '^sichuan; member' "... and that it is not the certificate itself"
is "$(next one 127.0.0.9 -X POST --data-binary "@$T/long")" 429 "whatever it would send"
for who in renewed other third; do
	is "$(next "$who" 127.0.0.9)" 429 "what was renewed shares the number: $who"
done
echo GET /api/v1/hub | "$ASK" "$PORT" resume "$T/one.session" >"$T/answers" 2>"$T/ask.err"
is "$(cut -d' ' -f1 "$T/answers")" 429 "nor does a resumed session, which shows no certificate"
is "$(next two 127.0.0.1)" 200 "another certificate is served, also from the same address"
is "$(next nobody 127.0.0.1)" 200 "and so is who has none"
for i in $(seq "$CAP"); do
	is "$(say "$i")" 200 "connection $i goes on"
done
like "$(curl -s "http://127.0.0.1:$LOCAL/metrics")" '^kebao_connections_refused_total ([4-9]|[1-9][0-9])' "the refusals are counted"

let_go 2
wait_for "room for one" is_served one 127.0.0.9
ok $? "one has ended: the next is served"
hold again 127.0.0.9 third
wait_for "a place" gets_in again
ok $? "and may stay"
is "$(next one 127.0.0.9)" 429 "which fills the number again, with a certificate renewed twice"
is "$(next other 127.0.0.9)" 429 "for each of them"
for i in 1 3 again; do let_go "$i"; done
wait_for "room" is_served one 127.0.0.9
ok $? "all have ended: there is room"
unlike "$(cat "$T/hub.log")" 'ERROR|"error"|Sanitizer' "the hub complains of nothing"
exits 0 "and ends in order" hub_stop
done_testing
