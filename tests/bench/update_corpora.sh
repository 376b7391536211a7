#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# `make bench-update`, the part `corpora`: what an update of a course costs, beside other programs.  Every exchange passes one
# byte-counting proxy (tests/tools/line); everyone starts with the state before and ends with the state after, which is
# compared.  Prints `name value unit` lines, and for each peer update.<corpus>.<step>.payload.vs_<peer>, where below
# 1 is below the peer.
#
#	CORPORA   names, as tests/bench/update_corpora.pl prints them (all)
#	FOLDERS   real courses instead: "NAME OLD NEW" lines, two directories each
#	PEERS     full rsync zsync casync zchunk ostree ostree-delta xdelta3 patch-from (all)
#
# payload is what bodies carry, overhead everything else that crossed the line in both directions; of rsync, which has
# no bodies, all is payload.  Peers speak HTTP without TLS where kebao has TLS 1.3: that is in its overhead.
. "$(dirname "$0")/../system/lib.sh"
. "$(dirname "$0")/../system/line.sh"
. "$(dirname "$0")/update_common.sh"

HERE=$(cd "$(dirname "$0")" && pwd)
PEERS=${PEERS:-full rsync zsync casync zchunk ostree ostree-delta xdelta3 patch-from}
peers_path

# --- measuring ---------------------------------------------------------------------------

declare -A payload_of=()
# result CORPUS WHO PAYLOAD TOTAL REQUESTS
result() {
	payload_of[$2]=$3
	say "update.$1.update.$2.payload" "$3" bytes
	say "update.$1.update.$2.overhead" "$(($4 - $3))" bytes
	say "update.$1.update.$2.requests" "$5" requests
	[ ! -s "$W/used" ] || used "update.$1.update.$2" "$W/used"
}
moved() { echo $(($(line_stat up) + $(line_stat down))); }

# --- the peers' server: nginx and rsync, behind lines of their own -------------------------

WEB=$W/web
mkdir -p "$WEB" "$W/nginx"
PORT_WEB=$(free_port)
cat >"$W/nginx/nginx.conf" <<END
daemon off; master_process off; pid $W/nginx/pid; error_log $W/nginx/error.log;
events { worker_connections 1000; }
http {
	types { } default_type application/octet-stream; keepalive_requests 1000000;
	log_format b '\$body_bytes_sent'; access_log $W/nginx/access.log b;
	client_body_temp_path $W/nginx/b; proxy_temp_path $W/nginx/p; fastcgi_temp_path $W/nginx/f;
	uwsgi_temp_path $W/nginx/u; scgi_temp_path $W/nginx/s;
	server { listen 127.0.0.1:$PORT_WEB; root $WEB; }
}
END
[ "$(id -u)" != 0 ] || sed -i '1i user root;' "$W/nginx/nginx.conf"
nginx -c "$W/nginx/nginx.conf" -e "$W/nginx/error.log" >"$W/nginx/out" 2>&1 </dev/null &
PORT_RSYNC=$(free_port)
printf 'use chroot = no\n[web]\npath = %s\nread only = yes\n' "$WEB" >"$W/rsyncd.conf"
rsync --daemon --no-detach --port="$PORT_RSYNC" --address=127.0.0.1 --config="$W/rsyncd.conf" >"$W/rsyncd.log" 2>&1 &

# through PORT: a new line to that port, at $LINE_PORT.
through() {
	local keep=${PORT:-}
	PORT=$1
	line_start --listen 0 || bail "no line"
	PORT=$keep
}
through "$PORT_WEB"
WEB_LINE=$LINE_PORT WEB_CONTROL=$LINE_CONTROL
through "$PORT_RSYNC"
RSYNC_LINE=$LINE_PORT RSYNC_CONTROL=$LINE_CONTROL

