# What there is to do here; `make` alone lists it.
SHELL := /bin/bash
MODULES := $(dir $(wildcard go.mod */go.mod))
FUZZTIME ?= 30s
BENCH ?= .
BENCHFLAGS ?=
TESTFLAGS ?=

# in_modules runs a command in the folder of each module.
in_modules = @set -e; for dir in $(MODULES); do (cd "$$dir" && $(1)); done

.PHONY: help build setup test race budgets conformance scale fuzz bench gobench check fmt fmt-check vet arch lint cross

help: ## list the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

build: ## build ./duplex, the command
	go build -o duplex ./cmd/duplex

setup: ## install what the tests need and this machine lacks
	@scripts/setup.sh

test: ## set up, run all tests with -race, count them (TESTFLAGS='-run Attack')
	@TESTFLAGS='$(TESTFLAGS)' scripts/test.sh

race: ## the tests of the root module alone, with -race, nothing set up
	go test -race ./...

budgets: ## what must not allocate, without the race detector, which does
	go test -count=1 -run 'Alloc' ./proto/ws ./websocket

conformance: setup ## other people's clients, servers and suites against ours
	cd conformance && go test -count=1 ./...

scale: ## the tests with many clients at their full size, which is smaller with -race
	go test -count=1 -run 'Abandoned|Quick|Upgrade|B09|B11|E07' ./socketio ./engineio ./websocket

fuzz: ## each fuzz target for FUZZTIME (30s)
	@scripts/fuzz.sh $(FUZZTIME)

bench: ## side by side with other libraries, into bench/RESULTS.md (BENCHFLAGS='-rounds 5 -only echo32' prints some of it)
	cd bench && go run . $(BENCHFLAGS)

gobench: ## Go benchmarks with allocations (BENCH=Echo)
	go test -run '^$$' -bench '$(BENCH)' -benchmem ./...

check: fmt-check vet arch lint cross race ## all that must be clean before a commit

fmt: ## format the code
	gofmt -s -w $(MODULES)

fmt-check: ## fail if code is not formatted
	@files=$$(gofmt -s -l $(MODULES)); [ -z "$$files" ] || { printf 'not formatted (make fmt):\n%s\n' "$$files"; exit 1; }

vet: ## go vet
	$(call in_modules,go vet ./...)

arch: ## which package must not know which
	go test -count=1 ./internal/arch

lint: ## golangci-lint; its first run takes minutes
	@scripts/lint.sh

cross: ## go vet for other systems: a file or a number that only fits here
	GOOS=darwin GOARCH=arm64 go vet ./...
	GOOS=windows GOARCH=amd64 go vet ./...
	GOOS=linux GOARCH=386 go vet ./...
