#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# `make demo`: a hub, a publisher and three recipients on this machine, with the sample courses.  It fails where what it says
# is not so.  On a terminal the hub then serves until Ctrl-C.
#
#	KEBAO_BIN    where the programs are (build/release)
#	DEMO_PORT    port of the hub (8443; another one where that is taken)
#	DEMO_LANG    zh or en: what kebao answers in
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
export LC_ALL=C.UTF-8

BIN_FROM=${KEBAO_BIN:-build/release}
COURSES=$PWD/build/courses
EXAMPLES=$PWD/docs/examples/registry
T=$(mktemp -d "${TMPDIR:-/tmp}/kebao-demo.XXXXXX") || exit 1
HUB_PID=

# --- ends, good and bad ----------------------------------------------------------------

cleanup() {
	local rc=$?
	trap - EXIT
	trap '' HUP INT TERM # once begun it is done
	if [ -n "$HUB_PID" ]; then
		kill -TERM "$HUB_PID" 2>/dev/null
		wait "$HUB_PID" 2>/dev/null
	fi
	chmod -R u+rwX "$T" 2>/dev/null
	rm -rf "$T"
	exit "$rc"
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
	printf '\n✗ %s\n' "$@" >&2
	[ ! -s "$T/hub.log" ] || { echo "--- hub.log" >&2 && tail -n 15 "$T/hub.log" >&2; }
	exit 1
}

# --- telling ---------------------------------------------------------------------------

STEP=0
if [ -t 1 ]; then BOLD=$'\e[1m' DIM=$'\e[2m' PLAIN=$'\e[0m'; else BOLD='' DIM='' PLAIN=''; fi

# step CHINESE ENGLISH
step() {
	STEP=$((STEP + 1))
	printf '\n%s── %d. %s%s\n      %s\n' "$BOLD" "$STEP" "$1" "$PLAIN" "$2"
}
# say CHINESE ENGLISH
say() { printf '   ✓ %s\n     %s\n' "$1" "$2"; }
indent() { sed 's/^/     /'; }
mib() { awk -v n="$1" 'BEGIN { if (n < 1048576) printf "%.1f KiB", n / 1024; else printf "%.2f MiB", n / 1048576 }'; }

# --- people ----------------------------------------------------------------------------

