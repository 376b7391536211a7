#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The root: 2 of 3 offline keys, other keepers, other thresholds, other targets keys, other online keys;
# recipients follow without noticing.
# shellcheck disable=SC2034 # status, out and err are read by the functions of lib.sh
. "$(dirname "$0")/lib.sh"

P=(--passphrase-file "$PASS")
META=$HUB/repo/metadata
ROOT_KEYS=$OFFLINE
keyid() { kb keeper key show "$1" "${P[@]}" | sed -n 's/^id //p'; }
new_key() {
	kb keeper key new "$1" "${P[@]}" >/dev/null &&
		kb keeper key export-public "$1" "${P[@]}" >"$1.pub" && chmod 0644 "$1.pub"
}
root() { kb keeper --lang en hub root "$@"; } # off line: this person is enrolled nowhere
stick=$T/home/stick

printf 'a passphrase for tests\n' >"$PASS"
chmod 0644 "$PASS"
PORT=$(free_port)
URL=https://127.0.0.1:$PORT
run as_user "$BIN/kebaod" init --state "$HUB" --offline-keys "$OFFLINE" --org hub --name-zh 测试站 \
	--hostname 127.0.0.1 --port "$PORT" "${P[@]}" --root-keys 3 --root-threshold 2
is "$status" 0 "a hub is made with three root keys, two of which must sign"
INVITATION=$(printf '%s\n' "$out" | grep -oE 'KB1-[0-9A-Z-]+' | head -n 1)
hub_conf
hub_start || bail "no hub"
{ admin && registry && enrol bj beijing publisher && enrol sc sichuan &&
	channel beijing.ip beijing paired bj; } >"$T/world.log" 2>&1 || bail "no world"
course "$T/course" trademarks 第一版
publish bj beijing.ip "$T/course" >"$T/publish.log" 2>&1 || bail "cannot publish"
kb sc fetch --all >/dev/null 2>&1 || bail "cannot fetch"

exits 0 "the root is shown in words" kb admin --lang en hub root show
like "$out" 'root: 2 signatures of 3 keys' "with its threshold"

# --- a keeper leaves, another comes; three must sign from now on ---
new_key "$T/root-4.pem"
GONE=$(keyid "$ROOT_KEYS/root-3.pem") CAME=$(keyid "$T/root-4.pem")
exits 0 "the next root is begun on a stick" kb admin --lang en hub root next "$stick" \
	--remove-root-key "${GONE:0:12}" --add-root-key "$T/root-4.pem.pub" --root-threshold 3
like "$out" "root: key $CAME is added" "who comes is said"
like "$out" "root: key $GONE is taken away" "and who goes"
like "$out" '2 of 3 signatures before, 3 of 3 then' "and the threshold"
like "$out" 'by version 1, 2 more' "two signatures are wanted by the old root"
like "$out" 'by version 2, 3 more' "three by the new"
exits 7 "another beginning on the same stick is refused" kb admin hub root next "$stick"
exits 3 "it is not sent without signatures" kb admin hub root send "$stick"
DIGEST=$(root check "$stick" | sed -n 's/^check value.*: //p')
exits 0 "the first keeper signs off line" root sign "$stick" --key "$ROOT_KEYS/root-1.pem" "${P[@]}"
like "$out" 'by version 1, 1 more' "one more by the old root"
exits 3 "it is not sent with one" kb admin hub root send "$stick"
exits 0 "the new keeper signs" root sign "$stick" --key "$T/root-4.pem" "${P[@]}"
like "$out" 'by version 1, 1 more' "who counts for nothing by the old root"
like "$out" 'by version 2, 1 more' "and for one by the new"
like "$out" "$(keyid "$ROOT_KEYS/root-2.pem")" "whose turn it is, is said"
exits 5 "a stranger does not sign" root sign "$stick" --key "$ROOT_KEYS/targets.pem" "${P[@]}"
exits 0 "the same keeper twice is one" root sign "$stick" --key "$ROOT_KEYS/root-1.pem" "${P[@]}"
like "$out" 'by version 1, 1 more' "still"
exits 0 "the last keeper signs" root sign "$stick" --key "$ROOT_KEYS/root-2.pem" "${P[@]}"
like "$out" 'all signatures are there' "and it is complete"
is "$(root check "$stick" | sed -n 's/^check value.*: //p')" "$DIGEST" "all have signed the same"
exits 0 "it is sent" kb admin --lang en hub root send "$stick"
exits 0 "recipients follow" kb sc check
cmp -s "$META/2.root.json" "$T/home/sc/.local/share/kebao/trust/root.json"
ok $? "to the new root"
exits 0 "sent again, nothing happens" kb admin hub root send "$stick"

