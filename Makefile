# Everything a developer or CI runs. Each target prepares what it needs: a fresh clone needs no step
# before `make demo` or `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup-done

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow bench lint

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## install what is missing: LLVM 22 (apt), .venv, Python packages
	@:

$(STAMP): pyproject.toml .ci/setup
	@.ci/setup $(PYTHON) $(VENV)
	@touch $@

demo: setup ## shrink the example programs, run them before and after, show the table
	@$(BIN)/ozone demo

test: lint ## lint, then the tests that take minutes at most
	@echo "== tests"
	@$(BIN)/pytest -n auto

test-slow: setup ## the tests that need long, or the network
	@echo "== slow tests"
	@$(BIN)/pytest -m slow --timeout 1800

bench: setup ## speed and memory figures, as ratios from one run
	@$(BIN)/python -m benchmarks

lint: setup ## ruff, mypy and the layer contract
	@echo "== lint"
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports
