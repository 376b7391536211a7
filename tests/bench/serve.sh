#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# `make bench-serve`: kebaod beside nginx on this machine: the same files, the same certificate (P-256), TLS 1.3 with the
# same cipher, one worker each, servers on processor 0 and the load on processor 1.  Prints `name value unit` lines;
# ratio lines are serve.<row>.<what>.vs_nginx, the median of alternating pairs, followed by the spread (smallest and
# largest pair).  Both write an access log.
#
#	PAIRS      pairs of runs per row (7)
#	SECONDS_A_RUN  (2)
#	IDLE_PAIRS  of the memory of idle connections, each with servers that have just begun (7)
#	ROWS       only rows whose name matches this regular expression
#	CIPHERS    TLS 1.3 suites to measure, the first one with all rows (TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384)
#	RUN        what both servers and the load are started with: RUN='nice -n -20' keeps other work of a shared
#	           machine from them (chrt -f 10, too; but there a core of the one or the other stood still for half a
#	           second now and then, which no run without it did)
#	CONGESTION cubic, bbr, ...: measure in a network namespace of its own, with this control of congestion (root;
#	           else the machine's own, which the output names)
if [ -n "${CONGESTION:-}" ] && [ -z "${SERVE_HAS_NET:-}" ]; then
	export SERVE_HAS_NET=1
	exec unshare --net "$0" "$@"
fi
if [ -n "${SERVE_HAS_NET:-}" ]; then
	ip link set lo up
	for net in 127.0.0.0/8 127.0.0.1; do
		ip route replace local "$net" dev lo table local proto kernel scope host src 127.0.0.1 \
			congctl "$CONGESTION" || exit 1
	done
fi
. "$(dirname "$0")/../system/lib.sh"
. "$(dirname "$0")/../system/wire.sh"

PAIRS=${PAIRS:-7}
IDLE_PAIRS=${IDLE_PAIRS:-7}
RUN_SECONDS=${SECONDS_A_RUN:-2}
ROWS=${ROWS:-.}
read -ra RUN <<<"${RUN:-}"
read -ra CIPHERS <<<"${CIPHERS:-TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384}"
NGINX=$ROOT/build/peers/root/usr/sbin/nginx
LOAD=$KEBAO_BIN/tests/bench/load
FILL=$KEBAO_BIN/tests/tools/fill
[ -x "$NGINX" ] || bail "no nginx: make bench-deps"
[ "$(nproc)" -ge 2 ] || bail "two processors are needed: one for the server, one for the load"
say() { printf '%s %s %s\n' "$@"; }

# --- the two servers -------------------------------------------------------------------

world >/dev/null
hub_stop
hub_conf 'patches = off' 'workers = 1' 'max_connections = 12000' 'max_connections_per_address = 12000' \
	'max_connections_per_certificate = 12000'
begin_hub() {
	"${RUN[@]}" "${AS_USER[@]}" taskset -c 0 "$BIN/kebaod" --config "$CONF" >>"$T/hub.log" 2>&1 </dev/null &
	HUB_PID=$!
	wait_for "the hub" hub_is_up || bail "no hub"
}
begin_hub
for audience in public paired; do
	kb admin hub channel add "bench.$audience" --publisher beijing --audience "$audience" --title-zh bench \
		--publisher-key "$T/bj.pub" --targets-key "$OFFLINE/targets.pem" --passphrase-file "$PASS" \
		>/dev/null || bail "no channel"
done
{ wire_ca && wire_enrol member sichuan; } || bail "no client certificate"

