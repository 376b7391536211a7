#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016  # perl has dollars
# What somebody with a certificate and a key of his own may try at the hub, people who do the same thing at
# the same moment, a home whose files were changed, and a state file of another version.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/wire.sh"
. "$(dirname "$0")/attack.sh"

P=(--passphrase-file "$PASS")
JSON=(-H 'Content-Type: application/json')
role_file() { find "$HUB/repo/metadata" -name "*.$1.json" | sort -V | tail -n 1; }

world
# What the hub makes by itself, later, would be a change of its repository here.
hub_stop
hub_conf 'patches = off'
hub_start || bail "no hub without patches"
wire_ca
tools_of_attack
course "$T/marks" marks one
seq 1 20000 >"$T/marks/text.txt"
{ publish bj beijing.ip "$T/marks" && kb sc fetch --all && course "$T/marks" marks two &&
	publish bj beijing.ip "$T/marks"; } >"$T/world.log" 2>&1
is "$?" 0 "two releases are published"
wire_enrol pub beijing publisher
wire_enrol other guangdong publisher

# --- roles with the right key and the wrong content ----------------------------------------------
# tries NAME STATUS TEXT PERL: a next version of the role, changed by PERL and signed by the channel's key.
tries() {
	perl -MJSON::PP -e 'my ($code, $file) = @ARGV; local $/; open my $f, "<", $file or die;
		our $s = decode_json(<$f>)->{signed}; $s->{version}++; our $t = $s->{targets};
		our $mark = sub { $t->{"beijing.ip/marks/2/record.json"}{custom} = { withdrawn =>
			{ date => "2026-11-26T00:00:00Z", reason => "x", @_ } };
			my $b = delete $t->{"beijing.ip/marks/2/bundle.tar"}; };
		eval $code; die $@ if $@; print encode_json($s)' "$4" "$(role_file beijing.ip)" >"$T/signed.json" || bail "$1"
	"$BIN/forge" "$CHANNEL_KEY" <"$T/signed.json" >"$T/role.put" 2>/dev/null || bail "forging: $1"
	is "$(status_as pub -X PUT "${JSON[@]}" --data-binary "@$T/role.put" "$URL/api/v1/metadata/beijing.ip")" \
		"$2" "$1: refused"
	like "$(cat "$T/body")" "$3" "$1: and it says why"
}
before=$(find "$HUB/repo/metadata" -type f | sort)
tries "a target that climbs" 400 'neither a renewal nor a recall' \
	'$t->{"beijing.ip/../x/1/record.json"} = $t->{"beijing.ip/marks/1/record.json"}'
tries "a role that delegates" 400 'delegates, which no channel may' '
	open my $f, "<", "'"$(role_file targets)"'"; my ($k, $key) = %{decode_json(<$f>)->{signed}{delegations}{keys}};
	$s->{delegations} = { keys => { $k => $key }, roles => [ { name => "beijing.ip.more", keyids => [$k],
		threshold => 1, terminating => JSON::PP::true, paths => ["beijing.ip/marks/*/*"] } ] }'
tries "a role that expired long ago" 422 'expired on' '$s->{expires} = "2020-01-01T00:00:00Z"'
tries "a role that never expires" 422 'at most 730 days' '$s->{expires} = "2126-01-01T00:00:00Z"'
tries "a version far ahead" 409 'is wanted now' '$s->{version} = 9007199254740991'
tries "a recall with another's custom" 400 'only a recall may change one' \
	'$t->{"beijing.ip/marks/2/record.json"}{custom} = { big => "x" x 100 }'
tries "a recall with a reason of 100 kB" 400 '1 to 1000 bytes' '$mark->(reason => "x" x 100000)'
tries "a recall that would colour a terminal" 400 'without control characters' '$mark->(reason => "a\x1b[31mred")'
tries "a recall that names itself as its successor" 400 'cannot be the successor' '$mark->(successor => 2);
	$t->{"beijing.ip/marks/1/bundle.tar"} = $t->{"beijing.ip/marks/1/record.json"}'
tries "a recall that names a successor nobody has" 400 'cannot be the successor' '$mark->(successor => 77);
	$t->{"beijing.ip/marks/1/bundle.tar"} = $t->{"beijing.ip/marks/1/record.json"}'
