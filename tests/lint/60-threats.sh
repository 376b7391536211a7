#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# THREATS.md: every promise names a check and a test, and all that it names is there.
# shellcheck disable=SC2016  # perl has dollars, the page has back quotes
. "$(dirname "$0")/lib.sh"

# The claims `file: name` of the page on standard input: a function of that name is defined in a .c of ours, any
# other file has the words.
claims() {
	perl -CSD -Mutf8 -ne '
		while (/`((?:catalog|daemon|clients|tests)\/[^`: ]+): ([^`]+)`/g) {
			my ($file, $name) = ($1, $2);
			open my $f, "<:utf8", $file or do { print "line $.: there is no $file\n"; next };
			my $text = do { local $/; <$f> };
			my $found = $file =~ /^tests\// ? index($text, $name) >= 0
				: $text =~ /^\Q$name\E\(/m;
			print "line $.: $file has no \"$name\"\n" unless $found;
		}'
}
# Rows of a table with three columns: the second names code, the third a test.
rows() {
	perl -ne 'next unless /^\| (.*?) \| (.*?) \| (.*?) \|$/; my ($what, $by, $shown) = ($1, $2, $3);
		next if $what eq "promise" or $what eq "key";
		print "line $.: no check is named: $what\n" unless $by =~ /`(catalog|daemon|clients)\/\S+: \w+`/;
		print "line $.: no test is named: $what\n" unless $shown =~ /`tests\/\S+: [^`]+`/;'
}
named() { grep -oE '`(catalog|daemon|clients|tests)/[^`: ]+: [^`]+`' docs/THREATS.md | wc -l; }
few() { [ "$(named)" -ge 60 ] || echo "only $(named) checks and tests are named"; }

clean "the checks and tests that THREATS.md names are there" claims <docs/THREATS.md
clean "each of its promises names a check and a test" rows < <(sed -n '/^## 1/,/^## 3/p' docs/THREATS.md)
clean "and they are many" few
# These checks would see what is wrong.
blind() {
	[ "$(printf '%s\n' '`catalog/trust/verify.c: verify_nothing` `tests/system/lib.sh: no such words`' \
		'`catalog/none.c: verify_role`' '`catalog/trust/verify.c: verify_role`' | claims | wc -l)" = 3 ] ||
		echo "a false name is not seen"
	[ "$(printf '%s\n' '| a | b | c |' '| a | `catalog/x.c: f` | `tests/x.sh: t` |' | rows | wc -l)" = 2 ] ||
		echo "a row without names is not seen"
}
clean "and these checks can fail" blind
lint_done
