# Every tool is built from pinned Go modules into .bin; nothing else is downloaded.
SHELL := /bin/bash
BIN   := $(CURDIR)/.bin
export PATH := $(BIN):$(PATH)
# buf keeps its cache here; it never asks a registry because no dependency names one.
export BUF_CACHE_DIR := $(CURDIR)/.cache/buf

MODULES    := proto gateway services
PACKAGES   := $(addprefix ./,$(addsuffix /...,$(MODULES)))
DEP_PROTOS := google/api/annotations.proto google/api/field_behavior.proto google/api/resource.proto \
	google/api/field_info.proto google/api/httpbody.proto buf/validate/validate.proto
# What the contract may not break: the newest release. Until there is one, where this branch left main, and on main itself the
# commit before: never HEAD, against which a committed break would pass. A break that is meant, before the first release:
# BASE=HEAD.
BASE ?= $(shell git describe --tags --abbrev=0 2>/dev/null || git merge-base HEAD^ main 2>/dev/null || \
	git rev-parse --verify --quiet HEAD^ || echo HEAD)

.DEFAULT_GOAL := help
.PHONY: help
help: ## Show what can be made.
	@awk -F':.*## ' '/^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Use

.PHONY: demo
demo: build ## Run the whole suite with a real campaign, then keep serving (ONCE=1: then end).
	$(BIN)/duban demo $(if $(ONCE),-once)

.PHONY: federation
federation: build ## Run a province, two cities and four districts, each a process (ONCE=1: then end).
	$(BIN)/duban federation $(if $(ONCE),-once)

.PHONY: split
split: build ## Run the demo as a process for each service, each with its own store and keys (ONCE=1: then end).
	$(BIN)/duban split $(if $(ONCE),-once)

.PHONY: build
build: ## Build the duban command into .bin.
	@mkdir -p $(BIN)
	CGO_ENABLED=0 go build -trimpath -o $(BIN)/ ./services/cmd/duban

.PHONY: dist
dist: ## Make the archives that install without a network into .bin/dist.
	deploy/dist.sh $(BIN)/dist

##@ Check

# A program under the race detector sleeps a second before it ends, unless it is told to sleep less. Nobody debugs what
# is linked here: without that table (-w) linking takes a third less. What tries the same code over and over (AT_LENGTH) tries a
# part of its cases under the detector, and all of them in the second line without it.
AT_LENGTH := '^(TestMatrix|TestStory|TestTorture|TestTortureChaos|TestTortureEvil)$$'

.PHONY: test
test: ## Run all tests with the race detector (needs a C compiler).
	GOGC=400 GORACE=atexit_sleep_ms=10 go test -race -ldflags=-w -shuffle=on -p 3 -timeout 20m $(PACKAGES)
	GOGC=400 go test -ldflags=-w -count=1 -run $(AT_LENGTH) ./services ./services/cmd/duban ./services/internal/story
	cd tools/gen && GOWORK=off go test ./...

.PHONY: torture
torture: ## Kill, starve, stop and slander real processes for some hours.
	DUBAN_TORTURE=200 go test -race -run Torture -timeout 240m ./services/cmd/duban
	DUBAN_TORTURE=200 go test -race -timeout 120m ./services/federation/server
	DUBAN_TORTURE=200 go test -race -timeout 60m ./services/aggregation/server -rapid.checks=1000

.PHONY: bench
bench: build ## Measure for half an hour on idle cores, and write docs/performance.md (QUICK=1: next to nothing, into .cache).
	@mkdir -p .cache
	go build -trimpath -o .cache/bench ./services/cmd/bench
	.cache/bench -duban $(BIN)/duban $(if $(QUICK),-quick -out .cache/performance.md)

.PHONY: check
check: format vet lint proto-check proto-breaking openapi-lint clients deploy-check ## Everything else that CI checks.

.PHONY: format
format:
	@files=$$(gofmt -l $(MODULES) tools); test -z "$$files" || { echo "not formatted: $$files"; exit 1; }

.PHONY: vet
vet:
	go vet $(PACKAGES)
	cd tools/gen && GOWORK=off go vet ./...

.PHONY: lint
lint: $(BIN)/staticcheck
	staticcheck $(PACKAGES)
	cd tools/gen && GOWORK=off staticcheck ./...