# Packs of published courses of about these sizes: what recipients fetch, with all checks that this has.
packs() { find "$HUB/repo/packs/bench.$1" -name '*.pack' -printf "/packs/bench.$1/%P\n" | sort; }
objects() { # NAME BYTES COUNT [AUDIENCE]: their paths go to $T/NAME
	local i audience=${4:-public}
	packs "$audience" >"$T/before"
	for i in $(seq "$3"); do
		rm -rf "$T/course"
		course "$T/course" "c$1-$i" one
		head -c $(($2 - 500)) /dev/urandom >"$T/course/data.mp4" # the rest: course.json, the table
		[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$T/course"
		publish bj "bench.$audience" "$T/course" >/dev/null 2>"$T/publish.err" ||
			bail "publish: $(cat "$T/publish.err")"
	done
	packs "$audience" | comm -13 "$T/before" - >"$T/$1"
}
wants() { printf '%s' "$1" | grep -qE "$ROWS"; }
as_user mkdir -p "$HUB/repo/packs/bench.public" "$HUB/repo/packs/bench.paired"
objects 4k 4096 16
objects 4k.paired 4096 16 paired
objects 64k 65536 16
objects 1m 1048576 8
objects 256m 268000000 1
# One large pack, and perhaps a small one beside it.
BIG=0
while read -r path; do
	size=$(stat -c %s "$HUB/repo$path")
	[ "$size" -le "$BIG" ] || { BIG=$size && echo "$path" >"$T/256m.one"; }
done <"$T/256m"

PORT_NGINX=$(free_port)
mkdir -p "$T/nginx"
cp "$HUB/keys/server.pem" "$HUB/keys/server.key" "$HUB/keys/ca.pem" "$T/nginx/"
cat >"$T/nginx/nginx.conf" <<END
daemon off;
master_process off;
worker_processes 1;
pid $T/nginx/pid;
error_log $T/nginx/error.log;
events { worker_connections 16000; }
worker_rlimit_nofile 40000;
http {
	sendfile on; tcp_nopush on; keepalive_requests 100000000; keepalive_timeout 75;
	types { } default_type application/octet-stream;
	access_log $T/nginx/access.log;
	client_body_temp_path $T/nginx/b; proxy_temp_path $T/nginx/p; fastcgi_temp_path $T/nginx/f;
	uwsgi_temp_path $T/nginx/u; scgi_temp_path $T/nginx/s;
	server {
		listen 127.0.0.1:$PORT_NGINX ssl;
		ssl_certificate $T/nginx/server.pem; ssl_certificate_key $T/nginx/server.key;
		ssl_client_certificate $T/nginx/ca.pem; ssl_verify_client optional;
		ssl_protocols TLSv1.3; ssl_session_cache off; ssl_ecdh_curve X25519:prime256v1;
		root $HUB/repo;
	}
}
END
[ "$(id -u)" != 0 ] || sed -i '1i user nobody nogroup;' "$T/nginx/nginx.conf"
ulimit -n 40000 2>/dev/null
nginx_is_up() { curl -ks --max-time 5 -o /dev/null "https://127.0.0.1:$PORT_NGINX$(head -n 1 "$T/4k")"; }
begin_nginx() {
	"${RUN[@]}" taskset -c 0 "$NGINX" -e "$T/nginx/error.log" -p "$T/nginx/" -c "$T/nginx/nginx.conf" >"$T/nginx.log" 2>&1 </dev/null &
	NGINX_WORKER=$!
	wait_for nginx nginx_is_up || bail "no nginx"
}
begin_nginx

# --- measuring -------------------------------------------------------------------------

# measure ours|nginx ARG...: "requests/s bytes/s cpu_us_per_request cpu_ms_per_GiB p99_us load_busy"
measure() {
	local who=$1 port pid
	shift
	if [ "$who" = ours ]; then port=$PORT pid=$HUB_PID; else port=$PORT_NGINX pid=$NGINX_WORKER; fi
	"${RUN[@]}" taskset -c 1 "$LOAD" --host 127.0.0.1 --port "$port" --server-pid "$pid" --seconds "$RUN_SECONDS" "$@" \
		>"$T/load.out" 2>"$T/load.err" || bail "load on $who: $(cat "$T/load.out" "$T/load.err")" >&2
	# Nothing in half a second or two is a fault to be looked at, not a figure.
	! grep -q '^requests=0 ' "$T/load.out" ||
		bail "$who answered nothing: $(cat "$T/load.out"; ss -tanH | cut -d ' ' -f 1 | sort | uniq -c)" >&2
	awk '{ for (i = 1; i <= NF; i++) { split($i, a, "="); v[a[1]] = a[2] }
		s = v["seconds"]; r = v["requests"]; b = v["bytes"]; c = v["server_cpu_s"]
		printf "%.1f %.0f %.3f %.2f %d %.3f\n", r / s, b / s, (r > 0 ? c * 1e6 / r : 0), (b > 0 ? c * 1e3 * 1073741824 / b : 0),
			v["p99_us"], v["own_cpu_s"] / s }' "$T/load.out"
}

