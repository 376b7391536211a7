#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016 # perl has dollars
# What the text of the sources may not hold.
. "$(dirname "$0")/lib.sh"

C=('catalog/*.[ch]' 'daemon/*.[ch]' 'clients/*.[ch]' 'tests/*.[ch]')

# Code without comments and strings, file:line in front, so that prose may name what code may not call.
code() {
	ours "$@" | xargs -r perl -0777 -ne '
		s{("(?:\\.|[^"\\\n])*")|(\x27(?:\\.|[^\x27\\\n])*\x27)|(/\*.*?\*/)|(//[^\n]*)}
		 {my $x = defined $3 ? $3 : ""; defined $1 ? "\"\"" : $x =~ tr/\n//cdr}gse;
		my $n = 0;
		print map { $n++; "$ARGV:$n: $_\n" } split /\n/'
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
		xargs -r perl -ne '
			$found = 1 if $. <= 3 && /SPDX-License-Identifier: Apache-2\.0/;
			next unless eof;
			print "$ARGV: no SPDX line\n" unless $found;
			$found = 0;
			close ARGV'
}
clean "every source begins with its licence" spdx

marks() {
	ours '*.[ch]' '*.def' '*.sh' '*.md' Makefile 'docs/man/*' |
		grep -v '^tests/lint/30-words.sh$' |
		xargs -r grep -nE '\b(TODO|FIXME|XXX|HACK)\b|^(<<<<<<<|>>>>>>>) ' || true
}
clean "no unfinished marks" marks

space() {
	ours '*.[ch]' '*.def' '*.sh' Makefile '*.md' '.ci/*' | xargs -r perl -ne '
		print "$ARGV:$.: blanks at the end of the line\n" if /[ \t]$/;
		next unless eof;
		print "$ARGV: no newline at the end\n" unless /\n$/;
		close ARGV'
}
clean "no blanks at line ends" space

# Tabs count eight, a Chinese character two.
long_lines() {
	ours "${C[@]}" | xargs -r perl -CSD -ne '
			chomp; 1 while s/\t/" " x (8 - $-[0] % 8)/e;
			my $w = length; $w++ while /[\x{1100}-\x{115f}\x{2e80}-\x{a4cf}\x{ac00}-\x{d7a3}\x{f900}-\x{faff}\x{fe30}-\x{fe6f}\x{ff00}-\x{ff60}]/g;
			print "$ARGV:$.: $w columns\n" if $w > 100;
			close ARGV if eof'
}
clean "lines of code end at column 100" long_lines

spaces_indent() { ours "${C[@]}" | xargs -r grep -nE '^ {8}' || true; }
clean "code is indented by tabs" spaces_indent

long_files() {
	ours 'catalog/*.c' 'daemon/*.c' 'clients/*.c' | xargs -r wc -l |
		awk '$2 != "total" && $1 > 650 { print $2 ": " $1 " lines: probably two modules" }'
}
clean "no file is two modules" long_files

# A folder's module may be spread over x.c, x_more.c: the first word is the prefix.
own_prefix() {
	code 'catalog/*.h' 'daemon/*.h' 'clients/*.h' |
		perl -ne '
			next if /: (static|typedef|return|else|#)/;
			next if !m{^(.*/([a-z0-9]+)[a-z0-9_]*\.h:\d+): [a-z][A-Za-z0-9_ ]*[ *]([a-z][a-z0-9_]*)\(};
			my ($where, $prefix, $name) = ($1, $2, $3);
			next if $name eq "__attribute__" || $name eq $prefix || $name =~ /^\Q$prefix\E_/;
			print "$where: $name() does not begin with ${prefix}_\n"'
}
clean "the file is the prefix" own_prefix
lint_done
