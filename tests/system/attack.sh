# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154,SC2015,SC2016  # shared with tests; bail ends; perl has dollars
#
# For tests that attack.  Sourced after lib.sh, used after world().  A mirror, $EVIL, serves a copy of the
# hub's repository which tests change, with the hub's own certificate (whoever owns the hub has that), and
# people with a home of known state meet it:
#
#	attack_world                      a hub, releases 1 and 2; "sc" holds 2; $T/then: the repository at 1
#	evil_is DIRECTORY                 $EVIL becomes a copy of it, served without faults
#	victim NAME WHO                   NAME is WHO in everything, but asks the mirror
#	refused TEXT CLASS VERB...        TEXT names a test: the victim's `kebao VERB` ends with 3 and says CLASS
#
# What a thief of keys makes: role, relist, and the keys below, one for each thing that can be stolen.

EVIL=$T/evil
FAULTS=$T/faults
ASKED=$T/asked          # requests to the mirror, one a line
VICTIM=

tools_of_attack() {
	local program
	for program in forge hostile; do
		[ -x "$KEBAO_BIN/tests/attack/$program" ] || bail "no tests/attack/$program: run make first"
		cp "$KEBAO_BIN/tests/attack/$program" "$BIN/" || bail "no tools"
	done
	ROOT_KEY=$PASS:$OFFLINE/root-1.pem
	TARGETS_KEY=$PASS:$OFFLINE/targets.pem
	SNAPSHOT_KEY=$HUB/keys/online.pass:$HUB/keys/snapshot.pem
	TIMESTAMP_KEY=$HUB/keys/online.pass:$HUB/keys/timestamp.pem
	CHANNEL_KEY=$PASS:$T/bj.pem
}

# new_key NAME: $T/NAME.pem, $T/NAME.pub; its spec for role is "$PASS:$T/NAME.pem".
new_key() {
	kb mallory key new "$T/$1.pem" --passphrase-file "$PASS" >"$T/key.out" 2>&1 &&
		kb mallory key export-public "$T/$1.pem" --passphrase-file "$PASS" >"$T/$1.pub" ||
		bail "no key $1"
}

evil_start() {
	local tries
	for tries in 1 2 3; do
		EVIL_PORT=$(free_port)
		"${AS_USER[@]}" "$BIN/hostile" "$EVIL_PORT" "$HUB/keys/server.pem" "$HUB/keys/server.key" "$EVIL" \
			"$FAULTS" "$ASKED" >>"$T/hostile.log" 2>&1 </dev/null &
		EVIL_PID=$!
		wait_for "the mirror" evil_is_up_or_gone && is_running "$EVIL_PID" && return 0
	done
	bail "no mirror"
}
evil_is_up_or_gone() {
	! is_running "$EVIL_PID" || curl -ks --max-time 5 "https://127.0.0.1:$EVIL_PORT/" -o /dev/null
}

evil_is() {
	rm -rf "$EVIL"
	cp -r "$1" "$EVIL" && mkdir -p "$EVIL/api/v1" || bail "no mirror of $1"
	printf '{"channels":[{"id":"beijing.ip"},{"id":"beijing.law"}]}' >"$EVIL/api/v1/channels"
	chmod -R a+rX "$EVIL"
	: >"$FAULTS"
	: >"$ASKED"
	chmod 0666 "$FAULTS" "$ASKED"
}

attack_world() {
	world
	# So that frames come from packs: a patch would be taken instead where it is ready in time.
	hub_stop
	hub_conf "patches = off"
	hub_start || bail "no hub without patches"
	{
		channel beijing.law beijing paired bj
		course "$T/marks" marks one
		seq 1 20000 >"$T/marks/text.txt"
		head -c 200000 /dev/urandom >"$T/marks/video.mp4"
		publish bj beijing.ip "$T/marks" || bail "no release 1"
		cp -r "$HUB/repo" "$T/then"
		course "$T/marks" marks two
		publish bj beijing.ip "$T/marks" && kb sc fetch --all || bail "no release 2"
	} >"$T/world.log" 2>&1
	tools_of_attack
	evil_is "$HUB/repo"
	evil_start
}

