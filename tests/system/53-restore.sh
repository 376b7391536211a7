#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A hub put back from a backup: clients refuse it, it goes on above what was seen, what is lost is said.
# shellcheck disable=SC2034 # status, out and err are read by the functions of lib.sh
. "$(dirname "$0")/lib.sh"

P=(--passphrase-file "$PASS")
TARGETS=(--targets-key "$OFFLINE/targets.pem")

world
{ enrol gs gansu publisher && channel gansu.basics gansu public gs; } >"$T/gs.log" 2>&1 || bail "no second publisher"
course "$T/course" trademarks 第一版
echo one >"$T/course/a.txt"
course "$T/other" basics 第一版
{ publish bj beijing.ip "$T/course" && publish gs gansu.basics "$T/other"; } >"$T/publish.log" 2>&1 || bail "cannot publish"
kb sc fetch --all >/dev/null 2>&1 || bail "cannot fetch"

# --- the backup, and what happens after it ---
hub_stop
as_user cp -a "$HUB" "$T/backup"
hub_start || bail "no hub"
echo two >"$T/course/a.txt"
exits 0 "a course is published after the backup" publish bj beijing.ip "$T/course"
exits 0 "and fetched" kb sc fetch
exits 0 "a channel is added after the backup" channel beijing.tax beijing members bj
course "$T/third" tax 第一版
exits 0 "and used" publish bj beijing.tax "$T/third"
exits 0 "and fetched" kb sc fetch --all
exits 0 "the administrator has seen it" kb admin hub status
kb bj --quiet check >/dev/null # so does the publisher

# --- put back ---
hub_stop
as_user mv "$HUB" "$T/lost"
as_user mv "$T/backup" "$HUB"
hub_start || bail "no hub after the restore"
exits 3 "recipients refuse what went back" kb sc check
like "$err" 'rollback' "as a rollback"
exits 3 "so does the publisher's tool" publish bj beijing.ip "$T/course"
exits 0 "what recipients hold stays" kb sc list
like "$out" 'trademarks  release 2' "all of it"

# --- on above ---
exits 2 "a number is wanted" kb admin hub recover
exits 8 "one below what was seen is refused" kb admin hub recover --above 3
exits 5 "a publisher does not recover" kb bj hub recover --above 1000
exits 0 "the administrator goes on above" kb admin --lang en hub recover --above 1000
like "$out" 'version 1001' "at 1001"
like "$out" 'targets: restored to version .*sign --renew targets --above 1000' "what targets lost is said"
like "$out" 'beijing.ip: restored to version 1, .* seen 2.*--above 1000' "and what a channel lost"
like "$out" 'beijing.tax: the backup has no such channel' "and which channel is gone"
unlike "$out" 'gansu.basics' "and nothing of what is whole"
exits 3 "recipients still miss what they have seen" kb sc check

exits 0 "targets are signed above" kb admin sign --renew targets --above 1000 --key "$OFFLINE/targets.pem" "${P[@]}"
exits 0 "the lost channel is added again" kb admin hub channel add beijing.tax --publisher beijing \
	--audience members --publisher-key "$T/bj.pub" "${TARGETS[@]}" --restored "${P[@]}"
exits 8 "a version that was seen is not signed again" kb bj sign --renew beijing.ip --above 1 --key "$T/bj.pem" "${P[@]}"
exits 0 "the publisher signs her channel above" kb bj --lang en sign --renew beijing.ip --above 1000 --key "$T/bj.pem" "${P[@]}"
like "$err" 'lost with the restored hub: .*trademarks/2/record.json' "and is told what she must publish again"
exits 0 "and the one that was lost" kb bj --lang en sign --renew beijing.tax --above 1000 --key "$T/bj.pem" "${P[@]}"
like "$err" 'tax/1/record.json' "and what was in it"

# --- everybody goes on ---
exits 0 "recipients accept the hub again" kb sc check
unlike "$err" 'has ended' "no channel is taken for one that has ended"
exits 0 "they keep what the hub lost" kb sc list
like "$out" 'trademarks  release 2' "the newer release"
exits 0 "the publisher publishes again" publish bj beijing.ip "$T/course"
like "$out" 'trademarks release 3' "under a number that nobody holds"
exits 0 "in the lost channel, too" publish bj beijing.tax "$T/third"
like "$out" 'tax release 2' "so here"
exits 0 "the other publisher never noticed" publish gs gansu.basics "$T/other" --force
exits 0 "recipients fetch" kb sc fetch --all
exits 0 "and hold the new one" kb sc list
like "$out" 'trademarks  release 3' "in place of the lost one"
exits 0 "all is as signed" kb sc verify
exits 10 "a newcomer believes it, too" kb gd check
exits 0 "the state is good" kb admin hub status
hub_stop
hub_start
ok $? "the numbers outlive a restart"
exits 0 "nothing is new" kb sc check
exits 0 "publishing goes on" publish bj beijing.ip "$T/course" --force
exits 10 "and is heard of" kb sc check

done_testing
