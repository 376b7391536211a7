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
is "$(sed -n 's/^# TYPE \([^ ]*\) .*/\1/p' "$T/local" | sort)" \
	"$(grep -o '^| `kebao_.*' "$ROOT/docs/OPERATIONS.md" | cut -d'|' -f 2 | grep -o 'kebao_[a-z_]*' | sort)" \
	"the manual has these and no others"
n_families=$(grep -c '^# TYPE ' "$T/local")
mv "$HUB/repo/metadata/timestamp.json" "$T/home/timestamp.json"
is "$(local_get /metrics)" 200 "a repository that cannot be read: there are figures all the same"
is "$(grep -c '^# TYPE ' "$T/local") $(grep -c kebao_role_expires "$T/local")" "$((n_families - 1)) 0" \
	"all but those that are in it"
like "$(cat "$T/hub.log")" '"level":"error","event":"metrics-incomplete".*timestamp.json' "and the log says why"
mv "$T/home/timestamp.json" "$HUB/repo/metadata/timestamp.json"
local_get /metrics >/dev/null
is "$(grep -c '^# TYPE ' "$T/local")" "$n_families" "when it is back, so are they"

# --- a check before the start ----------------------------------------------------------------
check() { run as_user "$BIN/kebaod" --check-config --config "$1"; }
files() { find "$HUB" -printf '%p %s %T@\n' | sort; }
check "$CONF"
is "$status $out$err" '0 ' "the check finds nothing wrong, beside the hub that serves"
hub_stop || bail "the hub did not end in order"
# refused NAME REGEX [LINE]: the check says so, and the start says the same; LINE takes the place of the key's.
refused() {
	local said
	grep -v "^${3%% *} " "$CONF" >"$T/check.conf"
	[ -z "${3:-}" ] || echo "$3" >>"$T/check.conf"
	files >"$T/files.before"
	check "$T/check.conf"
	said="$status $err"
	like "$said" "^[12] kebaod: .*$2" "$1: the check refuses it"
	files | cmp -s "$T/files.before" -
	ok $? "$1: and has written nothing"
	run as_user "$BIN/kebaod" --config "$T/check.conf"
	is "$status $(grep '^kebaod: ' <<<"$err")" "$said" "$1: the start does the same"
}
refused "an address that is not of this machine alone" 'local_listen: .*not a loopback address' \
	'local_listen = 192.0.2.1:9443'
refused "an address that is none" 'listen: .*is not an address' 'listen = hub.example:8443'
refused "an unknown time zone" 'time zone Mars/Olympus' 'timezone = Mars/Olympus'
refused "no state directory" "$T/nowhere" "state = $T/nowhere"
refused "no passphrase" "$T/none" "passphrase_file = $T/none"
echo 'not this one' >"$T/other.pass"
refused "another passphrase" 'passphrase' "passphrase_file = $T/other.pass"
cp -p "$HUB/keys/server.pem" "$T/kept"
printf 'nothing\n' >"$HUB/keys/server.pem"
refused "a certificate that is none" 'certificate' 'log_level = error'
cp -p "$T/kept" "$HUB/keys/server.pem"
mv "$HUB/repo" "$HUB/elsewhere"
check "$CONF"
like "$status $err" '^1 kebaod: .*repo' "no repository: refused"
mv "$HUB/elsewhere" "$HUB/repo"
if command -v sqlite3 >/dev/null; then
	now=$(sqlite3 "$HUB/state.db" 'PRAGMA user_version')
	sqlite3 "$HUB/state.db" 'PRAGMA user_version = 1'
	refused "a state of another version" 'version 1, made by an older' 'log_level = error'
	sqlite3 "$HUB/state.db" "PRAGMA user_version = $now"
else
	skip "no sqlite3 here: make deps"
fi
check "$CONF"
is "$status" 0 "and when all is as it was, nothing is wrong"
hub_start || bail "no hub"

