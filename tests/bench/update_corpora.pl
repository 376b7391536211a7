#!/usr/bin/env perl
# SPDX-License-Identifier: Apache-2.0
#
# The corpora of `make bench-update`, from fixed seeds: update_corpora.pl NAME DIRECTORY writes DIRECTORY/1 and
# DIRECTORY/2, a course before and after.  Without arguments: the names.
use strict;
use warnings;
use File::Path qw(make_path);
use Compress::Raw::Zlib;

my @words;

sub seed { srand(shift); @words = map { join "", map { chr(97 + int rand 26) } 1 .. 2 + int rand 8 } 1 .. 4000 }

# Text in the proportions of language: few words are frequent.
sub text { join " ", map { $words[int(4000 * rand() ** 3)] } 1 .. shift }

sub noise {
	my $n = shift;
	return join "", map { pack "L", int rand 4294967296 } 1 .. ($n + 3) / 4;
}

sub put {
	my ($path, $bytes) = @_;
	(my $dir = $path) =~ s{/[^/]*$}{};
	make_path($dir);
	open my $f, ">:raw", $path or die "$path: $!";
	print $f $bytes or die;
	close $f or die;
}

sub tree {
	my ($dir, %files) = @_;
	put("$dir/$_", $files{$_}) for sort keys %files;
}

sub deflated {
	my ($bytes, $level) = @_;
	my ($d) = Compress::Raw::Zlib::Deflate->new(-Level => $level, -WindowBits => -15, -AppendOutput => 1);
	my $out = "";
	$d->deflate($bytes, $out) == 0 or die;
	$d->flush($out) == 0 or die;
	return $out;
}

# A zip of members [name, content], as office programs write one.
sub zip {
	my ($level, @members) = @_;
	my ($out, $central) = ("", "");
	for (@members) {
		my ($name, $bytes) = @$_;
		my $stored = deflated($bytes, $level);
		my $common = pack "vvvvvVVVvv", 20, 0, 8, 0, 0x5821, crc32($bytes), length $stored, length $bytes,
			length $name, 0;
		$central .= pack("Vv", 0x02014b50, 20) . $common . pack("vvvVV", 0, 0, 0, 0, length $out) . $name;
		$out .= pack("V", 0x04034b50) . $common . $name . $stored;
	}
	return $out . $central . pack "VvvvvVVv", 0x06054b50, 0, 0, scalar @members, scalar @members,
		length $central, length $out, 0;
}

# Elementary streams cut into packets of a container: what changes when one re-muxes is all between the packets.
sub mux {
	my ($bytes, $packet, $tag) = @_;
	my $out = "";
	for (my $i = 0; $i * $packet < length $bytes; $i++) {
		my $part = substr $bytes, $i * $packet, $packet;
		$out .= pack("a4NNN", $tag, $i, length $part, $i * 40) . $part;
	}
	return $out;
}

my $m = 1 << 20;
my %make = (
	'text-edits' => sub { # small edits in many files
		seed(1);
		my %f = map { (sprintf("part-%02d/lesson-%04d.md", $_ / 50, $_), text(700)) } 0 .. 1999;
		my %g = %f;
		my @names = sort keys %f;
		for my $i (1 .. 60) {
			my $name = $names[int rand @names];
			substr($g{$name}, int rand length $g{$name}, 6) = text(2);
		}
		return (\%f, \%g);
	},
	'paragraph' => sub { # one paragraph inserted into one large text
		seed(2);
		my %f = map { ("book-$_.txt", text(200000)) } 1 .. 6;
		my %g = %f;
		substr($g{'book-3.txt'}, 500000, 0) = text(80);
		return (\%f, \%g);
	},
	'renamed-folder' => sub {
		seed(3);
		my %f = map { (sprintf("lessons/page-%04d.html", $_), text(400)) } 0 .. 4999;
		my %g = map { my $n = $_; $n =~ s/^lessons/chapters/; ($n, $f{$_}) } keys %f;
		return (\%f, \%g);
	},
	'copied-folder' => sub { # a folder of texts and pictures is there twice, and one of each edited in the copy
		seed(15);
		my %f = map { ((sprintf "kit/text-%03d.html", $_), text(400 + 10 * $_)) } 0 .. 399;
		$f{sprintf "kit/picture-%03d.jpg", $_} = noise(3000 + 100 * $_) for 0 .. 299;
		my %g = (%f, map { my $n = $_; $n =~ s/^kit/2027/; ($n, $f{$_}) } keys %f);
		substr($g{'2027/text-007.html'}, 100, 0) = text(30);
		return (\%f, \%g);
	},
	'video-replaced' => sub {
		seed(4);
		my %f = map { ("film-$_.mp4", noise(8 * $m)) } 1 .. 5;
		my %g = (%f, 'film-3.mp4' => noise(8 * $m));
		return (\%f, \%g);
	},
	'video-cut' => sub { # the first tenth is cut off
		seed(5);
		my %f = map { ("film-$_.mp4", noise(8 * $m)) } 1 .. 5;
		my %g = %f;
		$g{'film-2.mp4'} = substr $f{'film-2.mp4'}, 838861;
		return (\%f, \%g);
	},
	'video-remuxed' => sub {
		seed(6);
		my $es = noise(16 * $m);
		my $other = noise(8 * $m);
		return ({ 'film.mp4' => mux($es, 12000, "mdat"), 'other.mp4' => $other },
			{ 'film.mp4' => mux($es, 9000, "moof"), 'other.mp4' => $other });
	},
	'office' => sub { # a pptx and a docx edited in one place
		seed(7);
		my @slides = map { ["ppt/slides/slide$_.xml", "<p:sld>" . text(900) . "</p:sld>"] } 1 .. 60;
		my @media = map { ["ppt/media/image$_.jpg", noise(200000)] } 1 .. 25;
		my @doc = (['word/document.xml', "<w:document>" . text(120000) . "</w:document>"],
			map { ["word/media/image$_.png", noise(150000)] } 1 .. 8);
		my %f = ('talk.pptx' => zip(6, @slides, @media), 'text.docx' => zip(6, @doc));
		substr($slides[30][1], 2000, 10) = text(3);
		substr($doc[0][1], 300000, 10) = text(3);
		return (\%f, { 'talk.pptx' => zip(6, @slides, @media), 'text.docx' => zip(6, @doc) });
	},
	'zip-repacked' => sub { # the same members at another level, in another order
		seed(8);
		my @members = map { [sprintf("m-%03d.txt", $_), text(3000)] } 1 .. 300;
		return ({ 'material.zip' => zip(6, @members) }, { 'material.zip' => zip(9, reverse @members) });
	},
	'tiny-files' => sub {
		seed(9);
		my %f = map { (sprintf("n-%03d/f-%05d.txt", $_ / 100, $_), text(20)) } 0 .. 19999;
		my %g = %f;
		my @names = sort keys %f;
		$g{$names[int rand @names]} = text(25) for 1 .. 40;
		return (\%f, \%g);
	},
);


if (@ARGV != 2) {
	print "$_\n" for sort keys %make;
	exit 0;
}
my ($name, $dir) = @ARGV;
my ($old, $new) = ($make{$name} // die "no corpus $name\n")->();
tree("$dir/1", %$old);
tree("$dir/2", %$new);
