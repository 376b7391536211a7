#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# make install: what it puts where, that it works from there, and that uninstall leaves nothing.
. "$(dirname "$0")/lib.sh"

# The build under test; make's own variables are those of the make that runs this.
config=$(basename "$KEBAO_BIN")
D=$T/root
P=/opt/course
mk() {
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s -C "$ROOT" CONFIG="$config" DESTDIR="$D" PREFIX="$P" \
		SYSCONFDIR=/etc "$@"
}
[ "$KEBAO_BIN" = "$ROOT/build/$config" ] || skip_all "the programs are not below build/"

exits 0 "make install" mk install
is "$(cd "$D$P" && find . -type f | LC_ALL=C sort | tr '\n' ' ')" \
	"./bin/kebao ./lib/systemd/system/kebaod.service ./sbin/kebaod ./sbin/kebaod-signer $(
		)./share/kebao/examples/kebaod.conf ./share/kebao/examples/registry/README.md $(
		)./share/kebao/examples/registry/channels.json ./share/kebao/examples/registry/organisations.json $(
		)./share/kebao/examples/registry/pairings.json $(
		)./share/man/man1/kebao.1 ./share/man/man5/kebaod.conf.5 ./share/man/man8/kebaod.8 " \
	"programs, pages, unit and examples, and nothing else"
is "$(find "$D" -type f ! -path "$D$P/*")" "" "nothing outside of PREFIX"
is "$(find "$D" -type f \( -perm /022 -o ! -perm -444 \))" "" "all may read, none but the owner may write"
is "$(find "$D" -type f -perm /111 | sed "s|$D$P||" | sort | tr '\n' ' ')" \
	"/bin/kebao /sbin/kebaod /sbin/kebaod-signer " "programs are executable, the rest is not"

# --- pages and examples ----------------------------------------------------------------
if command -v mandoc >/dev/null; then
	for page in man1/kebao.1 man5/kebaod.conf.5 man8/kebaod.8; do
		run mandoc -T utf8 "$D$P/share/man/$page"
		like "$out" "$(basename "$page" | tr '[:lower:]' '[:upper:]' | sed -E 's/\.([0-9])$/.*\\(\1\\)/')" "$page is a page"
	done
else
	ok 0 "pages # SKIP no mandoc on this machine"
fi

# --- the unit --------------------------------------------------------------------------
UNIT=$D$P/lib/systemd/system/kebaod.service
unlike "$(cat "$UNIT")" '@[A-Z]+@' "no place in the unit is left open"
like "$(cat "$UNIT")" "^ExecStart=$P/sbin/kebaod --config /etc/kebao/kebaod.conf$" "the unit starts what was installed"
if command -v systemd-analyze >/dev/null; then
	# A user "kebao" and the targets of a whole system are not below $D.
	run systemd-analyze verify --root="$D" --man=no "$UNIT"
	unlike "$out$err" 'kebaod\.service:[0-9]+:|is not executable|Unknown|Failed to parse' \
		"systemd understands the unit"
	exits 0 "and calls it well closed (below 2 of 10)" \
		systemd-analyze security --offline=true --threshold=20 "$UNIT"
else
	ok 0 "the unit # SKIP no systemd-analyze on this machine"
fi

# --- the installed programs ------------------------------------------------------------
mkdir "$T/installed" || bail "no folder"
ln -s "$D$P/bin/kebao" "$D$P/sbin/kebaod" "$T/installed/" || bail "no links"
BIN=$T/installed
traced=
if [ "$config" != asan ] && command -v strace systemd-analyze >/dev/null; then
	# What the hub and its signer ask of the kernel; -D: the hub keeps its process id.
	traced=$T/home/calls
	rm "$BIN/kebaod"
	printf '#!/bin/sh\nexec strace -D -f -qq -o %s %s "$@"\n' "$traced" "$D$P/sbin/kebaod" >"$BIN/kebaod"
	chmod 0755 "$BIN/kebaod"
fi
world
course "$T/course" marks one
exits 0 "a course is published" publish bj beijing.ip "$T/course"
exits 0 "and fetched" kb sc fetch --all
exits 0 "the hub ends" hub_stop
sed "s|/var/lib/kebao|$HUB|" "$D$P/share/kebao/examples/kebaod.conf" >"$T/example.conf"
exits 0 "the example configuration is one" as_user "$D$P/sbin/kebaod" --check-config --config "$T/example.conf"

# Names of system calls in sets, sets in sets resolved.
expand() {
	local word
	systemd-analyze syscall-filter "$@" | sed -nE 's/^ +([@a-z0-9_-]+)$/\1/p' | while read -r word; do
		case $word in @*) expand "$word" ;; *) echo "$word" ;; esac
	done
}
# The lines of the filter one after the other, as systemd.exec(5) says: a list is added, "~" takes away.
filtered() {
	local line words
	: >"$T/allow"
	sed -nE 's/^SystemCallFilter=//p' "$UNIT" | while read -r line; do
		read -ra words <<<"${line#"~"}"
		expand_all "${words[@]}" | sort -u >"$T/named"
		case $line in
		"~"*) comm -23 "$T/allow" "$T/named" ;;
		*) sort -u "$T/allow" "$T/named" ;;
		esac >"$T/allow.new"
		mv "$T/allow.new" "$T/allow"
	done
}
# The same for words that may be plain names.
expand_all() {
	local word
	for word; do
		case $word in @*) expand "$word" ;; *) echo "$word" ;; esac
	done
}
if [ -n "$traced" ]; then
	filtered
	sed -nE 's/^[0-9]+ +([a-z0-9_]+)\(.*/\1/p' "$traced" | sort -u >"$T/used"
	[ "$(wc -l <"$T/used")" -gt 30 ]
	ok $? "the hub was watched" || diag "$(cat "$T/used")"
	is "$(comm -13 "$T/allow" "$T/used" | tr '\n' ' ')" "" \
		"the unit lets the hub make every system call it makes"
else
	ok 0 "the unit lets the hub make its system calls # SKIP wants strace, systemd-analyze and no sanitizer"
fi

# --- the end ---------------------------------------------------------------------------
exits 0 "make uninstall" mk uninstall
is "$(find "$D" ! -type d)" "" "no file is left"
is "$(cd "$D" && find . -name '*kebao*')" "" "nor a folder of ours"
done_testing
