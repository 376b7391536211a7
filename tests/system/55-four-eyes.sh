#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A channel of two signatures: nothing is published before two people have signed the same bytes, whoever
# publishes, recalls or owns the hub in between.
# shellcheck disable=SC2034 # status, out and err are read by the functions of lib.sh
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/wire.sh"

P=(--passphrase-file "$PASS")
newest() { find "$HUB/repo/metadata" -name '*.beijing.two.json' -printf '%f\n' | sort -n | tail -n 1; }
n_drafts() { sqlite3 "$HUB/state.db" "SELECT count(*) FROM drafts WHERE channel = 'beijing.two' AND state <> 'published'"; }
# answer WORD COMMAND...: runs it, WORD on standard input.
answer() {
	local word=$1
	shift
	printf '%s\n' "$word" | "$@" >"$T/run.out" 2>"$T/run.err"
	status=$?
	out=$(cat "$T/run.out")
	err=$(cat "$T/run.err")
	case $err in
	*AddressSanitizer* | *'runtime error:'*) bail "sanitizer report of: $*" ;;
	esac
}

world
wire_ca
for who in li wang; do
	enrol "$who" beijing publisher
	kb "$who" key new "$T/$who.pem" "${P[@]}" >/dev/null 2>&1 &&
		kb "$who" key export-public "$T/$who.pem" "${P[@]}" >"$T/$who.pub" 2>/dev/null
	chmod 0644 "$T/$who.pub"
done
run kb admin hub channel add beijing.two --publisher beijing --audience paired --title-zh 二 --threshold 2 \
	--publisher-key "$T/li.pub" --publisher-key "$T/wang.pub" --targets-key "$OFFLINE/targets.pem" "${P[@]}"
is "$status" 0 "there is a channel of two signatures"
wire_enrol pair sichuan
wire_enrol colleague beijing publisher
course "$T/marks" marks one
seq 1 20000 >"$T/marks/text.txt"
cp -r "$T/marks" "$T/copy"

# --- one signature -------------------------------------------------------------------------
run kb li --lang en sign --list
like "$out" 'nothing waits' "nothing waits at first"
run publish li beijing.two "$T/marks"
is "$status" 0 "the first person publishes"
run kb li --lang en sign --list
like "$out" 'beijing.two/marks/1 .*1 of 2' "it waits for the second signature"
like "$out" "signed by .*$(kb li --lang en key show "$T/li.pem" "${P[@]}" | sed -n 's/^id //p').*beijing/" \
	"and it is told who signed, and who brought it"
like "$out" 'may sign' "and who may sign"
is "$(newest)" '' "the channel has no role yet"
run kb sc check
is "$status" 0 "a recipient hears nothing of it"

