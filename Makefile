# What people do with this repository. `make run` and `make test` are all that
# a newcomer needs; both do their own set-up.

SHELL := /bin/bash
.DEFAULT_GOAL := help
TESTFLAGS ?=

.PHONY: help
help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

.PHONY: build
build: ## build the programs into .bin
	@mkdir -p .bin
	go build -trimpath -o .bin/ ./functions/todo ./functions/chat ./functions/migrate ./frontend ./hack/dev

.PHONY: run
run: build ## run it all on this machine, with a private PostgreSQL
	@exec .bin/dev

.PHONY: test
test: ## run all tests; installs what they need when root on Debian
	@hack/need
	@mkdir -p .bin && go build -o .bin/ ./hack/postgres/withpostgres
	.bin/withpostgres go test $(TESTFLAGS) ./...

.PHONY: test-pgbouncer
test-pgbouncer: ## test what talks to PostgreSQL again, by way of PgBouncer
	@hack/need
	@mkdir -p .bin && go build -o .bin/ ./hack/postgres/withpostgres
	TEST_PGBOUNCER=1 .bin/withpostgres go test $(TESTFLAGS) ./internal/postgres ./functions/todo

.PHONY: history
history: ## check what clients were told while connections were cut and functions killed
	go run ./hack/history $(HISTORYFLAGS)

.PHONY: fuzz
fuzz: ## look for input that breaks what reads it: a minute each
	@hack/fuzz $(FUZZTIME)

.PHONY: check
check: ## format, vet, staticcheck, generated files, module files
	@hack/check

.PHONY: e2e
e2e: ## deploy to a real Kubernetes with Knative, and use it
	@hack/need
	go test -tags e2e -count=1 -timeout 60m -v -run '^TestOnKnative$$' ./hack/e2e

.PHONY: e2e-events
e2e-events: ## deploy to a real Knative with Eventing, and follow events
	go test -tags e2e -count=1 -timeout 60m -v -run '^TestEvents$$' ./hack/e2e

.PHONY: test-rig
test-rig: ## test the rig that e2e brings up, a module of its own
	cd hack/cluster && go vet ./... && go test . ./images/...
	cd hack/cluster/knative && go test -trimpath ./kingress

.PHONY: images-reproducible
images-reproducible: ## build the images twice and compare; their size, SBOM, user, labels
	go run ./hack/images $(IMAGESFLAGS)

.PHONY: bench
bench: ## measure against the machine's own limits
	go run ./hack/bench $(BENCHFLAGS)

.PHONY: bench-cluster
bench-cluster: ## measure cold starts on a real Kubernetes with Knative
	@hack/need
	go run ./hack/coldstart $(BENCHFLAGS)

.PHONY: model
model: ## train the intent model anew, from nothing: hours
	@hack/model/build

.PHONY: eval
eval: ## measure what the assistant understands
	go run ./hack/eval -f hack/eval/testdata/dev.jsonl $(EVALFLAGS)

.PHONY: fmt
fmt: ## format all Go files
	go tool -modfile=hack/tools/go.mod gofumpt -w $$(git ls-files '*.go')

.PHONY: vendorjs
vendorjs: ## make frontend/static/vendor anew
	go run ./hack/vendorjs

.PHONY: screenshots
screenshots: ## take README's pictures
	go run ./hack/screenshot
