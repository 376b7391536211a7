#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The registry over the API: who there is, who is paired until when, who sees what; and what is refused, by document and
# field.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/wire.sh"

world
wire_ca
course "$T/course" marks one
exits 0 "a release" publish bj beijing.ip "$T/course"

load() { # DOCUMENTS-AS-JSON
	printf '%s\n' "$1" >"$T/load.json" && chmod 0644 "$T/load.json"
	kb admin --lang en hub registry load "$T/load.json"
}
shown() { kb admin hub registry show; }
before=$(shown | sha256sum)

# --- refusals ----------------------------------------------------------------------------------
# refuse NAME REGEX JSON: not loaded, the error names document and field, and nothing of the file counts.
refuse() {
	run load "$3"
	is "$status" 8 "$1 is refused"
	like "$err" "$2" "... naming document and field"
	is "$(grep -c . <<<"$err")" 1 "... in one line"
	is "$(shown | sha256sum)" "$before" "... and nothing changed"
}
org() { printf '{"organisations":[{"id":"good","kind":"firm","name":{"zh":"好"}},{"id":"%s","kind":"firm","name":{"zh":"某所"}%s}]}' "$1" "${2:-}"; }
refuse "a region of five digits" 'organisation newfirm.*region' "$(org newfirm ',"region":"11000"')"
refuse "a region that is none" 'organisation newfirm.*region' "$(org newfirm ',"region":"990000"')"
# GB 32100-2015: the last of 18 characters checks the others.
refuse "a wrong check character" 'organisation newfirm.*uscc' "$(org newfirm ',"uscc":"91350100M000100Y42"')"
refuse "a code of 17 characters" 'organisation newfirm.*uscc' "$(org newfirm ',"uscc":"91350100M000100Y4"')"
refuse "a code with a letter that no code has" 'organisation newfirm.*uscc' "$(org newfirm ',"uscc":"91350100MO00100Y43"')"
refuse "a parent that is not there" 'organisation newfirm.*parent nobody' "$(org newfirm ',"parent":"nobody"')"
refuse "an id that is a device" 'con' "$(org con)"
refuse "a day that does not exist" 'organisation newfirm.*until' "$(org newfirm ',"until":"2026-02-30"')"
refuse "a member nobody knows" 'organisation newfirm.*colour' "$(org newfirm ',"colour":"red"')"
refuse "a circle" 'organisation (a|b)1 .*circle' '{"organisations":[
	{"id":"a1","kind":"firm","parent":"b1","name":{"zh":"甲"}},{"id":"b1","kind":"firm","parent":"a1","name":{"zh":"乙"}}]}'
refuse "a pairing with oneself" 'pairing self: .*itself' '{"pairings":[{"id":"self","donor":"beijing","recipient":"beijing","level":"association"}]}'
refuse "a pairing that ends before it begins" 'pairing odd: .*until' '{"pairings":[{"id":"odd","donor":"beijing","recipient":"gansu",
	"level":"association","from":"2026-05-02","until":"2026-05-01"}]}'
refuse "an audience that is none" 'channel beijing.ip: .*audience' '{"channels":[{"id":"beijing.ip","publisher":"beijing","audience":"everyone","title":{"zh":"x"}}]}'
refuse "half a document" 'JSON|json' '{"organisations":[{"id":'
exits 8 "an organisation that others refer to is not removed" kb admin --lang en hub registry remove organisations beijing
like "$err" 'beijing is still referred to, change this first: .*beijing' "and the reason names it"
exits 0 "a right code is taken" load "$(org newfirm ',"uscc":"91350100M000100Y43","region":"110000"')"
like "$(shown)" 'newfirm' "and shown"
exits 0 "the same again" load "$(org newfirm ',"uscc":"91350100M000100Y43","region":"110000"')"
exits 0 "and removed" kb admin hub registry remove organisations newfirm
exits 5 "a member does not change the registry" kb sc hub registry load "$T/load.json"