# --- another certificate while somebody downloads ------------------------------------------
# The certificate of now, and one with a further name, which the hub issues itself.
shown() { openssl s_client -connect "127.0.0.1:$PORT" </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256; }
cp -p "$HUB/keys/server.pem" "$T/server.old.pem"
old=$(shown)
restart 'hostname = hub.example'
new=$(shown)
isnt "$new" "$old" "with another name the hub has another certificate"
# download: begins, and stands still until let_through; $SLOW.
download() {
	rm -f "$T/slow.out" "$T/through"
	(
		set -o pipefail
		curl -sS --cacert "$CA" --cert "$T/member.crt" --key "$T/member.key" --max-time 200 \
			"$URL/packs/beijing.ip/$pack" 2>"$T/slow.err" | {
			head -c 300000
			until [ -e "$T/through" ] || ! kill -0 $$ 2>/dev/null; do sleep 0.05; done
			cat
		} >"$T/slow.out"
	) &
	SLOW=$!
	wait_for "the download" has_begun || bail "no download: $(cat "$T/slow.err")"
}
let_through() { : >"$T/through"; }
has_begun() { [ "$(stat -c %s "$T/slow.out" 2>/dev/null || echo 0)" -eq 300000 ]; }
# The answer is not in the log as long as the hub has not sent it whole: more than sockets hold.
is_sending() { ! log_has '"path":"/packs/'; }
is_whole() {
	let_through
	wait "$SLOW"
	is "$?" 0 "$1: the download goes on to its end" || diag "$(cat "$T/slow.err")"
	is "$(sha256 "$T/slow.out").pack" "${pack#*/}" "$1: and every byte is right"
	wait_for "its line in the log" log_has '"path":"/packs/'
	ok $? "$1: then it is in the log"
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
is "$(local_get /readyz)" 503 "and says that it is not ready"
is "$(local_get /healthz)" 200 "but well"
is "$(local_get /metrics)" 200 "with its figures"
# Two who could watch and do not: one says nothing, one half of what it wants.
exec {silent}<>"/dev/tcp/127.0.0.1/$LOCAL" {half}<>"/dev/tcp/127.0.0.1/$LOCAL"
printf 'GET /rea' >&"$half"
connections() { local_get /metrics >/dev/null && sed -n 's/^kebao_connections //p' "$T/local"; }
are_there() { [ "$(connections)" = 4 ]; } # with the download, and who asks
wait_for "the silent ones" are_there
ok $? "others of this machine are connected and ask nothing"
is_sending
ok $? "while somebody downloads"
is_whole "end"
since=$SECONDS
is_gone() { ! is_running "$HUB_PID"; }
wait_for "the end" is_gone || bail "the hub does not end"
[ $((SECONDS - since)) -le 10 ] # a connection that asks nothing has 15 seconds
ok $? "who asks nothing does not keep it" || diag "$((SECONDS - since)) s"
exec {silent}>&- {half}>&-
wait "$HUB_PID"
is "$?" 0 "then the hub ends in order"
like "$(tail -n 1 "$T/hub.log")" '"event":"ended"' "which is the last line of its log"
curl -s --max-time 20 "http://127.0.0.1:$LOCAL/readyz" >"$T/late.out"
is "$?" 7 "and nothing answers locally any more"
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
}
# A pause lasts a fifth of a second, so there are no more of them in any time, however slow this machine is.
pauses() { curl -s "http://127.0.0.1:$LOCAL/metrics" | sed -n 's/^kebao_accept_pauses_total //p'; }
has_paused() { [ "$(pauses)" -ge "$1" ]; }
does_not_spin() { # SINCE NAME
	local n most=$(((SECONDS - $1 + 2) * 10)) # of two listeners
	n=$(pauses)
	[ "$n" -ge 1 ] && [ "$n" -le "$most" ]
	ok $? "$2: the hub does not spin" || diag "$n pauses, at most $most"
}
n_said() { grep -c '"event":"accept-paused"' "$T/hub.log"; }

# Reached by those who are there, and nobody waits yet.
since=$SECONDS
restart 'max_connections = 3'
for i in a1 a2 a3; do hold "$i"; done
late
wait_for "some pauses" has_paused $(($(pauses) + 3))
ok $? "all connections in use: the hub looks now and then whether one has ended"
is "$(is_running "$LATE" && echo waits)" waits "and who comes now waits"
is "$(local_get /healthz)" 200 "the local listener answers all the same"
does_not_spin "$since" "all connections in use"
is "$(n_said)" 1 "it is said once"
like "$(cat "$T/hub.log")" '"event":"accept-paused".*max_connections' "and why"
let_go a1
wait "$LATE"
is "$?" 0 "when one ends, the next is served"
for i in a2 a3; do let_go "$i"; done

# What works beside the connections opens files, too, and closes them: so nothing does, and more come than find
# a place when some are closed.
restart 'patches = off'
open=$(find "/proc/$HUB_PID/fd" -mindepth 1 | wc -l)
# From here on for all that this test runs; a hub sets its own limit no higher.
ulimit -n $((open + 8))
since=$SECONDS
restart 'patches = off'
for ((i = 0; i < 24; i++)); do begin "b$i"; done
wait_for "the hub to say so" log_has '"event":"accept-paused"'
ok $? "without descriptors it says so"
waits_in_vain() {
	curl -ks --max-time 1 "$URL/api/v1/hub" >"$T/late.out"
	is "$?" 28 "who comes now is not answered"
}
waits_in_vain
said=$(n_said) # more than once where all who had come by then were accepted after all
waits_in_vain
is "$(n_said)" "$said" "it is not said each time the hub tries"
late
for ((i = 0; i < 24; i++)); do let_go "b$i"; done
wait "$LATE"
is "$?" 0 "when there are some, the next is served"
does_not_spin "$since" "no descriptors"
done_testing
