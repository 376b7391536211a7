#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What an operator relies on: the local listener and its figures, new certificates and an orderly end while somebody
# downloads, and a hub that is full.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/wire.sh"
ASK=$KEBAO_BIN/tests/abuse/ask
[ -x "$ASK" ] || skip_all "no $ASK: make check-programs"

world
wire_ca
wire_enrol member sichuan || bail "no member"
course "$T/marks" marks one
head -c 40000000 /dev/urandom >"$T/marks/video.mp4"
[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$T/marks"
exits 0 "a course is published" publish bj beijing.ip "$T/marks"
pack=$(cd "$HUB/repo/packs/beijing.ip" && find . -name '*.pack' -size +1M | head -n 1)
pack=${pack#./}
LOCAL=$(free_port)
# restart [LINE...]: with these lines in the configuration.
restart() {
	hub_stop || bail "the hub did not end in order"
	: >"$T/hub.log"
	hub_conf "local_listen = 127.0.0.1:$LOCAL" "$@"
	hub_start || bail "no hub with: $*"
}
log_has() { grep -q "$1" "$T/hub.log"; }
local_get() { curl -sS -o "$T/local" -D "$T/headers" -w '%{http_code}' "http://127.0.0.1:$LOCAL$1"; }

# --- health ------------------------------------------------------------------------------
restart
is "$(local_get /healthz) $(cat "$T/local")" "200 ok" "/healthz answers on the local listener"
is "$(local_get /readyz) $(cat "$T/local")" "200 ready" "/readyz, too"
is "$(local_get /metrics)" 200 "and /metrics"
for path in /healthz /readyz /metrics; do
	is "$(status_as member "$URL$path")" 404 "$path is not for the public port"
done
is "$(local_get /api/v1/hub)" 404 "nor is the API for the local one"

# --- figures -----------------------------------------------------------------------------
local_get /metrics >/dev/null
is "$(header content-type)" 'text/plain; version=0.0.4; charset=utf-8' "the figures are in Prometheus' format"
awk '
	/^# HELP / { if (help[$3]++ || NF < 4) print "HELP: " $0; next }
	/^# TYPE / { if (type[$3] != "" || !help[$3]) print "TYPE: " $0; type[$3] = $4; last = $3; next }
	{
		name = $1
		sub(/[{].*/, "", name)
		if (type[name] == "") print "no TYPE: " $0
		if (name != last) print "not with its family: " $0
		if (type[name] !~ /^(counter|gauge)$/) print "kind: " $0
		if ((type[name] == "counter") != (name ~ /_total$/)) print "name of a counter: " $0
		if ($2 !~ /^[0-9]+$/ || NF != 2) print "value: " $0
		if (seen[$1]++) print "twice: " $0
		n++
	}
	END { if (n < 12) print n " samples" }' "$T/local" >"$T/complaints"
is "$(cat "$T/complaints")" "" "each has a help and a type, counters end in _total" || diag "$(cat "$T/local")"
like "$(cat "$T/local")" '^kebao_role_expires_timestamp_seconds[{]role="timestamp"[}] [0-9]{10}$' "dates are times"
unlike "$(cat "$T/local")" 'sichuan|127\.0\.0' "nothing of who asks is in them"

# --- another certificate while somebody downloads ------------------------------------------
# The certificate of now, and one with a further name, which the hub issues itself.
shown() { openssl s_client -connect "127.0.0.1:$PORT" </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256; }
cp -p "$HUB/keys/server.pem" "$T/server.old.pem"
old=$(shown)
restart 'hostname = hub.example'
new=$(shown)
isnt "$new" "$old" "with another name the hub has another certificate"
# download: slowly, in the background; $SLOW.
download() {
	rm -f "$T/slow.out"
	curl -sS --cacert "$CA" --cert "$T/member.crt" --key "$T/member.key" --limit-rate 12M --max-time 200 \
		-o "$T/slow.out" "$URL/packs/beijing.ip/$pack" 2>"$T/slow.err" &
	SLOW=$!
	PIDS+=("$SLOW")
	wait_for "the download" has_begun || bail "no download: $(cat "$T/slow.err")"
}
has_begun() { [ "$(stat -c %s "$T/slow.out" 2>/dev/null || echo 0)" -gt 300000 ]; }
# The answer is not in the log as long as the hub has not sent it whole.
is_sending() { ! log_has '"path":"/packs/'; }
is_whole() {
	wait "$SLOW"
	is "$?" 0 "$1: the download goes on to its end" || diag "$(cat "$T/slow.err")"
	is "$(sha256 "$T/slow.out").pack" "${pack#*/}" "$1: and every byte is right"
}
download
cp -p "$T/server.old.pem" "$HUB/keys/server.pem"
kill -HUP "$HUB_PID"
wait_for "the reload" log_has '"event":"reloaded"'
ok $? "the hub reads its certificate again"
is_sending
ok $? "while somebody downloads"
is "$(shown)" "$old" "new connections see the other one"
is_whole "reload"
printf 'nothing\n' >"$HUB/keys/server.pem"
kill -HUP "$HUB_PID"
wait_for "the refusal" log_has '"event":"reload-failed"'
ok $? "one that is none is refused"
is "$(shown)" "$old" "and the old one stays"
cp -p "$T/server.old.pem" "$HUB/keys/server.pem"

# --- an orderly end while somebody downloads -------------------------------------------------
restart
download
kill -TERM "$HUB_PID"
wait_for "the end to begin" log_has '"event":"draining"'
curl -ks --max-time 20 "$URL/api/v1/hub" >"$T/late.out"
is "$?" 7 "a hub that is ending takes no new connection"
curl -s --max-time 20 "http://127.0.0.1:$LOCAL/readyz" >"$T/late.out"
is "$?" 7 "nor a local one, so it is not ready"
is_sending
ok $? "while somebody downloads"
is_whole "end"
wait "$HUB_PID"
is "$?" 0 "then the hub ends in order"
like "$(tail -n 1 "$T/hub.log")" '"event":"ended"' "which is the last line of its log"
hub_start || bail "no hub"

# --- a hub that is full ----------------------------------------------------------------------
declare -A ASKER
# begin NAME: a connection that asks and stays.  hold NAME: one that has been answered.
begin() {
	local fd
	mkfifo "$T/$1.in"
	exec {fd}<>"$T/$1.in"
	: >"$T/$1.out"
	"$ASK" "$PORT" <&"$fd" >>"$T/$1.out" 2>"$T/$1.err" &
	ASKER[$1]=$!
	PIDS+=("$!")
	echo GET /api/v1/hub >&"$fd"
}
hold() {
	begin "$1"
	wait_for "an answer to $1" test -s "$T/$1.out"
}
let_go() {
	kill -KILL "${ASKER[$1]}"
	wait "${ASKER[$1]}" 2>/dev/null
}
# late: somebody who comes now, in the background; $LATE.
late() {
	curl -ks --max-time 200 -o "$T/late.out" "$URL/api/v1/hub" &
	LATE=$!
	PIDS+=("$LATE")
}
# Waits as a client would, for a second; the hub may not use half of it.
waits_in_vain() {
	local before
	before=$(ticks)
	curl -ks --max-time 1 "$URL/api/v1/hub" >/dev/null
	is "$?" 28 "$1: who comes now is not answered"
	[ $(($(ticks) - before)) -lt $(($(getconf CLK_TCK) / 2)) ]
	ok $? "$1: and the hub does not spin" || diag "$before, then $(ticks) ticks of CPU"
}
ticks() { sed 's/.*) //' "/proc/$HUB_PID/stat" | awk '{ print $12 + $13 }'; }

restart 'max_connections = 3'
for i in a1 a2 a3; do hold "$i"; done
waits_in_vain "all connections in use"
is "$(local_get /healthz)" 200 "the local listener answers all the same"
late
let_go a1
wait "$LATE"
is "$?" 0 "when one ends, the next is served"
for i in a2 a3; do let_go "$i"; done

restart
open=$(find "/proc/$HUB_PID/fd" -mindepth 1 | wc -l)
# From here on for all that this test runs; a hub sets its own limit no higher.
ulimit -n $((open + 8))
restart
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do begin "b$i"; done # some find a place
wait_for "the hub to say so" log_has '"event":"accept-paused"'
ok $? "without descriptors it says so"
waits_in_vain "no descriptors"
[ "$(grep -c '"event":"accept-paused"' "$T/hub.log")" -le 3 ] # again where one was free for a moment
ok $? "not each time it tries"
late
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do let_go "b$i"; done
wait "$LATE"
is "$?" 0 "when there are some, the next is served"
done_testing
