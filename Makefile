# Everything needs only Python >= 3.11 and make; the rest is installed into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: install demo serve test soak check bench viewer format clean

PYTEST = $(BIN)/pytest --numprocesses logical --maxprocesses 4

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Greffier needs Python 3.11 or newer: make PYTHON=python3.11 …") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(BIN)/pip install --quiet --disable-pip-version-check --editable . --group dev
	touch $@

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
