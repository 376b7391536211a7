#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The life of a channel's keys: rotated without a gap, added, stolen, several at once; a channel that ends.
# shellcheck disable=SC2034 # status, out and err are read by the functions of lib.sh
. "$(dirname "$0")/lib.sh"

P=(--passphrase-file "$PASS")
TARGETS=(--targets-key "$OFFLINE/targets.pem")
keyid() { kb "$1" key show "$2" "${P[@]}" | sed -n 's/^id //p'; }
new_key() { kb "$1" key new "$2" "${P[@]}" >/dev/null && kb "$1" key export-public "$2" "${P[@]}" >"$2.pub" && chmod 0644 "$2.pub"; }
# What the hub offers to sc.
catalogue() {
	local home=$T/home/sc/.local/share/kebao/identity
	curl -ksf "$URL/api/v1/catalogue" --cert "$home/client.pem:$(head -n 1 "$home/passphrase")"
}
keys() { kb admin hub channel keys beijing.ip "$@"; }

world
course "$T/course" trademarks 第一版
echo one >"$T/course/a.txt"
publish bj beijing.ip "$T/course" >"$T/publish.log" 2>&1 || bail "cannot publish"
kb sc fetch --all >/dev/null 2>&1
OLD=$(keyid bj "$T/bj.pem")

# --- a passphrase ---
as_user cp "$T/bj.pem" "$T/again.pem"
as_user sh -c "echo another one of tests >'$T/pass2'"
exits 0 "a key gets another passphrase" kb bj key passphrase "$T/again.pem" "${P[@]}" \
	--new-passphrase-file "$T/pass2"
exits 5 "the old one opens it no more" kb bj key passphrase "$T/again.pem" "${P[@]}" \
	--new-passphrase-file "$T/pass2"
exits 0 "the new one does" kb bj key show "$T/again.pem" --passphrase-file "$T/pass2"
like "$out" "$OLD" "and it is the same key"
unlike "$(cat "$T/again.pem")" 'BEGIN PRIVATE' "and encrypted"

# --- rotated without a gap ---
exits 0 "an administrator sees whose keys sign" keys
like "$out" "$OLD" "the publisher's"
exits 9 "a key that is not there cannot be removed" keys --remove 0123456789 "${TARGETS[@]}" "${P[@]}"
exits 8 "the last key cannot be removed" keys --remove "$OLD" "${TARGETS[@]}" "${P[@]}"
new_key bj "$T/bj2.pem"
exits 7 "a replacement that would leave the channel unreadable is refused" keys \
	--remove "$OLD" --add "$T/bj2.pem.pub" "${TARGETS[@]}" "${P[@]}"
like "$err" 'key rotate' "and the publisher's half is named"
exits 0 "nothing has changed for recipients" kb sc check
as_user rm "$T/bj2.pem"
exits 0 "the publisher rotates" kb bj --lang en key rotate "$T/bj.pem" "$T/bj2.pem" "${P[@]}"
like "$out" "hub channel keys beijing.ip --remove $OLD --add $T/bj2.pem.pub" "and is told the administrator's half"
exits 0 "the old key still publishes nothing wrong" kb sc check
exits 0 "the administrator replaces the key" keys --remove "${OLD:0:8}" --add "$T/bj2.pem.pub" \
	"${TARGETS[@]}" "${P[@]}"
exits 0 "recipients read the channel at once" kb sc check
exits 0 "what they hold is as signed" kb sc verify
exits 5 "the old key publishes no more" publish bj beijing.ip "$T/course" --force
echo two >"$T/course/a.txt"
exits 0 "the new one does" kb bj publish "$T/course" --channel beijing.ip --key "$T/bj2.pem" "${P[@]}"
exits 10 "recipients hear of it" kb sc check
exits 0 "and fetch" kb sc fetch

# --- stolen: away at once, signed again afterwards ---
new_key bj "$T/bj3.pem"
exits 0 "a stolen key is taken away at once" keys --remove "$(keyid bj "$T/bj2.pem")" \
	--add "$T/bj3.pem.pub" --force "${TARGETS[@]}" "${P[@]}"
