# `make` alone lists what there is. Only python3 (3.11 or newer), make and git are needed; nothing is installed outside
# this folder.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCKED := $(VENV)/.locked
STAMP := $(VENV)/.installed
ARGS ?=
SECONDS ?= 60
UPGRADE ?= --upgrade

PACKAGES := \
	libs/board libs/contracts libs/mail libs/runtime \
	services/admin-api services/dispatcher services/info-site services/ingress-smtp \
	services/receipts services/registry services/responder \
	cli simulator tools
PYPROJECTS := $(addsuffix /pyproject.toml,$(PACKAGES))
OURS := $(addprefix renrakumo-,$(notdir $(PACKAGES)))

.DEFAULT_GOAL := help
.PHONY: help install demo up test fuzz lint format bench soak docs lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(STAMP) ## install everything into .venv (nothing happens when it is up to date)

$(LOCKED): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Renrakumo needs Python 3.11 or newer. Name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { \
	  echo "This Python has no venv module: install your system's package for it (often python3-venv)." >&2; exit 1; }
	@test -x $(BIN)/python || { echo "Making $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "Installing $$(grep -c '==' requirements.lock) packages from requirements.lock"
	@$(BIN)/python -m pip install --disable-pip-version-check --no-compile --require-hashes -r requirements.lock
	@touch $@

$(STAMP): $(LOCKED) $(PYPROJECTS)
	@echo "Installing our own $(words $(PACKAGES)) packages"
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-build-isolation --no-deps \
	  $(addprefix -e ./,$(PACKAGES))
	@touch $@

demo: $(STAMP) ## run the whole story with simulated carriers and parents (KEEP=1 leaves it running)
	@KEEP=$(KEEP) $(BIN)/python -m tools.demo $(ARGS)

up: $(STAMP) ## run everything on this machine in the foreground until Ctrl-C
	@$(BIN)/renrakumo up

test: $(STAMP) ## run every test (ARGS="-k name" for some)
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

fuzz: $(STAMP) ## throw hostile mail at all that reads mail (SECONDS=60 each; ARGS="reading bounces" for some)
	@$(BIN)/python -c 'import atheris' 2>/dev/null || $(BIN)/python -m pip install --disable-pip-version-check --quiet \
	  --only-binary :all: --require-hashes -r requirements-fuzz.lock || true
	@SECONDS=$(SECONDS) $(BIN)/python -m tools.fuzz $(ARGS)

lint: $(STAMP) ## style, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP) ## put the code into its form
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(STAMP) ## measure beside Postfix, Mailman and others, into var/bench (QUICK=1: some six minutes)
	@$(BIN)/python -m tools.bench $(ARGS)

soak: $(STAMP) ## kill processes all through a large broadcast (QUICK=1: a small one)
	@$(BIN)/python -m tools.soak $(ARGS)

docs: $(STAMP) ## write what follows from the code: event schemas, OpenAPI, settings (docs/), NATS accounts (deploy/nats)
	@$(BIN)/python -m contracts.export docs/events
	@$(BIN)/python -m admin_api.web.export docs/openapi.json
	@$(BIN)/python -m tools.settings_reference docs/settings.md
	@$(BIN)/renrakumo bus accounts > deploy/nats/accounts.conf

lock: ## pin all dependencies anew (needs an installed .venv; UPGRADE= keeps the versions that are locked)
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate $(UPGRADE) --python-version 3.11 \
	  --custom-compile-command "make lock" --group dev $(addprefix --no-emit-package ,$(OURS)) \
	  $(PYPROJECTS) --output-file requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate $(UPGRADE) --python-version 3.11 \
	  --custom-compile-command "make lock" --group fuzz --output-file requirements-fuzz.lock
	@! grep -nE 'https?://|file:|--(extra-)?index-url|--find-links| @ ' requirements.lock requirements-fuzz.lock

clean: ## remove the environment and caches; data in var/ stays
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
