#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The procedures of docs/OPERATIONS.md, section "Keys": its blocks are taken from the page and run as they stand.
# shellcheck disable=SC2034 # status, out and err are read by the functions of lib.sh, names by the page
. "$(dirname "$0")/lib.sh"

PAGE=$ROOT/docs/OPERATIONS.md
DONE=()

# A block of the page: "```sh NAME WHO".
block() { sed -n "/^\`\`\`sh $1 /,/^\`\`\`\$/p" "$PAGE" | sed '1d;$d'; }
blocks() { sed -n 's/^```sh \([a-z-]*\) [a-z]*$/\1/p' "$PAGE"; }
who_of() { sed -n "s/^\`\`\`sh $1 \([a-z]*\)\$/\1/p" "$PAGE"; }

# What the page writes: the person of the block, and passphrases from the file instead of the terminal.
kebao() {
	local more=()
	case " $* " in
	*' key passphrase '* | *' key rotate '*)
		more=(--passphrase-file "$PASS" --new-passphrase-file "$PASS") ;;
	*' key '* | *'-key '*) more=(--passphrase-file "$PASS") ;;
	esac
	case " $* " in *' root next '*) more=() ;; esac # public keys only
	kb "$WHO" "$@" "${more[@]}"
}

# step NAME WHAT: run the block; every command of it must succeed.
step() {
	DONE+=("$1")
	case $(who_of "$1") in
	publisher) WHO=bj ;;
	admin) WHO='admin' ;;
	keeper) WHO=keeper ;;
	*) bail "no block $1 in the page" ;;
	esac
	set -e
	eval "run_block() { set -e; $(block "$1")
}"
	set +e
	(run_block) >"$T/run.out" 2>"$T/run.err" </dev/null
	status=$?
	out=$(cat "$T/run.out") err=$(cat "$T/run.err")
	is "$status" 0 "$2" || diag "stdout: $out" "stderr: $err"
	case $err in *AddressSanitizer* | *'runtime error:'*) bail "sanitizer report in $1" ;; esac
}
keyid() { kb keeper key show "$1" --passphrase-file "$PASS" | sed -n 's/^id //p'; }
# A fresh name for what a step makes, and a fresh stick.
fresh() { N_FRESH=$((${N_FRESH:-0} + 1)); NEW=$T/home/new-$N_FRESH.pem; STICK=$T/home/stick-$N_FRESH; as_user mkdir -p "$STICK"; }
new_key() { kb keeper key new "$1" --passphrase-file "$PASS" >/dev/null && kb keeper key export-public "$1" --passphrase-file "$PASS" >"$1.pub"; }
readable() { exits 0 "recipients read on: $1" kb sc check; }
# The ceremony with the one keeper there is at first.
ceremony() { step root-sign "a keeper signs ($1)"; step root-send "it is sent ($1)"; }

world
chmod a+w "$T/home" 2>/dev/null
course "$T/course" trademarks 第一版
publish bj beijing.ip "$T/course" >"$T/publish.log" 2>&1 || bail "cannot publish"
kb sc fetch --all >/dev/null 2>&1 || bail "cannot fetch"
CHANNEL=beijing.ip KEY=$T/bj.pem TARGETS=$OFFLINE/targets.pem ROOT_FILE=$OFFLINE/root-1.pem

step look "the administrator looks"
step renew "a publisher renews"
step renew-targets "the administrator renews"
readable "after renewals"

step passphrase "another passphrase"
fresh
KEY_ID=$(keyid "$KEY")
step rotate "a publisher rotates"
step rotate-change "the administrator changes the key"
readable "another key"
KEY=$NEW
fresh
KEY_ID=$(keyid "$KEY")
step stolen "a new key after a theft"
step stolen-change "the stolen one is taken away"
exits 3 "recipients refuse what it signed" kb sc check
step stolen-sign "the publisher signs again"
readable "after a theft"
KEY=$NEW
SECOND=$T/home/second.pem
new_key "$SECOND"
step second "a second key"
step second-sign "both sign"
step second-change "two must sign"
step second-file "they sign one after the other"
readable "two signatures"

ROOT=$ROOT_FILE
fresh
step root "a root is begun"
ceremony "another date"
readable "another root"
fresh
step keeper "another keeper"
SECOND_ROOT=$NEW
OTHER=$T/home/other-root.pem
new_key "$OTHER"
kb admin hub root next "$STICK" --add-root-key "$OTHER.pub" --root-threshold 2 >/dev/null
ceremony_signs() { kb keeper hub root sign "$STICK" --key "$1" --passphrase-file "$PASS" >/dev/null; }
ceremony_signs "$OTHER"
ceremony "two keepers"
ROOT_ID=$(keyid "$ROOT")
fresh
NEW=$SECOND_ROOT
step keeper-change "a keeper is replaced"
ceremony_signs "$OTHER" && ceremony_signs "$SECOND_ROOT"
ceremony "another keeper"
ROOT=$OTHER
readable "another keeper"

fresh
new_key "$NEW"
TARGETS_ID=$(keyid "$TARGETS")
step targets "another targets key"
ceremony_signs "$SECOND_ROOT"
ceremony "another targets key"
readable "another targets key"
TARGETS=$NEW
fresh
new_key "$NEW"
TARGETS_ID=$(keyid "$TARGETS")
step targets-add "a targets key beside a stolen one"
ceremony_signs "$SECOND_ROOT"
ceremony "a second targets key"
step targets-sign "the new one signs"
LATER=$NEW
fresh
step targets-drop "the stolen one goes"
ceremony_signs "$SECOND_ROOT"
ceremony "the stolen targets key goes"
TARGETS=$LATER
readable "a stolen targets key"
fresh
step online "other online keys"
ceremony_signs "$SECOND_ROOT"
ceremony "other online keys"
readable "other online keys"

# --- a restore: of a channel that one key signs ---
kb admin hub channel keys "$CHANNEL" --threshold 1 --targets-key "$TARGETS" --passphrase-file "$PASS" >/dev/null
hub_stop
as_user cp -a "$HUB" "$T/backup"
hub_start || bail "no hub"
for role in "$CHANNEL:$KEY:bj" "targets:$TARGETS:admin"; do
	IFS=: read -r name key who <<<"$role"
	kb "$who" sign --renew "$name" --key "$key" --passphrase-file "$PASS" >/dev/null
done
for who in sc bj admin; do kb "$who" --quiet check >/dev/null 2>&1; done
hub_stop
as_user rm -rf "$HUB"
as_user mv "$T/backup" "$HUB"
hub_start || bail "no hub after the restore"
exits 3 "recipients refuse a hub that went back" kb sc check
N=1000000
step recover "the administrator goes on above"
step recover-targets "targets above"
exits 3 "recipients wait for the channel" kb sc check
step recover-channel "the channel above"
readable "a restored hub"

step close "a channel ends"
exits 11 "recipients are told" kb sc check
readable "a channel that has ended"

for name in $(blocks); do
	case " ${DONE[*]} " in
	*" $name "*) ok 0 "the page's block $name was run" ;;
	*) ok 1 "the page's block $name was run" ;;
	esac
done
done_testing
