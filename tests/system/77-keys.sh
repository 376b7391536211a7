#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2119  # perl has dollars; relist may have no roles
# Whose signature counts: arbitrary software, thresholds, stolen and rotated keys of every role, paths of others.
# The mirror and the hub are asked to believe the same.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/wire.sh"
. "$(dirname "$0")/attack.sh"

attack_world
new_key mallory
MALLORY=$PASS:$T/mallory.pem
new_key second
SECOND=$PASS:$T/second.pem
nobody='signed by 0 of the keys that may sign it, 1 must'

# --- arbitrary software: everything but the keys --------------------------------------------
begin() {
	evil_is "$HUB/repo"
	victim target sc
}
begin
role root '$s->{version}++; for (values %{$s->{roles}}) { $_->{keyids} = [id("mallory")] }
	$s->{keys} = { id("mallory") => pub("mallory") }' "$MALLORY"
refused "a root by mallory for mallory" "by the keys of root version 1: .*$nobody" check
begin
TIMESTAMP_BY=$MALLORY retime
refused "a timestamp by mallory" "timestamp version .*: $nobody" check
begin
SNAPSHOT_BY=$MALLORY relist
refused "thief of the timestamp's key: a snapshot by mallory" "snapshot version .*: $nobody" check
begin
role targets '$s->{version}++; for (@{$s->{delegations}{roles}}) { $_->{keyids} = [id("mallory")] }
	$s->{delegations}{keys} = { id("mallory") => pub("mallory") }' "$MALLORY"
relist targets
refused "thief of the online keys: targets by mallory" "targets version .*: $nobody" check
begin
role beijing.ip '$s->{version}++' "$MALLORY"
relist beijing.ip
refused "thief of the online keys: a channel by mallory" "beijing.ip version 3: $nobody" check
begin
role beijing.ip '$s->{version}++' "$MALLORY,$(sha256sum <"$T/bj.pub" | cut -d' ' -f1)"
relist beijing.ip
refused "the same, said to be by the publisher" "beijing.ip version 3: $nobody" check
begin
role beijing.ip '$s->{version}++' "$TARGETS_KEY" "$SNAPSHOT_KEY" "$TIMESTAMP_KEY" "$ROOT_KEY"
relist beijing.ip
refused "nor do all keys of the hub together make a channel" "beijing.ip version 3: $nobody" check

# --- thresholds --------------------------------------------------------------------------
two='signed by 1 of the keys that may sign it, 2 must'
two_for_ip='for (@{$s->{delegations}{roles}}) { if ($_->{name} eq "beijing.ip") { $_->{threshold} = 2;
	$_->{keyids} = [id("bj"), $other] } } $s->{delegations}{keys}{$other} = $key; $s->{version}++;'
begin
role targets 'my ($other, $key) = (id("second"), pub("second"));'"$two_for_ip" "$TARGETS_KEY"
role beijing.ip '$s->{version}++' "$CHANNEL_KEY"
relist targets beijing.ip
refused "four eyes: one signature" "beijing.ip version 3: $two" check
role beijing.ip '' "$CHANNEL_KEY" "$MALLORY"
relist beijing.ip
refused "four eyes: one signature and a stranger's" "beijing.ip version 3: $two" check
role beijing.ip '' "$CHANNEL_KEY" "$SECOND"
relist beijing.ip
accepted "four eyes: two signatures" 0
begin
alias=$(printf alias | sha256sum | cut -d' ' -f1)
role targets "my (\$other, \$key) = ('$alias', pub('bj'));$two_for_ip" "$TARGETS_KEY"
role beijing.ip '$s->{version}++' "$CHANNEL_KEY" "$CHANNEL_KEY,$alias"
relist targets beijing.ip
refused "four eyes: one key under two ids" "beijing.ip version 3: $two" check
begin
role root '$s->{version}++; $s->{keys}{id("second")} = pub("second");
	push @{$s->{roles}{root}{keyids}}, id("second"); $s->{roles}{root}{threshold} = 2' "$ROOT_KEY" "$SECOND"
role root '$s->{version}++' "$ROOT_KEY"
refused "a root by one of two" "root version 3: $two" check
role root '' "$ROOT_KEY" "$SECOND"
accepted "a root by two of two" 0

