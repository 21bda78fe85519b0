#!/usr/bin/env bash
# Runs each fuzz target of the root module for the time given (30s), one after the other.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-30s}

go list -f '{{.ImportPath}} {{.Dir}}' ./... | while read -r package dir; do
	targets=$(cat "$dir"/*_test.go 2>/dev/null | sed -nE 's/^func (Fuzz[A-Za-z0-9_]*)\(.*/\1/p')
	for target in $targets; do
		echo "fuzz: $package $target for $time"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$package" </dev/null
	done
done