# The hub refuses to serve as root, and nobody can read a checkout below /root: copies for all, run as nobody.
AS=()
if [ "$(id -u)" = 0 ]; then AS=(setpriv --reuid=65534 --regid=65534 --clear-groups); fi
mkdir "$T/bin" "$T/home" "$T/data" "$T/spare" || exit 1
chmod 0755 "$T" "$T/bin" "$T/data"
chmod 0700 "$T/spare"
cp "$BIN_FROM/kebaod" "$BIN_FROM/kebaod-signer" "$BIN_FROM/kebao" "$T/bin/" || exit 1
cp -R "$COURSES" "$T/data/courses" && cp "$EXAMPLES"/*.json "$T/data/" || exit 1
[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$T/home" "$T/data" "$T/spare"
as() { "${AS[@]}" "$@"; }

# quietly WHO ARG...: kebao as that person.  Each person has a home of their own.
quietly() {
	local who=$1
	shift
	[ -d "$T/home/$who" ] || as mkdir -m 0700 "$T/home/$who" || return 1
	as env HOME="$T/home/$who" "$T/bin/kebao" --lang "${DEMO_LANG:-zh}" "$@" </dev/null
}
# kebao WHO ARG...: the same, shown.
kebao() {
	local status shown=("${@:2}") i
	for i in "${!shown[@]}"; do
		shown[i]=${shown[i]//"$T/data/"/}
		shown[i]=${shown[i]//"$T/"/}
		case ${shown[i]} in KB1-*) shown[i]=KB1-… ;; esac
	done
	printf '   %s%s$%s kebao %s\n' "$DIM" "$1" "$PLAIN" "${shown[*]}"
	quietly "$@" >"$T/said" 2>&1
	status=$?
	sed "s|$T/||g" "$T/said" | indent
	[ -s "$T/said" ] || printf '     （没有输出，退出码 %d；nothing said, exit status %d）\n' "$status" "$status"
	return "$status"
}
# must WHO ARG...: the same, and it must succeed.
must() { kebao "$@" || fail "kebao ${*:2}: exit status $?"; }

# All bytes of replies the hub has sent so far, as its log counts them.  Who asks may have the answer before the log has
# the request; this asks, too, and the hub has one loop, so its line is behind theirs.
sent_bytes() {
	local path=/logged-$EPOCHREALTIME i
	curl -ks -o /dev/null "$URL$path"
	for ((i = 0; i < 200; i++)); do
		! grep -qF "\"path\":\"$path\"" "$T/hub.log" || break
		sleep 0.1
	done
	jq -rR 'fromjson? | select(.event == "request" and (.path | startswith("/logged-") | not)) | .bytes' "$T/hub.log" |
		awk '{ n += $1 } END { printf "%d", n }'
}

# --- the story -------------------------------------------------------------------------

printf '%s课包 kebao%s：律师协会之间的课程分发\n           courses between bar associations\n' "$BOLD" "$PLAIN"
printf '\n   一切都在临时目录 %s 中，结束时删除。\n   All of it lives in a temporary directory, which is removed at the end.\n' "$T"

step "建站：根密钥和目标密钥离线保存，课程中心只有在线密钥" \
	"A new hub: root and targets keys are for a drawer; the hub keeps only its online keys"
openssl rand -hex 16 | as tee "$T/spare/passphrase" >/dev/null || exit 1
PORT=${DEMO_PORT:-8443}
while (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null; do PORT=$((PORT + 1)); done
URL=https://localhost:$PORT
as "$T/bin/kebaod" init --state "$T/spare/hub" --offline-keys "$T/spare/offline" --org hub \
	--name-zh 课包示例站 --name-en 'Example hub' --hostname localhost --hostname 127.0.0.1 \
	--port "$PORT" --passphrase-file "$T/spare/passphrase" >"$T/init.out" 2>&1 ||
	fail "$(cat "$T/init.out")"
CODE=$(grep -oE 'KB1-[0-9A-Z-]+' "$T/init.out" | head -n 1)
{
	printf 'state = %s/spare/hub\n' "$T"
	printf 'listen = 127.0.0.1:%s\nlisten = [::1]:%s\nworkers = 1\n' "$PORT" "$PORT"
	printf 'hostname = localhost\nhostname = 127.0.0.1\n'
	printf 'name.zh = 课包示例站\nname.en = Example hub\nfree_space_reserve = 64M\n'
} >"$T/kebaod.conf"
# A machine without IPv6 has no ::1 to listen on.
grep -q ' lo$' /proc/net/if_inet6 2>/dev/null || sed -i '/::1/d' "$T/kebaod.conf"
chmod 0644 "$T/kebaod.conf"
"${AS[@]}" "$T/bin/kebaod" --config "$T/kebaod.conf" >"$T/hub.log" 2>&1 </dev/null &
HUB_PID=$!
for ((i = 0; ; i++)); do
	curl -ks --max-time 5 "$URL/api/v1/hub" >"$T/hub.json" && break
	[ "$i" -lt 200 ] || fail "课程中心没有启动 the hub did not come up"
	sleep 0.1
done
as cat "$T/spare/hub/keys/ca.pem" >"$T/hub-ca.pem" || fail "no hub CA"
curl -fsS --cacert "$T/hub-ca.pem" "$URL/api/v1/hub" >"$T/hub.json" || fail "curl --cacert"
printf '   %s$%s curl --cacert hub-ca.pem %s/api/v1/hub\n' "$DIM" "$PLAIN" "$URL"
jq -c . "$T/hub.json" | indent
say "课程中心已在 $URL 服务，任何程序用课程中心的证书都能访问" "the hub serves; any program with the hub's CA may speak to it"

step "管理员用注册码登记，载入 32 个省级协会和有据可查的结对" \
	"The administrator enrols and loads the associations and the pairings that are documented"
must admin enroll "$URL" "$CODE"
must admin hub registry load "$T/data/organisations.json" "$T/data/pairings.json"

step "北京律协登记为发布者，密钥只在自己手里；管理员开设三个只给结对方看的频道" \
	"Beijing enrols as a publisher and keeps its key; three channels, for its pairs only"
CODE=$(quietly admin hub invite beijing --role publisher 2>/dev/null) || fail "invite"
must beijing enroll "$URL" "$CODE"
must beijing key new "$T/home/beijing/signing.pem" --passphrase-file "$T/spare/passphrase"
quietly beijing key export-public "$T/home/beijing/signing.pem" \
	--passphrase-file "$T/spare/passphrase" | as tee "$T/spare/beijing.pub" >/dev/null ||
	fail "export-public"
for field in foreign ip securities; do
	title=$(jq -r --arg id "beijing.$field" '.channels[] | select(.id == $id) | .title.zh' "$T/data/channels.json")
	must admin hub channel add "beijing.$field" --publisher beijing --audience paired \
		--title-zh "$title" --publisher-key "$T/spare/beijing.pub" \
		--targets-key "$T/spare/offline/targets.pem" --passphrase-file "$T/spare/passphrase"
done

# publish_all RELEASE
publish_all() {
	local pair
	for pair in foreign:cisg-basics ip:trademark-basics securities:disclosure-basics; do
		must beijing publish "$T/data/courses/${pair#*:}/$1" --channel "beijing.${pair%:*}" \
			--key "$T/home/beijing/signing.pem" --passphrase-file "$T/spare/passphrase"
	done
}
step "发布三门课程的第一版" "Three courses, release 1"
publish_all 1

step "四川律协（与北京结对）登记、查看、取得、核验" \
	"Sichuan, paired with Beijing, enrols, checks, fetches, verifies"
CODE=$(quietly admin hub invite sichuan 2>/dev/null) || fail "invite"
must sichuan enroll "$URL" "$CODE"
kebao sichuan check
[ $? = 10 ] || fail "check 应当退出 10 check should exit with 10"
must sichuan fetch --all
must sichuan verify

step "第二版发布：改了一段，添了一张图" "Release 2: one passage and one picture are new"
publish_all 2
kebao sichuan check
[ $? = 10 ] || fail "check 应当退出 10 check should exit with 10"
before=$(sent_bytes)
must sichuan fetch
update=$(($(sent_bytes) - before))
must sichuan verify

step "新疆律协第一次取得第二版：这是全量下载的代价" \
	"Xinjiang fetches release 2 from nothing: what a full download costs"
CODE=$(quietly admin hub invite xinjiang 2>/dev/null) || fail "invite"
must xinjiang enroll "$URL" "$CODE"
before=$(sent_bytes)
must xinjiang fetch --all
full=$(($(sent_bytes) - before))
diff -r "$T/home/sichuan/.local/share/kebao/library" "$T/home/xinjiang/.local/share/kebao/library" \
	>/dev/null || {
	# Sichuan may keep release 1 beside it; release 2 must be equal.
	for pair in foreign/cisg-basics ip/trademark-basics securities/disclosure-basics; do
		diff -r "$T/home/sichuan/.local/share/kebao/library/beijing.$pair/2" \
			"$T/home/xinjiang/.local/share/kebao/library/beijing.$pair/2" ||
			fail "两处的文件不同 the files differ"
	done
}
say "全量下载 $(mib "$full")（$full 字节），更新 $(mib "$update")（$update 字节）：$((update * 100 / full))%" \
	"full download $full bytes, update $update bytes: $((update * 100 / full)) %"
[ $((update * 4)) -lt "$full" ] || fail "更新应少于全量的四分之一 the update is not below a quarter"

step "广东律协没有与北京结对：频道对它不存在" "Guangdong is not paired with Beijing: for it the channels do not exist"
CODE=$(quietly admin hub invite guangdong 2>/dev/null) || fail "invite"
must guangdong enroll "$URL" "$CODE"
kebao guangdong check || fail "check 应当退出 0 check should exit with 0"
kebao guangdong fetch beijing.ip/trademark-basics
[ $? = 9 ] || fail "fetch 应当退出 9 fetch should exit with 9"
[ -z "$(find "$T/home/guangdong/.local/share/kebao/library" -type f 2>/dev/null)" ] ||
	fail "广东拿到了文件 Guangdong holds files"
say "什么也没有，和不存在的频道一样" "nothing at all, like a channel that does not exist"

printf '\n%s全部如实完成。All of it happened as told.%s\n' "$BOLD" "$PLAIN"
if [ ! -t 0 ] || [ ! -t 1 ]; then exit 0; fi
cat <<END

课程中心继续在 $URL 服务，按 Ctrl-C 结束并删除一切。
The hub serves at $URL until Ctrl-C, which also removes everything.

  curl --cacert $T/hub-ca.pem $URL/api/v1/hub
  HOME=$T/home/sichuan $T/bin/kebao list
END
trap 'exit 0' INT
wait "$HUB_PID"
fail "课程中心自己停了 the hub has ended by itself"
