#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the linked programs hold, and what they must not.
. "$(dirname "$0")/lib.sh"
B=${KEBAO_BIN:-build/debug}

symbols() { nm "$1" 2>/dev/null | awk '$2 ~ /^[TtDdBbRr]$/ { print $3 }' | grep -E "$2" | sed "s|^|$1: |"; }
if need nm "programs and their symbols"; then
	if [ -x "$B/kebaod" ]; then
		# init makes the first keys and hands them over; it is a mode of kebaod that never serves.
		clean "kebaod holds nothing that signs" symbols "$B/kebaod" '^sign_'
		clean "kebaod holds no code of the clients" symbols "$B/kebaod" '^(transfer|library|cmd)_'
	else
		clean "kebaod is built" echo "no $B/kebaod: run make first"
	fi
	sees_network() { nm -D --undefined-only "$1" | grep -wE 'socket|connect|accept4?|bind|listen|getaddrinfo|SSL_[a-z]+' | sed "s|^|$1: |"; }
	if [ -x "$B/kebaod-signer" ]; then
		clean "kebaod-signer calls nothing of the network" sees_network "$B/kebaod-signer"
	else
		clean "kebaod-signer is built" echo "no $B/kebaod-signer: run make first"
	fi
fi
lint_done
