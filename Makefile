# Two commands on a fresh machine (Python 3.11+, nothing else): `make demo` and `make test`.
# Every target makes the virtual environment itself when it is missing or the lock has changed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SERVE ?= yes
DAYS ?= 60
ORDERS_PER_DAY ?= 600
SEED ?= 7

.PHONY: demo up test test-all lint format types imports lock clean setup browser connectors-table pictures

setup: $(STAMP)

$(STAMP): requirements-installer.lock requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' || \
		{ echo "Fourflow needs Python 3.11 or 3.12; set PYTHON=/path/to/python3.11 and try again."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ echo "python3 -m venv failed; on Debian or Ubuntu: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-installer.lock
	@$(BIN)/uv pip sync -q --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

demo: $(STAMP)
	@$(BIN)/fourflow demo --days $(DAYS) --orders-per-day $(ORDERS_PER_DAY) --seed $(SEED) $(if $(filter no,$(SERVE)),--no-serve,--serve)

up: $(STAMP)
	@$(BIN)/fourflow up

# The end-to-end tests drive Debian's Chromium (or the one CHROMIUM names).
browser:
	@command -v "$${CHROMIUM:-chromium}" >/dev/null 2>&1 || \
	if command -v apt-get >/dev/null 2>&1 && [ "$$(id -u)" = 0 ]; then \
		echo "installing chromium and CJK fonts for the end-to-end tests"; \
		{ apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-noto-cjk; } >/dev/null 2>&1 || \
		echo "chromium could not be installed: the end-to-end tests will be skipped; install it and set CHROMIUM=/path/to/chromium"; \
	else \
		echo "no chromium found: the end-to-end tests will be skipped; install it (apt-get install chromium fonts-noto-cjk) or set CHROMIUM=/path/to/chromium"; \
	fi

# Two workers; a file stays on one of them, the longest start first (tests/conftest.py).
PYTEST = $(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder --durations=15 \
	--junitxml=.pytest_cache/report.xml
test: $(STAMP) browser
	@$(PYTEST) -m "not heavy"

test-all: $(STAMP) browser
	@FOURFLOW_TEST_HEAVY=1 $(PYTEST)

# Writes docs/connectors.md after running every test behind it; REPORT=.pytest_cache/report.xml takes
# what `make test` has just found instead.
connectors-table: $(STAMP)
	@$(BIN)/python -m tests.connector_table $(REPORT)

# Takes the pictures of the docs anew, of the built home that FOURFLOW_HOME names (`make demo SERVE=no`).
pictures: $(STAMP) browser
	@$(BIN)/python -m tests.pictures

lint: $(STAMP)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/sqlfluff lint dbt_project/models dbt_project/tests

format: $(STAMP)
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

# Writes the locks anew: names, versions and hashes, no index address.
lock: $(STAMP)
	@$(BIN)/uv pip compile -q pyproject.toml --extra dev --python-version 3.11 --generate-hashes \
		--no-header --no-annotate --upgrade-package fourflow -o requirements.lock
	@printf 'uv==%s\n' "$$($(BIN)/uv --version | cut -d' ' -f2)" | \
		$(BIN)/uv pip compile -q - --python-version 3.11 --generate-hashes --no-header --no-annotate -o requirements-installer.lock

clean:
	@rm -rf $(VENV) .fourflow dbt_project/target dbt_project/logs .pytest_cache .mypy_cache .ruff_cache .import_linter_cache *.egg-info
