# Every target makes its own environment; a fresh machine needs only Python 3.11, make and git.
PYTHON ?= python3
BIN := .venv/bin
EXTRACT = $(BIN)/pybabel -q extract -F babel.cfg -k many:1,2 --add-location=file --sort-output --omit-header \
  -o locales/cuenta.pot .

.PHONY: demo test lint bench messages lock clean

.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Cuenta needs Python 3.11 or newer: set PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

# The compiled catalogues are made, never committed; a stale or broken one fails here.
locales/compiled: .venv/ready $(wildcard locales/*/LC_MESSAGES/cuenta.po)
	$(BIN)/pybabel -q compile -d locales -D cuenta
	touch $@

demo: locales/compiled
	$(BIN)/cuenta demo $(if $(PORT),--port $(PORT))

test: locales/compiled
	$(BIN)/python -m pytest -n 2 tests

lint: locales/compiled
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(EXTRACT)
	$(BIN)/pybabel -q update --check -N --ignore-pot-creation-date -i locales/cuenta.pot -d locales -D cuenta

bench: locales/compiled
	$(BIN)/python -m bench

messages: .venv/ready
	$(EXTRACT)
	$(BIN)/pybabel -q update -N --ignore-obsolete --ignore-pot-creation-date -i locales/cuenta.pot -d locales -D cuenta
	$(BIN)/pybabel -q compile -d locales -D cuenta

lock:
	uv pip compile -q pyproject.toml --group dev --generate-hashes --universal --python-version 3.11 \
	  --no-emit-index-url --no-emit-find-links --no-header -o requirements.lock

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache locales/compiled
