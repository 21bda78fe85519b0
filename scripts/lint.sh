#!/usr/bin/env bash
# Runs golangci-lint over every module; arguments go to it (scripts/lint.sh --fix). The first run compiles it, for some
# minutes; the go command keeps the result.
set -euo pipefail
cd "$(dirname "$0")/.."
version=v2.15.0

shopt -s nullglob
status=0
for mod in go.mod */go.mod; do
	dir=$(dirname "$mod")
	(cd "$dir" && go run "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$version" run "$@" ./...) || status=1
done
exit $status
