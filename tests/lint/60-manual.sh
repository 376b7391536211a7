#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The manual pages against the programs: verbs, options, exit codes, keys, variables, events.
. "$(dirname "$0")/lib.sh"
B=${KEBAO_BIN:-build/debug}
MAN=docs/man

# differ WHAT-IF-MISSING WHAT-IF-ADDITIONAL <(program) <(page): two sorted lists that must be one.
differ() {
	comm -23 "$3" "$4" | sed "s|^|$1: |"
	comm -13 "$3" "$4" | sed "s|^|$2: |"
}
options() { grep -oE -- '--[a-z][a-z-]*' | sort -u; }

# --- kebao: verb by verb ---------------------------------------------------------------

# walk LANG WORD...: "verb<TAB>option" and "verb<TAB>" of every verb, as --help prints them.
walk() {
	local lang=$1 help verb option
	shift
	help=$("$B/kebao" --lang "$lang" "$@" --help 2>&1) || echo "kebao $* --help: exit status $?"
	case $help in
	usage:* | 用法：*)
		printf '%s\t\n' "$*"
		printf '%s\n' "$help" | options | while IFS= read -r option; do printf '%s\t%s\n' "$*" "$option"; done
		;;
	*)
		for verb in $(printf '%s\n' "$help" | sed -nE 's/^  ([a-z][a-z-]*) .*/\1/p'); do walk "$lang" "$@" "$verb"; done
		;;
	esac
}
# The same of the page: .It Ic verb, or .It Xo and .Ic verb; options are what .Fl names until the next.
page_verbs() {
	awk '
	function verb(line,    w, n, i, v) {
		n = split(line, w, " ")
		for (i = 1; i <= n && w[i] !~ /^[A-Z][a-z]$/; i++)
			v = v (v == "" ? "" : " ") w[i]
		return v
	}
	/^\.Sh / { now = "" }
	/^\.It Ic / { now = verb(substr($0, 8)); print now "\t" }
	is_open && /^\.Ic / { now = verb(substr($0, 5)); print now "\t" }
	{ is_open = /^\.It Xo/ }
	now != "" {
		for (rest = $0; match(rest, /Fl -[a-z][a-z-]*/); rest = substr(rest, RSTART + RLENGTH))
			print now "\t-" substr(rest, RSTART + 3, RLENGTH - 3)
	}' "$MAN/kebao.1" | sort -u
}
verbs() { differ "not in kebao.1" "only in kebao.1" <(walk en | sort -u) <(page_verbs); }
languages() { differ "not in the Chinese usage" "only in the Chinese usage" <(walk en | sort -u) <(walk zh | sort -u); }
taken() {
	ours 'clients/kebao/cmd_*.c' | while IFS= read -r f; do
		grep -oE '\.name = "[a-z-]+"' "$f" | cut -d '"' -f 2 | sort -u | while IFS= read -r name; do
			grep -qE -- "--$name\b" clients/kebao/messages.def || echo "$f: --$name is in no usage"
		done
	done
}
common() {
	grep -oE '\.name = "[a-z]+"' clients/kebao/cli.c | cut -d '"' -f 2 | while IFS= read -r name; do
		grep -qE "^\.It Fl -$name\b" "$MAN/kebao.1" || echo "kebao.1: no .It Fl -$name"
	done
}

if [ -x "$B/kebao" ]; then
	clean "each verb and option of kebao is in kebao.1, and no other" verbs
	clean "both languages name the same options" languages
else
	clean "kebao is built" echo "no $B/kebao: run make first"
fi
clean "each option that kebao takes is in its usage" taken
clean "options of every verb are in kebao.1" common

# --- kebaod ----------------------------------------------------------------------------

page_options() { grep -oE 'Fl -[a-z][a-z-]*' "$1" | sed 's/^Fl /-/' | sort -u; }
daemon_options() {
	differ "not in kebaod.8" "only in kebaod.8" \
		<({ "$B/kebaod" --help && "$B/kebaod" init --help; } 2>&1 | options) <(page_options "$MAN/kebaod.8")
}
if [ -x "$B/kebaod" ]; then
	clean "each option of kebaod is in kebaod.8, and no other" daemon_options
else
	clean "kebaod is built" echo "no $B/kebaod: run make first"
fi
logged() {
	ours 'daemon/*.c' | while IFS= read -r f; do
		tr '\n\t' '  ' <"$f" | grep -oE '\blog_(note|begin|failure)\([^;"]*"[a-z][a-z-]*"' | cut -d '"' -f 2
	done | sort -u
}
page_events() { sed -nE 's/^\.It Sy (.*)/\1/p' "$MAN/kebaod.8" | tr -d ' ' | tr , '\n' | sort -u; }
events() { differ "not in kebaod.8" "only in kebaod.8" <(logged) <(page_events); }
clean "each event of the log is in kebaod.8, and no other" events

# --- exit codes, keys, variables -------------------------------------------------------

page_codes() {
	awk '/^\.Sh / { is_it = /EXIT STATUS/ } is_it && /^\.It [0-9]+$/ { print $2 }' "$1" | sort
}
codes() {
	differ "status.h, not in kebao.1" "only in kebao.1" \
		<(sed -nE 's/^\tSTATUS_[A-Z_]+ = ([0-9]+).*/\1/p' clients/kebao/status.h | sort) <(page_codes "$MAN/kebao.1")
	differ "kebaod_main.c, not in kebaod.8" "only in kebaod.8" \
		<(grep -oE '\bEXIT_[A-Z]+ = [0-9]+' daemon/kebaod_main.c | cut -d ' ' -f 3 | sort) <(page_codes "$MAN/kebaod.8")
}
clean "exit codes are those of the pages" codes

config_keys() { sed -nE 's/^\t\{ "([a-z._]+)", set_.*/\1/p' daemon/config.c | sort; }
keys() {
	differ "not in kebaod.conf.5" "only in kebaod.conf.5" <(config_keys) \
		<(grep -oE '^\.It Ic .*' "$MAN/kebaod.conf.5" | grep -oE 'Ic [a-z._]+' | cut -d ' ' -f 2 | sort)
	differ "not in examples/kebaod.conf" "only in examples/kebaod.conf" <(config_keys) \
		<(sed -nE 's/^([a-z._]+) = .*/\1/p' docs/examples/kebaod.conf | sort -u)
}
clean "keys of the configuration are those of page and example" keys

variables() {
	ours 'clients/*.c' 'daemon/*.c' 'catalog/*.c' | xargs -r cat | grep -E '\bgetenv\(|"LANG"' |
		grep -oE '"[A-Z][A-Z_]+"' | tr -d '"' | sort -u | while IFS= read -r name; do
		grep -qE "^\.It Ev (.* )?$name\b" "$MAN/kebao.1" || echo "kebao.1: no .It Ev $name"
	done
}
clean "variables that are read are in kebao.1" variables
lint_done
