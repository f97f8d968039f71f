# The same words here, in the README and in .ci/run. `make help` lists them.
SHELL := /bin/bash
VENV  := .venv
BIN   := $(VENV)/bin
STAMP := $(VENV)/installed
RUN   ?= examples/01-quickstart.yaml
CLUSTER ?= .cache/cluster
ENGINE  ?= docker
VERSION  = $(shell sed -n 's/^appVersion: *//p' charts/collectiverun-operator/Chart.yaml)
# What of a cluster's programs is wanted; servers that a person names are not built.
SERVERS  = $(if $(KUBEBUILDER_ASSETS),,kubernetes etcd)
PROGRAMS = $(SERVERS) kueue

.DEFAULT_GOAL := help
.PHONY: help system browser install programs images publish set-up demo test lint format types imports manifests manifests-check \
	unit e2e cluster cluster-stop cluster-demo object-store object-store-stop constraints audit sbom clean

help: ## List the targets
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

system: ## Install the system libraries headless rendering needs (Debian)
	@bash .ci/system-packages >&2

browser: $(STAMP) ## Install the browser and the screen that tests open pages and windows in (Debian)
	@bash .ci/system-packages browser >&2

install: $(STAMP) ## Make .venv with everything in it

$(STAMP): pyproject.toml constraints.txt .ci/system-packages .ci/python-environment
	@bash .ci/system-packages >&2
	@bash .ci/python-environment $(VENV)
	@touch $@

programs: ## Build, once, what a local cluster is made of: Kubernetes, etcd, Kueue
	@python3 -m testbed.programs.building $(PROGRAMS)

images: $(STAMP) ## Build both images (root, Debian)
	@bash tests/e2e/prepare

publish: ## Build both images with Docker (or ENGINE=podman) and push them: make publish REGISTRY=registry.example.com/robots
	@: $${REGISTRY:?name the registry: make publish REGISTRY=registry.example.com/robots}
	@for half in operator trainer; do \
	    image=$$REGISTRY/collectiverun-$$half:$(VERSION); \
	    $(ENGINE) build --file images/$$half/Dockerfile --build-arg VERSION=$(VERSION) \
	        --build-arg REVISION=$$(git rev-parse HEAD) --tag $$image . && $(ENGINE) push $$image || exit 1; \
	done

set-up: ## Fetch and build all of this side by side: .venv, programs, images
	@$(MAKE) --no-print-directory --jobs=3 install programs images PROGRAMS="$(SERVERS) kueue containerd"

demo: $(STAMP) ## Run examples/01-quickstart.yaml through all phases on this machine
	@$(BIN)/collectiverun run -f $(RUN)

test: ## Everything that can run without a GPU, on a real API server too
	@$(MAKE) --no-print-directory --jobs=2 install programs
	@$(MAKE) --no-print-directory lint types imports manifests-check unit

lint: $(STAMP)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

format: $(STAMP) ## Format and fix what can be fixed
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

types: $(STAMP)
	@$(BIN)/mypy

imports: $(STAMP)
	@$(BIN)/lint-imports --no-cache

manifests: $(STAMP) ## Write the CRD, the chart's copy of it and the API reference anew from the typed models
	@$(BIN)/python -m collectiverun_operator.manifests

manifests-check: $(STAMP)
	@$(BIN)/python -m collectiverun_operator.manifests --check

unit: $(STAMP) programs browser ## Tests alone; ARGS picks some: make unit ARGS=tests/unit_trainer
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 4 --dist loadscope --no-loadscope-reorder \
	    --max-worker-restart=0 --ignore=tests/e2e $(ARGS)

e2e: PROGRAMS = $(SERVERS) kueue containerd
e2e: $(STAMP) programs images ## Both images, built and run in a real node with containerd (root, Debian)
	@$(BIN)/python -m pytest -q tests/e2e

cluster cluster-demo: PROGRAMS = $(SERVERS) $(if $(KUEUE),kueue)
cluster: $(STAMP) programs ## Leave a cluster running on this machine and print how to reach it; KUEUE=1: with Kueue
	@$(BIN)/python -m testbed up $(CLUSTER) $(if $(KUEUE),--kueue)

cluster-stop: $(STAMP) ## Stop it
	@$(BIN)/python -m testbed down $(CLUSTER)

cluster-demo: $(STAMP) programs ## Chart, quickstart and S3 on that cluster, watched until Complete
	@$(BIN)/python -m testbed demo $(CLUSTER)

object-store: $(STAMP) ## Leave a local S3 server running and print how to reach it
	@$(BIN)/python -m testbed.object_store start .cache/object-store

object-store-stop: $(STAMP) ## Stop it
	@$(BIN)/python -m testbed.object_store stop .cache/object-store

constraints: $(STAMP) ## Write constraints.txt anew from .venv, which needs torch as PyPI has it
	@$(BIN)/pip freeze | grep -q ^nvidia- || { echo "torch here lacks CUDA, which the image has: PIP_FIND_LINKS= PIP_EXTRA_INDEX_URL= $(BIN)/pip install --force-reinstall torch" >&2; exit 1; }
	@{ head -2 constraints.txt; $(BIN)/pip freeze --all --exclude pip --exclude-editable; } > constraints.new && mv constraints.new constraints.txt

audit: $(STAMP) ## Ask PyPI for known vulnerabilities of what constraints.txt pins
	@$(BIN)/pip-audit --strict --no-deps --disable-pip --requirement constraints.txt

sbom: ## Write the SBOMs of published images to build/: make sbom REGISTRY=registry.example.com/robots
	@: $${REGISTRY:?name the registry: make sbom REGISTRY=registry.example.com/robots}
	@mkdir -p build
	@for half in operator trainer; do \
	    $(ENGINE) run --rm --entrypoint cat $$REGISTRY/collectiverun-$$half:$(VERSION) /opt/collectiverun/sbom.cdx.json \
	        > build/$$half.cdx.json || exit 1; \
	done

clean: ## Remove .venv and caches
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