# column FILE N: that column, a number a line
column() { awk -v n="$2" '{ print $n }' "$1"; }
median() { sort -g | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
# ratio COLUMN: ours by nginx, pair by pair: "median smallest largest"
ratio() {
	paste <(column "$T/ours" "$1") <(column "$T/nginx.out" "$1") |
		awk '{ printf "%.4f\n", ($2 > 0 ? $1 / $2 : 0) }' | sort -g |
		awk '{ v[NR] = $1 } END { m = NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2; print m, v[1], v[NR] }'
}
# tell ROW WHAT COLUMN UNIT
tell() {
	local m lo hi
	say "serve.$1.$2.kebaod" "$(column "$T/ours" "$3" | median)" "$4"
	say "serve.$1.$2.nginx" "$(column "$T/nginx.out" "$3" | median)" "$4"
	read -r m lo hi <<<"$(ratio "$3")"
	printf 'serve.%s.%s.vs_nginx %s ratio (%s..%s)\n' "$1" "$2" "$m" "$lo" "$hi"
}

# row NAME KIND ARG...: KIND bulk, small or new
row() {
	local name=$1 kind=$2 i
	shift 2
	wants "$name" || return 0
	: >"$T/ours" && : >"$T/nginx.out"
	measure ours "$@" >/dev/null # what is cold becomes warm
	measure nginx "$@" >/dev/null
	for i in $(seq "$PAIRS"); do
		if [ $((i % 2)) = 1 ]; then
			measure ours "$@" >>"$T/ours" && measure nginx "$@" >>"$T/nginx.out"
		else
			measure nginx "$@" >>"$T/nginx.out" && measure ours "$@" >>"$T/ours"
		fi
	done
	case $kind in
	bulk)
		tell "$name" throughput 2 B/s
		tell "$name" cpu 4 ms/GiB
		;;
	small)
		tell "$name" requests 1 1/s
		tell "$name" cpu 3 us/request
		tell "$name" p99 5 us
		;;
	new)
		tell "$name" handshakes 1 1/s
		tell "$name" cpu 3 us/handshake
		;;
	esac
	for who in ours nginx.out; do
		awk -v n="$name" -v w="${who%.out}" '{ s += $6 } END { if (s / NR > 0.95)
			printf "# %s: the load itself was busy (%.0f %%) on %s: judge by cpu\n", n, s / NR * 100, w }' "$T/$who"
	done
}

# What the audience check costs: objects of 4 KiB of a public channel, asked for by anybody, and of one for pairs,
# asked for by a member who shows a certificate.
audience() {
	local i
	wants audience || return 0
	: >"$T/ours" && : >"$T/nginx.out"
	for i in $(seq "$PAIRS"); do
		measure ours --paths "$T/4k.paired" --connections 64 --cert "$T/member.crt" --key "$T/member.key" >>"$T/ours"
		measure ours --paths "$T/4k" --connections 64 >>"$T/nginx.out"
	done
	say serve.audience.cpu.paired "$(column "$T/ours" 3 | median)" us/request
	say serve.audience.cpu.public "$(column "$T/nginx.out" 3 | median)" us/request
	read -r m lo hi <<<"$(ratio 3)"
	printf 'serve.audience.cpu.vs_public %s ratio (%s..%s)\n' "$m" "$lo" "$hi"
}

# catalogue FROM TO SECONDS: what the API of the catalogue costs when the hub has TO releases more than those above,
# entered by tests/tools/fill as publications are.
catalogue() {
	local name=catalogue_$2 seconds=$3 path
	wants "$name" || return 0
	hub_stop
	as_user "$FILL" "$HUB" bench.public "$1" "$2" || bail "no releases"
	begin_hub
	for path in channels catalogue; do
		echo "/api/v1/$path" >"$T/api"
		RUN_SECONDS=$seconds measure ours --paths "$T/api" --connections 1 >"$T/ours"
		say "serve.${name}.$path.requests" "$(column "$T/ours" 1)" 1/s
		say "serve.${name}.$path.cpu" "$(column "$T/ours" 3)" us/request
	done
	say "serve.${name}.bytes" "$(curl -ks "https://127.0.0.1:$PORT/api/v1/catalogue" | wc -c)" B
	say "serve.${name}.memory" "$(resident "$HUB_PID")" B
}

