# What can be done here. Each target works as root and as a plain user.

GO    ?= go
STACK ?= $(or $(FNSTORE_STACK),stack.yml)
FOLDERS  = cmd connectors functions kit runtime template tests
# Not ./...: build/ has copies of functions, laid out as faas-cli does it.
PACKAGES = $(FOLDERS:%=./%/...)

VERSION := $(or $(shell git describe --tags --always --dirty 2>/dev/null),dev)
COMMIT  := $(or $(shell git rev-parse --short HEAD 2>/dev/null),unknown)

# Packages with goroutines are tested with the race detector. It needs a C
# compiler; without one make test says so, and again at its end.
RACED = ./kit/caller/... ./kit/queue/... ./kit/secret/... ./connectors/hook/... ./connectors/minio ./connectors/postgres ./connectors/topic ./runtime/... ./template/...
RACE  = $(if $(shell command -v gcc || command -v clang),-race)
# Started as programs, or run by a stage of their own.
APART = /tests/\(flow\|browser\|docker\|compose\|chaos\|chaos/messages\|architecture\)$$

FUZZTIME ?= 30s
COUNT    ?= 1
STAGE     = sh scripts/stage.sh

.NOTPARALLEL:
.PHONY: help build up down images up-docker down-docker clean-docker pin test-compose test test-flow test-docker test-minio test-faas-cli chaos lint vuln docs bench bench-go fuzz fresh clean

help: ## what can be done here
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

up: ## run the store until Ctrl-C (DETACH=1: in the background)
	@sh scripts/deps.sh run
	@$(MAKE) --no-print-directory build
	@bin/fnstore up -f $(STACK) $(if $(DETACH),--detach)

down: ## stop the store
	@[ -x bin/fnstore ] || $(MAKE) --no-print-directory build
	@bin/fnstore down

# The version comes from git here and not from the go command, which refuses to
# ask in a clone that belongs to another user.
build: ## compile bin/fnstore
	@CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false \
		-ldflags '-s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)' -o bin/fnstore ./cmd/fnstore

test: ## everything: checks, all tests with real services, a browser
	@$(STAGE) 'packages' sh scripts/deps.sh test
	@$(STAGE) 'build' $(MAKE) --no-print-directory build
	@$(STAGE) 'lint' $(MAKE) --no-print-directory lint
	@[ -n '$(RACE)' ] || echo 'NOT CHECKED: data races, since there is no C compiler here (apt-get install gcc)'
	@$(STAGE) 'tests where goroutines meet' $(GO) test -p 2 -vet=off $(RACE) -timeout 15m $(RACED)
	@raced=$$($(GO) list $(RACED)) && rest=$$($(GO) list $(PACKAGES) | grep -v '$(APART)' | grep -vxF "$$raced") && \
		$(STAGE) 'tests' $(GO) test -p 2 -vet=off -timeout 20m $$rest
	@$(STAGE) 'flow' $(GO) test -vet=off -count=1 -timeout 15m ./tests/flow/...
	@$(STAGE) 'chaos, a sample' $(GO) test -vet=off -count=1 -p 1 -timeout 10m ./tests/chaos ./tests/chaos/messages
	@sh scripts/deps.sh docker || echo 'NOT CHECKED: functions as containers'
	@$(STAGE) 'containers' $(GO) test -vet=off -count=1 -timeout 15m -v ./tests/docker
	@$(STAGE) 'clients' sh -c 'for m in sdk faasd; do (cd tests/conform/$$m && $(GO) test -vet=off -count=1 -timeout 10m ./...) || exit 1; done'
	@$(STAGE) 'browser' $(GO) test -vet=off -count=1 -timeout 10m ./tests/browser/...

images: build ## our images, without a Docker engine
	@sh scripts/compose.sh images

up-docker: images ## the whole store on Docker (PROFILES="minio grafana" adds services): docs/docker.md
	@sh scripts/compose.sh up

down-docker: ## stop it; nothing is left but its data, which make clean-docker removes
	@sh scripts/compose.sh down

clean-docker: ## stop it and remove its data and credentials
	@sh scripts/compose.sh clean

pin: ## write digests into compose/images.env, where a registry answers
	@sh scripts/compose.sh pin

test-compose: build ## make up-docker to make down-docker, on an engine of its own (root, docker.io, docker-compose)
	@CI=true FNSTORE_TEST_DOCKER=required $(GO) test -vet=off -count=1 -timeout 20m -v ./tests/compose

test-flow: ## the flow tests alone (BACKEND=docker: functions as containers; GATEWAY=URL PASSWORD_FILE=path: against a gateway that runs)
	@FNSTORE_TEST_BACKEND='$(BACKEND)' FNSTORE_TEST_GATEWAY='$(GATEWAY)' FNSTORE_TEST_PASSWORD_FILE='$(if $(PASSWORD_FILE),$(abspath $(PASSWORD_FILE)))' \
		CI=true $(GO) test -vet=off -count=1 -timeout 20m -v ./tests/flow $(if $(RUN),-run '$(RUN)')

