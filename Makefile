# Needs git, make and Python >= 3.11. Everything stays inside this folder: environment, caches, temporary files. Only
# what `make test` writes goes into memory where there is plenty.
PYTHON ?= python3
# More than twice the two cores: many tests wait for a clock or a disk. Those of `make quick` hardly do: there it is one a core.
WORKERS ?= 5
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
PEERS  := $(VENV)/.peers
MUTATE := $(VENV)/.mutate
SBOM   := $(VENV)/.sbom
LONG   := tests/check/test_blank_beginnings.py tests/check/test_encodings.py tests/check/test_item_lists.py \
	 tests/check/test_left_out.py tests/check/test_line_items.py tests/check/test_long_delimiters.py \
	 tests/check/test_old_workbooks.py tests/cli/test_terminal.py tests/core/api/test_rate_limiter.py \
	 tests/core/api/test_send_order.py tests/core/mapping/test_match_in_time.py tests/core/proposal/test_corpus.py \
	 tests/core/test_json_structure.py tests/core/values/test_date_formats.py \
	 tests/core/rules/test_first_look.py tests/core/rules/test_sound_records.py \
	 tests/core/values/test_many_amounts.py tests/core/values/test_undeclared_notations.py \
	 tests/edge/ledger/postgres tests/edge/local/test_folder_changes.py tests/edge/local/test_moves_interrupted.py \
	 tests/edge/reader/test_delimited.py tests/edge/sftp/test_faults.py tests/faults tests/fuzz tests/hostile tests/load \
	 tests/monitoring/test_notifications.py tests/packaging/test_container.py tests/packaging/test_wheel.py tests/pages tests/payments \
	 tests/report/test_balance.py tests/report/test_folders.py tests/run/test_export_memory.py tests/run/test_watch.py \
	 tests/serve tests/stories
COMPILE := uv pip compile --generate-hashes --universal --no-emit-index-url --no-emit-find-links --no-header -q
TRIED   := --python-version 3.11 -c requirements.lock
SHIPPED := --extra postgres --extra s3 --extra sandbox --extra serve --extra workbooks --extra xlsx
CONTAINER := contrib/container
export PIP_CACHE_DIR := $(CURDIR)/.cache/pip
export TMPDIR        := $(CURDIR)/.cache/tmp
export COVERAGE_FILE := $(CURDIR)/.cache/coverage
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# A worker's threads of polars only take turns with the other workers. Commands that tests start as processes keep theirs.
test quick coverage: export POLARS_MAX_THREADS := 1
# Tests write and sync much. In memory that takes a fifth of the time; a container often has 64 MB of it, then it is the disk.
IN_MEMORY := /dev/shm/billferry-$(shell printf %s '$(CURDIR)' | cksum | cut -d ' ' -f 1)
HAS_ROOM = $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 >= 4000000 {print "yes"}')
HAS_MEMORY = $(shell awk '/^MemAvailable/ && $$2 >= 4000000 {print "yes"}' /proc/meminfo 2>/dev/null)
RUNS_PROGRAMS = $(shell awk '$$2 == "/dev/shm" && $$4 !~ /noexec/ {print "yes"}' /proc/mounts 2>/dev/null)
test: export TMPDIR := $(if $(and $(HAS_ROOM),$(HAS_MEMORY),$(RUNS_PROGRAMS)),$(IN_MEMORY),$(TMPDIR))
# Each worker imports all tests, and each command all of pipeline/: compiled once, not each time.
unexport PYTHONDONTWRITEBYTECODE
# pip asks rustc for its version, and rustup's stand-in for rustc makes a folder in HOME.
export RUSTUP_HOME   := $(CURDIR)/.cache/rustup

.PHONY: help setup demo test quick coverage soak bench mutate check format docs pictures golden lock wheel sbom clean

help:            ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(READY)  ## the environment, from hashes

$(READY): requirements.lock tests/pages/requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Billferry needs Python 3.11 or newer, and $(PYTHON) is " + sys.version.split()[0] + "; name another: make PYTHON=/path/to/python3 $(or $(MAKECMDGOALS),demo)")'
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "$(PYTHON) cannot make environments; install its venv package (Debian: python3-venv)" >&2; exit 1; }
	@mkdir -p $(PIP_CACHE_DIR) $(TMPDIR)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --require-hashes -r requirements.lock
	$(BIN)/python -m pip install -q --require-hashes --no-deps -r tests/pages/requirements.lock
	$(BIN)/python -m pip install -q --no-deps --no-build-isolation --no-index -e .
	@touch $@

