#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2119  # perl has dollars; relist may have no roles
# The hub's disk becomes an older copy of itself, as a whole or in part; a publisher is handed an old state to build on.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/wire.sh"
. "$(dirname "$0")/attack.sh"

world
tools_of_attack
{
	course "$T/marks" marks one
	seq 1 20000 >"$T/marks/text.txt"
	publish bj beijing.ip "$T/marks" && kb gd check
} >"$T/world.log" 2>&1
is "$?" 0 "release 1 is published"
hub_stop
cp -a "$HUB" "$T/backup"
hub_start || bail "no hub"
course "$T/marks" marks two
run publish bj beijing.ip "$T/marks"
is "$status" 0 "release 2 is published"
run kb sc fetch --all
is "$status" 0 "and fetched"
course "$T/marks" marks three
run publish bj beijing.ip "$T/marks"
is "$status" 0 "release 3 is published"
hub_stop
cp -a "$HUB" "$T/now"

# at DIRECTORY...: the hub starts from a copy of the first; the others go over it.
at() {
	rm -rf "$HUB"
	cp -a "$1" "$HUB" || bail "no copy of $1"
	[ $# = 1 ] || { rm -rf "$HUB/repo" && cp -a "$2/repo" "$HUB/repo"; } || bail "no repository of $2"
	hub_start || bail "no hub on $*"
}
VICTIM=sc
HELD=$(holdings)

# --- all of it: nothing on the machine knows better -----------------------------------------
at "$T/backup"
refused "who has seen more: the hub went back" 'was seen: a rollback' check
run kb gd check
is "$status" 0 "who has not cannot know, until the numbers fall behind"
course "$T/marks" marks four
run publish bj beijing.ip "$T/marks"
is "$status" 3 "the publisher builds nothing on a state older than the one she has seen"
like "$err" 'was seen: a rollback' "and hears why"
wire_ca
wire_enrol pub beijing publisher || bail "no publisher"
is "$(as pub "$URL/api/v1/catalogue" | json courses 0 label)" one "the hub itself serves the old state"
hub_stop

# --- the repository alone: the signer remembers what it signed and saw --------------------------
at "$T/now" "$T/backup"
refused "who has seen more: the repository went back" 'was seen: a rollback' check
wire_ca
wire_enrol pub2 beijing publisher || bail "no publisher"
cp "$HUB/repo/metadata/1.beijing.ip.json" "$T/old.role"
"$BIN/forge" "$CHANNEL_KEY" >"$T/renewed" < <(perl -MJSON::PP -0777 -ne 'my $s = decode_json($_)->{signed};
	$s->{version}++; print encode_json($s)' "$T/old.role") || bail "no renewal"
is "$(status_as pub2 -X PUT -H 'Content-Type: application/json' --data-binary "@$T/renewed" \
	"$URL/api/v1/metadata/beijing.ip")" 422 "the signer signs nothing on top of a state it knows to be old"
like "$(cat "$T/body")" 'the repository went back to snapshot [0-9]+, [0-9]+ was published' "and says so"
hub_stop

# --- a mirror hands a publisher the old state ----------------------------------------------------
at "$T/now"
evil_is "$T/backup/repo"
evil_start
victim publisher bj
run kb publisher publish "$T/marks" --channel beijing.ip --key "$T/bj.pem" --passphrase-file "$PASS"
is "$status" 3 "publishing begins with what she has seen: an older state is refused"
like "$err" 'was seen: a rollback' "as a rollback"
unlike "$(cat "$ASKED")" 'POST|PATCH|PUT' "before anything is sent"
evil_is "$T/now/repo"
role beijing.ip '$s->{version} = 1' "$CHANNEL_KEY"
PERL="\$s->{meta}{'beijing.ip.json'} = listed('beijing.ip', 1)" relist
victim publisher bj
run kb publisher publish "$T/marks" --channel beijing.ip --key "$T/bj.pem" --passphrase-file "$PASS"
is "$status" 3 "thief of the online keys: a new snapshot of her old role is refused, too"
like "$err" 'lists beijing.ip.json version 1 after version 3 was seen: a rollback' "by the role's number"
unlike "$(cat "$ASKED")" 'POST|PATCH|PUT' "before anything is sent"

# --- and the way back ------------------------------------------------------------------------
run publish bj beijing.ip "$T/marks"
is "$status" 0 "on the true disk she publishes"
run kb sc check
is "$status" 10 "and it is news"
done_testing
