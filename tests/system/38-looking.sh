#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What people look at: dump of every kind of file, show, status after a run that came to nothing, a bundle
# with another name, and where in a course.json the mistake is.
. "$(dirname "$0")/lib.sh"

world
course "$T/course" marks 第一版
head -c 300000 /dev/urandom >"$T/course/v.bin"
publish bj beijing.ip "$T/course" >"$T/publish.out" 2>&1 || bail "not published"
echo more >"$T/course/more.txt"
publish bj beijing.ip "$T/course" >"$T/publish.out" 2>&1 || bail "not published"
exits 0 "the course is fetched" kb sc --lang en fetch --all

# dumped NAME PATTERN REGEX: the newest file below the repository that matches.
dumped() {
	local file
	file=$(find "$HUB/repo" -path "$HUB/repo/$2" -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d ' ' -f 2)
	exits 0 "dump of $1" kb bj --lang en dump "$file"
	like "$out" "$3" "dump of $1 says what it is"
}
dumped "a pack" 'packs/*.pack' '^pack: [0-9]+ bytes, [0-9]+ frames'
dumped "an index" 'indexes/*.index' '^file +300000  crc32 [0-9a-f]{8}  [0-9a-f]{16}  v.bin$'
dumped "a record" 'targets/*.record.json' '^record: beijing.ip/marks release 2$'
like "$out" '^language: zh$' "its languages, too"
dumped "a hint" 'hints/beijing.ip/marks/2' '^hint for index [0-9a-f]{64}'
dumped "a channel's role" 'metadata/*.beijing.ip.json' '^target beijing.ip/marks/2/record.json '
dumped "targets" 'metadata/*.targets.json' '^role beijing.ip: 1 of 1 keys, terminating$'
dumped "root" 'metadata/*.root.json' '^role timestamp: 1 of 1 keys$'
dumped "snapshot" 'metadata/*.snapshot.json' '^file beijing.ip.json version 2$'
dumped "timestamp" 'metadata/timestamp.json' '^file snapshot.json version [0-9]+$'
printf 'KBPATCH3%072d' 0 >"$T/a.patch"
exits 0 "dump of a patch" kb bj --lang en dump "$T/a.patch"
like "$out" '^patch: 80 bytes' "dump of a patch says what it is"
printf 'KBPATCH2%072d' 0 >"$T/old.patch"
exits 8 "dump of a patch of the format before" kb bj --lang en dump "$T/old.patch"
like "$err" 'old.patch: a patch of another format than 3' "says so"
pack=$(find "$HUB/repo/packs" -name '*.pack' -size +200k)
as_user head -c 1000 "$pack" >"$T/half.pack"
exits 8 "dump of half a pack" kb bj --lang en dump "$T/half.pack"
like "$err" 'half.pack: neither a pack.*end is lost$' "says what is wrong with it"

exits 0 "show" kb sc --lang zh show marks
like "$out" '^领域：知识产权$' "show names the field in Chinese"
run kb sc --lang en show marks
like "$out" '^field: intellectual property$' "show names the field in English"

exits 9 "a course that there is not" kb sc fetch nothing
exits 0 "status after it" kb sc --lang en status
like "$out" 'no such course: .*; next: kebao list --all' "status says how it ended"

url=$URL/bundles/beijing.ip/marks/2.tar.zst
identity=$T/home/sc/.local/share/kebao/identity
as_user curl -sSf --cacert "$identity/ca.pem" --cert "$identity/client.pem" --key "$identity/client.pem" \
	--pass "$(cat "$identity/passphrase")" -o "$T/home/sc/download (1)" "$url" || bail "no bundle"
exits 0 "a bundle is verified, whatever its name" kb sc --lang en verify "$T/home/sc/download (1)"
like "$out" 'the bundle of beijing.ip/marks release 2, as signed' "and named"
printf changed | as_user dd of="$T/home/sc/download (1)" bs=1 seek=100000 conv=notrunc status=none

# A course alone means it in every channel.
channel beijing.tm beijing paired bj >"$T/channel.log" 2>&1 || bail "no other channel: $(cat "$T/channel.log")"
exits 0 "the same course in another channel" publish bj beijing.tm "$T/course"
exits 10 "it is offered" kb sc check
exits 0 "show shows both" kb sc --lang en show marks
like "$out" '^beijing\.ip/marks' "the one that is held"
like "$out" '^beijing\.tm/marks' "and the one that is not"

