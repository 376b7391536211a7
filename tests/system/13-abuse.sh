#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# One bad client with all the connections one address may have, in every way it can be bad, and a good one beside it.  What
# the bad one does costs the hub less than 8 MiB, and the good one is always served; how long it waits is
# printed, not judged: this machine may be busy.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/wire.sh"
FLOOD=$KEBAO_BIN/tests/abuse/flood FILL=$KEBAO_BIN/tests/tools/fill
[ -x "$FLOOD" ] || skip_all "no $FLOOD: make check-programs"
N=128 # the default of max_connections_per_address
MS=1200
LIMIT_KIB=8192

world
# A publisher with a few keys has all of an address, too; here it is one key.
# What a loop and a thread keep for the next connection is counted, too: as many as a small machine has.
hub_conf "max_connections_per_certificate = $N" 'workers = 2' 'pool_threads = 4'
{ registry && channel beijing.open beijing public bj; } >"$T/open.log" 2>&1 || bail "no open channel"
course "$T/marks" marks one
head -c 20000000 /dev/urandom >"$T/marks/video.mp4"
[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$T/marks"
exits 0 "something large is there for everybody" publish bj beijing.open "$T/marks"
pack=$(cd "$HUB/repo" && find packs -type f -size +1M | head -n 1)
like "$pack" '^packs/beijing.open/' "as a pack"
# And one with many files, longer than what the kernel takes for a reader who does not read.
course "$T/many" many one
for ((i = 0; i < 5000; i++)); do echo "$i" >"$T/many/$i.txt"; done
head -c 20000000 /dev/urandom >"$T/many/video.mp4"
[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$T/many"
exits 0 "something of many files, too" publish bj beijing.open "$T/many"
tar=$(zstd -dc <(curl -ks "$URL/bundles/beijing.open/marks/1.tar.zst") | sha256sum | cut -c1-64)

# flood MODE NAME [N [PATH CERTIFICATE KEY]]: a fresh hub, so that nothing of the one before is used again.
flood() {
	[ -z "$HUB_PID" ] || hub_stop
	hub_start || bail "no hub"
	hub_rest
	run timeout "$((DEADLINE_SECONDS * 5))" "$FLOOD" "$PORT" "$HUB_PID" "$1" "${3:-$N}" "$MS" "${4:-/$pack}" "${@:5}"
	is "$status" 0 "$2"
	local -A saw=()
	local name value
	while read -r name value; do saw[$name]=$value; done < <(xargs -n 2 <<<"$out")
	[ "${saw[answered]:-0}" -ge 3 ]
	ok $? "... another client is served meanwhile (${saw[answered]:-0} times)"
	is "${saw[failed]:-}" 0 "... always"
	if [ "$(basename "$KEBAO_BIN")" = asan ]; then
		skip "... memory means nothing with a sanitizer"
	else
		[ $((${saw[peak]:-99999} - ${saw[before]:-0})) -lt $LIMIT_KIB ]
		ok $? "... for $((${saw[peak]:-99999} - ${saw[before]:-0})) KiB at most" || diag "$out"
	fi
	diag "$1: the other client waits ${saw[median]:-?} ms (median), ${saw[highest]:-?} ms at most;" \
		"$out"
}

flood idle "idle connections"
flood silent "connections without a handshake"
flood handshakes "handshakes, again and again" 8
flood hellos "beginnings of handshakes, again and again" 8
flood held-hellos "handshakes that stop after their beginning"
flood announcing-hellos "beginnings of handshakes that announce much"
# A chain just below what OpenSSL takes unless it is told otherwise: a certificate that signed itself, again and again.
openssl req -x509 -newkey ed25519 -noenc -subj /CN=x -days 2 -keyout "$T/chain.key" -out "$T/chain.one" 2>/dev/null ||
	bail "no certificate"
n=$((98000 / $(openssl x509 -in "$T/chain.one" -outform DER | wc -c)))
for ((i = 0; i < n; i++)); do cat "$T/chain.one"; done >"$T/chain.pem"
flood idle "handshakes with $n certificates" "$N" "/$pack" "$T/chain.pem" "$T/chain.key"
flood connection-per-byte "a connection per byte" 8
flood resets "requests that are reset before the answer" 8
flood slow-head "heads that come by the byte"
flood endless-head "heads without an end"
flood endless-chunk-size "lines of a chunk's size without an end"
flood slow-body "bodies that come by the byte"
flood held-body "bodies that lack the end"
flood slow-reader "readers who read a byte now and then"
for view in bundles/beijing.open/marks/1.zip bundles/beijing.open/many/1.zip bundles/beijing.open/marks/1.tar.zst files/beijing.open/marks/1/video.mp4 \
	"targets/beijing.open/marks/1/$tar.bundle.tar"; do
	flood slow-reader "readers of a view, ${view##*.}, who read a byte now and then" "$N" "/$view"
done
flood flood-while-streaming "input without an end while an answer is sent"
flood pipeline "requests for large things without waiting for the answers"
flood unread-pipeline "requests whose answers nobody reads"
flood tiny-ranges "thousands of ranges of a byte in one request" 8
flood overlapping-ranges "ranges that overlap"
flood huge-ranges "ranges over the end of numbers"
flood single-bytes "requests for a byte each"
flood new-keys "new keys of TLS all the time"

# One of the hub's own, a publisher: as many uploads as there are connections, each of which stops in its middle; and
# roles as long as they may be, on all connections.
wire_ca
wire_enrol pub beijing publisher || bail "no publisher"
b64() { printf %s "$1" | base64 -w0; }
for i in $(seq "$N"); do
	code=$(status_as pub -X POST -H 'Tus-Resumable: 1.0.0' -H "Upload-Length: 4000000" -H "Upload-Metadata: channel $(
		b64 beijing.ip),kind $(b64 pack),sha256 $(b64 "$(printf '%064x' "$i")")" "$URL/uploads")
	[ "$code" = 201 ] || bail "no upload $i: $code"
	header location
done >"$T/uploads"
flood slow-upload "uploads that come by the byte" "$N" "@$T/uploads" "$T/pub.crt" "$T/pub.key"
flood long-body "long roles on all connections" "$N" /api/v1/metadata/beijing.ip "$T/pub.crt" "$T/pub.key"

# Answers made as a whole: pages of a catalogue of a thousand courses.
hub_stop
as_user "$FILL" "$HUB" beijing.open 0 1000 || bail "no catalogue"
flood unread-answers "pages of the catalogue that nobody reads" "$N" "/api/v1/catalogue?limit=250"
flood unread-answers "the same by one of the hub's own" "$N" "/api/v1/catalogue?limit=250" "$T/pub.crt" "$T/pub.key"
is "$(curl -ksS "$URL/api/v1/catalogue?limit=250" | jq '.courses | length')" 250 "which are still to be had"

unlike "$(cat "$T/hub.log")" 'ERROR|out of memory|Sanitizer' "the hub complains of nothing"
hub_stop
ok $? "and ends in order"
done_testing
