#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# `make bench-update PARTS=first`: the first fetch of a course of media from a hub, over TLS, beside curl: `curl | tee >(sha256sum)
# >file`, then `tar --zstd -x`, then `sync`, of the same release from the same hub.  Pairs that alternate; medians.
#
#	MIB     of media (300)
#	PAIRS   how often (7)
. "$(dirname "$0")/../system/lib.sh"
. "$(dirname "$0")/../system/wire.sh"
. "$(dirname "$0")/update_common.sh"
MIB=${MIB:-300}
PAIRS=${PAIRS:-7}

world
media "$T/course" "$MIB"
course "$T/course" media eins
publish bj beijing.ip "$T/course" >>"$T/world.log" 2>&1 || bail "no release"
enrol reader sichuan >>"$T/world.log" 2>&1 || bail "no reader"
wire_ca
wire_enrol curl sichuan || bail "no identity for curl"
mv "$T/home/reader" "$W/enrolled"
chown -R "$(stat -c %u "$T/home")" "$W"

BUNDLE=$URL/bundles/beijing.ip/media/1.tar.zst
# The pipe with a fifo, so that sha256sum is waited for, and its CPU counted.
cat >"$W/by-curl.sh" <<END
set -e
rm -rf "$W/got" && mkdir "$W/got" && rm -f "$W/fifo" && mkfifo "$W/fifo"
sha256sum <"$W/fifo" >"$W/sum" &
curl -sS --fail --cacert "$CA" --cert "$T/curl.crt" --key "$T/curl.key" "$BUNDLE" | tee "$W/fifo" >"$W/got.tar.zst"
wait
tar --zstd -xf "$W/got.tar.zst" -C "$W/got"
sync
END
by_curl() {
	sync
	timed "$W/used" "${AS_USER[@]}" bash "$W/by-curl.sh" || bail "curl failed"
	wall_of "$W/used" >>"$W/curl.wall"
	cpu_of "$W/used" >>"$W/curl.cpu"
}
by_kebao() {
	as_user rm -rf "$T/home/reader"
	as_user cp -a "$W/enrolled" "$T/home/reader"
	sync
	timed "$W/used" "${AS_USER[@]}" env HOME="$T/home/reader" "$BIN/kebao" fetch beijing.ip/media >"$W/log" 2>&1 ||
		bail "kebao failed: $(tail -n 1 "$W/log")"
	wall_of "$W/used" >>"$W/kebao.wall"
	cpu_of "$W/used" >>"$W/kebao.cpu"
	awk '{ print $4 / 1024 }' "$W/used" >>"$W/kebao.memory"
}

chmod 0644 "$T/curl.key" "$T/curl.crt" "$CA"
by_kebao
by_curl
diff -r "$W/got" "$(library reader)/beijing.ip/media/1" >"$W/log" || bail "not the same files: $(head -n 1 "$W/log")"
rm -f "$W"/*.wall "$W"/*.cpu
for i in $(seq "$PAIRS"); do
	if [ $((i % 2)) = 1 ]; then
		by_kebao
		by_curl
	else
		by_curl
		by_kebao
	fi
done
say first.size "$(du -sb "$T/course" | cut -f1)" bytes
say first.pairs "$PAIRS" pairs
for who in kebao curl; do
	summed "first.$who.wall" "$W/$who.wall"
	summed "first.$who.cpu" "$W/$who.cpu"
done
say first.kebao.memory "$(sort -n "$W/kebao.memory" | tail -n 1)" MiB
say first.wall.vs_curl "$(ratio "$(median <"$W/kebao.wall")" "$(median <"$W/curl.wall")")" ratio
say first.cpu.vs_curl "$(ratio "$(median <"$W/kebao.cpu")" "$(median <"$W/curl.cpu")")" ratio
