# Every task of the project; `make` alone lists them. Works on a fresh Debian with git, make and Python 3.12.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help dev demo test lint fmt types imports services unit bench bench-install bench-limiter package ministack clean

# The first Python 3.12 there is: by its own name, as python3, or pyenv's. Another one: make dev PYTHON=/path/to/python
PYTHON ?= $(shell for p in python3.12 python3 "$$(pyenv which python3.12 2>/dev/null)"; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 12))' 2>/dev/null && { echo "$$p"; break; }; done)

VENV := .venv
BIN := $(VENV)/bin
MINISTACK_VENV := .venv-ministack
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# An existing `.venv` is used as it is and brought up to date with the requirements.
$(VENV)/.installed: requirements.txt requirements-dev.txt requirements-graphon.txt
	@test -n "$(PYTHON)" || { echo "No Python 3.12 found. Install it (Debian: apt-get install python3.12 python3.12-venv) or say where it is: make dev PYTHON=/path/to/python3.12" >&2; exit 1; }
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV) || { rm -rf $(VENV); echo "That Python cannot make environments; on Debian: apt-get install python3.12-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --no-deps -r requirements-graphon.txt
	@touch $@

# A local AWS (Lambda) for tests, in an environment of its own: its dependencies are not ours.
$(MINISTACK_VENV)/.installed: requirements-ministack.txt | $(VENV)/.installed
	@test -x $(MINISTACK_VENV)/bin/python || $(BIN)/python -m venv $(MINISTACK_VENV)
	$(MINISTACK_VENV)/bin/python -m pip install --quiet -r requirements-ministack.txt
	@touch $@

help: ## Lists the tasks
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

dev: $(VENV)/.installed ## Makes .venv with everything that development needs

demo: $(VENV)/.installed ## Answers a real question about a customer: store, functions, handbook and model, each step shown
	$(BIN)/python -m workbench demo

test: lint types imports unit ## Runs every check: style, types, import rules, all tests

lint: $(VENV)/.installed ## Checks style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

fmt: $(VENV)/.installed ## Mends style and format where a machine can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/.installed ## Checks types
	$(BIN)/mypy

imports: $(VENV)/.installed ## Checks who imports whom
	$(BIN)/lint-imports

# Servers that tests start on spare ports of loopback; installed where that is possible without questions, else their tests skip.
services: ## Installs Redis, PostgreSQL and MariaDB (Debian, as root), where they are missing
	@command -v redis-server >/dev/null && command -v mariadbd >/dev/null && ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || { \
		test "$$(id -u)" = 0 && command -v apt-get >/dev/null || { echo "Not installed: redis-server, postgresql, mariadb-server; their tests skip." >&2; exit 0; }; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server postgresql mariadb-server >/dev/null; }

unit: $(VENV)/.installed $(MINISTACK_VENV)/.installed services ## Runs all tests
	FAAS_TOOLKIT_TEST_MINISTACK="$(CURDIR)/$(MINISTACK_VENV)/bin/ministack" $(BIN)/python -m pytest

ministack: $(MINISTACK_VENV)/.installed ## Makes .venv-ministack, the local AWS of the tests

bench: $(VENV)/.installed services ## Measures the plugin side by side with its peers, and how long it ever holds its one thread
	$(BIN)/python -m bench.start
	$(BIN)/python -m bench.call
	$(BIN)/python -m bench.knowledge
	$(BIN)/python -m bench.routing
	$(BIN)/python -m bench.heartbeat
	$(BIN)/python -m bench.pipeline
	$(BIN)/python -m bench.masking
	$(BIN)/python -m bench.cache

bench-install: $(VENV)/.installed ## Measures an installation from an empty cache beside a bare plugin's; uses the network
	$(BIN)/python -m bench.install

bench-limiter: $(VENV)/.installed services ## Measures what limits cost and whether they hold over eight processes, beside three other limiters
	$(BIN)/python -m pip install --quiet -r requirements-bench.txt
	$(BIN)/python -m bench.limiter

# A private package, with a typed tool for each function of a catalog: make package CATALOG=file NAME=name [AUTHOR=author] [VERSION=1.2.3]
package: $(VENV)/.installed ## Writes dist/<name>-<version>.difypkg, checks it and starts it (CATALOG=file NAME=name: a private one)
	$(BIN)/python -m workbench package \
		$(if $(CATALOG),--catalog "$(CATALOG)" --name "$(NAME)" --author "$(AUTHOR)" --version "$(VERSION)")

clean: ## Removes caches and what tests left; keeps the environments
	rm -rf .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis .coverage build dist
	find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +
