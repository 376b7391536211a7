#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# `make bench-deps`: programs to compare with, unpacked below build/peers.  They are not installed, so
# nothing on this machine changes and no service starts.
set -euo pipefail
cd "$(dirname "$0")/../.."

peers() {
	cat <<'END'
rsync     updates of a folder, by rolling checksums
libpopt0  a library of rsync
xdelta3   the smallest difference between two archives
nginx     serves files over TLS
END
}

mkdir -p build/peers/deb build/peers/root
while read -r package why; do
	[ ! -e "build/peers/$package" ] || continue
	printf 'bench-deps: %-9s %s\n' "$package" "$why"
	(cd build/peers/deb && apt-get download -q "$package")
	dpkg -x build/peers/deb/"$package"_*.deb build/peers/root
	touch "build/peers/$package"
done < <(peers)
