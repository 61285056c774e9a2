# make demo   everything needed, then a tracker, a seeder and a download on this machine
# make test   everything needed, then the checks and the whole suite
# make bench  everything needed, then our client and others in turn (see bench/)

VENV := .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?= -n 2 --dist worksteal --durations=15

.PHONY: demo test lint unit foreign bench programs clean

demo: $(VENV)/.ready
	$(BIN)/torrent demo

test: $(VENV)/.ready-dev programs lint
	$(BIN)/pytest --import-mode=importlib $(PYTEST_ARGS)

lint: $(VENV)/.ready-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# Without the clients and trackers of others.
unit: $(VENV)/.ready-dev
	$(BIN)/pytest --import-mode=importlib $(PYTEST_ARGS) --ignore=tests/foreign

foreign: $(VENV)/.ready-dev programs
	$(BIN)/pytest --import-mode=importlib $(PYTEST_ARGS) tests/foreign

bench: $(VENV)/.ready-bench
	@bash bench/install
	$(BIN)/python -m bench $(BENCH_ARGS)

programs:
	@bash .ci/programs test

$(VENV)/bin/python:
	@bash .ci/programs python
	"$$(bash .ci/programs which-python)" -m venv $(VENV)

$(VENV)/.ready: pyproject.toml requirements-dev.txt | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check -e . -c requirements-dev.txt
	@touch $@

$(VENV)/.ready-dev: pyproject.toml requirements-dev.txt | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]' -c requirements-dev.txt
	@touch $(VENV)/.ready $@

$(VENV)/.ready-bench: pyproject.toml requirements-dev.txt | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev,bench]' -c requirements-dev.txt
	@touch $(VENV)/.ready $(VENV)/.ready-dev $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
