#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Roles signed again before they expire: by one key, by two people, by the keys' own look-out.
# shellcheck disable=SC2034 # status, out and err are read by the functions of lib.sh
. "$(dirname "$0")/lib.sh"

P=(--passphrase-file "$PASS")
META=$T/hub/repo/metadata
version() { find "$META" -name "[0-9]*.$1.json" -printf '%f\n' | sort -n | tail -n 1 | cut -d. -f1; }

world
course "$T/course" trademarks 第一版
echo text >"$T/course/a.txt"
exits 0 "a channel without a release has nothing to renew" kb bj sign --renew beijing.ip \
	--key "$T/bj.pem" "${P[@]}"
exits 0 "a course is published" publish bj beijing.ip "$T/course"
is "$(version beijing.ip)" 1 "as version 1"
exits 0 "a recipient fetches it" kb sc fetch --all

exits 0 "nothing is due" kb bj --lang en sign --renew --key "$T/bj.pem" "${P[@]}"
like "$out" 'nothing expires' "and that is said"
exits 0 "the channel is renewed by name" kb bj --lang en sign --renew beijing.ip --days 30 \
	--key "$T/bj.pem" "${P[@]}"
is "$(version beijing.ip)" 2 "as version 2"
exits 0 "what is due is found by itself" kb bj --lang en sign --renew --key "$T/bj.pem" "${P[@]}"
like "$out" 'beijing.ip was signed again: version 3' "and renewed"
exits 0 "nothing is new for a recipient" kb sc check
exits 0 "what she holds is as signed" kb sc verify

exits 0 "targets are renewed by the administrator" kb admin --lang en sign --renew targets \
	--key "$OFFLINE/targets.pem" "${P[@]}"
like "$out" 'targets was signed again: version 3' "with the next version"
exits 5 "a key of another role renews nothing" kb admin sign --renew beijing.ip \
	--key "$OFFLINE/targets.pem" "${P[@]}"
exits 9 "an unknown channel is not found" kb bj sign --renew nowhere --key "$T/bj.pem" "${P[@]}"

done_testing
