#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The catalogue in pages: each course once, in order, whatever the size of a page, and never one that somebody
# may not see.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/wire.sh"

world
wire_ca
wire_enrol member sichuan || bail "no member"
for name in beijing.empty beijing.open beijing.zero; do
	channel "$name" beijing public bj >>"$T/world.log" 2>&1 || bail "no channel"
done
for name in alpha beta gamma; do
	course "$T/$name" "$name" 第一版
	publish bj beijing.ip "$T/$name" >>"$T/world.log" 2>&1 || bail "not published"
done
echo more >"$T/beta/more.txt"
publish bj beijing.ip "$T/beta" --label 第二版 >>"$T/world.log" 2>&1 || bail "not published"
for name in alpha omega; do
	course "$T/$name" "$name" 第一版
	publish bj beijing.open "$T/$name" >>"$T/world.log" 2>&1 || bail "not published"
done
ALL="beijing.ip/alpha/1 beijing.ip/beta/2 beijing.ip/gamma/1 beijing.open/alpha/1 beijing.open/omega/1"

# walk WHO LIMIT: the courses of all pages, one after another; $n_pages.
walk() {
	local after='' page
	walked=() n_pages=0
	while :; do
		page=$(as "$1" "$URL/api/v1/catalogue?limit=$2${after:+&after=$after}")
		n_pages=$((n_pages + 1))
		mapfile -t -O "${#walked[@]}" walked < <(jq -r '.courses[] | "\(.channel)/\(.course)/\(.release)"' <<<"$page")
		after=$(jq -r '.next // ""' <<<"$page")
		if [ -z "$after" ] || [ "$n_pages" = 20 ]; then
			return
		fi
	done
}
for limit in 1 2 3 4 5 250; do
	walk member "$limit"
	is "${walked[*]}" "$ALL" "pages of $limit: each course once, its newest release, in order"
	is "$n_pages" $(((5 + limit - 1) / limit)) "and no empty page"
done
is "$(as member "$URL/api/v1/catalogue" | jq -c '[(.courses | length), .next]')" '[5,null]' "without a limit: all of so few"
walk nobody 1
is "${walked[*]}" "beijing.open/alpha/1 beijing.open/omega/1" "anonymous: the open ones, page by page"
for after in / aa/bb/cc /aa aa/ AA/bb ..; do
	is "$(status_as nobody "$URL/api/v1/catalogue?after=$after")" 400 "after=$after is none"
done
is "$(as nobody "$URL/api/v1/catalogue?after=beijing.ip/alpha" | jq -r '.courses[0].channel')" beijing.open \
	"an anonymous after= in a hidden channel shows nothing of it"
is "$(as member "$URL/api/v1/catalogue?after=beijing.ip/b" | jq -r '.courses[0].course')" beta \
	"after= may be a course that there is not (any more)"
is "$(as member "$URL/api/v1/catalogue?after=zz/zz")" '{"courses":[]}' "behind the last there is nothing"
long=$(printf 'x%.0s' {1..60})
for bad in limit=0 limit=251 limit= limit=-1 limit=1x limit=99999999999999999999 'limit=1&limit=2' after= after=x \
	"after=$long/a" "after=a/$long" after=%ff/a; do
	is "$(status_as member "$URL/api/v1/catalogue?$bad")" 400 "$bad: 400"
done

# Who holds a page asks whether it is still the same.
unchanged() { status_as "$1" -H "If-None-Match: $2" "$URL/api/v1/catalogue?$3"; }
declare -A etag
for page in limit=1 limit=3 'limit=3&after=beijing.ip/beta' limit=5; do
	is "$(status_as member "$URL/api/v1/catalogue?$page")" 200 "$page: 200"
	etag[$page]=$(header etag)
	like "${etag[$page]}" '^"[0-9a-f]{32}"$' "with an ETag"
	is "$(header cache-control)" 'private, no-cache' "to be kept by the one who asked, and asked for anew"
	is "$(unchanged member "${etag[$page]}" "$page") $(header etag)" "304 ${etag[$page]}" "the same ETag again: 304"
	[ ! -s "$T/body" ]
	ok $? "without a body"
done
is "$(printf '%s\n' "${etag[@]}" | sort -u | wc -l)" 4 "each page has its own"
is "$(unchanged member "${etag[limit=5]}" limit=250)" 304 "a page of the same courses is the same page"
is "$(unchanged member "${etag[limit=3]}" limit=5)" 200 "a longer one is not"
is "$(unchanged nobody "${etag[limit=5]}" limit=5) $(jq '.courses | length' "$T/body")" "200 2" \
	"an ETag of a member's page shows an anonymous nothing"
is "$(unchanged member "\"0\", W/${etag[limit=5]}" limit=5)" 304 "one of a list is enough"
is "$(status_as member -H 'If-Match: "0"' "$URL/api/v1/catalogue")" 412 "If-Match of another page: 412"
is "$(status_as member -H 'Range: bytes=0-9' "$URL/api/v1/catalogue?limit=5") $(header etag)" "200 ${etag[limit=5]}" \
	"a range of a page is the whole"
# What a page says of a course is part of no hash: FORM in serve_catalogue.c changes with it.
is "$(as member "$URL/api/v1/catalogue?limit=1" | jq -c '.courses[0] | keys_unsorted')" \
	'["bytes","channel","course","field","files","label","published","release","title"]' "nine members"
echo more >"$T/gamma/more.txt"
publish bj beijing.ip "$T/gamma" --label 第二版 >>"$T/world.log" 2>&1 || bail "not published"
is "$(unchanged member "${etag[limit=5]}" limit=5) $(jq '.courses[2].release' "$T/body")" "200 2" \
	"after a publication: the new page"
is "$(unchanged member "${etag[limit=1]}" limit=1)" 304 "a page it does not concern is the same"
done_testing
