#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# `make bench-deps`: programs to compare with, unpacked below build/peers.  They are not installed, so
# nothing on this machine changes and no service starts.
set -euo pipefail
cd "$(dirname "$0")/../.."

peers() {
	cat <<'END'
rsync           updates of a folder, by rolling checksums
libpopt0        a library of rsync
zsync           updates of a file over HTTP, by rolling checksums
casync          updates of a folder over HTTP, by content-defined chunks
libcurl4        a library of casync and OSTree
libfuse2        a library of casync
zchunk          a compressed file of chunks, over HTTP
libzck1         a library of zchunk
ostree          updates of a tree over HTTP, by files; with static deltas
libostree-1-1   a library of OSTree
libgpgme11      a library of OSTree
libassuan0      a library of OSTree
libarchive13    a library of OSTree
libavahi-common3 a library of OSTree
libavahi-client3 a library of OSTree
libavahi-glib1  a library of OSTree
time            what a process used
libfuse3-3      a library of OSTree
libcurl3-gnutls a library of OSTree
xdelta3         the smallest difference between two archives
nginx           serves files over TLS
END
}

mkdir -p build/peers/deb build/peers/root
# A new machine has no list of packages yet.
if ! apt-cache show rsync >/dev/null 2>&1; then
	echo "bench-deps: apt-get update, there is no list of packages here"
	if [ "$(id -u)" = 0 ]; then apt-get update -q; else sudo apt-get update -q; fi ||
		echo "bench-deps: that failed; going on with what is known"
fi
while read -r package why; do
	[ ! -e "build/peers/$package" ] || continue
	printf 'bench-deps: %-16s %s\n' "$package" "$why"
	# Not every release of Debian has all of them; the measurement says aloud what it lacks.
	if ! (cd build/peers/deb && apt-get download -q "$package"); then
		printf 'bench-deps: no %s here\n' "$package"
		continue
	fi
	dpkg -x build/peers/deb/"$package"_*.deb build/peers/root
	touch "build/peers/$package"
done < <(peers)
