#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2119  # perl has dollars; relist may have no roles
# An old state is not taken for a new one: rollback of every role, freeze, mix-and-match, fast-forward, withheld.
# The mirror owns the hub's disk; where a test says "thief", the keys it names as well.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/attack.sh"

attack_world
victim honest sc
accepted "an honest mirror: nothing is new" 0

# --- freeze, first half: a state that is good for a little while ---------------------------
TIME_PERL='$s->{expires} = day(40 / 86400)' retime
frozen_until=$((SECONDS + 41))
cp -r "$EVIL" "$T/frozen"
victim frozen sc
accepted "a timestamp that lives forty seconds is good at first" 0

# --- rollback, one role after another ------------------------------------------------------
# Each time two states differ in nothing but that role's version, so that nothing else can refuse the older.
evil_is "$HUB/repo"
victim rolled sc
cp "$EVIL/metadata/timestamp.json" "$T/older"
retime
accepted "a newer timestamp is accepted" 0
cp "$T/older" "$EVIL/metadata/timestamp.json"
refused "an older timestamp" 'timestamp: version [0-9]+ after version [0-9]+ was seen: a rollback' check

evil_is "$HUB/repo"
victim rolled sc
older=$(version snapshot)
relist
accepted "a newer snapshot is accepted" 0
role timestamp "\$s->{version}++; \$s->{meta}{'snapshot.json'} = listed('snapshot', $older)" "$TIMESTAMP_KEY"
refused "thief of the timestamp's key: an older snapshot" 'lists snapshot version .* was seen: a rollback' check

for name in targets beijing.ip; do
	key=$TARGETS_KEY
	[ "$name" = targets ] || key=$CHANNEL_KEY
	evil_is "$HUB/repo"
	victim rolled sc
	older=$(version "$name")
	role "$name" '$s->{version}++' "$key"
	relist "$name"
	accepted "a newer $name is accepted" 0
	PERL="\$s->{meta}{'$name.json'} = listed('$name', $older)" relist
	refused "thief of the online keys: an older $name" "lists $name.json version .* a rollback" check
	PERL="delete \$s->{meta}{'$name.json'}" relist
	refused "thief of the online keys: $name forgotten" "no longer lists $name.json" check
done

evil_is "$HUB/repo"
victim rolled sc
cp "$EVIL/metadata/1.root.json" "$EVIL/metadata/2.root.json"
refused "the root of today as the next one" 'root: version 1, after 1 only 2 is accepted' check
role root '$s->{version} = 3' "$ROOT_KEY"
mv "$EVIL/metadata/3.root.json" "$EVIL/metadata/2.root.json"
refused "a root that skips one" 'root: version 3, after 1 only 2 is accepted' check
role root '$s->{version} = 2' "$ROOT_KEY"
accepted "the very next root is accepted" 0

# --- expired: what a thief of one key can keep alive ends by the others' dates -------------------
expired() { # ROLE KEY
	evil_is "$HUB/repo"
	victim late sc
	role "$1" '$s->{version}++; $s->{expires} = day(-1)' "$2"
	[ "$1" = root ] || [ "$1" = timestamp ] || [ "$1" = snapshot ] || relist "$1"
	[ "$1" != snapshot ] || retime
	refused "an expired $1" "$1 version [0-9]+ expired on" check
}
expired root "$ROOT_KEY"
expired timestamp "$TIMESTAMP_KEY"
expired snapshot "$SNAPSHOT_KEY"
expired targets "$TARGETS_KEY"
expired beijing.ip "$CHANNEL_KEY"

# --- mix and match -----------------------------------------------------------------------
# Files of the same name and length, each rightly signed, of two histories.
evil_is "$HUB/repo"
victim mixed sc
role beijing.ip '$s->{expires} =~ s/^(\d+)/$1 + 1/e' "$CHANNEL_KEY"
rm "$T/home/mixed/.local/share/kebao/trust/beijing.ip.json"
refused "a channel role of another history" 'beijing.ip version 2: the SHA-256' check
evil_is "$HUB/repo"
victim mixed sc
role snapshot '$s->{version}++; $s->{expires} =~ s/^(\d+)/$1 + 1/e' "$SNAPSHOT_KEY"
retime
role snapshot '$s->{expires} =~ s/^(\d+)/$1 - 1/e' "$SNAPSHOT_KEY"
refused "a snapshot of another history" 'snapshot version [0-9]+: the SHA-256' check
evil_is "$HUB/repo"
victim mixed sc
next=$(($(version beijing.ip) + 1))
cp "$(newest beijing.ip)" "$EVIL/metadata/$next.beijing.ip.json"
relist beijing.ip
refused "thief of the online keys: an old role under a new number" "beijing.ip: version 2, wanted is $next" check

