# Every target sets up what it needs: Python >= 3.11 and make are enough.
PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)
RUN := $(UV) run --no-sync
ONCE ?=
# Whoever forbids Python to write bytecode would compile the project anew in each process that a test starts.
PYTEST := PYTHONDONTWRITEBYTECODE= $(RUN) pytest
# Two processes for the tests, each with a Kafka and a Postgres of its own: one waits while the other works.
BOTH_CORES := -n 2 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help setup demo up test quick campaigns mutation bench check format texts schemas generated clean

help: ## What can be done here
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

setup: .venv/ready ## Set up the environment that the other targets use

.tools/bin/uv:
	@$(PYTHON) deploy/bootstrap.py

.venv/ready: pyproject.toml uv.lock | $(UV)
	@# Compiled now: whoever forbids Python to write bytecode would compile every library again at each start.
	@$(UV) sync --quiet --locked --all-extras --compile-bytecode --python $(PYTHON)
	@touch $@

demo: .venv/ready ## Run everything with the programme's data (ONCE=1: end by itself, in a fresh folder; exit 0 only if the books balance)
	@$(RUN) rollcall demo $(if $(ONCE),--once) $(DEMO)

up: .venv/ready ## Run the system without any data
	@$(RUN) rollcall up

test: .venv/ready ## Every test that this machine can run, on a real Kafka and a real Postgres; of campaigns a fixed sample
	@$(PYTEST) $(if $(TEST),,$(BOTH_CORES)) $(TEST)

quick: .venv/ready ## The tests one wants after each change: no broker, no whole systems, nothing that waits on purpose, a taste of the campaigns; everything is make test
	@ROLLCALL_CAMPAIGNS=taste $(PYTEST) -m "not long" $(if $(TEST),,$(BOTH_CORES)) $(TEST)

campaigns: .venv/ready ## The whole of what make test takes a sample of: every crash point, ten times the cases by chance (an hour)
	@ROLLCALL_CAMPAIGNS=whole $(PYTEST) -m campaign $(if $(TEST),,$(BOTH_CORES)) $(TEST)

mutation: .venv/ready ## Switch off one mechanism at a time and show which test goes red
	@$(RUN) python -m tests.mutation

bench: .venv/ready ## Measure it beside other ways to do the same, on the same Kafka and Postgres (BENCH="facts --rounds 5")
	@$(RUN) python -m bench $(BENCH)

check: .venv/ready ## Format, lint, types, imports, contracts, what is generated
	@$(RUN) ruff format --check .
	@$(RUN) ruff check .
	@$(RUN) mypy
	@$(RUN) lint-imports
	@$(RUN) python -m shared.contracts.gate check
	@$(RUN) python -m deploy.generated check
	@$(RUN) python -m deploy.texts check
	@$(RUN) python -m deploy.docker.example

format: .venv/ready ## Put the code into its form
	@$(RUN) ruff format .
	@$(RUN) ruff check --fix .

texts: .venv/ready ## Bring the catalogues of the pages in step with their templates
	@$(RUN) python -m deploy.texts write

schemas: .venv/ready ## Write the JSON Schemas and samples of new contracts
	@$(RUN) python -m shared.contracts.gate write

generated: .venv/ready ## Write what names every service in files that are not Python (docs/new-service.md)
	@$(RUN) python -m deploy.generated write

clean: ## Remove the environment; data folders stay
	rm -rf .venv .tools