# peer CORPUS NAME COMMAND...: over HTTP, measured.
peer() {
	local corpus=$1 name=$2 before
	shift 2
	LINE_CONTROL=$WEB_CONTROL
	: >"$W/nginx/access.log"
	before=$(moved)
	if ! timed "$W/used" "$@" >"$W/peer.log" 2>&1; then
		note "$name failed on $corpus: $(tail -n 1 "$W/peer.log")"
		return 1
	fi
	# The last line of the log is written after the body.
	wait_for "nginx's log" [ -s "$W/nginx/access.log" ]
	result "$corpus" "$name" "$(awk '{ n += $1 } END { print n + 0 }' "$W/nginx/access.log")" \
		"$(($(moved) - before))" "$(wc -l <"$W/nginx/access.log")"
}
made() { used "update.$1.publish.$2" "$W/used"; }
stored() { say "update.$1.publish.$2.storage" "$(du -sb --apparent-size "${@:3}" | awk '{ n += $1 } END { print n }')" bytes; }
same() { diff -r -x course.json "$2" "$3" >"$W/same.log" 2>&1 || note "WRONG: $1 made something else: $(head -n 1 "$W/same.log")"; }
wanted() { case " $PEERS " in *" $1 "*) ;; *) return 1 ;; esac; }
has() {
	"$1" --version >/dev/null 2>&1 && return
	note "no $1 that runs: left out (make bench-deps)"
	return 1
}

peer_full() {
	timed "$W/used" sh -c "tar -C '$OLD' -cf - . | zstd -q -12 -T2 -o '$WEB/1.tar.zst'
		tar -C '$NEW' -cf - . | zstd -q -12 -T2 -o '$WEB/2.tar.zst'"
	made "$1" full
	stored "$1" full "$WEB"/[12].tar.zst
	peer "$1" full curl -sS -o "$W/full" "http://127.0.0.1:$WEB_LINE/2.tar.zst"
}
peer_rsync() {
	local before
	has rsync || return
	cp -a "$OLD" "$W/rsync"
	rm -rf "$WEB/new"
	cp -a "$NEW" "$WEB/new"
	LINE_CONTROL=$RSYNC_CONTROL
	before=$(moved)
	timed "$W/used" rsync -a -c -z --delete "rsync://127.0.0.1:$RSYNC_LINE/web/new/" "$W/rsync/" >"$W/peer.log" 2>&1 ||
		{ note "rsync failed: $(tail -n 1 "$W/peer.log")"; return; }
	result "$1" rsync "$(($(moved) - before))" "$(($(moved) - before))" 1
	same rsync "$NEW" "$W/rsync"
}
peer_zsync() {
	command -v zsync >/dev/null || { note "no zsync"; return; }
	cp "$W/2.tar" "$WEB/2.tar"
	timed "$W/used" sh -c "cd '$WEB' && zsyncmake -u 2.tar -o 2.tar.zsync 2.tar" >/dev/null 2>&1
	made "$1" zsync
	stored "$1" zsync "$WEB/2.tar" "$WEB/2.tar.zsync" "$W/1.tar"
	peer "$1" zsync sh -c "cd '$W' && zsync -q -i 1.tar -o z.tar http://127.0.0.1:$WEB_LINE/2.tar.zsync" &&
		{ cmp -s "$W/z.tar" "$W/2.tar" || note "WRONG: zsync"; }
}
peer_casync() {
	has casync || return
	timed "$W/used" sh -c "casync make --without=all --store='$WEB/store.castr' '$WEB/1.caidx' '$OLD' && casync make --without=all --store='$WEB/store.castr' '$WEB/2.caidx' '$NEW'" >/dev/null 2>&1
	made "$1" casync
	stored "$1" casync "$WEB/store.castr" "$WEB"/[12].caidx
	mkdir "$W/casync.cache"
	casync make --without=all --store="$W/casync.cache" "$W/1.caidx" "$OLD" >/dev/null 2>&1
	peer "$1" casync casync extract --without=all --cache="$W/casync.cache" --seed="$OLD" --seed-output=no \
		--store="http://127.0.0.1:$WEB_LINE/store.castr" "http://127.0.0.1:$WEB_LINE/2.caidx" "$W/casync" &&
		same casync "$NEW" "$W/casync"
}
peer_zchunk() {
	has zck || return
	timed "$W/used" sh -c "zck -o '$WEB/1.zck' '$W/1.tar' && zck -o '$WEB/2.zck' '$W/2.tar'" >/dev/null 2>&1
	made "$1" zchunk
	stored "$1" zchunk "$WEB"/[12].zck
	mkdir -p "$W/zck"
	peer "$1" zchunk sh -c "cd '$W/zck' && zckdl -s '$WEB/1.zck' http://127.0.0.1:$WEB_LINE/2.zck" &&
		{ cmp -s "$W/zck/2.zck" "$WEB/2.zck" || note "WRONG: zchunk"; }
}
ostree_repo() {
	ostree --repo="$WEB/ostree" init --mode=archive &&
		timed "$W/used" sh -c "ostree --repo='$WEB/ostree' commit -b one --tree=dir='$OLD' >'$W/first' &&
			ostree --repo='$WEB/ostree' commit -b one --parent=\$(cat '$W/first') --tree=dir='$NEW' &&
			ostree --repo='$WEB/ostree' summary -u"
}
# ostree_client NAME MODE: holds what was first, asks the server.
ostree_client() {
	ostree --repo="$W/$1" init --mode="$2" && ostree --repo="$W/$1" pull-local "$WEB/ostree" "$(cat "$W/first")" &&
		ostree --repo="$W/$1" remote add --no-gpg-verify hub "http://127.0.0.1:$WEB_LINE/ostree" &&
		ostree --repo="$W/$1" refs --create=hub:one "$(cat "$W/first")"
}
peer_ostree() {
	has ostree || return
	if ! { ostree_repo && made "$1" ostree >&3 && ostree_client o1 archive && ostree_client o2 bare-user; } 3>&1 >"$W/peer.log" 2>&1; then
		note "ostree failed: $(tail -n 1 "$W/peer.log")"
		return
	fi
	stored "$1" ostree "$WEB/ostree"
	peer "$1" ostree ostree --repo="$W/o1" pull --disable-static-deltas hub one
	! wanted ostree-delta || peer_ostree_delta "$1"
}
# As favourable to it as can be: the delta as one file, fetched by curl and applied.  A pull by HTTP takes a delta only
# into a repository that is not of the mode archive, and beside it asks for objects that are in it.
peer_ostree_delta() {
	timed "$W/used" ostree --repo="$WEB/ostree" static-delta generate one --inline --filename="$WEB/one.delta" \
		>"$W/peer.log" 2>&1
	made "$1" ostree-delta
	stored "$1" ostree-delta "$WEB/ostree" "$WEB/one.delta"
	peer "$1" ostree-delta sh -c "curl -sS --fail -o '$W/one.delta' 'http://127.0.0.1:$WEB_LINE/one.delta' &&
		ostree --repo='$W/o2' static-delta apply-offline '$W/one.delta'" || return
	ostree --repo="$W/o2" checkout -U "$(ostree --repo="$WEB/ostree" rev-parse one)" "$W/o2.out" &&
		same ostree-delta "$NEW" "$W/o2.out"
}
# Bounds: nobody serves these, one file is all that would be fetched.
peer_xdelta3() {
	command -v xdelta3 >/dev/null || { note "no xdelta3: left out (make bench-deps)"; return; }
	timed "$W/used" xdelta3 -q -f -9 -B 536870912 -e -s "$W/1.tar" "$W/2.tar" "$W/x" && made "$1" xdelta3
	payload_of[xdelta3]=$(stat -c %s "$W/x")
	say "update.$1.update.xdelta3.payload" "${payload_of[xdelta3]}" bytes
}
peer_patch_from() {
	timed "$W/used" zstd -q -f -19 --long=29 -T2 "--patch-from=$W/1.tar" "$W/2.tar" -o "$W/p" 2>"$W/peer.log" && made "$1" patch-from
	payload_of[patch-from]=$(stat -c %s "$W/p")
	say "update.$1.update.patch-from.payload" "${payload_of[patch-from]}" bytes
}