# victim NAME WHO
victim() {
	VICTIM=$1
	rm -rf "$T/home/${1:?}"
	cp -a "$T/home/$2" "$T/home/$1" &&
		sed -i "s|https://127.0.0.1:$PORT|https://127.0.0.1:$EVIL_PORT|" \
			"$T/home/$1/.local/share/kebao/config.json" || bail "no victim"
	[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$T/home/$1"
	: >"$ASKED"
	HELD=$(holdings)
}

# What the victim holds: every file of the library, by hash.
holdings() { (cd "$(library "$VICTIM")" 2>/dev/null && find . -type f -exec sha256sum {} + | sort -k2); }

# refused NAME TEXT VERB [ARG...]: not believed (3), said why, and nothing of it in the library.
refused() {
	local name=$1 text=$2
	shift 2
	run kb "$VICTIM" "$@"
	is "$status" 3 "$name: not believed" && like "$err" "$text" "$name: and it says why"
	is "$(holdings)" "$HELD" "$name: the library is as it was"
}
# accepted NAME STATUS: the control: the same story without the lie; $VICTIM checks.
accepted() {
	run kb "$VICTIM" check
	is "$status" "$2" "$1"
}

# newest ROLE: its newest file in $EVIL, or timestamp.json.
newest() {
	[ "$1" != timestamp ] || { echo "$EVIL/metadata/timestamp.json" && return; }
	find "$EVIL/metadata" -regex ".*/[0-9]+\\.${1//./\\.}\\.json" | sort -V | tail -n 1
}

# role NAME PERL KEY...: the newest file of a role in $EVIL, with its `signed`, $s, changed by PERL and signed
# by the KEYs (forge.c), becomes the file of its version; $FILE is its path.  PERL may use: day(N) the
# time N days from now (a fraction is one); pub("NAME") the key object in $T/NAME.pub and id("NAME") its keyid;
# listed(ROLE, VERSION) what a snapshot says of a file in $EVIL.
role() {
	local name=$1 code=$2 from version
	shift 2
	from=$(newest "$name")
	perl -MJSON::PP -MDigest::SHA=sha256_hex -MPOSIX=strftime -e '
		my ($code, $from, $t, $evil) = @ARGV;
		sub slurp { open my $f, "<:raw", $_[0] or die "$_[0]: $!"; local $/; my $b = <$f>; $b }
		sub day { strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(time + $_[0] * 86400)) }
		sub pub { decode_json(slurp("$t/$_[0].pub")) }
		sub id { my $b = slurp("$t/$_[0].pub"); chomp $b; sha256_hex($b) }
		sub listed { my $b = slurp("$evil/metadata/$_[1].$_[0].json");
			+{ version => $_[1], length => length $b, hashes => { sha256 => sha256_hex($b) } } }
		our $s = decode_json(slurp($from))->{signed};
		eval $code; die $@ if $@;
		print encode_json($s)' -- "$code" "$from" "$T" "$EVIL" >"$T/signed.json" || bail "role $name"
	version=$(perl -MJSON::PP -0777 -ne 'print decode_json($_)->{version}' "$T/signed.json")
	FILE=$EVIL/metadata/$version.$name.json
	[ "$name" != timestamp ] || FILE=$EVIL/metadata/timestamp.json
	"$BIN/forge" "$@" <"$T/signed.json" >"$T/forged" && mv "$T/forged" "$FILE" || bail "forging $name"
}

# relist [ROLE]...: the next snapshot, which lists the newest files of these roles (or what PERL=... says)
# and the next timestamp: what a thief of both online keys can do.
relist() {
	local name file code='$s->{version}++;'
	for name in "$@"; do
		file=$(basename "$(newest "$name")")
		code+="\$s->{meta}{'$name.json'} = listed('$name', ${file%%.*});"
	done
	role snapshot "$code ${PERL:-}" "${SNAPSHOT_BY:-$SNAPSHOT_KEY}"
	retime
}
# retime: the next timestamp, for the newest snapshot.
retime() {
	local file
	file=$(basename "$(newest snapshot)")
	role timestamp "\$s->{version}++; \$s->{meta}{'snapshot.json'} = listed('snapshot', ${file%%.*});
		${TIME_PERL:-}" "${TIMESTAMP_BY:-$TIMESTAMP_KEY}"
}
# version ROLE: of its newest file.
version() { basename "$(newest "$1")" | cut -d. -f1; }