# Fails when the committed generated code is not what the protos give.
.PHONY: proto-check
proto-check: proto
	@changed=$$(git status --porcelain -- proto gateway); \
	test -z "$$changed" || { echo "generated code is not up to date; run make proto and commit:"; echo "$$changed"; exit 1; }

# A git input cannot see the ignored .deps, so the base commit is laid out beside a link to ours.
.PHONY: proto-breaking
proto-breaking: $(BIN)/buf proto/.deps/.stamp
	@base=$$(mktemp -d) && trap 'rm -rf '$$base EXIT && \
	git archive $(BASE) proto/api proto/buf.yaml | tar -x -C $$base && ln -s $(CURDIR)/proto/.deps $$base/proto/.deps && \
	cd proto && buf breaking --against $$base/proto

# An npm tool: CI has npm, the demo and the tests do not need it.
.PHONY: openapi-lint
openapi-lint:
	cd gateway && REDOCLY_TELEMETRY=off npx --yes @redocly/cli@2.77.0 lint openapi.json

# So are the clients of others: a stranger's program in Node, types and a client in TypeScript, against a sandbox.
.PHONY: clients
clients:
	@folder=$$(mktemp -d) && trap 'rm -rf '$$folder EXIT && \
	npm install --silent --no-audit --no-fund --prefix $$folder \
		standardwebhooks@1.0.0 openapi-typescript@7.13.0 openapi-fetch@0.17.0 typescript@5.9.3 && \
	CGO_ENABLED=0 go build -o $$folder/ ./services/cmd/duban && cp gateway/clients/stranger/* gateway/clients/typescript/* $$folder && \
	$$folder/node_modules/.bin/openapi-typescript gateway/openapi.json -o $$folder/duban.d.ts >/dev/null && \
	$$folder/node_modules/.bin/tsc -p $$folder && mv $$folder/example.js $$folder/example.mjs && \
	node gateway/clients/check.mjs $$folder

# The files of deploy/, by those who will read them, and the archives. systemd-analyze wants the command to be there.
.PHONY: deploy-check
deploy-check: $(BIN)/deploy
	cd tools/deploy && GOWORK=off go test ./...
	deploy deploy
	@if command -v systemd-analyze >/dev/null; then \
		root=$$(mktemp -d) && trap 'rm -rf '$$root EXIT && \
		for unit in deploy/systemd/*.service; do sed 's#/usr/local/bin/duban#/bin/true#' $$unit > $$root/$$(basename $$unit) || exit 1; done && \
		systemd-analyze verify $$root/duban.service $$root/duban@campaign.service; \
	fi
	deploy/dist-test.sh

##@ Contract and tools

.PHONY: proto
proto: $(BIN)/buf proto/.deps/.stamp ## Format, lint and generate from the protos.
	cd proto && buf format -w api && buf lint && buf generate
	@mkdir -p .cache
	cd proto && buf build -o ../.cache/api.binpb
	openapi -in proto/gen/openapi/openapi.yaml -image .cache/api.binpb -out gateway/openapi.json
	cp CHANGELOG.md gateway/internal/developer/changelog.md

$(BIN)/buf: tools/buf/go.mod tools/buf/go.sum
	cd tools/buf && GOWORK=off go build -trimpath -ldflags='-s -w' -o $@ github.com/bufbuild/buf/cmd/buf

$(BIN)/.gen: tools/gen/go.mod tools/gen/go.sum $(wildcard tools/gen/*/*)
	cd tools/gen && GOWORK=off go build -trimpath -o $(BIN)/ tool ./...
	@touch $@

$(BIN)/staticcheck: tools/lint/go.mod tools/lint/go.sum
	cd tools/lint && GOWORK=off go build -trimpath -o $@ honnef.co/go/tools/cmd/staticcheck

$(BIN)/deploy: tools/deploy/go.mod tools/deploy/go.sum $(wildcard tools/deploy/*.go)
	cd tools/deploy && GOWORK=off go build -trimpath -o $@ .

proto/.deps/.stamp: $(BIN)/.gen Makefile
	protodeps -out proto/.deps $(DEP_PROTOS)
	@touch $@

.PHONY: clean
clean: ## Remove what was built.
	rm -rf $(BIN) .cache proto/.deps