# A keeper who left has no say: her signature and one more are not the three of now.
stick=$T/home/stick2
kb admin hub root next "$stick" >/dev/null
exits 5 "who left signs no more" root sign "$stick" --key "$ROOT_KEYS/root-3.pem" "${P[@]}"
sign_all() {
	local k
	for k in "$ROOT_KEYS/root-1.pem" "$ROOT_KEYS/root-2.pem" "$T/root-4.pem"; do
		root sign "$1" --key "$k" "${P[@]}" >/dev/null || return 1
	done
}

# --- another key for targets ---
new_key "$T/targets2.pem"
OLD=$(keyid "$OFFLINE/targets.pem")
stick=$T/home/stick3
kb admin hub root next "$stick" --remove-targets-key "$OLD" --add-targets-key "$T/targets2.pem.pub" >/dev/null
exits 0 "three keepers sign a root with another targets key" sign_all "$stick"
exits 3 "a root that would leave targets unreadable is refused" kb admin hub root send "$stick"
like "$err" 'sign targets' "and what to do first is said"
exits 0 "nothing has happened" kb sc check
exits 0 "targets are signed by the next key, too" kb admin sign --renew targets \
	--key "$OFFLINE/targets.pem" --heir "$T/targets2.pem" "${P[@]}"
exits 0 "then the root is taken" kb admin hub root send "$stick"
exits 0 "recipients follow" kb sc check
exits 5 "the old targets key signs no more" kb admin sign --renew targets --key "$OFFLINE/targets.pem" "${P[@]}"
exits 0 "the new one does" kb admin sign --renew targets --key "$T/targets2.pem" "${P[@]}"

# --- other online keys, while a recipient looks again and again ---
look_again() {
	while [ ! -e "$T/stop" ]; do
		kb gd --quiet check >>"$T/looks" 2>&1
		echo "status $?" >>"$T/looks"
	done
}
enrol gd guangdong || bail "cannot enrol gd"
look_again &
LOOKER=$!
looks() { [ "$(grep -c '^status 0' "$T/looks" 2>/dev/null)" -gt "$1" ]; }
wait_for "looks" looks 0
before=$(sha256sum "$HUB/keys/snapshot.pem" "$HUB/keys/timestamp.pem")
stick=$T/home/stick4
exits 0 "new online keys are named by the next root" kb admin --lang en hub root next "$stick" --online-keys
like "$out" 'snapshot: key .* is added' "snapshot's"
like "$out" 'timestamp: key .* is taken away' "and timestamp's"
is "$(sha256sum "$HUB/keys/snapshot.pem" "$HUB/keys/timestamp.pem")" "$before" "nothing changes until it is signed"
exits 0 "a course is published by the old keys meanwhile" publish bj beijing.ip "$T/course" --force
sign_all "$stick"
n=$(grep -c '^status' "$T/looks")
exits 0 "the root is sent" kb admin hub root send "$stick"
exits 10 "recipients see the course that was published" kb sc check
exits 0 "the timestamp is signed by the new key at the next switch" publish bj beijing.ip "$T/course" --force
isnt "$(sha256sum "$HUB/keys/snapshot.pem" "$HUB/keys/timestamp.pem")" "$before" "the new keys are in use"
is "$(find "$HUB/keys" -name '*.next.pem')" "" "and none waits any more"
exits 10 "recipients follow" kb sc check
wait_for "more looks" looks "$((n + 1))"
touch "$T/stop"
wait "$LOOKER"
is "$(grep -cE '^status ([^0]|0.)' "$T/looks")" \
	"$(sed '/^status 0/q' "$T/looks" | grep -c '^status [^0]')" \
	"who looked all the time was never refused"
hub_stop
hub_start
ok $? "the hub starts with its new keys"
exits 10 "and serves" kb sc check
exits 0 "its state is good" kb admin hub status

done_testing
