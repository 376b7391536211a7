#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# What a power cut leaves, from a diary of what a program did to its files (tests/tools/diary.c).
#
#	cut.pl list HOME                             which inode is which name, before the program runs
#	cut.pl steps DIARY                           how many entries; the numbers of those that sync or name something
#	cut.pl make BASE LIST DIARY STEP HOW HOME    HOME, which must not be there, as a cut after STEP entries leaves it
#
# BASE is a copy of the home from before the run, LIST what "list" said of it then.  Prints "said N synced M tail K": the
# bytes that standard output had by then; those written below work/ that were synced, and those that were not.
#
# HOW says what becomes of what was not synced.  A kernel may have written any of it by itself:
#
#	all       it had: a killed process rather than a power cut
#	nothing   it had not
#	names     it had written directories and lengths, of the bytes nothing: zeros
#	bytes     it had written the bytes, and no directory
#	a number  by chance of this seed: names in their order up to some, or each by itself; of a file some of its pages,
#	          the others what they were, or zeros, or noise; its length, mode and time each old or new
#
# A rename is whole or did not happen.  A synced file may have no name yet and a synced directory files of no length.
use strict;
use warnings;
use File::Find;

my $HEAD = 'a x3 L Q Q Q Q L L L L';
my $HEAD_LEN = length pack $HEAD, ('x', (0) x 9);
my $PAGE = 4096;

my $verb = shift;
if ($verb eq 'list') {
	my ($home) = @ARGV;
	find({ no_chdir => 1, wanted => sub {
		my @st = lstat or return;
		print "$st[1] ", substr($_, length $home), "\n";
	} }, $home);
	exit;
}

