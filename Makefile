# The same words here, in the README and in .ci/run. `make help` lists them.
SHELL := /bin/bash
VENV  := .venv
BIN   := $(VENV)/bin
STAMP := $(VENV)/installed
RUN   ?= examples/01-quickstart.yaml
CLUSTER ?= .cache/cluster

.DEFAULT_GOAL := help
.PHONY: help system install demo test lint format types imports manifests manifests-check control-plane unit e2e \
	cluster cluster-stop cluster-demo object-store object-store-stop constraints clean

help: ## List the targets
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

system: ## Install the system libraries headless rendering needs (Debian)
	@bash .ci/system-packages >&2

install: $(STAMP) ## Make .venv with everything in it

$(STAMP): pyproject.toml constraints.txt .ci/system-packages
	@bash .ci/system-packages >&2
	@echo >&2 "Installing into $(VENV) (a minute or two; about 1.5 GB on disk)"
	@test -x $(BIN)/python || python3 -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet -c constraints.txt --group test --group lint -e '.[operator,trainer]'
	@touch $@

demo: $(STAMP) ## Run examples/01-quickstart.yaml through all phases on this machine
	@$(BIN)/collectiverun run -f $(RUN)

test: lint types imports manifests-check unit ## Everything that can run without a GPU, on a real API server too

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

control-plane: $(STAMP) ## Find, or build once and keep, etcd, kube-apiserver and the like; kubectl and helm
	@PYTHONPATH=tests $(BIN)/python -m cluster tools >/dev/null

unit: control-plane ## Tests alone; ARGS picks some: make unit ARGS=tests/unit_trainer
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist worksteal --ignore=tests/e2e $(ARGS)

e2e: control-plane ## Both images, built and run in a real node with containerd (root, Debian)
	@bash tests/e2e/prepare
	@$(BIN)/python -m pytest -q tests/e2e

cluster: control-plane ## Leave a cluster running on this machine and print how to reach it
	@PYTHONPATH=tests $(BIN)/python -m cluster up $(CLUSTER)

cluster-stop: $(STAMP) ## Stop it
	@PYTHONPATH=tests $(BIN)/python -m cluster down $(CLUSTER)

cluster-demo: control-plane ## Chart, quickstart and S3 on that cluster, watched until Complete
	@PYTHONPATH=tests $(BIN)/python -m cluster demo $(CLUSTER)

object-store: $(STAMP) ## Leave a local S3 server running and print how to reach it
	@PYTHONPATH=tests $(BIN)/python -m cluster.object_store start .cache/object-store

object-store-stop: $(STAMP) ## Stop it
	@PYTHONPATH=tests $(BIN)/python -m cluster.object_store stop .cache/object-store

constraints: $(STAMP) ## Write constraints.txt anew from .venv
	@{ head -2 constraints.txt; $(BIN)/pip freeze --exclude-editable | sed 's/+cpu//'; } > constraints.new && mv constraints.new constraints.txt

clean: ## Remove .venv and caches
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
