.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help setup check test test-unit test-envoy test-apiserver test-e2e bench generate golden lock lab-up lab-down demo demo-down clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-16s %s\n", $$1, $$2}'

$(STAMP): requirements-dev.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --no-deps --editable .
	@touch $@

setup: $(STAMP) ## Make the virtual environment from the lock

check: setup ## Static checks and unit tests
	$(BIN)/python -m tests.run --only static,unit

test: setup ## Everything a change must pass: static, unit, real Envoy, API server and node; one summary line
	$(BIN)/python -m tests.run

test-unit: setup ## Unit tests only
	$(BIN)/python -m tests.run --only unit

test-envoy: setup ## Tests against the real Envoy only
	$(BIN)/python -m tests.run --only envoy

test-apiserver: setup ## Tests against a real API server only
	$(BIN)/python -m tests.run --only apiserver

test-e2e: setup ## Tests on a real node only
	$(BIN)/python -m tests.run --only node

bench: setup ## Benchmarks; prints the tables of docs/benchmarks.md
	$(BIN)/python -m benchmarks

generate: setup ## Refresh every generated file
	$(BIN)/modelfleet crds --output-dir crds
	$(BIN)/python -m modelfleet.api.reference
	$(BIN)/python -m charts.generate
	$(BIN)/python -m modelfleet.gateway.schema.generate

golden: setup ## Refresh the golden files; read the diff before you commit it
	UPDATE_GOLDENS=1 $(BIN)/pytest -q tests/workload/test_goldens.py

lock: setup ## Refresh the locks from pyproject.toml
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet pyproject.toml --generate-hashes --no-emit-index-url --no-header --python-version 3.11 -o requirements.lock
	$(BIN)/uv pip compile --quiet pyproject.toml --extra dev --generate-hashes --no-emit-index-url --no-header --python-version 3.11 -c requirements.lock -o requirements-dev.lock

lab-up: setup ## Bring a real cluster up on this machine (root)
	$(BIN)/python -m e2e.lab up

lab-down: setup ## End it, leaving nothing behind
	$(BIN)/python -m e2e.lab down

demo: setup ## From a fresh machine to a streamed chat completion, every step narrated
	$(BIN)/python -m e2e.demo

demo-down: setup ## End the demo, leaving nothing behind
	$(BIN)/python -m e2e.lab down --name demo

clean: ## Remove what the tools left in the checkout
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis dist build