printf 'PK\003\004 and so on' >"$T/home/sc/course.zip"
exits 3 "a zip is not" kb sc --lang en verify "$T/home/sc/course.zip"
like "$err" 'not signed: it cannot be verified' "and why is said"
exits 3 "a changed one is not" kb sc --lang en verify "$T/home/sc/download (1)"

mkdir "$T/wrong"
printf '{\n "course": "marks",\n "label": "1",,\n "field": "ip"\n}\n' >"$T/wrong/course.json"
exits 8 "a course.json that is no JSON" publish bj beijing.ip "$T/wrong" --lang en
like "$err" 'course.json: not acceptable JSON: .* \(line 3, byte 14\)$' "the mistake's line is named"

# What a clerk gets wrong is said in Chinese, too: no English sentence (three words in a row) is left.
# Names of files are one word each here.
printf '{"course":"Marks","label":"","title":{},"field":"law","languages":[],"lecturers":[" a"]}' >"$T/wrong/course.json"
touch "$T/wrong/CON.txt" "$T/wrong/a:b" "$T/wrong/end." "$T/wrong/ begin" "$T/wrong/A" "$T/wrong/a" \
	"$T/wrong/$(printf 'gbk\xd6\xd0')" "$T/wrong/$(printf 'new\nline')" "$T/wrong/$(printf 'bidi\xe2\x80\xae')"
ln -s /etc/passwd "$T/wrong/link"
mkfifo "$T/wrong/fifo"
exits 8 "a folder full of mistakes" publish bj beijing.ip "$T/wrong" --lang zh
like "$err" '^不能发布  名称 "CON.txt": 有一段是 Windows 的设备名' "a device name, in Chinese"
like "$err" '^不能发布  course.json: label: 未填写；请给这一版起个名称' "an empty label, in Chinese"
is "$(grep -c '^不能发布' <<<"$err")" 16 "every mistake is named"
unlike "$(grep '^不能发布' <<<"$err" | sed 's/course.json: //')" '[A-Za-z]{2,} [A-Za-z]{2,} [A-Za-z]{2,}' "and none in English"
printf '{"course":"marks","minutes":"90","lecturer":1}' >"$T/wrong/course.json"
run publish bj beijing.ip "$T/wrong" --lang zh
like "$err" 'minutes: 应为整数，现为文字$' "a text for a number, in Chinese"
printf '{"course":"marks",}' >"$T/wrong/course.json"
run publish bj beijing.ip "$T/wrong" --lang zh
like "$err" 'course.json: JSON 格式有误：此处应为带英文双引号的项目名.*，位于字节 18$' "a comma too many, in Chinese"
exits 8 "a file is no folder" publish bj beijing.ip "$T/wrong/course.json"
# --- what is refused, and why --------------------------------------------------------------
# refuses REGEX NAME ARGUMENTS...: a command line that the administrator had better not written.
refuses() {
	local regex=$1 name=$2
	shift 2
	exits 2 "$name" kb admin --lang en "$@"
	like "$err" "$regex" "and what is allowed is said"
}
refuses '^option --days: 200 is not a number from 1 to 90$' "an invitation for too long" hub invite sichuan --days 200
refuses '^option --days: 0 is not a number from 1 to 90$' "one for no day" hub invite sichuan --days=0
refuses '^option --role: there is no boss; it is one of: member, publisher, admin, auditor$' "a role that is none" \
	hub invite sichuan --role boss
refuses '^option --after: x is not a number from 0' "an entry that is none" hub audit --after x
refuses '^option --above: 0 is not a number from 1' "a version that is none" hub recover --above 0
refuses '^there is no course; it is one of: organisations, pairings, channels$' "a kind of document that is none" \
	hub registry remove course marks
refuses '^option --progress: there is no xml; it is one of: json$' "a form that is none" fetch --progress=xml
refuses '^an argument is missing$' "nothing to unset" config --unset
refuses '^option --days goes only with --renew$' "an option of another verb's half" sign beijing.ip --key "$T/bj.pem" --days 3
refuses '^option --home needs a value$' "no home behind the option" --home
refuses '^unknown language xx: there are zh and en$' "a language that is none" --lang xx check
refuses '^unknown language xx: there are zh and en$' "behind '=', too" --lang=xx check
refuses '^option --home needs a value$' "an empty home" --home= check
run kb admin --lang zh hub invite sichuan --days 200
like "$err" '^选项 --days：200 不对，应为 1 至 90 的整数$' "in Chinese, too"
exits 0 "a home behind '='" kb sc --home="$T/home/sc/.local/share/kebao" --lang=en list
like "$out" 'release' "is the home"

done_testing