# --- days, in the hub's zone -------------------------------------------------------------------
sees() { # WHO: 10 when there is something to fetch
	run kb "$1" check
	echo "$status"
}
day() { TZ=Asia/Shanghai date -d "$1" +%F; }
pair() { # FROM UNTIL: of guangdong
	load "{\"pairings\":[{\"id\":\"test\",\"donor\":\"beijing\",\"recipient\":\"guangdong\",\"level\":\"association\"$1}]}" \
		>"$T/pair.out" 2>&1 || diag "$(cat "$T/pair.out")"
}
# None of this at the turn of the day, when today is another day from one line to the next.
while [ "$(TZ=Asia/Shanghai date +%H%M)" -ge 2355 ]; do sleep 5; done
is "$(sees gd)" 0 "who is not paired sees nothing"
run kb gd list --all
unlike "$out$err" 'beijing' "not even a name"
pair ""
is "$(sees gd)" 10 "who is paired without dates does"
pair ",\"from\":\"$(day today)\""
is "$(sees gd)" 10 "from today on: today counts"
pair ",\"from\":\"$(day tomorrow)\""
isnt "$(sees gd)" 10 "from tomorrow on: not yet"
pair ",\"until\":\"$(day today)\""
is "$(sees gd)" 10 "until today: today counts"
exits 0 "and gives what is there" kb gd fetch --all
pair ",\"until\":\"$(day yesterday)\""
is "$(sees gd)" 11 "until yesterday: access has ended, and that is said"
exits 0 "what was fetched stays" kb gd verify
pair ",\"from\":\"$(day yesterday)\",\"until\":\"$(day tomorrow)\""
is "$(sees gd)" 0 "paired again, there is nothing it lacks"
exits 0 "the pairing is removed" kb admin hub registry remove pairings test
is "$(sees gd)" 11 "and access ends at once"

# --- the tree ----------------------------------------------------------------------------------
exits 0 "a firm below a paired association, and one below that" load '{"organisations":[
	{"id":"scfirm","kind":"firm","parent":"sichuan","name":{"zh":"四川某所"}},
	{"id":"scbranch","kind":"office","parent":"scfirm","name":{"zh":"分所"}},
	{"id":"gdfirm","kind":"firm","parent":"guangdong","name":{"zh":"广东某所"}}]}'
for who in scfirm scbranch gdfirm; do enrol "$who" "$who" || bail "no $who"; done
is "$(sees sc) $(sees scfirm) $(sees scbranch) $(sees gdfirm)" '10 10 10 0' "paired: the association and all below it"
exits 0 "the channel becomes paired:self" kb admin hub channel set beijing.ip --audience paired:self
is "$(sees sc)" 10 "the association sees it"
isnt "$(sees scfirm)" 10 "the firm below does not"
isnt "$(sees scbranch)" 10 "nor the office below that"
exits 0 "or for named ones" kb admin hub channel set beijing.ip --audience org:gdfirm,scbranch
is "$(sees gdfirm) $(sees scbranch)" '10 10' "who see it"
isnt "$(sees sc)" 10 "and nobody else"
exits 0 "or for all members" kb admin hub channel set beijing.ip --audience members
is "$(sees gdfirm) $(sees scfirm)" '10 10' "who see it"
exits 0 "an organisation ends" load "{\"organisations\":[{\"id\":\"scfirm\",\"kind\":\"firm\",\"parent\":\"sichuan\",
	\"name\":{\"zh\":\"四川某所\"},\"until\":\"$(day yesterday)\"}]}"
isnt "$(sees scfirm)" 10 "and sees no more than the public"
wire_enrol reader sichuan || bail "no reader"
is "$(as nobody "$URL/api/v1/channels")" '{"channels":[]}' "who is nobody sees no channel of members"
exits 0 "a closed channel" kb admin hub channel set beijing.ip --state closed
isnt "$(sees sc)" 10 "is for its publisher only"
is "$(kb bj check >/dev/null 2>&1; echo $?)" 10 "who sees it"
done_testing
