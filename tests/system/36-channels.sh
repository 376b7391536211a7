#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016  # perl has dollars
# One channel that may not be believed does not keep the others from their readers.
. "$(dirname "$0")/lib.sh"

world
channel beijing.open beijing public bj >"$T/channel.log" 2>&1 || bail "no second channel"
course "$T/one" marks one
course "$T/two" contracts one
[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$T/one" "$T/two"
exits 0 "a course in one channel" publish bj beijing.ip "$T/one"
exits 0 "and one in another" publish bj beijing.open "$T/two"

# The hub's disk is another's: a digit of a hash in the role, which the snapshot names by its own.
role=$HUB/repo/metadata/1.beijing.ip.json
as_user cp "$role" "$T/home/role.json"
as_user perl -i -pe 's/("sha256":")(.)/$1 . ($2 eq "0" ? "1" : "0")/e' "$role"
run kb sc check
is "$status" 3 "check: one role is not believed"
like "$err" 'beijing\.ip' "and says which"
like "$out" 'contracts' "and names what the other channel offers"
run kb sc check --json
is "$(jq -r '.refused[]' <<<"$out")" beijing.ip "in JSON, too"
is "$(jq -r '.new[].course' <<<"$out")" contracts "beside what is new"
run kb sc fetch --all
is "$status" 3 "fetch: one role is not believed"
like "$err" 'beijing\.ip' "it says which"
[ -d "$(library sc)/beijing.open/contracts/1" ]
ok $? "and brings the course of the other channel"
[ ! -e "$(library sc)/beijing.ip" ]
ok $? "and nothing of the one that lies"

as_user cp "$T/home/role.json" "$role"
exits 0 "when the role is what was signed, all is well" kb sc fetch --all
[ -d "$(library sc)/beijing.ip/marks/1" ]
ok $? "and the course is here"
exits 0 "and verified" kb sc verify
done_testing
