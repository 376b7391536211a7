#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# 300 MB in 3,000 files with Chinese names: published, fetched, verified, and nobody needs more than 128 MiB.
. "$(dirname "$0")/lib.sh"

[ "$(basename "$KEBAO_BIN")" != asan ] ||
	skip_all "memory and time of a build with sanitizers say nothing"
[ -x /usr/bin/time ] || skip_all "no /usr/bin/time on this machine: make deps"
LIMIT_KIB=$((128 * 1024))
world

# 60 films of 4 to 6 MB that do not compress, the rest lessons of 1 to 40 KB that do.
make_folder() {
	perl -e '
		use strict; use warnings; use open ":std", ":utf8"; use utf8;
		my ($dir, $n) = @ARGV; my $at = 0; srand(7);
		open(my $noise, "-|:raw", "openssl enc -aes-128-ctr -K 00112233445566778899aabbccddeeff -iv 0123456789abcdef0123456789abcdef -in /dev/zero 2>/dev/null") or die;
		my @words = qw(专利 商标 证券 涉外 仲裁 合同 律师 条款 当事人 法院 披露 侵权 赔偿 申请 期限 登记 证据 管辖 适用 公约);
		for my $i (1 .. $n) {
			my $folder = sprintf("%s/第%02d单元·知识产权与证券法", $dir, 1 + $i % 40);
			utf8::encode(my $f = $folder); mkdir $f;
			my ($name, $body);
			if ($i % 50 == 0) {
				$name = sprintf("录像%04d.mp4", $i);
				read($noise, $body, 4_000_000 + int(rand(2_000_000)));
			} else {
				$name = sprintf("第%04d讲　讲义（%s）.md", $i, $words[$i % @words]);
				$body = join("，", map { $words[int(rand(@words))] . int(rand(100)) } 1 .. 50 + int(rand(3000)));
				utf8::encode($body);
			}
			utf8::encode(my $path = "$folder/$name");
			open(my $out, ">:raw", $path) or die "$path: $!"; print $out $body; close $out or die;
		}
		close $noise;' "$1" 3000
}

course "$T/course" big 第一版
make_folder "$T/course"
[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$T/course"
files=$(find "$T/course" -type f | wc -l)
bytes=$(find "$T/course" -type f -printf '%s\n' | awk '{ n += $1 } END { printf "%d", n }')
diag "$files files, $bytes bytes"
[ "$files" -ge 3000 ] && [ "$bytes" -ge 300000000 ]
ok $? "the folder has 3,000 files and 300 MB"

# measured NAME WHO ARG...: kebao with its peak memory in KiB in $T/NAME.kib.
measured() {
	local name=$1 who=$2
	shift 2
	as_user env HOME="$T/home/$who" /usr/bin/time -o "$T/$name.kib" -f '%M %e' "$BIN/kebao" "$@"
}
# modest NAME: its peak is below the limit.
modest() {
	local kib seconds
	read -r kib seconds < <(tail -n 1 "$T/$1.kib")
	diag "$1: peak $((kib / 1024)) MiB ($kib KiB)${seconds:+, $seconds s}"
	[ "$kib" -gt 0 ] && [ "$kib" -lt "$LIMIT_KIB" ]
	ok $? "$1 needs less than 128 MiB"
}

exits 0 "published" measured publisher bj publish "$T/course" --channel beijing.ip \
	--key "$T/bj.pem" --passphrase-file "$PASS"
exits 0 "fetched" measured client sc fetch --all
diff -r "$T/course" "$(library sc)/beijing.ip/big/1" >"$T/diff.out" 2>&1
ok $? "what was fetched equals what was published" || diag "$(head -n 5 "$T/diff.out")"
exits 0 "verified" measured verifier sc verify
exits 0 "the same folder again adds nothing" publish bj beijing.ip "$T/course"

peak() { awk '/^VmHWM/ { print $2 }' "/proc/$1/status"; }
peak "$HUB_PID" >"$T/hub.kib"
read -ra children < <(cat "/proc/$HUB_PID/task/"*/children)
for child in "${children[@]}"; do
	[ "$(cat "/proc/$child/comm")" != kebaod-signer ] || peak "$child" >"$T/signer.kib"
done
modest publisher
modest client
modest verifier
modest hub
modest signer
hub_stop
ok $? "the hub ends cleanly"
done_testing
