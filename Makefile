# Everything runs in .venv, made from the lock; nothing but Python 3.11, git and make is asked of the machine.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/.installed: requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check 'uv>=0.9'
	@$(BIN)/uv pip sync -q --python $(BIN)/python --require-hashes requirements.lock
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

install: $(VENV)/.installed ## make .venv from the lock

run: install ## start Vizsla with the sample and show where to look
	@$(BIN)/vizsla serve --with-sample $(ARGS)

test: export PYTHONDONTWRITEBYTECODE =
test: install ## every test, on SQLite and PostgreSQL
	@$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

check: install ## format, lint, types, import floors
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

fix: install ## format and repair what can be
	@$(BIN)/ruff check --fix -q . ; $(BIN)/ruff format -q .

bench: install ## ratios against peers and limits of the same run
	@$(BIN)/python -m benchmarks $(ARGS)

eval: install ## accuracy on real, labelled pages
	@$(BIN)/python -m evaluation $(ARGS)

lab: install ## Vizsla and others against real mail servers in a network of their own (root)
	@$(BIN)/python -m lab $(ARGS)

lock: install ## write requirements.lock anew
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --group dev --group bench pyproject.toml -o requirements.lock

.PHONY: help install run test check fix bench eval lab lock
