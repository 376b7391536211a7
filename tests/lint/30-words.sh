#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the text of the sources may not hold.
. "$(dirname "$0")/lib.sh"

C=('catalog/*.[ch]' 'daemon/*.[ch]' 'clients/*.[ch]' 'tests/*.[ch]')

# Code without comments and strings, file:line in front, so that prose may name what code may not call.
code() {
	ours "$@" | while IFS= read -r f; do
		perl -0777 -pe '
			s{("(?:\\.|[^"\\\n])*")|(\x27(?:\\.|[^\x27\\\n])*\x27)|(/\*.*?\*/)|(//[^\n]*)}
			 {my $x = defined $3 ? $3 : ""; defined $1 ? "\"\"" : $x =~ tr/\n//cdr}gse' "$f" |
			awk -v f="$f" '{ print f ":" NR ": " $0 }'
	done
}
calls() { code "${C[@]}" | grep -E "\b($1)[ \t]*\(" || true; }

clean "no banned call" calls \
	'strcpy|strcat|sprintf|vsprintf|strncpy|strtok|atoi|atol|atoll|gmtime|localtime|system|popen|mktemp|tmpnam|alloca|gets|asctime|ctime'

signs_only() {
	ours 'catalog/*.[ch]' 'daemon/*.[ch]' | xargs -r grep -nE '^#include "catalog/trust/sign\.h"' |
		grep -vE '^(catalog/trust/|daemon/signer/)' || true
}
clean "private keys are for the signer alone" signs_only

quiet_library() { code 'catalog/*.[ch]' | grep -E '\b(printf|puts|fputs|perror|exit|_exit|abort|time|gettimeofday)[ \t]*\(' || true; }
clean "the library neither prints nor exits nor reads the clock" quiet_library

spdx() {
	ours '*.[ch]' '*.def' '*.sh' '*.pl' Makefile '.ci/*' 'docs/man/*' '*.service' '*.css' '*.js' |
		while IFS= read -r f; do
			head -n 3 "$f" | grep -q 'SPDX-License-Identifier: Apache-2.0' ||
				echo "$f: no SPDX line"
		done
}
clean "every source begins with its licence" spdx

marks() {
	ours '*.[ch]' '*.def' '*.sh' '*.md' Makefile 'docs/man/*' |
		grep -v '^tests/lint/30-words.sh$' |
		xargs -r grep -nE '\b(TODO|FIXME|XXX|HACK)\b|^(<<<<<<<|>>>>>>>) ' || true
}
clean "no unfinished marks" marks

space() {
	ours '*.[ch]' '*.def' '*.sh' Makefile '*.md' '.ci/*' | while IFS= read -r f; do
		grep -nE '[ 	]+$' "$f" | sed "s|^|$f:|; s|\$|: blanks at the end of the line|"
		[ -z "$(tail -c 1 "$f")" ] || echo "$f: no newline at the end"
	done
}
clean "no blanks at line ends" space

# Tabs count eight, a Chinese character two.
long_lines() {
	ours "${C[@]}" | while IFS= read -r f; do
		expand -t 8 "$f" | perl -CSD -ne '
			chomp; my $w = length; $w++ while /[\x{1100}-\x{115f}\x{2e80}-\x{a4cf}\x{ac00}-\x{d7a3}\x{f900}-\x{faff}\x{fe30}-\x{fe6f}\x{ff00}-\x{ff60}]/g;
			print "'"$f"':$.: $w columns\n" if $w > 100'
	done
}
clean "lines of code end at column 100" long_lines

spaces_indent() { ours "${C[@]}" | xargs -r grep -nE '^ {8}' || true; }
clean "code is indented by tabs" spaces_indent

long_files() {
	ours 'catalog/*.c' 'daemon/*.c' 'clients/*.c' | while IFS= read -r f; do
		n=$(wc -l <"$f")
		[ "$n" -le 650 ] || echo "$f: $n lines: probably two modules"
	done
}
clean "no file is two modules" long_files

own_prefix() {
	ours 'catalog/*.h' 'daemon/*.h' 'clients/*.h' | while IFS= read -r h; do
		p=$(basename "$h" .h)
		# A folder's module may be spread over x.c, x_more.c: the first word is the prefix.
		code "$h" | grep -oE '^[^:]+:[0-9]+: [a-z][A-Za-z0-9_ ]*[ *]([a-z][a-z0-9_]*)\(' |
			grep -vE ': (static|typedef|return|else|#)' |
			sed -E 's/^([^:]+:[0-9]+): .*[ *]([a-z0-9_]+)\($/\1 \2/' |
			while read -r where name; do
				case $name in
				"$p"_* | "$p" | "${p%%_*}"_*) ;;
				__attribute__) ;;
				*) echo "$where: $name() does not begin with ${p%%_*}_" ;;
				esac
			done
	done
}
clean "the file is the prefix" own_prefix
lint_done
