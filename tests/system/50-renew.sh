#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Roles signed again before they expire: by one key, by two people, by the keys' own look-out.
# shellcheck disable=SC2034 # status, out and err are read by the functions of lib.sh
. "$(dirname "$0")/lib.sh"

P=(--passphrase-file "$PASS")
META=$T/hub/repo/metadata
version() { find "$META" -name "[0-9]*.$1.json" -printf '%f\n' | sort -n | tail -n 1 | cut -d. -f1; }

world
course "$T/course" trademarks 第一版
echo text >"$T/course/a.txt"
exits 0 "a channel without a release has nothing to renew" kb bj sign --renew beijing.ip \
	--key "$T/bj.pem" "${P[@]}"
exits 0 "a course is published" publish bj beijing.ip "$T/course"
is "$(version beijing.ip)" 1 "as version 1"
exits 0 "a recipient fetches it" kb sc fetch --all

exits 0 "nothing is due" kb bj --lang en sign --renew --key "$T/bj.pem" "${P[@]}"
like "$out" 'nothing expires' "and that is said"
exits 0 "the channel is renewed by name" kb bj --lang en sign --renew beijing.ip --days 30 \
	--key "$T/bj.pem" "${P[@]}"
is "$(version beijing.ip)" 2 "as version 2"
exits 10 "a publisher is warned in time" kb bj --lang en check
like "$err" 'beijing.ip expires on .*sign --renew beijing.ip' "and told what to do"
exits 0 "and the administrator" kb admin --lang en hub status
like "$err" 'beijing.ip expires on' "too"
hub_stop
LOCAL=$(free_port)
hub_conf "local_listen = 127.0.0.1:$LOCAL"
hub_start || bail "no hub"
wait_for "the log" grep -q '"event":"expires-soon","role":"beijing.ip"' "$T/hub.log"
ok $? "and the hub's log"
is "$(grep -c '"event":"expires-soon"' "$T/hub.log")" 1 "of this role only"
like "$(curl -s "http://127.0.0.1:$LOCAL/metrics")" 'kebao_role_expires_timestamp_seconds.role="beijing.ip". [0-9]+' "the metrics have the date"
exits 0 "a recipient is not" kb sc --lang en check
is "$err" "" "it is none of her business"
exits 0 "what is due is found by itself" kb bj --lang en sign --renew --key "$T/bj.pem" "${P[@]}"
like "$out" 'beijing.ip was signed again: version 3' "and renewed"
exits 0 "nothing is new for a recipient" kb sc check
exits 0 "what she holds is as signed" kb sc verify

exits 0 "targets are renewed by the administrator" kb admin --lang en sign --renew targets \
	--key "$OFFLINE/targets.pem" "${P[@]}"
like "$out" 'targets was signed again: version 3' "with the next version"
exits 5 "a key of another role renews nothing" kb admin sign --renew beijing.ip \
	--key "$OFFLINE/targets.pem" "${P[@]}"
exits 9 "an unknown channel is not found" kb bj sign --renew nowhere --key "$T/bj.pem" "${P[@]}"

# --- keys of other kinds: made and used by openssl, verified by everybody ---
(cd "$T/home" && openssl ecparam -name prime256v1 -genkey -noout -out p256.pem &&
	openssl pkey -in p256.pem -pubout -out p256.pub &&
	openssl genrsa -out rsa.pem 2048 && openssl pkey -in rsa.pem -pubout -out rsa.pub) >/dev/null 2>&1 ||
	bail "openssl makes no keys"
chmod 0644 "$T/home/"*.pub
exits 0 "a P-256 and an RSA key are delegated to" kb admin hub channel keys beijing.ip \
	--add "$T/home/p256.pub" --add "$T/home/rsa.pub" --targets-key "$OFFLINE/targets.pem" "${P[@]}"
# by_openssl KIND OPTION...: sign the renewal in the file with that key alone.
by_openssl() {
	local kind=$1 file=$T/home/renewal.json id sig covered
	shift
	rm -f "$file"
	id=$(kb bj key show "$T/home/$kind.pub" | sed -n 's/^id //p')
	kb bj sign --renew beijing.ip --file "$file" >/dev/null || return 1
	# A file without signatures: what they cover stands in it as it is.
	covered=$(sed 's/^{"signatures":\[\],"signed"://; s/}$//' "$file")
	sig=$(printf %s "$covered" | openssl dgst -sha256 -sign "$T/home/$kind.pem" "$@" | od -An -v -tx1 | tr -d ' \n')
	printf '{"signatures":[{"keyid":"%s","sig":"%s"}],"signed":%s}' "$id" "${SIG:-$sig}" "$covered" >"$T/by.json"
	chmod 0644 "$T/by.json"
	as_user cp "$T/by.json" "$file"
	kb bj --lang en sign --renew beijing.ip --file "$file"
}
PSS=(-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest)
for kind in p256 rsa; do
	options=()
	[ "$kind" = p256 ] || options=("${PSS[@]}")
	exits 0 "a role signed by a $kind key is taken" by_openssl "$kind" "${options[@]}"
	like "$out" 'was signed again' "by the hub"
	exits 0 "and believed by a recipient" kb sc check
	is "$(grep -o '"signatures":\[{"keyid":"[0-9a-f]*"' "$META/$(version beijing.ip).beijing.ip.json" | grep -o '[0-9a-f]\{64\}')" \
		"$(kb bj key show "$T/home/$kind.pub" | sed -n 's/^id //p')" "who has no other signature"
done
exits 0 "RSA without PSS is no signature" by_openssl rsa
like "$out" '1 more signatures' "and counts for nothing"
SIG=00 exits 0 "nor is a wrong one" by_openssl p256
like "$out" '1 more signatures' "at all"
exits 0 "what the recipient holds is as signed" kb sc verify

done_testing
