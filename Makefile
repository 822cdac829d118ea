# Everything needs only Python >= 3.11 and make; the rest is installed into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --quiet --disable-pip-version-check
# uv reads none of pip's settings: unless the environment names an index for it, it is told which one pip asks.
UV := UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX:-$${PIP_INDEX_URL:-$$($(BIN)/pip config get global.index-url 2>/dev/null)}}" $(BIN)/uv --quiet

.PHONY: install lock demo serve test soak check bench viewer format clean

PYTEST = $(BIN)/pytest --numprocesses logical --maxprocesses 4

install: $(VENV)/.installed

# What requirements.lock says, and nothing else, each file by its hash; where uv can't reach the index, pip installs it.
$(VENV)/.installed: $(BIN)/uv pyproject.toml requirements.lock
	$(UV) pip sync --python $(BIN)/python --require-hashes requirements.lock \
	    || $(PIP) install --require-hashes --requirement requirements.lock
	$(PIP) install --no-index --no-deps --no-build-isolation --editable .
	touch $@

$(BIN)/uv:
	$(PYTHON) -c 'import sys; sys.exit("Greffier needs Python 3.11 or newer: make PYTHON=python3.11 …") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > $(VENV)/uv.lock
	$(PIP) install --require-hashes --requirement $(VENV)/uv.lock

# Locks what pyproject.toml asks for; what is locked stays, unless it no longer fits. ARGS=--upgrade takes the newest.
lock: $(BIN)/uv
	$(UV) pip compile --universal --python-version 3.11 --group dev --generate-hashes --no-emit-index-url \
	    --custom-compile-command 'make lock' $(ARGS) --output-file requirements.lock pyproject.toml

demo: install
	$(BIN)/greffier demo $(ARGS)

serve: install
	$(BIN)/greffier serve $(ARGS)

# Every rule, once.
test: install
	$(PYTEST) --dist loadfile

# What only repetition finds, and how much of the rules the tests go through.
soak: install
	SOAK=1 $(PYTEST) --dist worksteal -m "soak or repeated or hypothesis"
	$(PYTEST) --dist worksteal tests/domain tests/projections --cov

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: install
ifdef BEFORE
	$(BIN)/python -m tests.bench.before $(BEFORE)
else
	$(BIN)/python -m tests.bench
	$(BIN)/python -m tests.bench --memory
endif

viewer: install
	$(BIN)/python -m tests.vendored_viewer $(VERSION)

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
