#!/usr/bin/env perl
# SPDX-License-Identifier: Apache-2.0
#
# A web server that can do nothing but serve files, as the simplest mirror would: GET over HTTP/1.0, one
# request at a time, 404 for the rest.
#
#	files.pl DIRECTORY LOG
#
# prints the port it listens on at the loopback; each path asked for becomes a line of LOG.
use strict;
use warnings;
use IO::Socket::INET;

my ($root, $log) = @ARGV;
my $server = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 16, Proto => 'tcp')
	or die "files.pl: $@\n";
$SIG{PIPE} = 'IGNORE';
$| = 1;
print $server->sockport, "\n";

sub content_of {
	my ($path) = @_;
	$path =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
	return if $path =~ m{(^|/)\.\.?(/|$)|\0} || !-f "$root/$path";
	open my $file, '<:raw', "$root/$path" or return;
	local $/;
	return scalar <$file>;
}

while (my $client = $server->accept) {
	my $request = <$client>;
	while (defined(my $line = <$client>)) {
		last if $line =~ /^\r?\n$/;
	}
	my ($path) = ($request // '') =~ m{^GET /(\S*) HTTP/1} or next;
	open my $out, '>>', $log or die "files.pl: $log: $!\n";
	print $out "$path\n";
	close $out;
	my $bytes = content_of($path);
	print $client defined $bytes
		? "HTTP/1.0 200 OK\r\nContent-Length: " . length($bytes) . "\r\n\r\n$bytes"
		: "HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n";
}
