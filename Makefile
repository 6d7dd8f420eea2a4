# grantd: `make help` lists the targets. Python 3.11, git and make are all it needs.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
V := .venv/bin
T := .tools/bin
TESTS ?= tests
WORKERS ?= auto

.DEFAULT_GOAL := help

help: ## List the targets
	@grep -hE '^[a-z][a-z-]*:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 16

##@ Set up

setup: .venv/ok ## Create the environment, from hashed requirements

.venv/ok: requirements/dev.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(V)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(V)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.canaille/ok: requirements/canaille.txt
	$(PYTHON) -m venv .canaille
	.canaille/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/canaille.txt
	@touch $@

.tools/ok: requirements/tools.txt
	$(PYTHON) -m venv .tools
	$(T)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/tools.txt
	@touch $@

.interop/ok: requirements/interop.txt
	$(PYTHON) -m venv .interop
	.interop/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/interop.txt
	@touch $@

tests/interop/node_modules/.package-lock.json: tests/interop/package.json tests/interop/package-lock.json
	cd tests/interop && npm ci --no-progress --loglevel=error

##@ See it work

demo: .venv/ok .canaille/ok ## The whole story, from sign-in to a tool call and a refusal
	$(V)/python -m deploy.demo

run: .venv/ok .canaille/ok ## Leave the service up, and print how to call it
	$(V)/python -m deploy.demo --keep

company: .venv/ok ## The sample company in force in .run/company, with a morning on record (docs/govern.md)
	rm -rf .run/company
	$(V)/python -m deploy.sample

##@ Check

# PostgreSQL runs as a user of its own, for which Python forks instead of spawning: gRPC's
# fork handlers crash such a child now and then.
test conformance chaos mutants: export GRPC_ENABLE_FORK_SUPPORT = 0

test: .venv/ok .canaille/ok ## All tests that need only Python packages (TESTS=path for some)
	$(V)/python -m pytest $(TESTS) -n $(WORKERS)

conformance: .venv/ok .canaille/ok ## All tests, and docs/conformance.md from what passed
	$(V)/python -m pytest tests -n $(WORKERS) --conformance=docs/conformance.md

interop: .venv/ok .canaille/ok .interop/ok tests/interop/node_modules/.package-lock.json ## Clients and referees of other hands (needs Node.js 20 with npm, curl)
	PYTHONPATH=. $(V)/python tests/interop

bench: .venv/ok ## CPU per request of each RPC beside a no-op, paired (some five minutes)
	$(V)/python -m bench $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(CALLS),--calls $(CALLS))

decisions: .venv/ok ## Time of one decision with 10 to 10,000 rules, beside Cedar, same answers (ROUNDS=9 QUESTIONS=100)
	$(V)/python -m bench.decisions $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(QUESTIONS),--questions $(QUESTIONS))

growth: .venv/ok ## CPU per request with little and with much in the database (RECORDS=5000000; some ten minutes)
	$(V)/python -m bench.growth $(if $(RECORDS),--records $(RECORDS))

simulate: .venv/ok ## Simulation of many recorded decisions: minutes, decisions a second, memory (DECISIONS=1000000)
	$(V)/python -m bench.simulation $(if $(DECISIONS),--decisions $(DECISIONS)) $(if $(JOBS),--processes $(JOBS))

chaos: .venv/ok ## The fault suite in full: kill -9 at every step, stores that fail in every way (10 to 20 minutes)
	$(V)/python -m pytest tests/test_chaos_*.py -m "long or not long" --timeout 300

soak: .venv/ok ## Three replicas, hostile load, a kill every 20 s (MINUTES=20; OUT=path for a report)
	PYTHONPATH=tests $(V)/python -m chaos soak --minutes $(or $(MINUTES),20) $(if $(OUT),--out $(OUT))

once: .venv/ok ## Grants presented many times at once over several replicas: one token each (GRANTS=1000 CALLS=50 REPLICAS=3)
	PYTHONPATH=tests $(V)/python -m load once $(if $(GRANTS),--grants $(GRANTS)) $(if $(CALLS),--calls $(CALLS)) $(if $(REPLICAS),--replicas $(REPLICAS))

roll: .venv/ok ## Rolling restarts under load: calls lost, connections reset (TIMES=5)
	PYTHONPATH=tests $(V)/python -m load roll $(if $(TIMES),--times $(TIMES))

doctor-faults: .venv/ok ## The planted faults, and which of them the doctor finds
	PYTHONPATH=tests $(V)/python tests/doctor_table.py

mutants: .venv/ok ## Take each guard away in a copy; a test must notice (ONLY=flows/ for some)
	$(V)/python tests/mutants $(if $(ONLY),--only $(ONLY))

check: lint types contracts proto-check docs-check test ## Everything that CI runs

lint: .venv/ok ## ruff, format included
	$(V)/ruff check .
	$(V)/ruff format --check .

types: .venv/ok ## mypy, strict
	$(V)/mypy

contracts: .venv/ok ## The import contracts
	$(V)/lint-imports

##@ Contract

proto: .tools/ok ## Generate clients/python/grantd/v1 from proto/
	$(T)/python -m grpc_tools.protoc -Iproto \
	  --plugin=protoc-gen-mypy=$(T)/protoc-gen-mypy --plugin=protoc-gen-mypy_grpc=$(T)/protoc-gen-mypy_grpc \
	  --python_out=clients/python --grpc_python_out=clients/python \
	  --mypy_out=clients/python --mypy_grpc_out=clients/python proto/grantd/v1/*.proto

proto-check: .venv/ok .tools/ok ## Lint, format, compatibility with the last release, stubs up to date
	$(V)/buf lint
	$(V)/buf format --diff --exit-code
	$(V)/buf breaking --against proto/released.binpb
	$(MAKE) --no-print-directory proto > /dev/null
	git diff --exit-code -- clients/python/grantd/v1

proto-release: .venv/ok ## At a release only: renew the image that compatibility is checked against
	$(V)/buf build -o proto/released.binpb

##@ Documents

docs: .venv/ok ## Write the generated pages
	$(V)/python docs/generate.py

docs-check: .venv/ok ## Fail when a generated page is out of date
	$(V)/python docs/generate.py --check

##@ Upkeep

lock: ## Compile the locks again (needs uv and npm)
	uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11 --extra dev pyproject.toml -o requirements/dev.txt
	uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11 requirements/tools.in -o requirements/tools.txt
	uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11 requirements/canaille.in -o requirements/canaille.txt
	uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11 requirements/interop.in -o requirements/interop.txt
	$(PYTHON) tests/interop/lock.py

clean: ## Remove what was built
	rm -rf .venv .tools .canaille .interop .schemathesis tests/interop/node_modules .run .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

.PHONY: help simulate setup demo run company test bench decisions doctor-faults once roll conformance interop growth chaos soak mutants check lint types contracts proto proto-check proto-release docs docs-check lock clean