# --- stolen and rotated keys -------------------------------------------------------------
# rotate ROLE: a root that replaces the key of a role by "second".
rotate() {
	role root "\$s->{version}++; \$s->{keys}{id('second')} = pub('second');
		\$s->{roles}{'$1'}{keyids} = [id('second')]" "$ROOT_KEY" "${@:2}"
}
begin
rotate root "$SECOND"
accepted "root: a new key, signed by old and new" 0
role root '$s->{version}++' "$ROOT_KEY"
refused "root: the old key signs no more roots" "by the keys of root version 2: root version 3: $nobody" check
role root '' "$SECOND"
accepted "root: the new one does" 0
begin
rotate timestamp
refused "timestamp: the old key's file is no file any more" "timestamp version .*: $nobody" check
TIMESTAMP_BY=$SECOND retime
accepted "timestamp: the new key's is" 0
begin
rotate snapshot
retime
refused "snapshot: the old key's file is no file any more" "snapshot version .*: $nobody" check
SNAPSHOT_BY=$SECOND relist
accepted "snapshot: the new key's is" 0
begin
rotate targets
refused "targets: the old key's file is no file any more, though it is held" "targets version .*: $nobody" check
role targets '$s->{version}++' "$SECOND"
relist targets
accepted "targets: the new key's is" 0
begin
role targets '$s->{version}++; for (@{$s->{delegations}{roles}}) {
	$_->{keyids} = [id("second")] if $_->{name} eq "beijing.ip" }
	$s->{delegations}{keys}{id("second")} = pub("second")' "$TARGETS_KEY"
relist targets
cmp -s "$T/home/target/.local/share/kebao/trust/beijing.ip.json" "$(newest beijing.ip)"
ok $? "channel: the very file is held"
refused "channel: and believed by its present delegator's word only" "beijing.ip version 2: $nobody" check
role beijing.ip '$s->{version}++' "$CHANNEL_KEY"
relist beijing.ip
refused "channel: a stolen key that was replaced" "beijing.ip version 3: $nobody" check
role beijing.ip '' "$SECOND"
relist beijing.ip
accepted "channel: the new key" 0