# --- ours --------------------------------------------------------------------------------

world
enrol reader sichuan >>"$T/world.log" 2>&1 || bail "no reader"
through "$PORT"
HUB_CONTROL=$LINE_CONTROL
line_of reader
reader() {
	local requests before
	LINE_CONTROL=$HUB_CONTROL
	: >"$T/hub.log"
	before=$(moved)
	timed "$W/used" "${AS_USER[@]}" env HOME="$T/home/reader" LD_LIBRARY_PATH= "$BIN/kebao" fetch "$1" >"$W/peer.log" 2>&1 ||
		{ note "kebao failed: $(tail -n 1 "$W/peer.log")"; return 1; }
	total=$(($(moved) - before))
	requests=$(grep '"event":"request"' "$T/hub.log" | grep -c '"who":"sichuan')
	# The log counts heads, too; the content is what packs, patches and indexes carry.
	body=$(grep '"who":"sichuan' "$T/hub.log" | sed -n 's/.*"path":"\/\(packs\|patches\|indexes\)\/.*"bytes":\([0-9]*\).*/\2/p' |
		awk '{ n += $1 } END { print n + 0 }')
	n_requests=$requests
}
released() { grep -qE "\"event\":\"patch-(made|not-worth-it)\".*\"course\":\"$1\",\"release\":2,\"from\":$2," "$T/hub.log"; }
# Seconds of CPU the hub has used so far.
hub_cpu() { awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print ($12 + $13) / hz }' "/proc/$HUB_PID/stat"; }
published() { # COURSE LABEL FOLDER
	rm -rf "$T/course"
	cp -a "$3" "$T/course"
	course "$T/course" "$1" "$2"
	: >"$T/hub.log"
	timed "$W/used" "${AS_USER[@]}" env HOME="$T/home/bj" LD_LIBRARY_PATH= "$BIN/kebao" publish "$T/course" \
		--channel "$1.x" --key "$T/bj.pem" --passphrase-file "$PASS" >"$W/peer.log" 2>&1 ||
		{ note "publish: $(tail -n 1 "$W/peer.log")"; return 1; }
}
ours() {
	local course=$1 how began
	# A channel of its own: what the hub stores for it is this course.
	channel "$course.x" beijing paired bj >>"$T/world.log" 2>&1 || bail "no channel"
	published "$course" eins "$OLD" || return 1
	reader "$course.x/$course" || return 1
	say "update.$course.first.kebao.payload" "$body" bytes
	say "update.$course.first.kebao.requests" "$n_requests" requests
	used "update.$course.first.kebao" "$W/used"
	published "$course" zwei "$NEW" || return 1
	began=$(hub_cpu)
	made "$course" kebao
	DEADLINE_SECONDS=600 wait_for "patches" released "$course" 1
	# The one from nothing is the last: when it is made, the hint names the others.
	DEADLINE_SECONDS=600 wait_for "the hint" released "$course" 0
	say "update.$course.publish.kebao.patch_cpu" "$(awk -v a="$began" -v b="$(hub_cpu)" 'BEGIN { print b - a }')" s
	how=$(grep -oE "\"event\":\"patch-(made|not-worth-it)\".*\"release\":2,\"from\":1,.*" "$T/hub.log" | head -n 1)
	how=${how##*\"ms\":}
	say "update.$course.publish.kebao.patch_wall" "${how%%[!0-9]*}" ms
	stored "$course" kebao "$HUB/repo"/{packs,indexes,patches,hints,targets}/"$course.x"
	reader "$course.x/$course" || return 1
	result "$course" kebao "$body" "$total" "$n_requests"
	same kebao "$NEW" "$(library reader)/$course.x/$course/2"
}

ratios() {
	local peer ours=${payload_of[kebao]:-}
	[ -n "$ours" ] || return
	for peer in "${!payload_of[@]}"; do
		[ "$peer" = kebao ] || say "update.$1.update.payload.vs_$peer" \
			"$(awk -v a="$ours" -v b="${payload_of[$peer]}" 'BEGIN { printf "%.3f", a / b }')" ratio
	done | sort
}

one() { # NAME OLD NEW
	local p
	OLD=$2 NEW=$3 payload_of=()
	chmod -R u+rwX "$W" 2>/dev/null
	rm -rf "${WEB:?}"/* "$W"/{rsync,casync,casync.cache,1.caidx,zck,o1,o2,first,z.tar,full,x,p,one.delta,o2.out}
	tar -C "$OLD" --sort=name --mtime=@0 --owner=0 --group=0 -cf "$W/1.tar" .
	tar -C "$NEW" --sort=name --mtime=@0 --owner=0 --group=0 -cf "$W/2.tar" .
	say "update.$1.size" "$(stat -c %s "$W/2.tar")" bytes
	ours "$1"
	for p in $PEERS; do
		[ "$p" = ostree-delta ] || "peer_${p//-/_}" "$1"
	done
	ratios "$1"
	rm -rf "$W/1.tar" "$W/2.tar"
}

if [ -n "${FOLDERS:-}" ]; then
	while read -r name old new; do
		[ -z "$name" ] || one "$name" "$old" "$new"
	done <<<"$FOLDERS"
	exit 0
fi
for name in ${CORPORA:-$(perl "$HERE/update_corpora.pl")}; do
	rm -rf "$W/corpus"
	perl "$HERE/update_corpora.pl" "$name" "$W/corpus" && one "$name" "$W/corpus/1" "$W/corpus/2"
done
