# make run    serve models/ on 127.0.0.1:8000; needs Python 3.11 or newer and nothing else
# make check  formatting, lint, types, contracts and the tests of app/ that start no process: the
#             loop while one writes, a minute and a half
# make test   all of that, and every other test; what this machine lacks a program for is skipped,
#             and named in the last line. With CI=true a missing program is an error
# make e2e    the page in a browser (Chromium), the documents from beginning to end, and the
#             containers, with a Docker engine; see docker-compose.yml
# make accuracy DATA=dir   the model of any instrument, walked forward over a folder of CSV files;
#             FAST=1 for a trial, DOCS=docs to write docs/accuracy.md
# make bench  the service beside its peers, which are installed first, on two cores; about twenty
#             minutes; QUICK=1 for one short round, DOCS=docs to write docs/performance.md
# make chaos  publishes under load, crashes at every write, changed bytes, reloads; ten minutes;
#             SHORT=1 for a trial, DOCS=docs to write the table of docs/operations.md
# make hostile-models   a thousand hostile folders of models beside a running service; ten minutes;
#             SHORT=1 for a trial, ONLY=kind for those of a kind, SEED=2 for others
# make conformance   every check of the Open Inference Protocol, by four clients, of what runs at
#             URL=http://127.0.0.1:8000; MODEL=name
# make fuzz   two million mutated requests and 200,000 gRPC calls; REQUESTS=20000 CALLS=2000 for a
#             trial, SEED=2 for others
# make differential   20,000 mutated requests to the service with its fast path and without
# make price-files   3,000 files as vendors write them, sound and faulty, and how each is read; in
#             two minutes; FILES=300 for a trial, KINDS=AF for some kinds, SEED=2 for others,
#             KEEP=dir to write those that went wrong, URL=http://.. for a running service
# make soak   30 minutes of steady load at 70 % of capacity; MINUTES=2 for a trial
# make calendars   the tables of exchanges' sessions, anew: once a year
# make audit  known vulnerabilities and licences of what is locked
# make image  the serve image, with its labels
# make fmt lint bench-fitting proto lock clean

PORT ?= 8000
HOST ?= 127.0.0.1

# 3.11 to 3.13 are tested; a newer one is taken where there is none of them
PYTHON := $(shell for python in python3 python3.13 python3.12 python3.11 python; do \
	"$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
		2>/dev/null && { echo "$$python"; exit; }; done; \
	for python in python3 python; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		&& { echo "$$python"; exit; }; done)

SERVE := .venv-serve
DEV := .venv
CALENDARS := .venv-calendars

# parts of `make test`, the longest first
PARTS = training-a-l training-m-z app attack conformance clients chaos deploy docs

.PHONY: run check test test-in-process test-in-process-a-m test-in-process-n-z test-calendars $(PARTS:%=test-%) lint style types fmt e2e e2e-docs e2e-containers calendars chaos hostile-models conformance fuzz differential price-files soak audit image accuracy bench bench-fitting proto lock clean python

run: $(SERVE)/installed
	@echo "nextday answers at http://$(HOST):$(PORT): open it for the page, /docs for its routes. Or try:"
	@echo "  curl -s http://$(HOST):$(PORT)/predict -H 'Content-Type: application/json' -d @docs/example.json"
	@NEXTDAY_HOST=$(HOST) NEXTDAY_PORT=$(PORT) exec $(SERVE)/bin/python -m app

check: $(DEV)/installed
	+$(BOTH_CORES) --jobs=4 $(IN_PROCESS) types style

test: $(DEV)/installed $(CALENDARS)/installed
	@rm -f $(SKIPPED)
	$(DEV)/bin/python -m coverage erase
	+$(BOTH_CORES) types style $(PARTS:%=test-%) test-calendars
	$(DEV)/bin/python -m coverage combine --quiet
	$(DEV)/bin/python -m coverage report
	@$(DEV)/bin/python -m tests.programs $(SKIPPED)

# two at a time, each begun as soon as another has ended
BOTH_CORES = $(MAKE) --jobs=2 --output-sync=target --no-print-directory
SKIPPED = .skipped
export NEXTDAY_TEST_SKIPPED = $(abspath $(SKIPPED))