# --- a publisher who speaks for others ---------------------------------------------------
# The publisher of beijing.ip signs a course of beijing.law; record and all lie there.
begin
record=$(echo "$HUB"/repo/targets/beijing.ip/marks/2/*.record.json)
perl -pe 's/beijing\.ip/beijing.law/; s/"course":"marks"/"course":"forged"/' "$record" >"$T/record.json"
hash=$(sha256 "$T/record.json")
mkdir -p "$EVIL/targets/beijing.law/forged/2"
cp "$T/record.json" "$EVIL/targets/beijing.law/forged/2/$hash.record.json"
outside="\$s->{version}++; \$s->{targets}{'beijing.law/forged/2/record.json'} =
	{ length => $(stat -c %s "$T/record.json"), hashes => { sha256 => '$hash' } }"
role beijing.ip "$outside" "$CHANNEL_KEY"
relist beijing.ip
accepted "a channel's role that names another's course tells nobody of it" 0
run kb target fetch beijing.law/forged
is "$status" 9 "nor can it be fetched"
unlike "$(cat "$ASKED")" targets/beijing.law "it is not even asked for"
is "$(holdings)" "$HELD" "and nothing came of it"
cp "$(newest beijing.ip)" "$EVIL/metadata/0.beijing.law.json"
role beijing.law '$s->{version} = 1; delete $s->{targets}{$_} for grep { /^beijing.ip/ } keys %{$s->{targets}}' \
	"$CHANNEL_KEY"
relist beijing.law
mkdir -p "$EVIL/hints/beijing.law"
cp -r "$EVIL/hints/beijing.ip/marks" "$EVIL/hints/beijing.law/forged"
chmod -R a+rX "$EVIL"
accepted "said by the channel's own role it is news" 10

# --- the hub is asked to publish the same ---------------------------------------------------
wire_ca
wire_enrol pub beijing publisher || bail "no publisher"
wire_enrol adm hub admin || bail "no administrator"
evil_is "$HUB/repo"
b64() { printf %s "$1" | base64 -w0; }
tus=(-H 'Tus-Resumable: 1.0.0')
perl -pe 's/"release":2/"release":3/' "$record" >"$T/record3"
hash=$(sha256 "$T/record3") size=$(stat -c %s "$T/record3")
status_as pub -X POST "${tus[@]}" -H "Upload-Length: $size" -H \
	"Upload-Metadata: channel $(b64 beijing.ip),kind $(b64 record),sha256 $(b64 "$hash")" "$URL/uploads" >/dev/null
status_as pub -X PATCH "${tus[@]}" -H 'Content-Type: application/offset+octet-stream' -H 'Upload-Offset: 0' \
	--data-binary "@$T/record3" "$URL$(header location)" >/dev/null
status_as pub -H 'Content-Type: application/json' -d "{\"channel\":\"beijing.ip\",\"course\":\"marks\",
	\"release\":3,\"record\":{\"sha256\":\"$hash\",\"length\":$size}}" "$URL/api/v1/drafts" >/dev/null
DRAFT=$(json id <"$T/body")
# shellcheck disable=SC2317  # called by wait_for
draft_is_good() { as pub "$URL/api/v1/drafts/$DRAFT" | grep -q '"state":"verified"'; }
wait_for "the draft" draft_is_good || bail "no draft"

# hub_says STATUS TEXT NAME: of $FILE, offered for publication.
hub_says() {
	is "$(status_as pub -H 'Content-Type: application/json' --data-binary "@$FILE" \
		"$URL/api/v1/drafts/$DRAFT/publish")" "$1" "hub: $3"
	like "$(cat "$T/body")" "$2" "hub: $3: and it says why"
}
good="\$s->{version} = 3; my \$r = \$s->{targets}; \$r->{'beijing.ip/marks/3/bundle.tar'} =
	delete \$r->{'beijing.ip/marks/2/bundle.tar'}; \$r->{'beijing.ip/marks/3/record.json'} =
	{ length => $size, hashes => { sha256 => '$hash' } };"
# offer PERL KEY: a role for release 3, but for what PERL changes.
offer() {
	rm -f "$EVIL"/metadata/[34].beijing.ip.json
	cp "$HUB/repo/metadata/2.beijing.ip.json" "$EVIL/metadata/"
	role beijing.ip "$good $1" "$2"
}
offer '' "$MALLORY"
hub_says 422 "$nobody" "a role by mallory"
offer '$r->{"beijing.law/marks/2/record.json"} = $r->{"beijing.ip/marks/2/record.json"}' "$CHANNEL_KEY"
hub_says 400 'beijing.law/marks/2/record.json is not the name of a target of beijing.ip' "a role with another's path"
offer '$s->{version} = 2' "$CHANNEL_KEY"
hub_says 409 version "a role that builds on an older one"
offer '$s->{version} = 4' "$CHANNEL_KEY"
hub_says 409 version "a role that skips one"
offer '$r->{"beijing.ip/marks/1/record.json"}{length}++' "$CHANNEL_KEY"
hub_says 400 'marks/1/record.json was changed' "a role that changes an old release"
offer 'delete $r->{"beijing.ip/marks/1/record.json"}' "$CHANNEL_KEY"
hub_says 400 'lacks the target beijing.ip/marks/1/record.json' "a role that drops one"
offer '$s->{expires} = day(-1)' "$CHANNEL_KEY"
hub_says 422 expired "a role that has expired"
offer '$s->{delegations} = { keys => { id("bj") => pub("bj") }, roles => [{ name => "x", keyids => [id("bj")],
	threshold => 1, terminating => JSON::PP::true, paths => ["beijing.ip/*/*/*"] }] }' "$CHANNEL_KEY"
hub_says 400 delegates "a role that delegates"
put() { # ROLE STATUS TEXT NAME
	is "$(status_as adm -X PUT -H 'Content-Type: application/json' --data-binary "@$FILE" \
		"$URL/api/v1/metadata/$1")" "$2" "hub: $4"
	like "$(cat "$T/body")" "$3" "hub: $4: and it says why"
}
role targets '$s->{version}++' "$MALLORY"
put targets 422 "$nobody" "targets by mallory"
role targets 'for (@{$s->{delegations}{roles}}) { push @{$_->{paths}}, "*/*/*/*" }' "$TARGETS_KEY"
put targets 400 'other than terminating' "targets that give a channel all paths"
role root '$s->{version}++' "$MALLORY"
put root 422 "by the keys of root version 1: .*$nobody" "a root by mallory"
role root '$s->{keys}{id("second")} = pub("second"); $s->{roles}{snapshot}{keyids} = [id("second")]' "$ROOT_KEY"
put root 422 "does not list this hub's snapshot key" "a root that leaves the hub without its keys"
is "$(cd "$HUB/repo/metadata" && find . -name '3.beijing.ip.json' -o -name '4.targets.json' -o -name '2.root.json')" '' \
	"hub: nothing of all that was written"
offer '' "$CHANNEL_KEY"
hub_says 200 '"version":3' "the rightful role is published"
run kb sc check
is "$status" 10 "and is news"
done_testing
