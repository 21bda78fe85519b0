#!/usr/bin/env bash
# Runs all tests of all modules with the race detector, as `make test` does; TESTFLAGS go to go test. Ends with
# "N passed, N failed, N skipped".
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh

race=-race
if [ "$(go env CGO_ENABLED)" != 1 ]; then
	echo 'test: no C compiler here, so no race detector either'
	race=
fi
# -count=1: the tests run programs and read files that the test cache knows nothing of.
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
go build -o "$bin/gotest" ./scripts/gotest
# shellcheck disable=SC2086 # words on purpose
"$bin/gotest" $race -count=1 ${TESTFLAGS:-}
