#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# How bytes are served: validators, caching, ranges, views.  curl only.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/wire.sh"

world
{ registry && channel beijing.open beijing public bj; } >"$T/open.log" 2>&1 || bail "no open channel"
wire_ca
wire_enrol member sichuan || bail "no member"
course "$T/marks" marks one
mkdir "$T/marks/讲义"
seq 1 30000 >"$T/marks/讲义/第一讲.txt"
head -c 6000000 /dev/urandom >"$T/marks/video.mp4"
[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$T/marks"
for channel in beijing.ip beijing.open; do
	run publish bj "$channel" "$T/marks"
	is "$status" 0 "published in $channel"
done

hash_of() {
	as member "$URL/metadata/1.$1.json" >"$T/role.json"
	perl -MJSON::PP -0777 -e 'open my $f, "<", $ARGV[0]; print decode_json(<$f>)->{signed}{targets}{$ARGV[1]}{hashes}{sha256}' \
		"$T/role.json" "$1/marks/1/$2"
}
record=$(hash_of beijing.ip record.json)
tar=$(hash_of beijing.ip bundle.tar)
index=$(as member "$URL/targets/beijing.ip/marks/1/$record.record.json" | json index sha256)
pack=$(cd "$HUB/repo/packs/beijing.ip" && echo ??/*.pack)
bundle=bundles/beijing.ip/marks/1.tar.zst

# --- caching ---------------------------------------------------------------------------
immutable='max-age=31536000, immutable'
caches() {
	status_as member "$URL/$2" >/dev/null
	is "$(header cache-control)" "$1" "$3"
	like "$(header etag)" '^"[^"]+"$' "with a strong ETag"
}
caches no-cache metadata/timestamp.json "the timestamp is asked for again"
caches no-cache hints/beijing.ip/marks/1 "hints too"
caches "public, $immutable" metadata/1.root.json "roots are kept for ever"
caches "private, $immutable" metadata/1.beijing.ip.json "a restricted role, by the reader"
caches "public, $immutable" metadata/1.beijing.open.json "a public one, by all"
caches "private, $immutable" "targets/beijing.ip/marks/1/$record.record.json" "a record"
caches "private, $immutable" "indexes/beijing.ip/${index:0:2}/$index.index" "an index"
caches "private, $immutable" "packs/beijing.ip/$pack" "a pack"
caches "private, $immutable" "targets/beijing.ip/marks/1/$tar.bundle.tar" "a tar"
caches 'private, no-cache' "$bundle" "a view may be stored differently one day"
caches 'public, no-cache' bundles/beijing.open/marks/1.tar.zst "a public one likewise"
is "$(status_as nobody "$URL/bundles/beijing.open/marks/1.tar.zst")" 200 "nobody gets what is public"
status_as member "$URL/metadata/9.root.json" >/dev/null
is "$(header cache-control)" no-store "that something is absent is not kept"

# --- content ---------------------------------------------------------------------------
status_as member "$URL/indexes/beijing.ip/${index:0:2}/$index.index" >/dev/null
is "$(sha256 "$T/body")" "$index" "an index has its hash"
status_as member "$URL/packs/beijing.ip/$pack" >/dev/null
is "$(sha256 "$T/body").pack" "${pack#*/}" "a pack has its name"
status_as member "$URL/targets/beijing.ip/marks/1/$tar.bundle.tar" >/dev/null
is "$(sha256 "$T/body")" "$tar" "the tar is what was signed"
is "$(header content-length)" "$(stat -c %s "$T/body")" "and its length was said"
cp "$T/body" "$T/bundle.tar"
status_as member "$URL/$bundle" >/dev/null
cp "$T/body" "$T/bundle.zst"
is "$(header content-length)" "$(stat -c %s "$T/body")" "the length of the bundle was said"
is "$(header content-type)" application/zstd "it is zstd"
is "$(header content-disposition)" 'attachment; filename="beijing.ip-marks-1.tar.zst"' "with a name to save it by"
is "$(zstd -dcq "$T/bundle.zst" | sha256sum | cut -d' ' -f1)" "$tar" "and unpacks to the signed tar"
mkdir "$T/out"
tar -C "$T/out" --zstd -xf "$T/bundle.zst"
diff -r "$T/marks" "$T/out" >"$T/diff.out"
ok $? "which holds the published files"

# --- validators ------------------------------------------------------------------------
for path in "$bundle" "packs/beijing.ip/$pack" metadata/timestamp.json hints/beijing.ip/marks/1; do
	status_as member "$URL/$path" >/dev/null
	etag=$(header etag)
	is "$(status_as member -H "If-None-Match: $etag" "$URL/$path")" 304 "${path%%/*}: unchanged is 304"
	[ ! -s "$T/body" ]
	ok $? "without a body"
	is "$(header etag)" "$etag" "with the ETag"
	is "$(status_as member -H 'If-None-Match: "other"' "$URL/$path")" 200 "another tag gets the whole"
	is "$(status_as member -H 'If-None-Match: *' "$URL/$path")" 304 "so does any tag"
	is "$(status_as member -I "$URL/$path")" 200 "HEAD"
	is "$(header etag)" "$etag" "has the same ETag"
done

# --- ranges ----------------------------------------------------------------------------
size=$(stat -c %s "$T/bundle.zst")
status_as member "$URL/$bundle" >/dev/null
etag=$(header etag)
range() { # RANGE OFFSET LENGTH
	is "$(status_as member -H "Range: bytes=$1" "$URL/$bundle")" 206 "range $1"
	is "$(header content-range)" "bytes $2-$(($2 + $3 - 1))/$size" "says which"
	cmp -s <(tail -c +$(($2 + 1)) "$T/bundle.zst" | head -c "$3") "$T/body"
	ok $? "and holds these bytes"
}
range 0-0 0 1
range 0-99 0 100
range 70000-1200000 70000 1130001
range "$((size - 1))-" $((size - 1)) 1
range -1000 $((size - 1000)) 1000
range "1000-99999999999" 1000 $((size - 1000))
is "$(status_as member -H "Range: bytes=$size-" "$URL/$bundle")" 416 "behind the end there is nothing"
is "$(header content-range)" "bytes */$size" "and the length is said"
is "$(status_as member -H 'Range: bytes=0-9,20-29' "$URL/$bundle")" 200 "several ranges get the whole"
is "$(header content-length)" "$size" "all of it"
is "$(status_as member -H 'Range: bytes=9-0' "$URL/$bundle")" 200 "a range that is none is ignored"
is "$(status_as member -H 'Range: bytes=10-19' -H "If-Range: $etag" "$URL/$bundle")" 206 "If-Range holds"
is "$(status_as member -H 'Range: bytes=10-19' -H 'If-Range: "old"' "$URL/$bundle")" 200 "or gives the whole"
is "$(status_as member -H 'Range: bytes=10-19' -H 'If-Match: "old"' "$URL/$bundle")" 412 "If-Match refuses"
is "$(status_as member -H 'Range: bytes=5-9' "$URL/packs/beijing.ip/$pack")" 206 "packs have ranges"
is "$(status_as member -H 'Range: bytes=5-9' "$URL/targets/beijing.ip/marks/1/$tar.bundle.tar")" 206 \
	"and of the computed tar"
head -c 777777 "$T/bundle.zst" >"$T/resumed"
as member -C - -o "$T/resumed" "$URL/$bundle"
cmp -s "$T/bundle.zst" "$T/resumed"
ok $? "curl resumes a download"
as member --compressed -o "$T/compressed" -D "$T/headers" "$URL/$bundle"
is "$(header content-encoding)" '' "nothing is compressed on the way"

# --- who does not read -----------------------------------------------------------------
# The kernel keeps a bounded queue for him: LIMIT_UNSENT_BYTES and what it packs together.
queued() { # bytes the hub's kernel has not sent or that nobody has taken
	local queue
	queue=$(awk -v port=":$(printf '%04X' "$PORT")$" '$2 ~ port && $4 == "01" { print $5 }' /proc/net/tcp /proc/net/tcp6 |
		cut -d: -f1 | sort | tail -n 1)
	echo $((0x${queue:-0}))
}
# Twenty looks, one after another, at a queue that a hub with anything to send would add to.
last=0 n_same=0
is_stuck() {
	local now
	now=$(queued)
	if [ "$now" -gt 0 ] && [ "$now" = "$last" ]; then
		n_same=$((n_same + 1))
	else
		n_same=0
	fi
	last=$now
	[ "$n_same" -ge 20 ]
}
mkfifo "$T/unread"
exec 9<>"$T/unread" # somebody could read
printf 'GET /packs/beijing.open/%s HTTP/1.1\r\nHost: localhost\r\n\r\n' \
	"$(cd "$HUB/repo/packs/beijing.open" && echo ??/*.pack)" >"$T/unread.request"
openssl s_client -quiet -connect "127.0.0.1:$PORT" <"$T/unread.request" >"$T/unread" 2>/dev/null &
reader=$!
wait_for "a reply that nobody reads" is_stuck
ok $? "a reply that nobody reads stops"
[ "$(queued)" -le $((1200 << 10)) ]
ok $? "with little more than a MiB in the kernel" || diag "$(queued)"
kill "$reader"
exec 9>&-

# --- what is not there -----------------------------------------------------------------
for path in metadata/ metadata/x metadata/0.root.json metadata/01.root.json metadata/1.root.json.bak \
	metadata/.tmp-1.root.json metadata/../state.db metadata/%2e%2e/state.db packs/beijing.ip/ \
	"packs/beijing.ip/aa/${pack#*/}" bundles/beijing.ip/marks/2.tar.zst \
	bundles/beijing.ip/marks/01.tar.zst bundles/beijing.ip/marks/1.rar bundles/beijing.ip/none/1.tar.zst \
	"targets/beijing.ip/marks/1/$record.bundle.tar" "targets/beijing.ip/marks/2/$tar.bundle.tar"; do
	code=$(status_as member --path-as-is "$URL/$path")
	like "$code" '^40[04]$' "/$path is not there ($code)"
done
is "$(status_as member "$URL/api/v2/hub")" 404 "no other API"
is "$(status_as member -X PUT "$URL/api/v1/hub")" 405 "no other method"
like "$(header allow)" GET "and which there are is said"
is "$(json class <"$T/body")" bad-input "errors are problem documents"
is "$(header content-type)" application/problem+json "of their type"
like "$(tail -n 500 "$T/hub.log")" '"path":"/bundles/[^"]*","status":206' "the log knows the status of views"
unlike "$(cat "$T/hub.log")" '"status":0' "and of everything"
done_testing
