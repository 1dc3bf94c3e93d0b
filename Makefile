# Everything stays inside this folder: environment, caches, working data.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
export PIP_CACHE_DIR := $(CURDIR)/.cache/pip
export PIP_DISABLE_PIP_VERSION_CHECK := 1
WORKERS ?= 2

.PHONY: help setup demo test check format lint types lock golden wheel clean

help:            ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(READY)  ## the environment, from hashes

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Billferry needs Python 3.11 or newer; make PYTHON=/path/to/python3 demo")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --require-hashes -r requirements.lock
	$(BIN)/python -m pip install -q --no-deps --no-build-isolation --no-index -e .
	@touch $@

demo: setup      ## the main job, on servers of our own
	$(BIN)/billferry demo

test: setup      ## the tests
	$(BIN)/python -m pytest -n $(WORKERS)

check: setup     ## format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: setup    ## put the code in form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

golden: setup    ## write the expected results of sample_files again
	$(BIN)/python -m tests.golden.regenerate

lock:            ## requirements.lock from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --all-extras --generate-hashes --universal --no-emit-index-url --no-emit-find-links --no-header -q --upgrade -o requirements.lock

wheel: setup     ## dist/*.whl
	$(BIN)/python -m build --no-isolation -q

clean:           ## forget everything made here
	rm -rf $(VENV) .cache dist build var billferry-demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
