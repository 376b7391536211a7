#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# `make bench-update PARTS=publish`: `kebao publish` up to the finished packs (looking, cutting, hashing, compressing, syncing; upload
# and the hub's check are apart) beside `tar | zstd -12 -TN` of as many threads, and sync of the result.  Then the same
# folder again, unchanged, by a home that knows the release and by one that does not, beside `openssl dgst -sha256` of all
# files.  Each figure is the median of pairs that alternate.
#
#	PAIRS     how often (5)
#	CORPORA   media mixed text tiny
. "$(dirname "$0")/../system/lib.sh"
. "$(dirname "$0")/update_common.sh"
HERE=$(cd "$(dirname "$0")" && pwd)
PAIRS=${PAIRS:-5}
THREADS=$(nproc)

corpus() { # NAME DIRECTORY
	local part
	mkdir "$2"
	case $1 in
	media) media "$2" 300 ;;
	mixed) noise 77 48 >"$2/film.mp4" ;;
	esac
	for part in $(case $1 in
		mixed) echo text-edits paragraph office zip-repacked ;;
		text) echo text-edits paragraph renamed-folder ;;
		tiny) echo tiny-files ;;
		esac); do
		perl "$HERE/update_corpora.pl" "$part" "$W/part"
		mv "$W/part/1" "$2/$part"
		rm -rf "$W/part"
	done
}

# published WHO CHANNEL: measured; the times of the parts go to files of their own.
published() {
	timed "$W/used" "${AS_USER[@]}" env HOME="$T/home/$1" "$BIN/kebao" --lang en publish "$DIR" --channel "$2" \
		--key "$T/bj.pem" --passphrase-file "$PASS" -v >"$W/out" 2>"$W/err" || bail "publish: $(tail -n 1 "$W/err")"
	perl -ne 'printf "%.3f %.3f %.3f\n", $1 + $2, $3, $4
		if /reading ([\d.]+) s, packing ([\d.]+) s, uploading ([\d.]+) s, .* check ([\d.]+) s/' "$W/err" >"$W/times"
	[ -s "$W/times" ] || bail "no times in: $(cat "$W/err")"
}
N=0
by_kebao() {
	N=$((N + 1))
	channel "c$N.x" beijing paired bj >>"$T/world.log" 2>&1 || bail "no channel"
	sync
	published bj "c$N.x"
	cut -d' ' -f1 "$W/times" >>"$W/kebao.packs"
	cut -d' ' -f2 "$W/times" >>"$W/kebao.upload"
	cut -d' ' -f3 "$W/times" >>"$W/kebao.check"
	cpu_of "$W/used" >>"$W/kebao.cpu"
	awk '{ print $4 / 1024 }' "$W/used" >>"$W/kebao.memory"
}
by_tar() {
	sync
	timed "$W/used" bash -c "tar -C '$DIR' --sort=name -cf - . | zstd -q -f -12 -T$THREADS -o '$W/tar.zst' &&
		sync '$W/tar.zst'" || bail "tar failed"
	wall_of "$W/used" >>"$W/tar.packs"
	cpu_of "$W/used" >>"$W/tar.cpu"
}
again() { # WHO
	published "$1" "c$N.x"
	grep -q unchanged "$W/out" || bail "not unchanged: $(cat "$W/out")"
	wall_of "$W/used" >>"$W/$1.again"
}
by_openssl() {
	timed "$W/used" sh -c "find '$DIR' -type f -exec openssl dgst -sha256 {} + >'$W/sums'"
	wall_of "$W/used" >>"$W/openssl.again"
}

world
enrol fresh beijing publisher >>"$T/world.log" 2>&1 || bail "no second publisher"
mv "$T/home/fresh" "$W/enrolled"
chmod 0644 "$T/bj.pem"
for name in ${CORPORA:-media mixed text tiny}; do
	DIR=$T/$name
	corpus "$name" "$DIR"
	course "$DIR" "$name" eins
	find "$DIR" -type f -exec cat {} + >/dev/null # both find the files in memory
	rm -f "$W"/{kebao,tar}.* "$W"/*.again
	for i in $(seq "$PAIRS"); do
		if [ $((i % 2)) = 1 ]; then
			by_kebao
			by_tar
		else
			by_tar
			by_kebao
		fi
	done
	say "publish.$name.size" "$(find "$DIR" -type f -printf '%s\n' | awk '{ n += $1 } END { print n }')" bytes
	summed "publish.$name.kebao.packs" "$W/kebao.packs"
	summed "publish.$name.tar-zstd.packs" "$W/tar.packs"
	say "publish.$name.packs.vs_tar-zstd" "$(ratio "$(median <"$W/kebao.packs")" "$(median <"$W/tar.packs")")" ratio
	say "publish.$name.kebao.upload" "$(median <"$W/kebao.upload")" s
	say "publish.$name.kebao.check" "$(median <"$W/kebao.check")" s
	say "publish.$name.kebao.cpu" "$(median <"$W/kebao.cpu")" s
	say "publish.$name.tar-zstd.cpu" "$(median <"$W/tar.cpu")" s
	say "publish.$name.kebao.memory" "$(sort -n "$W/kebao.memory" | tail -n 1)" MiB
	for i in $(seq "$PAIRS"); do
		as_user rm -rf "$T/home/fresh"
		as_user cp -a "$W/enrolled" "$T/home/fresh"
		by_openssl
		again bj
		again fresh
	done
	summed "publish.$name.unchanged.openssl" "$W/openssl.again"
	summed "publish.$name.unchanged.kebao" "$W/bj.again"
	summed "publish.$name.unchanged.kebao-fresh" "$W/fresh.again"
	for who in bj fresh; do
		say "publish.$name.unchanged.${who/bj/known}.speed_vs_openssl" \
			"$(ratio "$(median <"$W/openssl.again")" "$(median <"$W/$who.again")")" ratio
	done
	rm -rf "$DIR"
done
