#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016  # awk has dollars
#
# The recipient's machine moves from one network to another in the middle of a course, as from a wall to a phone, and gets
# another address there: nobody tells it that its connection is gone.  Two namespaces: this one is the hub's, "far" the
# recipient's, with two lines of 16 Mbit/s between them, of which one is plugged in.

if [ "$(id -u)" = 0 ] && [ -z "${NETWORK_OWN:-}" ] && unshare -n true 2>/dev/null; then
	NETWORK_OWN=1 exec unshare -n "$0"
fi
. "$(dirname "$0")/lib.sh"
PATH=$PATH:/usr/sbin:/sbin

[ -n "${NETWORK_OWN:-}" ] || skip_all "networks of a test need root"
for tool in ip tc; do command -v "$tool" >/dev/null || skip_all "no $tool(8) here: make deps"; done

HUB_ADDRESS=10.97.0.1 # of no line, so it stays when they come and go
far() { nsenter -t "$FAR_PID" -n -- "$@"; }
own_namespace() { [ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }
# lay NAME NUMBER: a line called NAME, 10.97.NUMBER.1 at the hub's end.
lay() {
	ip link add "$1" type veth peer name "$1" netns "$FAR_PID" && ip addr add "10.97.$2.1/24" dev "$1" &&
		ip link set "$1" up && tc qdisc add dev "$1" root tbf rate 16mbit burst 64kb latency 50ms
}
# plug NAME NUMBER HOST: the recipient is there, at 10.97.NUMBER.HOST.
plug() {
	far ip link set "$1" up && far ip addr flush dev "$1" && far ip addr add "10.97.$2.$3/24" dev "$1" &&
		far ip route replace default via "10.97.$2.1" dev "$1"
}
unplug() { far ip link set "$1" down; }
# Bytes that came to the recipient, by any line, headers and all.
came() { far awk -F '[: ]+' '/^ *(wall|phone):/ { sub(/^ */, ""); n += $2 } END { print n + 0 }' /proc/net/dev; }
has_come() { [ "$(came)" -ge "$1" ]; }

if ! { ip link set lo up && ip addr add "$HUB_ADDRESS/32" dev lo; }; then
	bail "no loopback"
fi
unshare -n sleep infinity &
FAR_PID=$!
wait_for "another namespace" own_namespace "$FAR_PID" || bail "no other namespace"
{ lay wall 1 && lay phone 2 && far ip link set lo up && plug wall 1 2; } >"$T/lines.log" 2>&1 ||
	skip_all "no line between namespaces here: $(tail -n 1 "$T/lines.log")"

world
hub_stop
hub_conf 'patches = off' "listen = $HUB_ADDRESS:$PORT" "hostname = $HUB_ADDRESS"
hub_start || bail "no hub"
CONFIG=$T/home/sc/.local/share/kebao/config.json
sed -i "s|https://127.0.0.1:|https://$HUB_ADDRESS:|" "$CONFIG"
chown 65534:65534 "$CONFIG"
kb sc config patience 5 >/dev/null || bail "no patience"
# fetch [OPTION...]: in the background, at the far end; $KB_PID.
fetch() {
	: >"$T/start.out"
	nsenter -t "$FAR_PID" -n -- "${AS_USER[@]}" env HOME="$T/home/sc" "$BIN/kebao" fetch --all --lang en "$@" \
		>"$T/start.out" 2>&1 </dev/null &
	KB_PID=$!
}
noise() {
	openssl enc -aes-128-ctr -K 00112233445566778899aabbccddeeff -iv "${2}000000000000000000000000000000" \
		-in /dev/zero 2>/dev/null | head -c "$1"
}
# release NUMBER: ten megabytes of noise.
release() {
	course "$T/film" film "$1"
	noise 10000000 "0$1" >"$T/film/film.mp4"
	publish bj beijing.ip "$T/film" >"$T/publish.out" 2>&1 || bail "not published: $(cat "$T/publish.out")"
}
# arrives NUMBER NAME: the fetch ends well, and little came twice.
arrives() {
	local bytes
	wait "$KB_PID"
	is "$?" 0 "$2: the fetch ends well" || diag "$(cat "$T/start.out")"
	diff -r "$T/film" "$(library sc)/beijing.ip/film/$1" >"$T/diff.out" 2>&1
	ok $? "$2: it is the course" || diag "$(cat "$T/diff.out")"
	bytes=$(($(came) - begin))
	# Headers of TCP are 5 %; beside them, what was under way when the line went.
	[ "$bytes" -ge 10000000 ] && [ "$bytes" -le 11500000 ]
	ok $? "$2: what had come did not come again" || diag "$bytes bytes came"
	diag "$2: $bytes bytes came for 10,000,000"
	like "$(cat "$T/start.out")" 'again in' "$2: it had to connect again"
}

release 1
begin=$(came)
fetch
wait_for "a part of it" has_come $((begin + 4000000)) || bail "nothing comes: $(cat "$T/start.out")"
unplug wall
plug phone 2 2 || bail "no other line"
arrives 1 "another line"

release 2
begin=$(came)
fetch
wait_for "a part of it" has_come $((begin + 4000000)) || bail "nothing comes: $(cat "$T/start.out")"
plug phone 2 77 || bail "no other address"
arrives 2 "another address on the same line"

release 3
begin=$(came)
fetch --keep-trying
wait_for "a part of it" has_come $((begin + 4000000)) || bail "nothing comes: $(cat "$T/start.out")"
unplug phone
# A run without the option would end here.
wait_for "it to wait" grep -q 'next try at' "$T/start.out" || bail "it does not wait: $(cat "$T/start.out")"
plug wall 1 3 || bail "no line"
arrives 3 "no network for a while"
done_testing