# --- fast-forward ------------------------------------------------------------------------
# A thief drives the numbers up, so that nothing honest is ever newer; new keys are the way back.
evil_is "$HUB/repo"
victim driven sc
role snapshot '$s->{version} = 9007199254740990' "$SNAPSHOT_KEY"
role timestamp '$s->{version} = 9007199254740990;
	$s->{meta}{"snapshot.json"} = listed("snapshot", 9007199254740990)' "$TIMESTAMP_KEY"
accepted "thief of the online keys: numbers as high as they go" 0
evil_is "$HUB/repo"
refused "then the honest state is a rollback" 'was seen: a rollback' check
new_key snapshot2
new_key timestamp2
role root '$s->{version}++; for (qw(snapshot timestamp)) {
	$s->{keys}{id($_ . "2")} = pub($_ . "2"); $s->{roles}{$_}{keyids} = [id($_ . "2")] }' "$ROOT_KEY"
refused "with a new root the thief's key signs nothing any more" 'timestamp version .*: signed by 0 of' check
SNAPSHOT_BY=$PASS:$T/snapshot2.pem TIMESTAMP_BY=$PASS:$T/timestamp2.pem relist
accepted "signed by the new keys, the honest numbers are good again" 0
# The same with a channel's number: its key was stolen, too, so it gets another.
evil_is "$HUB/repo"
victim driven sc
role beijing.ip '$s->{version} = 9007199254740990' "$CHANNEL_KEY"
relist beijing.ip
accepted "thief of a channel's key and the online keys: a number as high as it goes" 0
evil_is "$HUB/repo"
refused "then the channel's honest role is a rollback" 'was seen: a rollback' check
new_key channel2
role root '$s->{version}++; for (qw(snapshot timestamp)) {
	$s->{keys}{id($_ . "2")} = pub($_ . "2"); $s->{roles}{$_}{keyids} = [id($_ . "2")] }' "$ROOT_KEY"
role targets '$s->{version}++; $s->{delegations}{keys}{id("channel2")} = pub("channel2");
	$_->{name} eq "beijing.ip" and $_->{keyids} = [id("channel2")] for @{$s->{delegations}{roles}}' "$TARGETS_KEY"
role beijing.ip '$s->{version}++' "$PASS:$T/channel2.pem"
SNAPSHOT_BY=$PASS:$T/snapshot2.pem TIMESTAMP_BY=$PASS:$T/timestamp2.pem relist targets beijing.ip
accepted "other keys for the channel and on line, and its honest numbers are good again" 0

# --- withheld ----------------------------------------------------------------------------
evil_is "$HUB/repo"
role beijing.ip '$s->{version}++' "$CHANNEL_KEY"
relist beijing.ip
rm "$(newest beijing.ip)"
victim cut sc
run kb cut check
is "$status" 11 "a role that was held, is listed and not given, is withheld"
like "$err" beijing.ip "and is named"
is "$(holdings)" "$HELD" "what is held stays"
evil_is "$HUB/repo"
printf '{"channels":[]}' >"$EVIL/api/v1/channels"
victim cut sc
run kb cut check
is "$status" 11 "so is one that the list of channels no longer names"
victim never gd
run kb never check
is "$status" 0 "who never had it hears of nothing"
rm "$EVIL/metadata/timestamp.json"
victim cut sc
run kb cut check
is "$status" 9 "without a timestamp there is no answer"
unlike "$out$err" 'Nothing new' "and not that nothing is new"

# --- freeze, second half ------------------------------------------------------------------
evil_is "$T/frozen"
# shellcheck disable=SC2317  # called by wait_for
frozen_is_over() { [ "$SECONDS" -gt "$frozen_until" ]; }
wait_for "the timestamp to expire" frozen_is_over
VICTIM=frozen HELD=$(VICTIM=frozen holdings)
refused "the same state for ever" 'timestamp version [0-9]+ expired on' check
done_testing
