#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016 # the shell that faketime starts has dollars
# Time that has really passed: a channel nobody signed again, a hub that was off, a root near its end, and
# how each is mended.
. "$(dirname "$0")/lib.sh"

# faketime(1) would be the hub's parent and not hand signals on, so only its library is used.
CLOCK=$(faketime -f +1d sh -c 'echo "$LD_PRELOAD"' 2>/dev/null)
[ -n "$CLOCK" ] || skip_all "no faketime(1)"
[ "$(basename "$KEBAO_BIN")" != asan ] || skip_all "faketime(1) does not work with this build"

P=(--passphrase-file "$PASS")
at() { # DAYS WHO ARG...: kebao on a day to come
	local days=$1 who=$2
	shift 2
	as_user env LD_PRELOAD="$CLOCK" FAKETIME="$days" FAKETIME_DONT_FAKE_MONOTONIC=1 \
		HOME="$T/home/$who" "$BIN/kebao" --lang en "$@"
}
hub_at() { # DAYS: the hub, on the same day
	hub_stop
	"${AS_USER[@]}" env LD_PRELOAD="$CLOCK" FAKETIME="$1" FAKETIME_DONT_FAKE_MONOTONIC=1 \
		"$BIN/kebaod" --config "$CONF" >>"$T/hub.log" 2>&1 </dev/null &
	HUB_PID=$!
	wait_for "the hub on another day" hub_is_up_or_gone && hub_is_up
}
held() { (cd "$(library sc)/beijing.ip" && find . -type f -exec sha256sum {} + | sort -k2); }

world
{ channel beijing.open beijing public bj && course "$T/one" marks one && course "$T/two" contracts one; } \
	>"$T/world.log" 2>&1 || bail "no second channel"
exits 0 "a course in one channel" publish bj beijing.ip "$T/one"
exits 0 "and one in another" publish bj beijing.open "$T/two"
exits 0 "both are fetched" kb sc fetch --all
cp -a "$HUB/repo" "$T/today"

# --- a hub that was off -----------------------------------------------------------------------
exits 0 "a hub of today, and a clock eight days on: not yet" kb sc check
run at +8d sc check
is "$status" 3 "a timestamp of eight days ago is refused"
like "$err" 'timestamp.*expired|expired.*timestamp' "and it says what has expired"
hub_at +8d || bail "no hub after eight days"
exits 0 "a hub that was off for eight days signs anew as it starts" at +8d sc check
like "$(cat "$T/hub.log")" '"event":"timestamp-signed"' "its log says so"
hub_at +200d || bail "no hub after 200 days"
exits 0 "and after two hundred, the snapshot, too" at +200d sc check
HELD=$(held)

# --- a channel nobody signed again --------------------------------------------------------------
exits 0 "one channel is renewed in time" at +200d bj sign --renew beijing.open --key "$T/bj.pem" "${P[@]}"
exits 0 "and targets" at +200d admin sign --renew targets --key "$OFFLINE/targets.pem" "${P[@]}"
# Certificates live as long as roles, and renew while they can.
for who in sc bj admin; do at +300d "$who" check >/dev/null 2>&1; done
hub_at +300d || bail "no hub after 300 days"
for who in sc bj admin; do at +300d "$who" check >"$T/check.$who" 2>&1; done
like "$(cat "$T/check.bj")" 'beijing.ip expires on .*sign --renew beijing.ip' "the publisher was warned"
course "$T/two" contracts two
exits 0 "the other channel has a new release" at +300d bj publish "$T/two" --channel beijing.open --key "$T/bj.pem" "${P[@]}"
hub_at +370d || bail "no hub after 370 days"
run at +370d sc check
is "$status" 3 "a channel that has expired is not believed"
like "$err" 'beijing.ip.*expired' "and it says which, and why"
like "$out" 'contracts' "the other channel's news is told"
run at +370d sc fetch
is "$status" 3 "fetching says it, too"
[ -e "$(library sc)/beijing.open/contracts/2" ]
ok $? "and fetches from the other channel"
is "$(held)" "$HELD" "what is held of the expired one stays"
run at +370d bj publish "$T/one" --channel beijing.ip --key "$T/bj.pem" "${P[@]}" --force
is "$status" 3 "nobody builds on it either"
like "$err" 'beijing.ip.*expired' "and hears why"
like "$err" 'sign --renew beijing.ip' "and what mends it"
run at +370d bj sign --renew beijing.ip --key "$T/bj.pem" "${P[@]}"
is "$status" 0 "sign --renew mends it"
like "$out$err" 'expired' "having said that it had"
exits 0 "and recipients believe it again" at +370d sc check
exits 0 "what they hold is as signed" at +370d sc verify beijing.ip/marks

# --- a root near its end -------------------------------------------------------------------------
hub_at +690d || bail "no hub after 690 days"
like "$(grep '"event":"expires-soon"' "$T/hub.log" | tail -n 5)" '"role":"root"' "the log warns of the root's end"
run at +690d admin hub status
like "$out$err" 'root expires on' "and the administrator is told"
hub_stop
is $? 0 "the hub ends well"
done_testing