perl -MJSON::PP -0777 -ne 'my $r = decode_json($_); $r->{signed}{version}++; my $s = $r->{signatures}[0]{sig};
	push @{$r->{signatures}}, map { { keyid => sprintf("%064x", $_), sig => $s } } 1 .. 5000; print encode_json($r)' \
	"$(role_file beijing.ip)" >"$T/many"
is "$(status_as pub -X PUT "${JSON[@]}" --data-binary "@$T/many" "$URL/api/v1/metadata/beijing.ip")" 400 \
	"five thousand signatures are not even looked at"
head -c 9000000 /dev/zero | tr '\0' '[' >"$T/huge"
is "$(status_as pub -X PUT "${JSON[@]}" --data-binary "@$T/huge" "$URL/api/v1/metadata/beijing.ip")" 413 \
	"nor a role of nine megabytes"
is "$(status_as other -X PUT "${JSON[@]}" --data-binary "@$T/role.put" "$URL/api/v1/metadata/beijing.ip")" 404 \
	"another organisation's publisher does not even see the channel"
is "$(find "$HUB/repo/metadata" -type f | sort)" "$before" "and nothing of all that is in the repository"

# --- records that lead elsewhere ---------------------------------------------------------------
# sends NAME PERL: the record of release 2, changed by PERL, is uploaded.
sends() {
	perl -pe "$2" "$HUB"/repo/targets/beijing.ip/marks/2/*.record.json >"$T/record"
	local hash text
	hash=$(sha256sum <"$T/record" | cut -c 1-64)
	text="channel $(printf beijing.ip | base64 -w 0),kind $(printf record | base64 -w 0),sha256 $(printf %s "$hash" | base64 -w 0)"
	status_as pub -X POST -H 'Tus-Resumable: 1.0.0' -H "Upload-Length: $(stat -c %s "$T/record")" \
		-H "Upload-Metadata: $text" "$URL/uploads" >/dev/null
	is "$(status_as pub -X PATCH -H 'Tus-Resumable: 1.0.0' -H 'Content-Type: application/offset+octet-stream' \
		-H 'Upload-Offset: 0' --data-binary "@$T/record" "$URL$(header location)")" 422 "a record with $1 is refused"
}
before=$(find "$HUB/repo" -type f | sort)
sends "a course that climbs" 's/"course":"marks"/"course":"..\/..\/x"/'
sends "a course that is a device" 's/"course":"marks"/"course":"con"/'
sends "another's channel" 's/"channel":"beijing.ip"/"channel":"gd.law"/'
sends "a channel that climbs" 's/"channel":"beijing.ip"/"channel":"..\/metadata"/'
sends "a number beyond all" 's/"release":2/"release":4294967298/'
sends "a label that would colour a terminal" 's/"label":"two"/"label":"a\\u001b[31m"/'
sends "a member of no format" 's/\{/{"zzz":1,/'
sends "two labels" 's/"label":"two"/"label":"two","label":"one"/'
is "$(find "$HUB/repo" -type f | sort)" "$before" "and none is in the repository"
record=$(basename "$HUB"/repo/targets/beijing.ip/marks/2/*.record.json .record.json)
is "$(status_as other "${JSON[@]}" --data-binary '{"channel":"beijing.ip","course":"marks","release":2,"record":{"sha256":"'"$record"'","length":407}}' \
	"$URL/api/v1/drafts")" 404 "a draft in another's channel does not begin"

# --- the same thing at the same moment ----------------------------------------------------------
signers=()
for who in li wang zhao; do
	{ enrol "$who" beijing publisher && kb "$who" key new "$T/$who.pem" "${P[@]}" &&
		kb "$who" key export-public "$T/$who.pem" "${P[@]}" >"$T/$who.pub"; } >"$T/keys.log" 2>&1
	chmod 0644 "$T/$who.pub"
	signers+=(--publisher-key "$T/$who.pub")
done
exits 0 "a channel of three signatures" kb admin hub channel add beijing.three --publisher beijing --audience paired \
	--title-zh 三 --threshold 3 "${signers[@]}" --targets-key "$OFFLINE/targets.pem" "${P[@]}"
for round in 1 2; do
	echo "$round" >>"$T/marks/text.txt"
	publish li beijing.three "$T/marks" >"$T/li.log" 2>&1 || bail "no draft"
	for who in wang zhao; do
		kb "$who" sign beijing.three --key "$T/$who.pem" --against "$T/marks" "${P[@]}" >"$T/$who.log" 2>&1 &
		eval "pid_$who=$!"
	done
	wait "${pid_wang:?}"
	first=$?
	wait "${pid_zhao:?}"
	is "$first $?" '0 0' "round $round: two who sign at once both do"
	is "$(basename "$(role_file beijing.three)")" "$round.beijing.three.json" "and it is published once"
done
kb bj key new "$T/k1.pem" "${P[@]}" >"$T/keys.log" 2>&1
kb bj key new "$T/k2.pem" "${P[@]}" >>"$T/keys.log" 2>&1
for n in 1 2; do
	kb bj key export-public "$T/k$n.pem" "${P[@]}" >"$T/k$n.pub"
	chmod 0644 "$T/k$n.pub"
done
kb admin2 enroll "$URL" "$(kb admin hub invite hub --role admin 2>/dev/null)" >"$T/keys.log" 2>&1
kb admin hub channel keys beijing.ip --add "$T/k1.pub" --targets-key "$OFFLINE/targets.pem" "${P[@]}" >"$T/a1.log" 2>&1 &
one=$!
kb admin2 hub channel keys beijing.ip --add "$T/k2.pub" --targets-key "$OFFLINE/targets.pem" "${P[@]}" >"$T/a2.log" 2>&1 &
two=$!
wait "$one"
first=$?
wait "$two"
is "$first $?" '0 0' "two administrators who change a channel's keys at once both do"
run kb admin --lang en hub channel keys beijing.ip
like "$out" 'of 3 keys' "and neither change is lost"

# --- a home whose files were changed ------------------------------------------------------------
# changed FILE STATUS NAME COMMAND...: the file of the home is what COMMAND prints; `check` ends with STATUS.
changed() {
	local file=$1 want=$2 name=$3
	shift 3
	rm -rf "$T/home/changed"
	cp -a "$T/home/sc" "$T/home/changed"
	"$@" >"$T/bytes"
	cat "$T/bytes" >"$T/home/changed/.local/share/kebao/$file"
	run kb changed --lang en check
	is "$status" "$want" "$file, $name: check"
	[ "$want" != 8 ] || like "$err" 'root' "and it says what is wrong"
}
home=$T/home/sc/.local/share/kebao
for file in channels.json state.json run.json usage.json trust/timestamp.json trust/snapshot.json trust/targets.json \
	trust/beijing.ip.json meta/beijing.ip/marks/1/record.json meta/beijing.ip/marks/1/index; do
	changed "$file" 10 "of no use" printf '{"a":1}'
	changed "$file" 10 "cut" head -c 40 "$home/$file"
done
changed trust/root.json 8 "cut" head -c 400 "$home/trust/root.json"
changed trust/root.json 8 "of no use" printf '{"a":1}'
# Somebody else's signature stands in for what is kept: believed no more than from the line.
new_key mallory
evil_is "$HUB/repo"
role beijing.ip '$s->{version} = 900; delete $s->{targets}{$_} for keys %{$s->{targets}}' "$PASS:$T/mallory.pem"
changed trust/beijing.ip.json 10 "forged" cat "$FILE"
like "$out" 'marks' "and what is new is told all the same"
role timestamp '$s->{version} = 900' "$PASS:$T/mallory.pem"
changed trust/timestamp.json 10 "forged" cat "$FILE"

# --- a state file of another version -------------------------------------------------------------
hub_stop
for version in 1 99; do
	now=$(sqlite3 "$HUB/state.db" 'PRAGMA user_version')
	sqlite3 "$HUB/state.db" "PRAGMA user_version = $version"
	run as_user "$BIN/kebaod" --config "$CONF"
	isnt "$status" 0 "a state file of version $version is refused"
	like "$err$out" "it has version $version, made by an? (older|newer) program" "and it says why"
	sqlite3 "$HUB/state.db" "PRAGMA user_version = $now"
done
hub_start
is $? 0 "with its own version it serves"
run kb sc check
is "$status" 10 "as before"
done_testing