# --- a draft is for publishers -------------------------------------------------------------
draft_id=$(as colleague "$URL/api/v1/pending/beijing.two" | json draft)
record=$(as colleague "$URL/api/v1/pending/beijing.two" | json record sha256)
record_path=targets/beijing.two/marks/1/$record.record.json
index_hash=$(as colleague "$URL/$record_path" | json index sha256)
draft_pack=$(cd "$HUB/repo/packs/beijing.two" && echo ??/*.pack)
things=("$record_path" "indexes/beijing.two/${index_hash:0:2}/$index_hash.index" "packs/beijing.two/$draft_pack")
for thing in "${things[@]}"; do
	is "$(status_as colleague "$URL/$thing") $(status_as pair "$URL/$thing") $(status_as nobody "$URL/$thing")" \
		'200 404 404' "${thing%%/*} of a draft: for publishers alone, even by name"
done
is "$(status_as colleague "$URL/api/v1/drafts/$draft_id/hint") $(status_as pair "$URL/api/v1/drafts/$draft_id/hint")" \
	'200 403' "its places, too"
is "$(status_as colleague "$URL/hints/beijing.two/marks/1")" 404 "a draft has no hint"
is "$(status_as pair "$URL/api/v1/pending") $(status_as pair "$URL/api/v1/pending/beijing.two")" '403 403' \
	"members are not told what waits"

# --- an auditor is told, and may not do ----------------------------------------------------
exits 0 "an auditor enrols, of another organisation" enrol eve hub auditor
wire_enrol auditor hub auditor || bail "no auditor"
run kb eve --lang en sign --list
like "$out" 'beijing.two/marks/1 .*1 of 2' "the auditor is told what waits in any channel"
is "$(as auditor "$URL/api/v1/pending" | jq -c '[.pending[] | .object, has("role")]')" '["beijing.two/marks/1",false]' \
	"... but not the role that waits"
is "$(status_as auditor "$URL/api/v1/pending/beijing.two") $(status_as auditor -X DELETE "$URL/api/v1/pending/beijing.two")" \
	'404 404' "... nor by name, and cannot end it"
for thing in "${things[@]}"; do
	is "$(status_as auditor "$URL/$thing")" 404 "... ${thing%%/*} of a draft: no"
done
for verb in audit enrolments 'registry show' status; do
	# shellcheck disable=SC2086 # two words
	exits 0 "hub $verb works for the auditor" kb eve hub $verb
done
run kb eve --lang en hub invite beijing
is "$status" 5 "hub invite does not"
like "$err" 'you are an auditor of hub' "... and says why"

# --- one key is one person -----------------------------------------------------------------
run kb li sign beijing.two --key "$T/li.pem" --against "$T/marks" "${P[@]}"
is "$status" 0 "the same key signs once more"
run kb li --lang en sign --list
like "$out" 'beijing.two/marks/1 .*1 of 2' "it still counts once"
# The same key under another id, and a signature under a stranger's: by hand.
as colleague "$URL/api/v1/pending/beijing.two" | json role >"$T/role"
OTHER=$(kb wang --lang en key show "$T/wang.pem" "${P[@]}" | sed -n 's/^id //p') \
	perl -MJSON::PP -0777 -ne 'my $r = JSON::PP->new->canonical->decode($_);
	push @{$r->{signatures}}, { keyid => $ENV{OTHER}, sig => $r->{signatures}[0]{sig} };
	print JSON::PP->new->canonical->encode($r)' <"$T/role" >"$T/twice"
is "$(status_as colleague -H 'Content-Type: application/json' --data-binary "@$T/twice" \
	"$URL/api/v1/drafts/$draft_id/publish")" 202 "her signature under the other's id is not a second one"
is "$(newest)" '' "nothing is published"
run kb bj sign beijing.two --key "$T/bj.pem" --against "$T/marks" "${P[@]}"
is "$status" 5 "a key of another channel does not sign here"

# --- the second person looks ---------------------------------------------------------------
echo changed >>"$T/copy/text.txt"
run kb wang sign beijing.two --key "$T/wang.pem" --against "$T/copy" "${P[@]}"
is "$status" 3 "another folder than the draft is refused"
like "$out" 'text\.txt' "and the file that differs is named"
answer no kb wang --lang en sign beijing.two --key "$T/wang.pem" "${P[@]}"
is "$status" 5 "without a folder she is shown what is in it and asked, and says no"
like "$out" 'new .*text\.txt' "its files were listed"
run kb wang sign beijing.two --key "$T/wang.pem" "${P[@]}"
is "$status" 5 "no answer is a no"
is "$(newest)" '' "nothing is published"

# --- a change drops what was signed --------------------------------------------------------
run publish li beijing.two "$T/marks"
is "$status" 0 "publishing the same once more"
is "$(as colleague "$URL/api/v1/pending/beijing.two" | json draft)" "$draft_id" "leaves the draft and its signature"
echo better >>"$T/marks/text.txt"
run kb li --lang en publish "$T/marks" --channel beijing.two --key "$T/li.pem" "${P[@]}"
is "$status" 0 "she publishes better content"
isnt "$(as colleague "$URL/api/v1/pending/beijing.two" | json draft)" "$draft_id" "that is another draft"
is "$(n_drafts)" 1 "the only one"
run kb wang --lang en sign --list
like "$out" 'signature dropped: beijing.two/marks/1' "the earlier signature is dropped, and that is told"
run kb admin hub audit
like "$out" 'signatures-dropped .*beijing.two/marks/1' "in the audit log, too"
course "$T/other" other one
run publish wang beijing.two "$T/other"
is "$status" 7 "another course must wait while a draft is being signed"

# --- a hub that changes the draft in between -----------------------------------------------
# The hub's owner puts another release into the role that waits; its signatures are not checked by the tool, its
# content is.
hub_stop
sqlite3 "$HUB/state.db" "UPDATE pending SET role = replace(role, '\"length\"', '\"x\":1,\"length\"')"
hub_start || bail "no hub"
run kb wang sign beijing.two --key "$T/wang.pem" --against "$T/marks" "${P[@]}"
is "$status" 3 "a role that says more than the release is not signed"
like "$err" 'beijing.two/marks/1' "and it is named"
hub_stop
sqlite3 "$HUB/state.db" "UPDATE pending SET role = replace(role, '\"x\":1,\"length\"', '\"length\"');
	UPDATE drafts SET record = zeroblob(32) WHERE channel = 'beijing.two'"
hub_start || bail "no hub"
run kb wang sign beijing.two --key "$T/wang.pem" --against "$T/marks" "${P[@]}"
isnt "$status" 0 "nor one whose record the hub cannot show"
is "$(newest)" '' "nothing is published"
run kb li sign --drop beijing.two
is "$status" 0 "the draft is given up"
run kb li --lang en sign --list
like "$out" 'signature dropped' "and its signature with it"

# --- two people ----------------------------------------------------------------------------
run publish li beijing.two "$T/marks"
is "$status" 0 "she publishes once more"
run kb wang --lang en sign beijing.two --key "$T/wang.pem" --against "$T/marks" "${P[@]}"
is "$status" 0 "the second person signs what is in her own folder"
like "$out" 'last signature' "that was the last signature"
is "$(newest)" 1.beijing.two.json "the channel has its first role"
is "$(json signed version <"$T/home/wang/.local/share/kebao/trust/beijing.two.json")" 1 \
	"she has looked whether it is shown, and builds on nothing older"
is "$(json signatures <"$HUB/repo/metadata/1.beijing.two.json" | grep -o keyid | wc -l)" 2 "signed by two"
run kb sc fetch --all
is "$status" 0 "a recipient gets it"
cmp -s "$T/marks/text.txt" "$(library sc)/beijing.two/marks/1/text.txt"
ok $? "every byte"
is "$(status_as pair "$URL/${things[2]}") $(status_as pair "$URL/packs/beijing.two/$draft_pack")" '200 200' \
	"packs with published frames are for the audience"
run kb admin hub audit
is "$(grep ' signature .*beijing.two/marks/1' <<<"$out" | grep -oE 'beijing/[0-9a-f]+' | sort -u | wc -l)" 3 \
	"each signature has an entry, with who brought it"

# --- who may read all roles has lost none by that ---------------------------------------------
# The auditor's organisation is given no channel here, nor is the administrators'.
for who in eve admin; do
	exits 0 "$who looks at all that is signed" kb "$who" hub status
	[ -f "$T/home/$who/.local/share/kebao/trust/beijing.two.json" ]
	ok $? "and keeps roles of channels that are not theirs"
	exits 0 "which is no access that has ended" kb "$who" --lang en check
	is "$out$err" "" "nor is it said to be"
done

# --- asked, and yes ------------------------------------------------------------------------
echo third >"$T/marks/third.txt"
rm "$T/marks/course.json" && course "$T/marks" marks two
run publish wang beijing.two "$T/marks"
is "$status" 0 "the other one publishes the next release"
answer yes kb li --lang en sign beijing.two --key "$T/li.pem" "${P[@]}"
is "$status" 0 "the first one reads what is in it and says yes"
like "$out" 'new .*third\.txt' "a new file"
like "$out" 'changed .*course\.json' "a changed one"
unlike "$out" 'text\.txt' "and not what stayed"
is "$(newest)" 2.beijing.two.json "it is published"
[ ! -e "$T/home/li/.local/share/kebao/work/sign" ]
ok $? "nothing of it stays with who signed"

# --- recall by two -------------------------------------------------------------------------
run kb li --lang en recall beijing.two/marks --reason mistake --key "$T/li.pem" "${P[@]}"
is "$status" 0 "one person wants a recall"
like "$out" 'a recall.*1 of 2' "it waits, too"
run kb sc check
is "$status" 10 "nobody is told yet"
answer yes kb wang --lang en sign beijing.two --key "$T/wang.pem" "${P[@]}"
is "$status" 0 "the other one signs it"
like "$out" 'mistake' "having read the reason"
is "$(status_as pair "$URL/bundles/beijing.two/marks/2.tar.zst")" 410 "it is recalled"
run kb li recall beijing.two/marks --undo --key "$T/li.pem" "${P[@]}"
answer yes kb wang sign beijing.two --key "$T/wang.pem" "${P[@]}"
is "$status $(status_as pair "$URL/bundles/beijing.two/marks/2.tar.zst")" '0 200' "and that undone by two"

# --- a look changes nothing ----------------------------------------------------------------
db() { sqlite3 -cmd ".timeout $((DEADLINE_SECONDS * 1000))" "$HUB/state.db" "$1"; }
kept() { db 'SELECT * FROM pending; SELECT * FROM pending_signatures; SELECT count(*) FROM audit'; }
refuse() { db "UPDATE drafts SET state = 'refused' WHERE channel = 'beijing.two' AND state = 'verified'"; }
is_dropped() { [ "$(db 'SELECT count(*) FROM pending')" = 0 ]; }
echo looked >"$T/marks/looked.txt"
run publish li beijing.two "$T/marks"
is "$status" 0 "a draft waits"
hub_stop
refuse
hub_start || bail "no hub"
wait_for "the signatures to be dropped" is_dropped
ok $? "nobody does anything with a draft that ended: upkeep drops what was signed for it"
like "$(db 'SELECT * FROM audit ORDER BY rowid DESC LIMIT 1')" 'signatures-dropped.*beijing.two/marks/3' \
	"with an entry in the audit log"
run publish li beijing.two "$T/marks"
is "$status $(db 'SELECT count(*) FROM pending')" '0 1' "she publishes once more, and it waits"
refuse # upkeep looks once a minute, and has just looked
before=$(kept)
is "$(as auditor "$URL/api/v1/pending" | jq -c '[.pending[] | .kind, .signatures]')" '[null,[]]' \
	"it has ended: an auditor is shown no signature for it"
is "$(as colleague "$URL/api/v1/pending" | jq -c '[.pending[] | .kind, .signatures]')" '[null,[]]' "nor is a publisher"
is "$(as colleague "$URL/api/v1/pending/beijing.two" | jq -c '[.kind, .role, .signatures]')" '[null,null,[]]' \
	"nor who asks for the channel"
is "$(kept)" "$before" "and whoever has looked has changed nothing, nor left a trace in the audit log"
draft_id=$(db "SELECT id FROM drafts WHERE channel = 'beijing.two' AND state = 'refused'")
is "$(status_as colleague -X DELETE "$URL/api/v1/drafts/$draft_id")" 204 "a publisher ends the draft"
is "$(db 'SELECT count(*) FROM pending') $(db 'SELECT action FROM audit ORDER BY rowid DESC LIMIT 1')" \
	'0 signatures-dropped' "and what was signed for it is dropped with it"

# --- the channel goes on underneath --------------------------------------------------------
echo fourth >"$T/marks/fourth.txt"
run publish li beijing.two "$T/marks"
is "$status" 0 "a draft waits"
run kb li sign --renew beijing.two --key "$T/li.pem" --key "$T/wang.pem" "${P[@]}"
is "$status" 0 "the channel is renewed meanwhile"
run kb wang sign beijing.two --key "$T/wang.pem" --against "$T/marks" "${P[@]}"
is "$status" 9 "nothing waits any more: the base has changed"
like "$(kb wang --lang en sign --list 2>/dev/null)" 'nothing waits|signature dropped' "and the signer is told"
# --- one of two takes a new key, as the tool says -------------------------------------------
run kb li --lang en key rotate "$T/li.pem" "$T/li2.pem" "${P[@]}"
is "$status" 0 "one of the two wants another key"
told=$(grep -o 'kebao sign --renew.*' <<<"$out")
admin_told=$(grep -o 'kebao hub channel keys.*' <<<"$out")
like "$told" 'beijing.two --file FILE --key .*/li.pem --heir .*/li2.pem' "and is told that both must sign"
told=${told#kebao }
admin_told=${admin_told#kebao }
renewal=$T/home/renewal.json
# shellcheck disable=SC2086 # words, as one would type them
run kb li --lang en ${told/FILE/$renewal} "${P[@]}"
is "$status" 0 "she begins"
like "$out" '1 more signatures' "and one is wanting"
run kb wang sign --renew beijing.two --file "$renewal" --key "$T/wang.pem" "${P[@]}"
is "$status" 0 "the other one signs"
# shellcheck disable=SC2086 # words, as one would type them
run kb admin ${admin_told/FILE/$OFFLINE/targets.pem} "${P[@]}"
is "$status" 0 "the administrator replaces the key as told"
run kb sc fetch
is "$status" 0 "recipients read the channel without a gap"
echo fifth >"$T/marks/fifth.txt"
run publish li beijing.two "$T/marks"
is "$status" 5 "the old key signs no more"
run kb li publish "$T/marks" --channel beijing.two --key "$T/li2.pem" "${P[@]}"
is "$status" 0 "the new one does"
run kb wang sign beijing.two --key "$T/wang.pem" --against "$T/marks" "${P[@]}"
is "$status" 0 "with the other"
run kb sc check
is "$status" 10 "and it is news"

# --- many channels -------------------------------------------------------------------------
hub_stop
N=2000
db "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $N)
	INSERT INTO registry SELECT kind, 'beijing.n' || i, replace(document, 'beijing.two', 'beijing.n' || i)
	FROM registry, n WHERE kind = 'channels' AND id = 'beijing.two';
	INSERT INTO pending_signatures SELECT id, zeroblob(32), 'k', id, 'nobody', 0, 1 FROM registry WHERE kind = 'channels'"
hub_start || bail "no hub"
is "$(as auditor "$URL/api/v1/pending" | jq -c '[.pending[].channel] | sort')" '["beijing.ip","beijing.two"]' \
	"of $N channels those are shown that somebody's keys are signed for"
diag "a look with $N channels: $(as auditor -o /dev/null -w '%{time_starttransfer}' "$URL/api/v1/pending") s"
hub_stop
is $? 0 "the hub ends well"
done_testing
