#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The life of an identity: invitation codes, renewal, expiry, re-enrolment, revocation in the middle of a transfer;
# addresses and versions of TLS.
# shellcheck disable=SC2016  # a shell of its own expands what stands in single quotes
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/wire.sh"

world
wire_ca
course "$T/course" marks one
head -c 60000000 /dev/urandom >"$T/course/video.mp4"
exits 0 "a release" publish bj beijing.ip "$T/course"
exits 0 "is held" kb sc fetch --all
exits 0 "somebody enrols" enrol old sichuan
exits 0 "and fetches" kb old fetch --all
SC=$T/home/sc/.local/share/kebao
invite() { kb admin hub invite "$@" 2>/dev/null; }
content() { find "$@" -type f -not -name lock -exec sha256sum {} + 2>/dev/null | sort | sha256sum; }

# --- revocation ends what runs -----------------------------------------------------------------
# Begun first, so that the waiting is done while the rest is tested.  At this rate the pack takes one and a half
# minutes, and what lies in the buffers of both systems some seconds.
wire_enrol slow sichuan || bail "no slow reader"
pack=$(cd "$HUB/repo/packs/beijing.ip" && find . -name '*.pack' -size +1M | head -n 1)
serial=$(as slow "$URL/api/v1/whoami" | json serial)
curl -sS --cacert "$CA" --cert "$T/slow.crt" --key "$T/slow.key" --limit-rate 700k --max-time 280 \
	-o "$T/slow.out" "$URL/packs/beijing.ip/$pack" 2>"$T/slow.err" &
slow=$!
# shellcheck disable=SC2317  # called by wait_for
has_begun() { [ "$(stat -c %s "$T/slow.out" 2>/dev/null || echo 0)" -gt 300000 ]; }
wait_for "the slow transfer" has_begun
ok $? "a slow transfer runs"
exits 0 "its identity is revoked" kb admin hub revoke "$serial"
revoked_at=$SECONDS

# --- codes -------------------------------------------------------------------------------------
code=$(invite sichuan)
refuse() { # STATUS REGEX NAME CODE: nobody is enrolled with it
	exits "$1" "$3" kb new --lang en enroll "$URL" "$4"
	like "$err" "$2" "... and why is said"
	[ ! -e "$T/home/new/.local/share/kebao/config.json" ]
	ok $? "... and nobody is enrolled"
}
case ${code:20:1} in A) other=B ;; *) other=A ;; esac
mistyped=${code:0:20}$other${code:21}
refuse 8 'mistyped' "a mistyped code" "$mistyped"
refuse 8 'mistyped' "a code whose last character no code has" "${code%?}Z"
refuse 8 'not complete' "half a code" "${code:0:30}"
refuse 8 'not an enrolment code' "what is no code" "hello"
exits 0 "the code itself, in small letters" kb new enroll "$URL" "$(tr '[:upper:]' '[:lower:]' <<<"$code")"
exits 5 "a second time" kb other --lang en enroll "$URL" "$code"
like "$err" 'used' "it is used up"
[ ! -e "$T/home/other/.local/share/kebao/config.json" ]
ok $? "and nobody is enrolled by it"

# --- TLS and addresses -----------------------------------------------------------------------------
for version in 1.2 1.3; do
	is "$(as nobody -o "$T/body" -w '%{http_code}' "--tlsv$version" --tls-max "$version" "$URL/api/v1/hub")" 200 "TLS $version"
done
as nobody -o "$T/body" --ciphers DEFAULT@SECLEVEL=0 --tls-max 1.1 "$URL/api/v1/hub" 2>"$T/run.err"
isnt $? 0 "not TLS 1.1"
if grep -q '^00000000000000000000000000000001 ' /proc/net/if_inet6 2>/dev/null; then
	hub_stop
	hub_conf "listen = [::1]:$PORT" "hostname = ::1"
	hub_start || bail "no hub with IPv6"
	is "$(as nobody -g -o "$T/body" -w '%{http_code}' "https://[::1]:$PORT/api/v1/hub")" 200 "IPv6, verified"
	is "$(as nobody -o "$T/body" -w '%{http_code}' "$URL/api/v1/hub")" 200 "and IPv4"
	code=$(invite sichuan)
	exits 0 "a client over IPv6" kb six enroll "https://[::1]:$PORT" "$code"
	exits 10 "and hears of the course" kb six check
else
	skip "this machine has no IPv6"
fi
# --- clocks ---------------------------------------------------------------------------------------
# faketime(1) would be the hub's parent and not hand signals on, so only its library is used.
has_faketime=
CLOCK=$(faketime -f +1d sh -c 'echo "$LD_PRELOAD"' 2>/dev/null)
if [ -n "$CLOCK" ] && [ "$(basename "$KEBAO_BIN")" != asan ]; then
	has_faketime=1
