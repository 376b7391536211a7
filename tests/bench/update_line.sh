#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# `make bench-update PARTS=line`: a course over lines as they are, in network namespaces of our own.
#
#	fast   100 Mbit/s (tbf): the first fetch of a course of media beside plain curl of the same release, from the same
#	       hub; pairs that alternate, medians
#	far    8 Mbit/s, 120 ms for a round trip, 1 % of the packets of each direction lost (tests/tools/longline): the
#	       first fetch and an update of texts and a film, beside curl of the whole release and rsync -z
#
#	LINES  which (fast far)
#	PAIRS  of fast (3)
#	MIB    of media for fast (300)
#	RUNS   of each way over far (5)
#	CONGESTION  cubic, bbr, ...: the hub's control of congestion, where it is not to be the machine's
#
# Needs root; where there is none, or no namespace, tbf or /dev/net/tun, it says so and leaves the line out.
if [ -z "${IN_NAMESPACE:-}" ]; then
	if [ "$(id -u)" != 0 ] || ! unshare -n true 2>/dev/null; then
		echo "# line: left out, network namespaces need root"
		exit 0
	fi
	IN_NAMESPACE=1 exec unshare -n "$0" "$@"
fi
. "$(dirname "$0")/../system/lib.sh"
. "$(dirname "$0")/../system/wire.sh"
. "$(dirname "$0")/update_common.sh"
HERE=$(cd "$(dirname "$0")" && pwd)
PAIRS=${PAIRS:-3}
MIB=${MIB:-300}
RUNS=${RUNS:-5}
peers_path

# --- two ends ------------------------------------------------------------------------------