# is_settled PID: its memory has been the same for five seconds.
is_settled() {
	local now
	now=$(resident "$1")
	if [ "$now" != "$settled_bytes" ]; then
		settled_at=$SECONDS settled_bytes=$now
	fi
	[ $((SECONDS - settled_at)) -ge 5 ]
}
resident() { awk '/^(RssAnon|RssShmem):/ { n += $2 } END { print n * 1024 }' "/proc/$1/status"; }
# hold WHO COUNT: resident bytes for each of COUNT idle connections to a server that has just begun.
hold() {
	local port pid before idle
	if [ "$1" = ours ]; then
		hub_stop
		begin_hub
		port=$PORT pid=$HUB_PID
	else
		kill "$NGINX_WORKER"
		wait "$NGINX_WORKER"
		begin_nginx
		port=$PORT_NGINX pid=$NGINX_WORKER
	fi
	before=$(resident "$pid")
	mkfifo "$T/hold"
	"${RUN[@]}" "$LOAD" --host 127.0.0.1 --port "$port" --connections "$2" --paths "$T/4k" --idle \
		>"$T/idle.out" 2>&1 <"$T/hold" &
	idle=$!
	exec 8>"$T/hold"
	wait_for "$2 idle connections" grep -q requests= "$T/idle.out" || bail "idle on $1: $(cat "$T/idle.out")"
	# What the handshakes needed beyond the connections is given back, by whoever does so.
	settled_at=$SECONDS settled_bytes=0
	wait_for "memory that stays as it is" is_settled "$pid"
	held=$((($(resident "$pid") - before) / $2))
	exec 8>&-
	wait "$idle" || bail "idle on $1: $(cat "$T/idle.out")"
	rm "$T/hold"
}
# memory NAME COUNT
memory() {
	local i who m lo hi
	wants "$1" || return 0
	: >"$T/ours"
	: >"$T/nginx.out"
	for i in $(seq "$IDLE_PAIRS"); do
		for who in $([ $((i % 2)) = 0 ] && echo ours nginx || echo nginx ours); do
			hold "$who" "$2"
			if [ "$who" = ours ]; then echo "$held" >>"$T/ours"; else echo "$held" >>"$T/nginx.out"; fi
		done
	done
	say "serve.$1.memory.kebaod" "$(median <"$T/ours")" B/connection
	say "serve.$1.memory.nginx" "$(median <"$T/nginx.out")" B/connection
	read -r m lo hi <<<"$(ratio 1)"
	printf 'serve.%s.memory.vs_nginx %s ratio (%s..%s)\n' "$1" "$m" "$lo" "$hi"
}

say machine.cores "$(nproc)" cores
say machine.congestion "${CONGESTION:-$(cat /proc/sys/net/ipv4/tcp_congestion_control)}" name
for bits in 128 256; do
	"${RUN[@]}" taskset -c 0 openssl speed -seconds 1 -evp "aes-$bits-gcm" -bytes 16384 2>/dev/null |
		awk -v n="machine.aes${bits}gcm_16k" '/^AES-/ { sub(/k$/, "", $2); printf "%s %.0f B/s\n", n, $2 * 1000 }'
done
"${RUN[@]}" taskset -c 0 openssl speed -seconds 1 ecdsap256 ecdhx25519 2>/dev/null |
	awk '/nistp256/ { printf "machine.ecdsap256_sign %s 1/s\nmachine.ecdsap256_verify %s 1/s\n", $(NF - 1), $NF }
		/X25519/ { printf "machine.x25519 %s 1/s\n", $NF }'
memory idle_2000 2000
memory idle_10000 10000
for cipher in "${CIPHERS[@]}"; do
	tag=
	[ "$cipher" = "${CIPHERS[0]}" ] || tag=_aes256
	row "4k$tag" small --cipher "$cipher" --paths "$T/4k" --connections 64
	row "64k$tag" small --cipher "$cipher" --paths "$T/64k" --connections 64
	row "1m_1$tag" bulk --cipher "$cipher" --paths "$T/1m" --connections 1
	row "1m_64$tag" bulk --cipher "$cipher" --paths "$T/1m" --connections 64
	# A gibibyte: ranges of 16 and 64 MiB of packs of 256 MiB, as a client fetches a large course.
	row "1g_1$tag" bulk --cipher "$cipher" --paths "$T/256m.one" --connections 1 --range 67108864 --size "$BIG"
	row "1g_64$tag" bulk --cipher "$cipher" --paths "$T/256m.one" --connections 64 --range 16777216 --size "$BIG"
done
row new new --paths "$T/4k" --connections 16 --new
row new_with_certificate new --paths "$T/4k" --connections 16 --new --cert "$T/member.crt" --key "$T/member.key"
audience
catalogue 0 10 2
catalogue 10 1000 5
catalogue 1000 100000 60