test-docker: ## functions as containers of a real engine (root, docker.io; FAAS_CLI=path: faas-cli up too)
	@CI=true FNSTORE_TEST_DOCKER=required FAAS_CLI='$(if $(FAAS_CLI),$(abspath $(FAAS_CLI)))' $(GO) test -vet=off -count=1 -timeout 20m -v ./tests/docker

test-minio: ## objects of a real MinIO call functions (MINIO=path)
	@[ -x '$(MINIO)' ] || { echo 'MINIO=path names no minio'; exit 1; }
	@MINIO='$(abspath $(MINIO))' CI=true $(GO) test -vet=off -count=1 -timeout 15m -v ./tests/flow -run '^TestObjects_OfAnotherStore$$'

chaos: ## what holds when things break, at full length, some 25 minutes (CHAOS_SEED=n has a run again)
	@CHAOS=full CI=true $(GO) test -vet=off -count=1 -timeout 60m -p 1 -v ./tests/chaos ./tests/chaos/messages
	@CHAOS=full $(GO) test -vet=off -count=1 -timeout 30m -v ./tests/conform/gateway -run '^TestPipelined_'

test-faas-cli: ## the real faas-cli against whole stores (FAAS_CLI=path; UPDATE=1 writes docs/faas-cli.md)
	@[ -x '$(FAAS_CLI)' ] || { echo 'FAAS_CLI=path names no faas-cli'; exit 1; }
	@FAAS_CLI='$(abspath $(FAAS_CLI))' $(GO) test -count=1 -timeout 10m ./tests/conform/faascli $(if $(UPDATE),-args -update)
	@FAAS_CLI='$(abspath $(FAAS_CLI))' $(GO) test -count=1 -timeout 10m ./tests/conform/ingress

# Quiet when all is well.
lint: ## gofmt, vet, staticcheck, govulncheck, go.mod, scripts, the rules of tests/architecture
	@bad=$$(gofmt -l $(wildcard $(FOLDERS))); [ -z "$$bad" ] || { echo 'not formatted (gofmt -w):'; echo "$$bad"; exit 1; }
	@for f in scripts/*.sh compose/*.sh template/*/*.sh; do sh -n $$f || exit 1; done; bash -n .ci/run
	@out=$$($(GO) mod tidy -diff 2>&1) || { echo 'go.mod is not tidy (go mod tidy):'; echo "$$out"; exit 1; }
	@$(GO) vet $(PACKAGES)
	@for m in sdk faasd; do (cd tests/conform/$$m && $(GO) vet ./... && $(GO) mod tidy -diff) || exit 1; done
	@$(GO) tool -modfile=tools/go.mod staticcheck $(PACKAGES)
	@GO='$(GO)' sh scripts/vuln.sh $(PACKAGES)
	@out=$$($(GO) test -vet=off -count=1 ./tests/architecture) || { echo "$$out"; exit 1; }

vuln: ## known vulnerabilities of what is linked; fails when the database cannot be read
	@GO='$(GO)' VULN_REQUIRED=1 sh scripts/vuln.sh $(PACKAGES)

docs: ## write the generated pages anew
	@$(GO) test -count=1 ./template/golang-middleware/server -run '^TestCopiesAreEqual$$' -update >/dev/null && \
	$(GO) test -count=1 ./runtime/objects -run '^TestOperations_Page$$' -args -update >/dev/null && \
	$(GO) test -count=1 ./runtime/targets -run '^TestPage$$' -args -update >/dev/null && \
	$(GO) test -count=1 ./tests/architecture -run '^(TestLinks|TestSeed_Page|TestSettings_Page|TestErrors_Page)$$' -update >/dev/null || \
		{ echo 'the pages could not be made; go test ./tests/architecture says why'; exit 1; }

bench: ## every figure beside its target, measured in one run, with one table at the end (ONLY=server,wake)
	@$(GO) run ./tests/bench $(if $(ONLY),-only $(ONLY))

bench-go: ## every Go benchmark (COUNT=10 for benchstat)
	@dirs=$$(grep -rlE '^func Benchmark' --include='*_test.go' $(wildcard $(FOLDERS)) | xargs -n1 dirname | sort -u | sed 's#^#./#') && \
		$(GO) test -p 1 -vet=off -run '^$$' -bench . -benchmem -count $(COUNT) $$dirs

fuzz: ## every fuzz test, FUZZTIME=30s each
	@grep -rnoE '^func Fuzz[A-Za-z0-9_]+' --include='*_test.go' $(wildcard $(FOLDERS)) | sed 's#^\(.*\)/[^/]*:[0-9]*:func #./\1 #' | \
		while read -r dir name; do \
			echo "== $$dir $$name"; \
			$(GO) test -vet=off -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) $$dir </dev/null || exit 1; \
		done

fresh: ## the way of a newcomer, on new machines made for it (needs root, debootstrap)
	@sh scripts/fresh.sh

clean: ## stop the store and remove all it made, its data too
	@sh scripts/clean.sh
