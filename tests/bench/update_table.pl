#!/usr/bin/env perl
# SPDX-License-Identifier: Apache-2.0
#
# The tables of docs/PERFORMANCE.md from what `make bench-update` printed: update_table.pl <LINES
use strict;
use warnings;

my @peers = qw(kebao full rsync zsync casync zchunk ostree ostree-delta);
my @bounds = qw(xdelta3 patch-from);
my (%v, %corpora);
while (<STDIN>) {
	next unless /^update\.([^.]+)\.(\S+) (\S+) \S+$/;
	my ($corpus, $name, $value) = ($1, $2, $3);
	$v{$corpus}{$name} = $value;
	$corpora{$corpus} = 1;
}

# 1234567 as 1,234,567.
sub digits {
	my $n = reverse shift;
	$n =~ s/(\d{3})(?=\d)/$1,/g;
	return scalar reverse $n;
}
sub row { print "| ", join(" | ", @_), " |\n" }
sub head { row(@_); row(map { "---" } @_) }
sub cell { my ($c, $name) = @_; return $v{$c}{$name} // "" }

head("corpus", @peers, @bounds);
for my $c (sort keys %corpora) {
	row($c, map { my $n = cell($c, "update.$_.payload"); $n eq "" ? "" : digits($n) } @peers, @bounds);
}
print "\n";
head("corpus", "who", "overhead, B", "requests", "CPU, s", "wall, s", "memory, MiB", "storage, B", "CPU to publish, s",
	"CPU of patches, s");
for my $c (sort keys %corpora) {
	for my $who (@peers) {
		next if cell($c, "update.$who.payload") eq "";
		my ($overhead, $storage) = (cell($c, "update.$who.overhead"), cell($c, "publish.$who.storage"));
		my $cpu = cell($c, "publish.$who.cpu");
		# What makes a delta is beside what publishes; kebao's patches are made by the hub.
		my $patch = $who eq "ostree-delta" ? $cpu : cell($c, "publish.$who.patch_cpu");
		$cpu = cell($c, "publish.ostree.cpu") if $who eq "ostree-delta";
		row($c, $who, $overhead eq "" ? "" : digits($overhead), cell($c, "update.$who.requests"),
			cell($c, "update.$who.cpu"), cell($c, "update.$who.wall"), cell($c, "update.$who.memory"),
			$storage eq "" ? "" : digits($storage), $cpu, $patch);
	}
}
