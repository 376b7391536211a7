#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Puts the npm packages that tests talk to us with below build/npm/, exactly those of package-lock.json, and
# runs none of their scripts.  Does nothing when they are there.  Where npm or its registry is not to
# be had it says so and succeeds: the tests that want them are then skipped, and say so as well.
set -euo pipefail
cd "$(dirname "$0")"
dir=../../build/npm
want=$(cat package.json package-lock.json .npmrc | sha256sum)
[ "$(cat "$dir/.made" 2>/dev/null)" != "$want" ] || exit 0
if ! command -v npm >/dev/null; then
	echo "deps: no npm on this machine, so tests with clients of other people will be skipped" >&2
	exit 0
fi
echo "deps: npm packages of tests/interop/package-lock.json, into build/npm/"
rm -rf "$dir"
mkdir -p "$dir"
cp package.json package-lock.json .npmrc "$dir/"
if ! (cd "$dir" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error); then
	rm -rf "$dir"
	echo "deps: npm could not get them, so tests with clients of other people will be skipped" >&2
	exit 0
fi
printf '%s\n' "$want" >"$dir/.made"
