# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
#
# What every lint script begins with: the list of our own files, and TAP.  A finding is a line
# on stdout of the checking command; no line, no finding.
set -u
export LC_ALL=C.UTF-8
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
LINT_N=0
LINT_FAILED=0

# Our own files that match the patterns (as in git ls-files), new ones included; without git: all.
ours() {
	if [ -e .git ] && command -v git >/dev/null && git ls-files >/dev/null 2>&1; then
		git ls-files --cached --others --exclude-standard -- "$@" | sort -u |
			while IFS= read -r f; do [ ! -f "$f" ] || printf '%s\n' "$f"; done
	else
		local p
		for p in "$@"; do
			find . -path ./build -prune -o -path "./.git" -prune -o \
				-type f -path "./$p" -print | sed 's|^\./||'
		done | sort -u
	fi
}

# clean NAME COMMAND...: passes where the command prints nothing.
clean() {
	local name=$1 findings
	shift
	LINT_N=$((LINT_N + 1))
	findings=$("$@" 2>&1)
	if [ -z "$findings" ]; then
		printf 'ok %d - %s\n' "$LINT_N" "$name"
	else
		LINT_FAILED=$((LINT_FAILED + 1))
		printf 'not ok %d - %s\n' "$LINT_N" "$name"
		printf '%s\n' "$findings" | sed 's/^/# /'
		# prove hides comments; findings are what one runs this for.
		printf '%s\n' "$findings" >&2
	fi
}

# need TOOL NAME: whether it is there; where not, the check NAME is skipped aloud.
need() {
	command -v "$1" >/dev/null && return 0
	LINT_N=$((LINT_N + 1))
	printf 'ok %d - %s # SKIP no %s on this machine: make deps\n' "$LINT_N" "$2" "$1"
	echo "lint: no $1 on this machine, not checked: $2" >&2
	return 1
}

lint_done() {
	printf '1..%d\n' "$LINT_N"
	[ "$LINT_FAILED" = 0 ]
	exit
}