$(PEERS): $(READY) benchmarks/requirements.lock
	$(BIN)/python -m pip install -q --require-hashes -r benchmarks/requirements.lock
	@touch $@

$(MUTATE): $(READY) tests/mutation/requirements.lock
	$(BIN)/python -m pip install -q --require-hashes -r tests/mutation/requirements.lock
	@touch $@

$(SBOM): $(READY) $(CONTAINER)/sbom.lock
	$(BIN)/python -m pip install -q --require-hashes -r $(CONTAINER)/sbom.lock
	@touch $@

demo: setup      ## the main job, on built-in test servers
	@$(BIN)/billferry demo

test: setup      ## the tests
	@rm -rf $(IN_MEMORY) && mkdir -p $(TMPDIR)
	@$(BIN)/python -m tests.compiled
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal; status=$$?; \
		[ $$status -ne 0 ] || rm -rf $(IN_MEMORY); exit $$status

quick: setup     ## what a change usually needs, under a minute; `make test` runs the rest too
	@mkdir -p $(TMPDIR)
	$(BIN)/python -m pytest -n auto -m 'not slow'

coverage: setup  ## which lines `make quick` reaches; `make check` tells the figure
	@mkdir -p $(TMPDIR)
	$(BIN)/python -m pytest -n auto -m 'not slow' -q --cov --cov-report=

soak: setup      ## the long tests: every kill point, hundreds of kills, many seeds (an hour or two)
	SOAK=1 $(BIN)/python -m pytest -n $(WORKERS) $(LONG)
	TEST_LEDGER=postgres $(BIN)/python -m pytest -n $(WORKERS) tests/stories tests/faults tests/load tests/cli

bench: $(PEERS)  ## side by side with peers; figures go to benchmarks/RESULTS.md (one alone: make bench ONLY=pace)
	@mkdir -p $(TMPDIR)
	$(BIN)/python -m benchmarks $(ONLY)

mutate: $(MUTATE) ## small bugs planted in loading, the ledger, payments and money, to see tests fail (MINUTES=30, ONLY=balance)
	@mkdir -p $(TMPDIR)
	$(BIN)/python -m tests.mutation --minutes $(or $(MINUTES),30) $(ONLY)

check: setup     ## format, lint, types; the coverage that was measured last
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	@if [ -e $(COVERAGE_FILE) ]; then \
		echo "coverage: $$($(BIN)/coverage report --format=total) % of lines and branches, by make quick on $$(date -r $(COVERAGE_FILE) +%F)"; \
	else echo "coverage: not measured here yet; make coverage does"; fi

format: setup    ## put the code in form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: setup      ## write the generated parts of docs/ again
	$(BIN)/python -m docs.generate

pictures: setup  ## take the pictures in docs/ again, of a demo and of the page (needs Chromium)
	@mkdir -p $(TMPDIR)
	$(BIN)/python -m tests.pages.pictures

golden: setup    ## write the expected results of sample_files/ again
	$(BIN)/python -m tests.golden.regenerate

lock:            ## every lock: of setup, bench, mutate, the container and its SBOM (needs uv)
	$(COMPILE) pyproject.toml --upgrade --extra dev -o requirements.lock
	$(COMPILE) pyproject.toml --upgrade --extra dev --extra bench -c requirements.lock -o benchmarks/requirements.lock
	$(COMPILE) pyproject.toml --upgrade --extra dev --extra mutate -c requirements.lock -o tests/mutation/requirements.lock
	$(COMPILE) pyproject.toml --upgrade $(SHIPPED) -c requirements.lock -o $(CONTAINER)/requirements.lock
	$(COMPILE) $(CONTAINER)/build.in --upgrade $(TRIED) -o $(CONTAINER)/build.lock
	$(COMPILE) $(CONTAINER)/sbom.in --upgrade $(TRIED) -o $(CONTAINER)/sbom.lock

wheel: setup     ## dist/*.whl and dist/*.tar.gz
	@mkdir -p $(TMPDIR)
	$(BIN)/python -m build --no-isolation

sbom: $(SBOM)    ## dist/sbom.json: what the container's image has from the package index, as CycloneDX
	@mkdir -p dist
	$(BIN)/python -W ignore -m cyclonedx_py requirements --output-reproducible --pyproject pyproject.toml -o dist/sbom.json $(CONTAINER)/requirements.lock

clean:           ## forget everything made here
	rm -rf $(IN_MEMORY) $(VENV) .cache dist build var billferry-demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
