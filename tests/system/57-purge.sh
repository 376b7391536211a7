#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Bytes leave the hub by `kebao hub purge` alone: what no live release needs goes, after 30 days or when that is
# wanted; what is shared stays; and whoever holds what went is not touched.
# shellcheck disable=SC2034 # status, out and err are read by the functions of lib.sh
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/wire.sh"

P=(--passphrase-file "$PASS")
recall() { kb bj recall "$@" --key "$T/bj.pem" "${P[@]}"; }
# What is being written is none yet: the hub names patches in the hints in its own time.
objects() { (cd "$HUB/repo" && find packs indexes targets hints -type f ! -name '.tmp-*' | sort); }
stored() { sqlite3 "$HUB/state.db" "SELECT stored_bytes FROM usage WHERE org = 'beijing'"; }
on_disk() { (cd "$HUB/repo" && find packs indexes targets -type f -printf '%s\n' | awk "{ n += \$1 } END { print n + 0 }"); }

world
wire_ca
wire_enrol pair sichuan
# Release 1 and 2 share a large file; 3 is a course of its own.
course "$T/marks" marks one
head -c 3000000 /dev/urandom >"$T/marks/shared.bin"
head -c 700000 /dev/urandom >"$T/marks/first.bin"
run publish bj beijing.ip "$T/marks"
is "$status" 0 "release 1 is published"
rm "$T/marks/first.bin"
head -c 500000 /dev/urandom >"$T/marks/second.bin"
run publish bj beijing.ip "$T/marks"
is "$status" 0 "release 2 shares most of it"
course "$T/other" other one
head -c 400000 /dev/urandom >"$T/other/other.bin"
run publish bj beijing.ip "$T/other"
is "$status" 0 "another course shares nothing"
run kb sc fetch --all
is "$status" 0 "all is fetched"
objects >"$T/all"

# --- what is live stays --------------------------------------------------------------------
run kb sc hub purge --now
is "$status" 5 "purging is not for members"
run kb admin --lang en hub purge --now --yes
like "$out" '^0 objects may go' "what is live stays, whoever says now and yes"
objects | cmp -s - "$T/all"
ok $? "nothing is removed"

# --- a recall alone takes nothing ----------------------------------------------------------
run recall beijing.ip/marks --reason wrong
is "$status" 0 "release 2 is recalled"
run recall beijing.ip/other --reason wrong
is "$status" 0 "and the only release of the other course"
objects | grep -v '^hints/' | cmp -s - <(grep -v '^hints/' "$T/all")
ok $? "every byte is still there"
run kb admin --lang en hub purge
like "$out" '^0 objects may go' "30 days have not passed"
like "$out" 'kept; --now' "and that is said"
run kb admin --lang en hub purge --now
like "$out" 'may go .*packs/beijing\.ip/.*KiB' "with --now it is shown what would go"
like "$err" 'nothing was removed' "without --yes nothing does"
objects | grep -v '^hints/' | cmp -s - <(grep -v '^hints/' "$T/all")
ok $? "a look removes nothing"
n=$(grep -c 'may go  packs/' <<<"$out")
is "$n" 2 "two packs: what is new in release 2, and the other course"

# --- time passes ---------------------------------------------------------------------------
hub_stop
sqlite3 "$HUB/state.db" "UPDATE releases SET ended_at = ended_at - 29 * 86400 WHERE is_live = 0"
find "$HUB/repo/packs" "$HUB/repo/indexes" "$HUB/repo/targets" -type f -exec touch -d '40 days ago' {} +
hub_start || bail "no hub"
run kb admin --lang en hub purge
like "$out" '^0 objects may go' "after 29 days nothing goes"
sqlite3 -cmd ".timeout $((DEADLINE_SECONDS * 1000))" "$HUB/state.db" \
	"UPDATE releases SET ended_at = ended_at - 2 * 86400 WHERE is_live = 0"
run kb admin --lang en hub purge --yes
is "$status" 0 "after 31 it does"
like "$out" 'objects are gone' "and that is said"
is "$(objects | grep -c '^packs/')" 1 "the pack that release 1 needs stays"
is "$(objects | grep -c '^indexes/')" 1 "and its index"
is "$(objects | grep -c '^targets/')" 3 "all records stay: they are targets"
is "$(stored)" "$(on_disk)" "the quota counts what is on the disk"
run kb admin --lang en hub purge --now --yes
like "$out" '^0 objects may go' "nothing is left to do"
run kb admin hub audit
is "$(grep -c ' purge .*packs/beijing.ip/' <<<"$out")" 2 "each pack that went is in the audit log"

# --- afterwards ----------------------------------------------------------------------------
run recall beijing.ip/other --undo
is "$status" 7 "a recall cannot be undone when the bytes are gone"
like "$err" 'purged' "and the reason is told"
is "$(status_as pair "$URL/bundles/beijing.ip/other/1.tar.zst")" 410 "it is still withdrawn, not missing"
kb new enroll "$URL" "$(kb admin hub invite sichuan 2>/dev/null)" >/dev/null 2>&1
run kb new fetch --all
is "$status" 0 "what is live can be fetched"
cmp -s "$T/marks/shared.bin" "$(library new)/beijing.ip/marks/1/shared.bin"
ok $? "every byte of it"
run kb sc fetch
[ -f "$T/home/sc/.local/share/kebao/.withdrawn/beijing.ip/other/1/other.bin" ]
ok $? "who held what went still holds it"
run publish bj beijing.ip "$T/other" --label two
is "$status" 0 "the same content can be published anew"
run kb new fetch --all
cmp -s "$T/other/other.bin" "$(library new)/beijing.ip/other/2/other.bin"
ok $? "and fetched"

# --- a shared pack, a draft, a leftover ----------------------------------------------------
head -c 300000 /dev/urandom >"$T/other/extra.bin"
run publish bj beijing.ip "$T/other" --label three
run recall beijing.ip/other --release 2 --reason superseded
run recall beijing.ip/marks --release 1 --reason wrong
run kb admin --lang en hub purge --now
like "$out" 'stays .*packs/beijing\.ip/.*unneeded' "a pack shared with a live release stays, and how much of it is idle is said"
rm "$T/other/other.bin"
run publish bj beijing.ip "$T/other" --label four
run recall beijing.ip/other --release 3 --reason superseded
run kb admin --lang en hub purge --now --yes
is "$status" 0 "purging goes on"
run kb new fetch --all
is "$status" 0 "the newest release is complete"
echo left >"$T/left"
mkdir -p "$HUB/repo/packs/beijing.ip/aa"
cp "$T/left" "$HUB/repo/packs/beijing.ip/aa/aa$(printf '%062d' 1).pack"
[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$HUB/repo/packs/beijing.ip/aa"
run kb admin --lang en hub purge --now --yes
[ -e "$HUB/repo/packs/beijing.ip/aa" ] && [ -n "$(ls "$HUB/repo/packs/beijing.ip/aa")" ]
ok $? "a file nobody knows yet may be on its way in: it stays for an hour"
touch -d '2 hours ago' "$HUB/repo/packs/beijing.ip/aa/aa$(printf '%062d' 1).pack"
run kb admin --lang en hub purge --now --yes
like "$out" "may go  packs/beijing.ip/aa/aa0" "after that it goes"
run kb new verify
is "$status" 0 "what people hold is as signed"
hub_stop
is $? 0 "the hub ends well"
done_testing