fi
clock() { # DAYS COMMAND...
	local days=$1
	shift
	as_user env LD_PRELOAD="$CLOCK" FAKETIME="$days" FAKETIME_DONT_FAKE_MONOTONIC=1 "$@"
}
at() { # DAYS WHO ARG...: kebao on a day to come
	local days=$1 who=$2
	shift 2
	clock "$days" env HOME="$T/home/$who" "$BIN/kebao" --lang en "$@"
}
hub_at() { # DAYS: the hub, on the same day
	hub_stop
	"${AS_USER[@]}" env LD_PRELOAD="$CLOCK" FAKETIME="$1" FAKETIME_DONT_FAKE_MONOTONIC=1 \
		"$BIN/kebaod" --config "$CONF" >>"$T/hub.log" 2>&1 </dev/null &
	HUB_PID=$!
	wait_for "the hub on another day" hub_is_up_or_gone && hub_is_up
}
code=$(invite sichuan --days 1)
held=$(content "$T/home/old/.local/share/kebao/library")

# Who was revoked has at most a minute; what it has by then is not the whole.
while is_running "$slow" && [ $((SECONDS - revoked_at)) -lt 60 ]; do sleep 0.2; done
took=$((SECONDS - revoked_at))
if is_running "$slow"; then running=1; else running=0; fi
is "$running" 0 "a revoked identity's transfer has ended within a minute"
wait "$slow"
isnt $? 0 "broken off"
[ "$(stat -c %s "$T/slow.out")" -lt "$(stat -c %s "$HUB/repo/packs/beijing.ip/$pack")" ]
ok $? "in the middle (looked at after $took s)"

if [ -n "$has_faketime" ]; then
	hub_at +2d || bail "no hub in two days"
	exits 5 "a code that has expired" at +2d late enroll "$URL" "$code"
	like "$err" 'expired' "is named as such"
	# A third of 365 days is left from day 244 on.
	serial=$(openssl x509 -in "$SC/identity/client.pem" -noout -serial)
	hub_at +200d || bail "no hub in 200 days"
	exits 0 "a client after 200 days" at +200d sc check
	is "$(openssl x509 -in "$SC/identity/client.pem" -noout -serial)" "$serial" "keeps its certificate"
	hub_at +250d || bail "no hub in 250 days"
	exits 0 "after 250 days" at +250d sc check
	isnt "$(openssl x509 -in "$SC/identity/client.pem" -noout -serial)" "$serial" "it has renewed it"
	like "$err" 'renewed, valid until' "and says until when"
	openssl verify -attime $(($(date +%s) + 600 * 86400)) -CAfile "$SC/identity/ca.pem" "$SC/identity/client.pem" \
		>"$T/verify.out" 2>&1
	ok $? "which is more than a year from then"
	# What others sign for a year is signed anew, too, or it would be that which has expired below.
	exits 0 "the administrator renews by working" at +250d admin hub channel add beijing.later --publisher beijing \
		--audience members --title-zh 以后 --publisher-key "$T/bj.pub" --targets-key "$OFFLINE/targets.pem" \
		--passphrase-file "$PASS"
	echo more >"$T/course/more.txt"
	exits 0 "so does the publisher" at +250d bj publish "$T/course" --channel beijing.ip --key "$T/bj.pem" \
		--passphrase-file "$PASS"
	hub_at +370d || bail "no hub in 370 days"
	exits 0 "who has renewed is a member after a year" at +370d sc fetch
	exits 5 "who was away for a year" at +370d old check
	like "$err" 'expired' "hears that the certificate has expired"
	like "$err" 'new code' "and what to do"
	code=$(at +370d admin hub invite sichuan 2>/dev/null)
	exits 0 "enrols again" at +370d old enroll "$URL" "$code"
	is "$(content "$T/home/old/.local/share/kebao/library")" "$held" "with the library as it was"
	exits 10 "and hears what is new" at +370d old check --json
	is "$(jq '.new[0].held == 1 and 4 * .new[0].fetch_bytes < .new[0].full_bytes' <<<"$out")" true \
		"at the price of what is new, not of a new library"
	hub_stop
	hub_start || bail "no hub of today"
	is "$(as nobody -o "$T/body" -w '%{http_code}' "$URL/api/v1/hub")" 200 \
		"a hub whose clock was ahead has a certificate of today again"
else
	skip "no faketime(1) that works with this build: expiry and renewal"
fi

done_testing