# The hub's end is this namespace; its address is of no interface, so it stays when lines come and go.
NEAR=10.97.0.1 FAR=10.97.0.2
ip link set lo up
ip addr add "$NEAR/32" dev lo
FAR_PID=
at_far() { nsenter -t "$FAR_PID" -n -- "$@"; }
connect() {
	# shellcheck disable=SC2086
	ip link set near up && ip route add "$FAR" dev near src "$NEAR" ${CONGESTION:+congctl $CONGESTION} && at_far ip link set lo up &&
		at_far ip addr add "$FAR/32" dev far && at_far ip link set far up &&
		at_far ip route add "$NEAR" dev far
}
disconnect() {
	kill "$FAR_PID"
	wait "$FAR_PID" 2>/dev/null
	ip link del near 2>/dev/null
	ip route del "$FAR" 2>/dev/null || true
}
own_namespace() { [ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }
line_fast() {
	unshare -n sleep infinity &
	FAR_PID=$!
	wait_for "a namespace" own_namespace "$FAR_PID"
	ip link add near type veth peer name far netns "$FAR_PID" &&
		tc qdisc add dev near root tbf rate 100mbit burst 64kb latency 50ms && connect
}
line_far() {
	local word
	mkfifo "$W/ready"
	"$KEBAO_BIN/tests/tools/longline" 1000000 60 10 >"$W/ready" &
	FAR_PID=$!
	read -r word <"$W/ready"
	rm "$W/ready"
	[ "$word" = ready ] && connect
}

# --- a hub that is at NEAR ----------------------------------------------------------------------

hub_init() {
	printf '00112233445566778899aabbccddeeff\n' >"$PASS"
	chmod 0644 "$PASS"
	PORT=$(free_port)
	URL=https://$NEAR:$PORT
	as_user "$BIN/kebaod" init --state "$HUB" --offline-keys "$OFFLINE" --org hub --name-zh 测试站 --hostname "$NEAR" \
		--port "$PORT" --passphrase-file "$PASS" >"$T/init.out" 2>"$T/init.log" || return 1
	INVITATION=$(grep -oE 'KB1-[0-9A-Z-]+' "$T/init.out" | head -n 1)
	printf 'state = %s\nlisten = %s:%s\nhostname = %s\nname.zh = 测试站\nfree_space_reserve = 16M\n' \
		"$HUB" "$NEAR" "$PORT" "$NEAR" >"$CONF"
	chmod 0644 "$CONF"
}
world
wire_ca
wire_enrol curl sichuan || bail "no identity for curl"
enrol reader sichuan >>"$T/world.log" 2>&1 || bail "no reader"
cp -a "$T/home/reader" "$W/enrolled"

# far_timed NAME COMMAND...: at the far end; the seconds go to $W/NAME.wall, too.
far_timed() {
	local name=$1
	shift
	timed "$W/used" nsenter -t "$FAR_PID" -n -- "$@" >"$W/log" 2>&1 || bail "$name: $(tail -n 1 "$W/log")"
	wall_of "$W/used" >>"$W/$name.wall"
}
by_curl() { # NAME COURSE RELEASE
	far_timed "$1" curl -sS --fail --cacert "$CA" --cert "$T/curl.crt" --key "$T/curl.key" -o "$W/got" \
		"$URL/bundles/beijing.ip/$2/$3.tar.zst"
}
by_kebao() { # NAME COURSE
	far_timed "$1" "${AS_USER[@]}" env HOME="$T/home/reader" LD_LIBRARY_PATH= "$BIN/kebao" fetch "beijing.ip/$2"
}
fresh_reader() {
	rm -rf "$T/home/reader"
	cp -a "$W/enrolled" "$T/home/reader"
}

fast() {
	line_fast || { note "line.fast: left out, no veth or tbf here"; return; }
	media "$T/media" "$MIB"
	course "$T/media" media eins
	publish bj beijing.ip "$T/media" >>"$T/world.log" 2>&1 || bail "no release"
	for i in $(seq "$PAIRS"); do
		fresh_reader
		if [ $((i % 2)) = 1 ]; then
			by_kebao fast.kebao media
			by_curl fast.curl media 1
		else
			by_curl fast.curl media 1
			by_kebao fast.kebao media
		fi
		rm -rf "${T:?}/home/reader" "$W/got"
	done
	say line.fast.size "$(du -sb "$T/media" | cut -f1)" bytes
	summed line.fast.kebao "$W/fast.kebao.wall"
	summed line.fast.curl "$W/fast.curl.wall"
	say line.fast.speed_vs_curl "$(ratio "$(median <"$W/fast.curl.wall")" "$(median <"$W/fast.kebao.wall")")" ratio
	disconnect
}

is_patched() { grep -qE '"event":"patch-(made|not-worth-it)".*"course":"far","release":2,"from":0,' "$T/hub.log"; }
publish_far() { # LABEL STATE
	rm -rf "$T/far"
	cp -a "$W/corpus/$2" "$T/far"
	noise 5 6 >"$T/far/film.mp4"
	course "$T/far" far "$1"
	publish bj beijing.ip "$T/far" >>"$T/world.log" 2>&1 || bail "no release"
}
far_rsync() { # NAME
	far_timed "$1" rsync -a -c -z --delete "rsync://$NEAR:$PORT_RSYNC/web/far/" "$W/rsync/"
	diff -r "$T/far" "$W/rsync" >"$W/log" || note "WRONG: rsync made something else"
}
# far_alternating STEP RELEASE: each way so many times, and each time another is the first.
far_alternating() {
	local step=$1 release=$2 ways=(kebao curl rsync) way
	rm -rf "$W/before" "$W/rsync-before"
	cp -a "$T/home/reader" "$W/before"
	mkdir -p "$W/rsync"
	cp -a "$W/rsync" "$W/rsync-before"
	for _ in $(seq "$RUNS"); do
		for way in "${ways[@]}"; do
			case $way in
			kebao)
				rm -rf "$T/home/reader"
				cp -a "$W/before" "$T/home/reader"
				by_kebao "far.$step.kebao" far
				;;
			curl) by_curl "far.$step.curl" far "$release" ;;
			rsync)
				rm -rf "$W/rsync"
				cp -a "$W/rsync-before" "$W/rsync"
				far_rsync "far.$step.rsync"
				;;
			esac
		done
		ways=("${ways[@]:1}" "${ways[0]}")
	done
	say "line.far.$step.size" "$(stat -c %s "$W/got")" bytes
	for way in kebao curl rsync; do
		summed "line.far.$step.$way" "$W/far.$step.$way.wall"
	done
	for way in curl rsync; do
		say "line.far.$step.speed_vs_$way" \
			"$(ratio "$(median <"$W/far.$step.$way.wall")" "$(median <"$W/far.$step.kebao.wall")")" ratio
	done
}
far() {
	line_far || { note "line.far: left out, no /dev/net/tun here"; return; }
	perl "$HERE/update_corpora.pl" text-edits "$W/corpus"
	fresh_reader
	PORT_RSYNC=$(free_port)
	printf 'use chroot = no\n[web]\npath = %s\nread only = yes\n' "$T" >"$W/rsyncd.conf"
	rsync --daemon --no-detach --port="$PORT_RSYNC" --address="$NEAR" --config="$W/rsyncd.conf" >"$W/rsyncd.log" 2>&1 &
	publish_far eins 1
	far_alternating first 1
	publish_far zwei 2
	DEADLINE_SECONDS=600 wait_for "patches" is_patched
	far_alternating update 2
	disconnect
}

for line in ${LINES:-fast far}; do
	"$line"
done
