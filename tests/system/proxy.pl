#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A line that breaks: forwards TCP connections from one port of the loopback to another.
#
#	proxy.pl FROM TO DIRECTORY
#
# DIRECTORY/count holds how many bytes went from client to hub so far.  DIRECTORY/limit, written by the test before they
# flow, holds what happens to them: "cut N" ends all connections once, when N more bytes have passed (which all
# arrive); "stall N" forwards no more for ever.  The file is removed when that happened.
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;

my ($from, $to, $dir) = @ARGV;
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $from, Listen => 64, ReuseAddr => 1)
	or die "proxy: $from: $!";
my $select = IO::Select->new($listener);
my (%peer, %is_client);
my ($count, $passed) = (0, 0);
$SIG{PIPE} = 'IGNORE';

sub end_of {
	my ($s) = @_;
	my $p = delete $peer{$s} or return;
	delete $peer{$p};
	delete @is_client{$s, $p};
	$select->remove($s, $p);
	close $_ for $s, $p;
}

sub send_all {
	my ($s, $bytes) = @_;
	for (my $at = 0; $at < length $bytes;) {
		my $n = syswrite $s, $bytes, length($bytes) - $at, $at;
		return 0 unless defined $n;
		$at += $n;
	}
	return 1;
}

# How many of these bytes may pass, and whether that is the end.
sub judge {
	my ($len) = @_;
	open my $f, '<', "$dir/limit" or do { $passed = 0; return ($len, '') };
	my ($what, $limit) = split ' ', scalar(<$f>) // '';
	return ($len, '') unless defined $limit;
	return ($len, '') if $passed + $len < $limit;
	return ($limit - $passed, $what);
}

sub upstream {
	my ($s, $bytes) = @_;
	my ($len, $what) = judge(length $bytes);
	send_all($peer{$s}, substr $bytes, 0, $len) or return end_of($s);
	$count += $len;
	$passed += $len;
	open my $f, '>', "$dir/count.new" or die;
	print $f "$count\n";
	close $f;
	rename "$dir/count.new", "$dir/count";
	return if $what eq '';
	unlink "$dir/limit";
	$passed = 0;
	if ($what eq 'stall') { $select->remove($s); return }
	# What passed arrives: the hub's side is closed in order, with what it says read to its end.
	for my $c (grep { $is_client{$_} } $select->handles) {
		my $hub = $peer{$c};
		shutdown $hub, 1;
		while (sysread $hub, my $rest, 65536) { }
		end_of($c);
	}
}

while (my @ready = $select->can_read) {
	for my $s (@ready) {
		if ($s == $listener) {
			my $client = $listener->accept or next;
			my $hub = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $to) or do { close $client; next };
			$peer{$client} = $hub;
			$peer{$hub} = $client;
			$is_client{$client} = 1;
			$select->add($client, $hub);
			next;
		}
		next unless exists $peer{$s};
		my $n = sysread $s, my $bytes, 65536;
		if (!$n) { end_of($s); next }
		if ($is_client{$s}) { upstream($s, $bytes) }
		else { send_all($peer{$s}, $bytes) or end_of($s) }
	}
}
