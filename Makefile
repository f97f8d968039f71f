# The same words here, in the README and in .ci/run. `make help` lists them.
SHELL := /bin/bash
VENV  := .venv
BIN   := $(VENV)/bin
STAMP := $(VENV)/installed
RUN   ?= examples/01-quickstart.yaml

.DEFAULT_GOAL := help
.PHONY: help system install demo test lint format types imports check unit object-store object-store-stop constraints clean

help: ## List the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

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

test: lint types imports unit ## Everything that can run without a GPU

lint: $(STAMP)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

format: $(STAMP) ## Format and fix what can be fixed
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

types: $(STAMP)
	@$(BIN)/mypy

imports: $(STAMP)
	@$(BIN)/lint-imports --no-cache

unit: $(STAMP) ## Tests alone; ARGS picks some: make unit ARGS=tests/unit_trainer
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist worksteal $(ARGS)

object-store: $(STAMP) ## Leave a local S3 server running and print how to reach it
	@$(BIN)/python tests/cluster/object_store.py start .cache/object-store

object-store-stop: $(STAMP) ## Stop it
	@$(BIN)/python tests/cluster/object_store.py stop .cache/object-store

constraints: $(STAMP) ## Write constraints.txt anew from .venv
	@{ head -2 constraints.txt; $(BIN)/pip freeze --exclude-editable | sed 's/+cpu//'; } > constraints.new && mv constraints.new constraints.txt

clean: ## Remove .venv and caches
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
