# Needs python3 (3.11 or later, with venv and pip) and make; everything else is installed into .venv.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
BROWSER_STAMP := $(VENV)/.installed-browser
MUTATION_STAMP := $(VENV)/.installed-mutation

.DEFAULT_GOAL := help
.PHONY: help env demo demo-all test test-browser test-all mutation sensitivity lint format bench wheel corpus lock clean
.DELETE_ON_ERROR:

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

env: $(STAMP) ## the environment alone

$(STAMP): requirements-lock.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Python 3.11 or later is needed: make PYTHON=python3.11 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-lock.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

$(BROWSER_STAMP): requirements-lock-browser.txt $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-lock-browser.txt
	touch $@

$(MUTATION_STAMP): requirements-lock-mutation.txt $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-lock-mutation.txt
	touch $@

demo: $(STAMP) ## twins, a campaign with pair sessions and the real servers that pip brings in little time, dashboard
	$(BIN)/python -m fixtures.demo

demo-all: $(STAMP) ## the same with the whole testbed (two dialects of federation), Debian's servers and mocks
	$(BIN)/python -m fixtures.demo --all

# CONFORMANCE_UPSTREAM, where set, names the folder of pinned upstream documents; tests that compare with them skip without it.
test: $(STAMP) ## what CI runs
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not slow and not browser" $(ARGS)

# Exit code 5 says that there was nothing to run.
test-browser: $(BROWSER_STAMP) ## the pages in a real browser; skips with a reason where there is none
	$(BIN)/python -m pytest -n 2 --dist loadfile -m browser $(wildcard tests/browser) $(ARGS) || [ $$? -eq 5 ]

test-all: $(STAMP) ## everything, with the whole selftest
	$(BIN)/python -m pytest $(ARGS)
	$(BIN)/conformance selftest --gate --seeds 3

mutation: $(MUTATION_STAMP) ## do our tests notice a change of the modules that decide verdicts? (ARGS=FILE: these alone)
	$(BIN)/python tests/mutation.py $(ARGS)

sensitivity: $(STAMP) ## measure again what the suite catches, store it, and write docs/sensitivity.md
	$(BIN)/conformance selftest --store || true
	$(BIN)/conformance selftest --format markdown > docs/sensitivity.md

lint: $(STAMP) ## style, format, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP) ## let ruff put the code in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP) ## every profile over HTTP at three latencies, ratios, `st run` on the same faults, growth of the dashboard; an hour (ARGS=PROFILE: its line alone)
	$(BIN)/python -m tests.bench $(ARGS)
	test -n "$(ARGS)" || $(BIN)/python -m tests.dashboard.scale
	test -n "$(ARGS)" || $(BIN)/python -m tests.comparison | tee docs/comparison.md

# The clean environment holds what the wheel declares, at the locked versions, and runs outside the checkout.
wheel: $(STAMP) ## build it, install it clean, run the demo with it
	rm -rf dist .venv-wheel
	$(BIN)/python -m build --no-isolation
	sed -n 's/ *\\$$//; /^[A-Za-z0-9]/p' requirements-lock.txt > dist/constraints.txt
	$(PYTHON) -m venv .venv-wheel
	.venv-wheel/bin/python -m pip install --quiet --disable-pip-version-check -c dist/constraints.txt dist/*.whl
	cd dist && ../.venv-wheel/bin/python -m pip check && ../.venv-wheel/bin/conformance demo

corpus: $(STAMP) ## generate the frozen inputs of every profile again
	$(BIN)/python -m conformance.planning.generate

# One lock for every Python from 3.11 and every platform (markers), with hashes and without hosts.
LOCK_UV := uv==0.13.9
UV_PIP   = .venv-lock/bin/uv pip compile --quiet --system-certs --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock" $(LOCK_ARGS)

lock: ## resolve again what pyproject.toml and fixtures/servers/*.in ask for (LOCK_ARGS=--upgrade: newest)
	test -x .venv-lock/bin/python || $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --disable-pip-version-check $(LOCK_UV)
	$(UV_PIP) --extra dev pyproject.toml -o requirements-lock.txt
	for extra in browser mutation; do \
	  $(PYTHON) -c "import sys, tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies'][sys.argv[1]], sep='\n')" $$extra \
	    | $(UV_PIP) --no-annotate -c requirements-lock.txt - -o requirements-lock-$$extra.txt || exit 1; done
	for name in sushy_tools scim2_server openstack_placement boaviztapi oidc_provider_mock tmf_mock; do $(UV_PIP) --no-annotate fixtures/servers/$$name.in -o fixtures/servers/$$name.txt || exit 1; done

clean: ## remove environments, launched servers, build output and caches
	rm -rf $(VENV) .venv-* .servers build dist mutants .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