A_TO_L = $(wildcard tests/training/test_[a-l]*.py)
test-training-a-l: TESTS = $(A_TO_L)
test-training-m-z: TESTS = tests/training $(A_TO_L:%=--ignore=%)
$(PARTS:%=test-%): TESTS ?= $(@:test-%=tests/%)
$(PARTS:%=test-%): $(DEV)/installed
	$(DEV)/bin/python -m coverage run -m pytest --quiet $(TESTS)

# in two halves, which wait more than they work
IN_PROCESS = test-in-process-a-m test-in-process-n-z
test-in-process-a-m: TESTS = $(wildcard tests/app/test_[a-m]*.py)
test-in-process-n-z: TESTS = $(wildcard tests/app/test_[n-z]*.py)
$(IN_PROCESS): $(DEV)/installed
	$(DEV)/bin/python -m pytest --quiet -m "not process" $(TESTS)

test-in-process: $(IN_PROCESS)

test-calendars: $(CALENDARS)/installed
	$(CALENDARS)/bin/python -m coverage run -m pytest --quiet --noconftest tests/calendars

lint: style types

style: $(DEV)/installed
	$(DEV)/bin/ruff format --check .
	$(DEV)/bin/ruff check .
	$(DEV)/bin/lint-imports

types: $(DEV)/installed
	$(DEV)/bin/mypy
	$(DEV)/bin/mypy deploy/supply-chain/*.py

fmt: $(DEV)/installed
	$(DEV)/bin/ruff format .
	$(DEV)/bin/ruff check --fix .

# the page by itself, since it is timed; the documents train beside the containers, which wait
e2e: $(DEV)/installed
	$(DEV)/bin/python -m pytest tests/e2e/page
	+$(BOTH_CORES) --keep-going e2e-docs e2e-containers

e2e-docs: $(DEV)/installed
	$(DEV)/bin/python -m pytest tests/e2e/test_docs.py

e2e-containers: $(DEV)/installed
	@docker info >/dev/null 2>&1 || { echo "this part of make e2e needs a Docker engine, and none answers" >&2; exit 1; }
	$(DEV)/bin/python -m pytest tests/e2e --ignore=tests/e2e/page --ignore=tests/e2e/test_docs.py

accuracy: $(DEV)/installed
	@test -n "$(DATA)" || { echo "say where the CSV files are: make accuracy DATA=dir" >&2; exit 2; }
	$(DEV)/bin/python -m training backtest --recipe global-ohlc --data "$(DATA)" \
		$(if $(FAST),--fast) $(if $(DOCS),--docs "$(DOCS)")

# publishes under load, crashes at every write, changed bytes, reloads; about ten minutes
chaos: $(DEV)/installed
	$(DEV)/bin/python -m tools.chaos $(if $(SHORT),--short) $(if $(DOCS),--docs $(DOCS)/operations.md)

hostile-models: $(DEV)/installed
	$(DEV)/bin/python -m tools.hostile_models $(if $(SHORT),--short) $(if $(ONLY),--only $(ONLY)) \
		$(if $(SEED),--seed $(SEED))

conformance: $(DEV)/installed
	$(DEV)/bin/python -m tools.conformance "$(or $(URL),http://$(HOST):$(PORT))" --install \
		$(if $(MODEL),--model "$(MODEL)")

bench: $(DEV)/installed $(SERVE)/installed
	$(DEV)/bin/python -m benchmarks.start --service $(SERVE)/bin/python
	$(DEV)/bin/python -m benchmarks.serving --service $(SERVE)/bin/python \
		$(if $(QUICK),--quick) $(if $(ONLY),--only "$(ONLY)") $(if $(DOCS),--docs "$(DOCS)")

# beside PyTorch, which has an environment of its own; about half an hour
bench-fitting: $(DEV)/installed
	test -e .venv-torch/bin/python || "$(PYTHON)" -m venv .venv-torch
	.venv-torch/bin/python -m pip install --quiet torch==2.13.0 numpy
	$(DEV)/bin/python -m benchmarks.fitting --torch .venv-torch/bin/python
	$(DEV)/bin/python -m benchmarks.nodes

fuzz: $(DEV)/installed
	$(DEV)/bin/python -m tools.fuzz $(if $(REQUESTS),--requests $(REQUESTS)) $(if $(CALLS),--grpc-calls $(CALLS)) \
		$(if $(SEED),--seed $(SEED))

differential: $(DEV)/installed
	$(DEV)/bin/python -m tools.differential $(if $(REQUESTS),--requests $(REQUESTS)) $(if $(SEED),--seed $(SEED))

price-files: $(DEV)/installed
	$(DEV)/bin/python -m tools.price_files $(if $(FILES),--files $(FILES)) $(if $(SEED),--seed $(SEED)) \
		$(if $(KINDS),--kinds $(KINDS)) $(if $(KEEP),--keep "$(KEEP)") $(if $(URL),--url "$(URL)")

soak: $(DEV)/installed
	$(DEV)/bin/python -m tools.soak $(if $(MINUTES),--minutes $(MINUTES))

calendars: $(CALENDARS)/installed
	$(CALENDARS)/bin/python -m training calendars

audit: $(DEV)/installed
	$(DEV)/bin/python deploy/supply-chain/licences.py --locked requirements/serve.txt
	$(DEV)/bin/python deploy/supply-chain/audit.py requirements/*.txt deploy/supply-chain/requirements.txt

image:
	docker build --target serve --tag nextday-serve --build-arg SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) \
		--build-arg CREATED=$$(git log -1 --format=%cI) --build-arg REVISION=$$(git rev-parse HEAD) .

# app/grpc/inference_pb2.py, of the protocol beside it
proto: $(DEV)/installed
	$(DEV)/bin/python -m grpc_tools.protoc --proto_path=. --python_out=. --pyi_out=. app/grpc/inference.proto

# the locks name versions and hashes, never where they are from
lock: $(DEV)/installed
	$(DEV)/bin/python -m pip install --quiet uv
	set -e; compile() { $(DEV)/bin/uv pip compile --quiet --universal --python-version 3.11 \
		--generate-hashes --no-header --upgrade pyproject.toml "$$@"; }; \
	compile --extra grpc --extra traces --output-file requirements/serve.txt; \
	compile --extra train --constraint requirements/serve.txt --output-file requirements/train.txt; \
	compile --extra train --extra yahoo --extra grpc --extra traces --group dev \
		--constraint requirements/serve.txt --constraint requirements/train.txt --output-file requirements/dev.txt; \
	$(DEV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --upgrade \
		requirements/calendars.in --output-file requirements/calendars.txt; \
	echo 'cyclonedx-bom>=7.5' | $(DEV)/bin/uv pip compile --quiet --python-version 3.12 --generate-hashes \
		--no-header --no-annotate --upgrade - --output-file deploy/supply-chain/requirements.txt

clean:
	rm -rf clients/typescript/node_modules clients/typescript/openapi.json clients/typescript/schema.d.ts clients/typescript/built
	rm -rf $(SERVE) $(DEV) $(CALENDARS) .venv-peers .venv-clients .venv-torch .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache

python:
ifeq ($(PYTHON),)
	@echo "nextday needs Python 3.11 or newer, and none of python3, python3.13, python3.12," >&2
	@echo "python3.11 and python is one. Install it, or say where it is: make PYTHON=/path/to/python3" >&2
	@exit 1
endif

$(SERVE)/installed: requirements/serve.txt | python
	$(call install,$(SERVE),$<)

$(DEV)/installed: requirements/dev.txt | python
	$(call install,$(DEV),$<)

$(CALENDARS)/installed: requirements/calendars.txt | python
	$(call install,$(CALENDARS),$<)

# written last, so that an interrupted installation begins anew
define install
	@echo "installing $(2) into $(1), once"
	@rm -rf $(1)
	@"$(PYTHON)" -m venv $(1) || { echo "Python's venv module is missing: on Debian or Ubuntu, apt install python3-venv" >&2; exit 1; }
	@$(1)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(2)
	@touch $@
endef
