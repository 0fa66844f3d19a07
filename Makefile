# `make demo` and `make test` need nothing but Python 3.11 or 3.12 and make: they do all their own set-up.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

UV := $(shell command -v uv 2>/dev/null || echo .cache/uv/bin/uv)
PYTHON ?= python3
BIN := .venv/bin
# Without byte-code every process would compile torch anew: 13 s instead of 5.
export UV_COMPILE_BYTECODE := 1
# Two busy processes that spin for each other's threads are ten times slower than two that wait.
export OMP_WAIT_POLICY := PASSIVE
export HAULOUT_HOME ?= data
# The browser tests keep the pictures of all pages there, for people to look at.
export HAULOUT_SCREENSHOTS ?= $(CURDIR)/.cache/screenshots
# Each starts a Label Studio, a PostgreSQL and a Chromium of its own.
PROCESSES ?= 2

.PHONY: help demo stop test check audit setup setup-label-studio chromium clean

help: ## Say what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

demo: setup setup-label-studio ## Show the whole of Haulout work; with PHOTOS=/folder on your own photos
	@HAULOUT_STARTER=$(if $(PHOTOS),$(or $(STARTER),builtin),none) HAULOUT_HOME=$(HAULOUT_HOME)/$(if $(PHOTOS),my-photos,demo) \
	  $(BIN)/haulout demo $(if $(PHOTOS),--photos "$(PHOTOS)")

stop: ## Stop what `make demo` left running
	@for home in demo my-photos; do HAULOUT_HOME=$(HAULOUT_HOME)/$$home $(BIN)/haulout down; done

test: setup setup-label-studio chromium check ## Lint, types, import contracts and all tests, in two processes
	$(BIN)/pytest -n $(PROCESSES) --dist loadgroup --no-loadscope-reorder

check: setup ## Lint, types and import contracts only
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Both are asked about even when the first has findings; a package that the service does not know counts as one.
audit: $(UV) ## Ask the advisory service about every locked package; needs internet, no part of `make test`
	@mkdir -p .cache/audit
	@$(UV) export --frozen --quiet --no-emit-project --all-groups --output-file .cache/audit/haulout.txt
	@$(UV) export --frozen --quiet --no-emit-project --project platform/label_studio_server \
	  --output-file $(CURDIR)/.cache/audit/label-studio.txt
	@found=0; for one in haulout label-studio; do echo "Auditing .cache/audit/$$one.txt"; \
	  $(UV) tool run --from pip-audit==2.10.1 pip-audit --strict --require-hashes --disable-pip --progress-spinner off \
	    --requirement .cache/audit/$$one.txt || found=1; done; exit $$found

setup: $(UV) ## Install the coordinator's environment
	@$(UV) sync --frozen --quiet || { echo "uv sync failed; without internet, copy .venv from a machine of the same kind" >&2; exit 1; }

setup-label-studio: $(UV) ## Install Label Studio's own environment
	@UV_PROJECT_ENVIRONMENT=$(CURDIR)/.venv-label-studio $(UV) sync --frozen --quiet --project platform/label_studio_server

.cache/uv/bin/uv:
	@echo "Installing uv, which installs the rest (2 to 4 minutes the first time) ..."
	@$(PYTHON) -m venv .cache/uv
	@.cache/uv/bin/pip install --quiet --disable-pip-version-check uv==0.13.9

chromium: ## Install Chromium from Debian's packages, for the browser tests
	@command -v chromium >/dev/null || { \
	  echo "Installing Chromium for the browser tests ..."; \
	  if [ "$$(id -u)" = 0 ]; then as=; else as=sudo; fi; \
	  $$as apt-get update -qq && $$as apt-get install -y -qq chromium >/dev/null || \
	  { [ -z "$${CI:-}" ] && echo "No Chromium: the browser tests will be skipped" >&2; }; }

clean: ## Remove everything that was installed or made, but not your data
	rm -rf .venv .venv-label-studio .cache .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
