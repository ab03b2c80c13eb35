# `make run` starts the page, `make quick` checks most within a minute, `make test` checks everything.
# Stamp files remember what is installed, so that a second run does not install again.

.DELETE_ON_ERROR:
.PHONY: run quick test check suite hosts docs

PYTHON ?= $(shell for python in python3.12 python3.11 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 --dist loadgroup \
	--no-loadscope-reorder
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet

run: .venv/.run-stamp
	$(BIN)/python app.py

quick: .venv/.test-stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(PYTEST) -m "not slow and not browser"

# Side by side: tests that wait leave time for mypy.
test: .venv/.test-stamp
	$(MAKE) --jobs=2 check suite

suite: .venv/.test-stamp
	$(PYTEST)

check: .venv/.test-stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Each way in from a fresh environment, and the linters of what is written for other machines.
hosts: .venv/.test-stamp
	$(PIP) uv
	$(PYTEST) --dist loadfile -m "" tests/hosts tests/test_embedding.py

docs: .venv/.test-stamp
	$(BIN)/python docs/generate.py

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: https://www.python.org/downloads/"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/.run-stamp: pyproject.toml | .venv/bin/python
	@echo "Installing styleplug into .venv: torch is large, the first time takes minutes"
	$(PIP) --editable ".[all]"
	touch $@

.venv/.test-stamp: pyproject.toml | .venv/bin/python
	@echo "Installing everything into .venv: torch is large, the first time takes minutes"
	$(PIP) --editable ".[dev]"
	touch .venv/.run-stamp $@
