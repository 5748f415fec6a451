# What people and CI run. `make` alone tells what there is.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python -m

# The packages are compiled at install: without it every start of Prefect takes twice as long.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install demo stand demo-down test check audit bench faults reference constraints clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed 's/:.*## /\t/' | expand -t 14

install: $(VENV)/installed ## everything into .venv, at the versions of constraints.txt

$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Fairlead needs Python 3.11 or newer; say which: make PYTHON=python3.12 install"; exit 1; }
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV) || { \
	  rm -rf $(VENV); echo "No virtual environment can be made; on Debian: apt-get install python3-venv"; exit 1; }
	@echo "Installing into $(VENV)"
	@$(RUN) pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	@$(VENV)/bin/uv pip install --quiet --python $(VENV)/bin/python --compile-bytecode \
	  --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: install ## the whole story, on this machine
	$(RUN) examples.demo

stand: install ## what the demo stands on, with the first version in dev
	$(RUN) examples.demo stand

demo-down: install ## take away what the demo left running
	$(RUN) examples.demo down

test: install ## the tests; PYTEST=… passes options on
	$(RUN) pytest -n 3 --dist loadgroup $(PYTEST)

audit: install ## secrets in the files, known vulnerabilities in the packages; AUDIT=--required
	$(VENV)/bin/python scripts/find-secrets
	$(VENV)/bin/python scripts/audit $(AUDIT)

check: install audit ## all that a reviewer would run: format, lint, types, imports, secrets, tests
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) mypy
	$(VENV)/bin/lint-imports
	$(RUN) pytest -n 3 --dist loadgroup $(PYTEST)

bench: install ## what Fairlead costs beside doing without it; into benchmarks/results
	$(RUN) benchmarks

faults: install ## every step of a release under every fault; into benchmarks/results/faults.md
	$(RUN) benchmarks.faults

reference: install ## docs/reference anew, from the code
	$(RUN) scripts.reference

constraints: ## the newest versions that fit together, into constraints.txt
	PYTHON=$(PYTHON) scripts/refresh-constraints

clean: ## forget the environment and the caches, not the state of a running demo
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist
