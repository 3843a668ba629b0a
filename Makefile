# What Tandem can do from a bare checkout. Needs python3 >= 3.11 with venv, and make; nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python manage.py
ARGS ?=
# What is compiled is kept beside its source, also where the environment says otherwise: else each of the many processes
# that the suite and the demo start compiles Tandem anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help demo run test check bench soak browser mutants lock setup setup-dev
.DEFAULT_GOAL := help

help:  ## Say what the targets do
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Tandem needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Name another with: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv module is missing. On Debian or Ubuntu install it with: apt-get install python3-venv" >&2; exit 1; }
	@rm -rf $(VENV) && $(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.txt | $(VENV)/pyvenv.cfg
	@echo "Installing what Tandem runs on ..." >&2
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt 2> $(VENV)/install.log || { cat $(VENV)/install.log >&2; exit 1; }
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.runtime
	@echo "Installing the test tools ..." >&2
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt 2> $(VENV)/install.log || { cat $(VENV)/install.log >&2; exit 1; }
	@touch $@

setup: $(VENV)/.runtime  ## Make the virtual environment and install what Tandem runs on
setup-dev: $(VENV)/.dev  ## ... and the test tools

demo: setup  ## Two companies of demo data, a sandbox, the web server and a worker; ARGS=--once ends after the summary
	@SANDBOX_ALLOWED=1 exec $(RUN) demo $(ARGS)

run: setup  ## The web server and a worker, without demo data
	@exec $(RUN) serve $(ARGS)

# Three at once, also on two cores: tests that start processes wait more than they work.
test: setup-dev  ## The suite on the embedded defaults; of the tests that start and kill processes one of each kind
	@$(BIN)/python -m pytest -n 3 --dist loadgroup --processes sample $(ARGS)

browser: setup-dev  ## Only the tests that drive Chromium, two at once
	@$(BIN)/python -m pytest -n 2 --dist loadgroup tests/browser -m browser $(ARGS)

check: setup-dev  ## Lint, types, import directions, templates, migrations, security lint, dependency audit, deployment checks
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy .
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python .ci/circles.py .
	@$(BIN)/python .ci/sizes.py .
	@$(BIN)/djlint --lint --quiet templates
	@$(BIN)/python .ci/templates.py
	@$(RUN) makemigrations --check --dry-run
	@$(BIN)/bandit -q -c pyproject.toml -r . 2> $(VENV)/bandit.log || { cat $(VENV)/bandit.log >&2; exit 1; }
	@$(BIN)/python .ci/audit.py requirements.txt requirements-dev.txt
	@SITE_URL=https://tandem.example TRUSTED_PROXIES=1 ALLOWED_HOSTS=tandem.example $(RUN) check --deploy --fail-level WARNING

bench: setup-dev  ## The benchmarks, as ratios against a floor measured in the same run
	@$(BIN)/python -m benchmarks $(ARGS)

soak: setup-dev  ## What is too long for CI: other examples of every property, 200 kills a kind, a million rows, 10,000 steps; on PostgreSQL and Redis too where TEST_DATABASE_URL and TEST_BROKER_URL are set
	@echo "On the embedded defaults:" >&2
	@env -u TEST_DATABASE_URL -u TEST_BROKER_URL $(BIN)/python -m pytest -n 2 -m 'hypothesis and not processes and not browser' --hypothesis-profile=searching
	@env -u TEST_DATABASE_URL -u TEST_BROKER_URL SOAK=1 $(BIN)/python -m pytest tests/soak -s -v -p no:cacheprovider --timeout=0 $(ARGS)
	@if [ -n "$$TEST_DATABASE_URL" ] && [ -n "$$TEST_BROKER_URL" ]; then \
		echo "On PostgreSQL and Redis:" >&2; \
		SOAK=1 $(BIN)/python -m pytest tests/soak -s -v -p no:cacheprovider --timeout=0 $(ARGS); \
	else \
		echo "Left out on PostgreSQL and Redis: TEST_DATABASE_URL and TEST_BROKER_URL are not both set." >&2; \
	fi

mutants: setup-dev  ## Change the pure modules, the fence and lease, permissions and etag handling one place at a time: does a test notice?
	@$(BIN)/mutmut run --max-children 2 $(ARGS) | tr '\r' '\n' | tail -n 1
	@$(BIN)/python .ci/mutants.py
	@echo "docs/mutation-testing.md says what was noticed."

lock: setup-dev  ## Write the pinned requirements anew from the .in files (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header -q requirements.in -o requirements.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header -q requirements-dev.in -o requirements-dev.txt