# --- the diary ---
my $diary = $verb eq 'steps' ? $ARGV[0] : $ARGV[2];
open my $in, '<:raw', $diary or die "$diary: $!\n";
# The last entry of a killed program may be cut short.
sub entry {
	my %e;
	return if (read($in, my $head, $HEAD_LEN) // 0) != $HEAD_LEN;
	(@e{qw(op mode inode other off said)}, my @lens) = unpack $HEAD, $head;
	$e{flags} = pop @lens;
	for my $key (qw(name to bytes)) {
		my $len = shift @lens;
		return if $len > 0 && (read($in, $e{$key}, $len) // 0) != $len;
		$e{$key} //= '';
	}
	return \%e;
}
if ($verb eq 'steps') {
	my ($n, @marks) = (0);
	while (my $e = entry()) { $n++; push @marks, $n if $e->{op} !~ /[wmut]/ }
	print "$n @marks\n";
	exit;
}

# --- the disk, and what is on its way there ---
# A file: kind f, mode, mtime, bytes, and what waits: [what, off, value]...; a directory: kind d, names: name -> [node, when].
my ($base, $list, undef, $last, $how, $home) = @ARGV;
my (%node, @moves, $root);
my ($when, $said) = (0, 0);
open my $names, '<', $list or die "$list: $!\n";
my %path;
while (<$names>) {
	chomp;
	my ($inode, $path) = /^(\d+) (.*)$/ or die;
	my $node = $node{$inode};
	if (!$node) {
		my @st = lstat "$base$path" or die "$base$path: $!\n";
		$node = $node{$inode} = { kind => -d _ ? 'd' : 'f', mode => $st[2] & 07777, mtime => $st[9],
			is_work => scalar($path =~ m{/work(/|$)}) };
		if ($node->{kind} eq 'f') {
			open my $f, '<:raw', "$base$path" or die "$base$path: $!\n";
			local $/;
			$node->{bytes} = <$f> // '';
		}
	}
	$path{$path} = $node;
	if ($path eq '') { $root = $node; next }
	my ($dir, $name) = $path =~ m{^(.*)/([^/]+)$} or die;
	$path{$dir}{names}{$name} = [$node, 0];
}

# Names: each move is a list of [directory, name, node or nothing], all of it or none.
sub carry_out {
	my ($move) = @_;
	return if $move->{done}++;
	for my $set (@{$move->{sets}}) {
		my ($dir, $name, $node) = @$set;
		my $old = $dir->{names}{$name};
		$dir->{names}{$name} = [$node, $move->{when}] if !$old || $old->[1] <= $move->{when};
	}
}
sub now { # what has that name, as the running program sees it
	my ($dir, $name) = @_;
	for my $move (reverse @moves) {
		for my $set (@{$move->{sets}}) { return $set->[2] if $set->[0] == $dir && $set->[1] eq $name }
	}
	my $is = $dir->{names}{$name};
	return $is ? $is->[0] : undef;
}
sub move { push @moves, { when => $when, sets => [@_] } }
sub settle_names { # of one directory, or of all
	my ($dir) = @_;
	for my $move (@moves) {
		carry_out($move) if !$dir || grep { $_->[0] == $dir } @{$move->{sets}};
	}
	@moves = grep { !$_->{done} } @moves;
}

# Files.
sub put {
	my ($node, $off, $bytes) = @_;
	my $len = length $node->{bytes};
	$node->{bytes} .= "\0" x ($off - $len) if $off > $len;
	substr($node->{bytes}, $off, length $bytes) = $bytes;
}
sub cut { # to a length
	my ($node, $len) = @_;
	my $is = length $node->{bytes};
	if ($len < $is) { substr($node->{bytes}, $len) = '' } else { $node->{bytes} .= "\0" x ($len - $is) }
}
sub apply {
	my ($node, $change) = @_;
	my ($what, $off, $value) = @$change;
	if ($what eq 'w') { put($node, $off, $value) }
	elsif ($what eq 't') { cut($node, $off) }
	elsif ($what eq 'm') { $node->{mode} = $value }
	else { $node->{mtime} = $value }
}
sub settle_file {
	my ($node) = @_;
	apply($node, $_) for @{$node->{waits} // []};
	$node->{waits} = [];
}
my ($synced, %tail) = (0);
sub later {
	my ($node, @change) = @_;
	push @{$node->{waits}}, [@change];
	push @{$node->{waits}}, ['u', 0, undef] if $change[0] =~ /[wt]/; # now
}

while ($when < $last and my $e = entry()) {
	$when++;
	$said = $e->{said};
	my ($op, $node) = ($e->{op}, $node{$e->{inode}});
	if ($op eq 'S') {
		settle_names();
		settle_file($_) for grep { $_->{kind} eq 'f' } values %node;
		$synced += $_ for values %tail;
		%tail = ();
		next;
	}
	next if !$node; # of another place
	if ($op eq 'c' || $op eq 'd') {
		my $new = { kind => $op eq 'c' ? 'f' : 'd', mode => $e->{mode}, bytes => '', is_work => $node->{is_work} };
		$new->{is_work} = 1 if $op eq 'd' && $e->{name} eq 'work';
		move([$node, $e->{name}, $new]);
		$node{$e->{other}} = $new;
	} elsif ($op eq 'w') {
		later($node, 'w', $e->{off}, $e->{bytes});
		$tail{$e->{inode}} += length $e->{bytes} if $node->{is_work};
	} elsif ($op eq 't') { later($node, 't', $e->{off}) }
	elsif ($op eq 'm') { later($node, 'm', 0, $e->{mode}) }
	elsif ($op eq 'u') { later($node, 'u', 0, $e->{off}) }
	elsif ($op eq 'l') { move([$node, $e->{name}, $node{$e->{other}} // die "a link to what is not in the home\n"]) }
	elsif ($op eq 'x') { move([$node, $e->{name}, undef]) }
	elsif ($op eq 'r') {
		my $to = $node{$e->{other}} or die "a rename out of the home\n";
		my $what = now($node, $e->{name}) or die "a rename of $e->{name}, which is not there\n";
		my $there = $e->{flags} == 2 ? now($to, $e->{to}) : undef;
		move([$node, $e->{name}, $there], [$to, $e->{to}, $what]) if $node != $to || $e->{name} ne $e->{to};
	} elsif ($op eq 's') {
		if ($node->{kind} eq 'd') { settle_names($node) } else {
			settle_file($node);
			$synced += delete $tail{$e->{inode}} // 0;
		}
	} else { die "an entry of kind $op\n" }
}
# Said by then: before the next entry, and without one, all of it.
if (my $e = entry()) { $said = $e->{said} } elsif ($when == $last || $how eq 'all') { $said = -1 }

# --- the cut ---
sub noise { my ($len) = @_; join '', map { pack 'L', int rand 4294967296 } 1 .. $len / 4 + 1 }
sub tear { # by chance
	my ($node) = @_;
	my @waits = @{$node->{waits} // []} or return;
	my $old = $node->{bytes};
	my %after = %$node;
	apply(\%after, $_) for @waits;
	my $rest = int rand 3; # what a page has that was not written: what it had, zeros, noise
	my $chance = (0, 0.5, 0.9, 1)[int rand 4];
	my $len = rand() < 0.7 ? length $after{bytes} : rand() < 0.5 ? length $old : int rand(1 + length $after{bytes});
	my $bytes = '';
	for (my $at = 0; $at < $len; $at += $PAGE) {
		my $was = $at < length $old ? substr $old, $at, $PAGE : '';
		my $new = $at < length $after{bytes} ? substr $after{bytes}, $at, $PAGE : '';
		my $page = $was eq $new || rand() < $chance ? $new : $was ne '' ? $was : $rest == 2 ? noise($PAGE) : '';
		$page .= "\0" x ($PAGE - length $page) if length $page < $PAGE;
		$bytes .= substr $page, 0, $PAGE;
	}
	$node->{bytes} = substr $bytes, 0, $len;
	$node->{mode} = $after{mode} if rand() < 0.5;
	$node->{mtime} = $after{mtime} if rand() < 0.5;
}
my @files = map { $node{$_} } grep { $node{$_}{kind} eq 'f' } sort { $a <=> $b } keys %node;
# A node whose inode was given away is only found by its name.
my %seen = map { $_ => 1 } @files;
for my $set (map { @{$_->{sets}} } @moves) {
	push @files, $set->[2] if $set->[2] && $set->[2]{kind} eq 'f' && !$seen{$set->[2]}++;
}
if ($how eq 'all') { settle_names(); settle_file($_) for @files }
elsif ($how eq 'names') {
	settle_names();
	for my $node (@files) {
		my %after = %$node;
		apply(\%after, $_) for @{$node->{waits} // []};
		cut($node, length $after{bytes});
		@$node{qw(mode mtime)} = @after{qw(mode mtime)};
	}
} elsif ($how eq 'bytes') { settle_file($_) for @files }
elsif ($how ne 'nothing') {
	srand($how);
	if (rand() < 0.5) {
		my $n = int rand(1 + @moves);
		carry_out($_) for @moves[0 .. $n - 1];
	} else { rand() < 0.5 and carry_out($_) for @moves }
	tear($_) for @files;
}

# --- and write it ---
my %made;
sub write_out {
	my ($node, $path) = @_;
	if ($node->{kind} eq 'd') {
		mkdir $path or die "$path: $!\n";
		for my $name (sort keys %{$node->{names} // {}}) {
			my $child = $node->{names}{$name}[0];
			write_out($child, "$path/$name") if $child;
		}
		chmod $node->{mode}, $path;
		return;
	}
	if (my $other = $made{$node}) { link $other, $path or die "$path: $!\n"; return }
	open my $out, '>:raw', $path or die "$path: $!\n";
	print $out $node->{bytes};
	close $out or die "$path: $!\n";
	chmod $node->{mode}, $path;
	utime $node->{mtime}, $node->{mtime}, $path if defined $node->{mtime};
	$made{$node} = $path;
}
write_out($root, $home);
my $tail = 0;
$tail += $_ for values %tail;
print "said $said synced $synced tail $tail\n";
