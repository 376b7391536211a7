#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016 # perl has dollars
# Every header compiles alone, and every body has one.
. "$(dirname "$0")/lib.sh"

alone() {
	ours 'catalog/*.h' 'daemon/*.h' 'clients/*.h' | xargs -r -P "$(nproc)" -I {} sh -c '
		printf "#include \"%s\"\n" "{}" |
		cc -x c -std=gnu11 -fsyntax-only -Wall -Wextra -I. -D_GNU_SOURCE \
			-isystem /usr/share/include/llhttp - 2>&1 | sed "s|^|{}: |"'
}
need cc "each header compiles alone" && clean "each header compiles alone" alone

pairs() {
	ours 'catalog/*.c' 'daemon/*.c' 'clients/*.c' | grep -v 'main\.c$' | while IFS= read -r c; do
		h=${c%.c}.h
		[ -f "$h" ] || grep -qE "^#include \"${h%/*}/[a-z0-9_]+\.h\"" "$c" ||
			echo "$c: neither $h nor any header of its folder is included"
	done
}
clean "every body includes a header of its folder" pairs

guards() {
	ours 'catalog/*.h' 'daemon/*.h' 'clients/*.h' | xargs -r perl -ne '
		BEGIN { sub want { my $g = uc(shift =~ s/\.h$//r); $g =~ tr{/.-}{_}; return "KEBAO_${g}_H" } }
		$found = 1 if $_ eq "#ifndef " . want($ARGV) . "\n";
		next unless eof;
		print "$ARGV: include guard is not " . want($ARGV) . "\n" unless $found;
		$found = 0'
}
clean "include guards are the path" guards
lint_done
