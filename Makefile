# A fresh machine has Python 3.11 or newer and make; every target installs what it lacks. `make` alone lists them.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# For your own choice: make test ARGS='-k runner', make demo ARGS='--port 8010', make PYTHON=/opt/python/bin/python3 demo
ARGS ?=
PYTHON ?=

PIP := .venv/bin/python -m pip --disable-pip-version-check --no-input
INSTALL := $(PIP) install --quiet -c constraints.txt

.PHONY: help demo run test bench crash check check-sandbox check-sdks clean pins chromium

help:   ## list these targets
	@sed -n 's/^\([a-z-]*\): .*## /  make \1	/p' Makefile

demo:  .venv/.installed  ## try it: the app with a sandbox Pipedrive and CleverTap on http://127.0.0.1:8000
	.venv/bin/automations demo $(ARGS)

run:  .venv/.installed  ## real use: the app on the folder instance/
	.venv/bin/automations serve $(ARGS)

test:  .venv/.installed-dev chromium  ## every test, PostgreSQL and browser included
	.venv/bin/python -m pytest $(ARGS)

check-sandbox:  .venv/.installed-dev  ## let the vendor's own Node client talk to the sandbox; needs npm
	sh tests/sandbox/node/run.sh

bench:  .venv/.installed-dev  ## measure it and print the table
	.venv/bin/python -m bench $(ARGS)

crash:  .venv/.installed-dev  ## kill -9 again and again while webhooks come in; ARGS='--seed 7 --kills 200 --webhooks 20000'
	.venv/bin/python -m tests.crash $(ARGS)

check:  .venv/.installed-dev  ## lint, types, layers
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/python -m pytest -q tests/test_layers.py

check-sdks:  .venv/.installed-dev  ## the published Node SDKs against the whole app; needs Node 20 and npm
	@command -v npm >/dev/null || { echo "npm is missing. Install Node 20 or newer and try again." >&2; exit 1; }
	.venv/bin/python -m pytest tests/segment/node_sdks.py $(ARGS)

clean:  ## remove what was installed and cached; instance/ stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

pins:  .venv/.made  ## write constraints.txt anew, with the newest versions pyproject.toml allows
	rm -rf .venv/pins
	.venv/bin/python -m venv .venv/pins
	.venv/pins/bin/python -m pip --disable-pip-version-check install --quiet -e '.[dev]'
	sed -n '/^#/p' constraints.txt > .venv/pins/constraints.txt
	.venv/pins/bin/python -m pip --disable-pip-version-check freeze --exclude-editable >> .venv/pins/constraints.txt
	cp .venv/pins/constraints.txt constraints.txt
	rm -rf .venv/pins

.venv/.made:
	@python=; \
	for name in $(if $(PYTHON),'$(PYTHON)',python3 python3.14 python3.13 python3.12 python3.11); do \
	  if "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$name; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "This needs Python 3.11 or newer and found none. Install one, or name it: make PYTHON=/path/to/python3 …" >&2; \
	  exit 1; \
	fi; \
	"$$python" -m venv .venv || { \
	  echo "$$python could not make .venv. On Debian and Ubuntu its package python3-venv is missing." >&2; \
	  exit 1; \
	}
	@touch $@

# The build backend first, so that it is the pinned one too.
.venv/.installed: pyproject.toml constraints.txt | .venv/.made
	@echo 'Installing into .venv; this is done once.'
	$(INSTALL) hatchling
	$(INSTALL) --no-build-isolation -e .
	@touch $@

.venv/.installed-dev: pyproject.toml constraints.txt | .venv/.made
	@echo 'Installing into .venv, with what the tests need; this is done once.'
	$(INSTALL) hatchling
	$(INSTALL) --no-build-isolation -e '.[dev]'
	@touch .venv/.installed $@

chromium: .venv/.made
	@if .venv/bin/python tests/chromium.py >/dev/null 2>&1; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update && DEBIAN_FRONTEND=noninteractive \
	    apt-get install -y --no-install-recommends chromium fonts-dejavu-core; \
	else .venv/bin/python tests/chromium.py; fi
