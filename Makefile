# make demo | check | test | test-full | soak | build | gas | coverage | bench-NAME | docs | lock | clean
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
export MYPYPATH := $(CURDIR)/python:$(CURDIR)/tests/python
PY := .venv/bin/python
# Twice the processors of a small CI machine: tests wait a good part of their time, for blocks and processes.
WORKERS ?= 4

.PHONY: help setup setup-analysis build demo check test test-full soak gas coverage screenshots docs lock clean

help: ## List the targets
	@grep -hE '^[a-z-]+%?:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: ## Install everything that check, test and demo need, inside the clone
	@tools/setup.sh node python

setup-analysis: setup
	@tools/setup.sh analysis

build: setup ## Compile the contracts; write what the wheel carries of them
	@$(PY) tools/build.py

demo: setup ## Run the main job end to end on a local Anvil
	@mkdir -p build
	@$(PY) -m careledger demo --report build/demo.html

check: setup ## The inner loop: formats, lints, types, stale files, quick tests
	@tools/check.sh

test: setup-analysis ## Every check and test; prints how many fuzz runs and schedules it ran
	@WORKERS=$(WORKERS) tools/test.sh

test-full: setup-analysis ## The same with every count that the project promises
	@WORKERS=$(WORKERS) tools/test.sh full

# Minutes of the soak.
MINUTES ?= 10

soak: setup ## Outbox and indexer under kills, restarts and reorganizations, for 10 minutes or MINUTES=n
	@$(PY) tools/soak.py --minutes $(MINUTES)

gas: setup ## Measure the gas of every operation beside its snapshot and its ceiling or peer
	@$(PY) tools/gas.py

coverage: setup ## Coverage of the contracts by the forge tests
	@$(PY) tools/coverage.py

bench-%: setup ## Run bench/NAME.py; writes build/bench/NAME.json
	@$(PY) -m bench.$*

screenshots: setup ## Pictures of the console's pages with what the demo left, into build/screenshots
	@$(PY) tools/screenshots.py

docs: setup ## Generate the error list and the command reference
	@$(PY) tools/docs.py

lock: ## Resolve the pins anew from pyproject.toml and requirements/*.in
	@tools/lock.sh

clean: ## Remove what was built; keeps what was installed
	@rm -rf build cache out dist .build .pytest_cache .mypy_cache .ruff_cache .hypothesis
