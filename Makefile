# Every tool is built from pinned Go modules into .bin; nothing else is downloaded.
SHELL := /bin/bash
BIN   := $(CURDIR)/.bin
export PATH := $(BIN):$(PATH)
# buf keeps its cache here; it never asks a registry because no dependency names one.
export BUF_CACHE_DIR := $(CURDIR)/.cache/buf

MODULES    := proto gateway services
DEP_PROTOS := google/api/annotations.proto google/api/field_behavior.proto google/api/resource.proto \
	google/api/field_info.proto buf/validate/validate.proto
BASE ?= HEAD

.PHONY: help
help: ## Show what can be made.
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Tools and contract

$(BIN)/buf: tools/buf/go.mod tools/buf/go.sum
	cd tools/buf && GOWORK=off go build -trimpath -ldflags='-s -w' -o $@ github.com/bufbuild/buf/cmd/buf

$(BIN)/.gen: tools/gen/go.mod tools/gen/go.sum $(wildcard tools/gen/*/*.go)
	cd tools/gen && GOWORK=off go build -trimpath -o $(BIN)/ tool ./...
	@touch $@

proto/.deps/.stamp: $(BIN)/.gen Makefile
	protodeps -out proto/.deps $(DEP_PROTOS)
	@touch $@

.PHONY: proto
proto: $(BIN)/buf proto/.deps/.stamp ## Format, lint and generate from the protos.
	cd proto && buf format -w api && buf lint && buf generate
