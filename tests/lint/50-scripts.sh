#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Scripts, manual pages, links of the documentation, data files.
. "$(dirname "$0")/lib.sh"

scripts() {
	ours '*.sh' '.ci/*' | xargs -r shellcheck -x -P SCRIPTDIR --shell=bash --severity=style \
		--exclude=SC1090,SC1091,SC2317 --format=gcc
}
need shellcheck "shell scripts" && clean "shellcheck finds nothing" scripts

executable() {
	ours 'tests/system/[0-9]*.sh' 'tests/lint/[0-9]*.sh' '.ci/*' | while IFS= read -r f; do
		[ -x "$f" ] || echo "$f: not executable"
	done
}
clean "scripts that are run are executable" executable

# Whether a page that it refers to is installed here says nothing of the page.
pages() {
	ours 'docs/man/*' | xargs -r mandoc -T lint 2>&1 |
		grep -vE 'referenced manual not found|outdated mandoc.db' || true
}
need mandoc "manual pages" && clean "mandoc finds nothing" pages

# Relative links of Markdown lead to files that exist.
links() {
	ours '*.md' | while IFS= read -r f; do
		grep -noE '\]\([^)# ]+' "$f" | while IFS= read -r hit; do
			target=${hit##*](}
			case $target in http://* | https://* | mailto:*) continue ;; esac
			[ -e "$(dirname "$f")/$target" ] || echo "$f:${hit%%:*}: no $target"
		done
	done
}
clean "links of the documentation lead somewhere" links

named_pages() {
	ours '*.md' | while IFS= read -r f; do
		grep -noE '\b(docs/)?[A-Z]+\.md\b' "$f" | while IFS= read -r hit; do
			page=${hit#*:}
			[ -e "$page" ] || [ -e "docs/${page#docs/}" ] || echo "$f:${hit%%:*}: no $page"
		done
	done
}
clean "pages that the text names exist" named_pages

json() {
	ours '*.json' | while IFS= read -r f; do
		jq -e . "$f" 2>&1 >/dev/null | sed "s|^|$f: |"
	done
}
need jq "data files" && clean "JSON files are JSON" json

# The machine of whoever wrote this has no place in the repository.
places() {
	ours '*' | grep -v '^tests/lint/50-scripts.sh$' |
		xargs -r -d '\n' grep -nIE '(^|[^A-Za-z0-9./$}])/(root|work|home/[a-z]+)/' || true
}
clean "no path of somebody's machine" places
lint_done
