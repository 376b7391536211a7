#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Views that are computed: the .zip for people on Windows, the signed .tar in ranges, single files, previews by capability.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/wire.sh"

world
wire_ca
wire_enrol member sichuan || bail "no member"
wire_enrol stranger guangdong || bail "no stranger"
wire_enrol staff hub admin || bail "no administrator"

course "$T/marks" marks one
mkdir -p "$T/marks/讲义 第一部分" "$T/marks/empty"
printf '# 商标\n' >"$T/marks/讲义 第一部分/第一讲：商标.md"
printf '<p>page</p>' >"$T/marks/page.html"
seq 1 200000 >"$T/marks/numbers.txt"
head -c 3000000 /dev/urandom >"$T/marks/video.mp4"
: >"$T/marks/nothing"
[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$T/marks"
run publish bj beijing.ip "$T/marks"
is "$status" 0 "a release"

# --- zip -------------------------------------------------------------------------------
zip=$URL/bundles/beijing.ip/marks/1.zip
is "$(status_as member -I "$zip")" 200 "HEAD of the zip"
length=$(header content-length)
etag=$(header etag)
like "$(header content-type)" '^application/zip' "its type"
like "$(header content-disposition)" 'filename="beijing.ip-marks-1.zip"' "its name"
as member -o "$T/1.zip" "$zip"
is "$(stat -c %s "$T/1.zip")" "$length" "as long as it was said to be"
mkdir "$T/from-bsdtar" && bsdtar -xf "$T/1.zip" -C "$T/from-bsdtar"
diff -r "$T/marks" "$T/from-bsdtar" >"$T/diff" 2>&1
ok $? "bsdtar unpacks the published folder, byte for byte" || diag "$(head -n 5 "$T/diff")"
mkdir "$T/streamed" && bsdtar -xf - -C "$T/streamed" <"$T/1.zip"
diff -r "$T/marks" "$T/streamed" >"$T/diff" 2>&1
ok $? "and so it does from a stream" || diag "$(head -n 5 "$T/diff")"
for tool in unzip 7z python3; do
	if ! command -v "$tool" >/dev/null; then
		skip "no $tool on this machine to judge the zip"
		continue
	fi
	rm -rf "$T/by" && mkdir "$T/by"
	case $tool in
	unzip) (cd "$T/by" && unzip -q "$T/1.zip") >"$T/tool.out" 2>&1 ;;
	7z) 7z x -o"$T/by" "$T/1.zip" >"$T/tool.out" 2>&1 ;;
	python3) python3 -m zipfile -e "$T/1.zip" "$T/by" >"$T/tool.out" 2>&1 ;;
	esac
	diff -r "$T/marks" "$T/by" >"$T/diff" 2>&1
	ok $? "$tool unpacks it, too" || diag "$(head -n 5 "$T/diff" "$T/tool.out")"
done
head -c 1234567 "$T/1.zip" >"$T/resumed.zip"
as member -C - -o "$T/resumed.zip" "$zip"
cmp -s "$T/1.zip" "$T/resumed.zip"
ok $? "a download that broke off goes on where it was"
is "$(status_as member -r 100-199 -H "If-Range: $etag" "$zip")" 206 "a range of the version one has"
cmp -s "$T/body" <(tail -c +101 "$T/1.zip" | head -c 100)
ok $? "is those bytes"
is "$(status_as member -H "If-None-Match: $etag" "$zip")" 304 "nothing new"
hub_stop
hub_start || bail "no hub after a restart"
as member -o "$T/again.zip" "$zip"
cmp -s "$T/1.zip" "$T/again.zip"
ok $? "the same bytes after a restart"
is "$(find "$HUB" -name '*.zip' | wc -l)" 0 "and nothing is spooled"