like "$err" 'accept-former' "and what must follow is said"
exits 3 "recipients refuse what it signed" kb sc check
exits 3 "the status says so" kb admin hub status
exits 3 "the publisher is asked to look first" kb bj sign --renew beijing.ip --key "$T/bj3.pem" "${P[@]}"
exits 0 "and signs what is hers" kb bj sign --renew beijing.ip --accept-former --key "$T/bj3.pem" "${P[@]}"
like "$err" 'trademarks/2/record.json' "having seen what it is"
exits 0 "recipients go on" kb sc check
exits 0 "the status is good" kb admin hub status

# --- two of three ---
new_key bj "$T/a.pem"
new_key bj "$T/b.pem"
exits 0 "keys are added" keys --add "$T/a.pem.pub" --add "$T/b.pem.pub" "${TARGETS[@]}" "${P[@]}"
exits 7 "a threshold the present version does not meet is refused" keys --threshold 2 "${TARGETS[@]}" "${P[@]}"
exits 0 "two people sign" kb bj sign --renew beijing.ip --key "$T/a.pem" --key "$T/b.pem" "${P[@]}"
exits 0 "then the threshold is two" keys --threshold 2 "${TARGETS[@]}" "${P[@]}"
exits 0 "recipients do not notice" kb sc check
exits 5 "one signature is not enough" kb bj sign --renew beijing.ip --key "$T/a.pem" "${P[@]}"
exits 0 "it is begun in a file" kb bj --lang en sign --renew beijing.ip --key "$T/a.pem" \
	--file "$T/home/renewal.json" "${P[@]}"
like "$out" '1 more signatures' "which says what is wanting"
like "$out" "$(keyid bj "$T/b.pem")" "and of whom"
exits 0 "the same person twice is still one" kb bj --lang en sign --renew beijing.ip --key "$T/a.pem" \
	--file "$T/home/renewal.json" "${P[@]}"
like "$out" '1 more signatures' "and that is said"
exits 0 "the second sends it" kb bj --lang en sign --renew beijing.ip --key "$T/b.pem" \
	--file "$T/home/renewal.json" "${P[@]}"
like "$out" 'signed again' "for both"
[ ! -e "$T/home/renewal.json" ]
ok $? "and the file is gone"
exits 0 "recipients go on reading" kb sc check

# --- a change of targets that waits for nobody else, and the end ---
exits 0 "a recipient holds the course" kb sc list
like "$(catalogue)" trademarks "and it is on offer"
exits 0 "the channel ends" kb admin hub channel close beijing.ip "${TARGETS[@]}" "${P[@]}"
told=$T/home/sc/.local/share/kebao/told.json
exits 11 "a recipient is told" kb sc --lang en check
like "$err" '^channel beijing.ip has ended and offers nothing any more' "in words"
exits 0 "once" kb sc --lang en check
is "$out$err" "" "and not again"
exits 0 "programs, too" kb sc check --json
is "$(jq -c .ended <<<"$out")" '["beijing.ip"]' "but find it in the answer at any time"
as_user rm "$told"
exits 11 "who wants it quiet is told" kb sc --lang en --quiet check
is "$err" "channel beijing.ip has ended and offers nothing any more. What is held here stays." "in that line"
exits 0 "once" kb sc --quiet check
as_user rm "$told"
exits 11 "so is who asks for JSON" kb sc --lang en check --json
like "$err" 'beijing.ip has ended' "beside it"
as_user rm "$told"
exits 11 "and who fetches" kb sc --lang en fetch --all
like "$err" 'beijing.ip has ended' "in words"
run kb sc --lang en status
like "$out" 'the last run, at .*, fetched all there is; channel beijing.ip has ended; copies are kept; next: kebao check' \
	"status knows"
run kb sc --lang zh status
like "$out" '；频道 beijing.ip 已经终止；已有课程保留；' "in Chinese, too"
exits 0 "once" kb sc --lang en fetch --all
is "$out$err" "" "and not again"
exits 0 "she keeps her copy" kb sc list
like "$out" trademarks "of the course"
grep -q two "$(library sc)/beijing.ip/trademarks/2/a.txt"
ok $? "byte for byte"
isnt "$(find "$HUB/repo/metadata" -name '*.beijing.ip.json' | wc -l)" 0 "the role stays in the repository"
exits 5 "nobody publishes there any more" kb bj publish "$T/course" --channel beijing.ip \
	--key "$T/a.pem" --key "$T/b.pem" "${P[@]}"
unlike "$(catalogue)" trademarks "and nothing is on offer"
exits 0 "the hub is whole" kb admin hub status

done_testing