# --- the signed tar --------------------------------------------------------------------
tar=$(zstd -dc <(as member "$URL/bundles/beijing.ip/marks/1.tar.zst") | sha256sum | cut -c1-64)
path=/targets/beijing.ip/marks/1/$tar.bundle.tar
as member -o "$T/1.tar" "$URL$path"
is "$(sha256 "$T/1.tar")" "$tar" "the tar has the signed hash"
for range in 0-0 511-512 1000000-1999999; do
	is "$(status_as member -r "$range" "$URL$path")" 206 "bytes $range of the tar"
	cmp -s "$T/body" <(tail -c +$((${range%-*} + 1)) "$T/1.tar" | head -c $((${range#*-} - ${range%-*} + 1)))
	ok $? "are those of the whole"
done

# --- files -----------------------------------------------------------------------------
files=$URL/files/beijing.ip/marks/1
is "$(status_as member "$files/video.mp4")" 200 "one file"
cmp -s "$T/body" "$T/marks/video.mp4"
ok $? "byte for byte"
is "$(header content-type)" video/mp4 "its type follows from its name"
like "$(header content-security-policy)" '^sandbox' "and it is fenced in"
is "$(status_as member -r 2999990- "$files/video.mp4")" 206 "a browser seeks in it"
cmp -s "$T/body" <(tail -c 10 "$T/marks/video.mp4")
ok $? "and gets the end"
name=$(printf "%s" "讲义 第一部分/第一讲：商标.md" | perl -pe 's{([^A-Za-z0-9/.])}{sprintf "%%%02X", ord $1}ge')
is "$(status_as member "$files/$name")" 200 "a Chinese name"
cmp -s "$T/body" "$T/marks/讲义 第一部分/第一讲：商标.md"
ok $? "its content"
is "$(status_as member "$files/nothing")" 200 "an empty file"
is "$(stat -c %s "$T/body" 2>/dev/null || echo 0)" 0 "is empty"
for absent in "$files/absent" "$files/empty" "$files/empty/" "$URL/files/beijing.ip/marks/2/page.html" "$URL/files/other/marks/1/page.html"; do
	is "$(status_as member "$absent")" 404 "404: ${absent#"$URL"}"
done
for who in stranger nobody; do
	for what in "$zip" "$files/page.html" "$URL$path"; do
		is "$(status_as $who "$what")" 404 "404 for $who: ${what#"$URL"}"
	done
done

# --- previews --------------------------------------------------------------------------
ask() { status_as "$1" -H 'Content-Type: application/json' -d "$2" "$URL/api/v1/capabilities"; }
want='{"channel":"beijing.ip","course":"marks","release":1}'
for type in application/jsonx text/plain; do
	is "$(status_as member -H "Content-Type: $type" -d "$want" "$URL/api/v1/capabilities")" 400 "$type is not JSON"
done
is "$(status_as member -H 'Content-Type: APPLICATION/JSON; charset=utf-8' -d "$want" "$URL/api/v1/capabilities")" 201 \
	"with a parameter it is"
is "$(ask member "$want")" 201 "leave to preview"
word=$(json path <"$T/body")
like "$word" '^/files/~[0-9a-f]+/$' "a path that is a secret"
is "$(status_as nobody "$URL${word}page.html")" 200 "opens a file without a certificate"
is "$(cat "$T/body")" '<p>page</p>' "that file"
is "$(header cache-control)" 'private, no-store' "which is not kept"
is "$(status_as nobody "$URL${word}absent")" 404 "no other file"
is "$(status_as nobody "$URL${word%?}0/page.html")" 404 "no changed word"
is "$(status_as nobody "$URL$word") $(status_as nobody "$URL${word%/}") $(status_as nobody -X PUT "$URL${word}page.html")" \
	'404 404 405' "nothing but files, and only to read"
hub_logged
bare=${word#/files/}
is "$(grep -cF "${bare%/}" "$T/hub.log")" 0 "and it is not in the log, however one asks"
like "$(cat "$T/hub.log")" '"path":"/files/~\.\.\."' "where the path ends before it"
is "$(ask stranger "$want")" 404 "who may not see gets none"
is "$(ask member '{"channel":"beijing.ip","course":"marks","release":7}')" 404 "none for what is not there"
is "$(ask member '{"channel":"beijing.ip"}')" 400 "none for half a question"
serial=$(as member "$URL/api/v1/whoami" | json serial)
is "$(status_as staff -X DELETE "$URL/api/v1/enrolments/$serial")" 204 "the one it was given to is revoked"
is "$(status_as nobody "$URL${word}page.html")" 404 "and the word is worth nothing"
exits 0 "the hub ends in order" hub_stop
done_testing
