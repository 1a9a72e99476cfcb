# Everything a newcomer needs. `make` alone lists the targets.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
TWO_AT_A_TIME := -n 2 --dist loadgroup --no-loadscope-reorder

.DEFAULT_GOAL := help

.PHONY: help
help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(INSTALLED)  ## Create .venv with all dependencies (a few minutes, 3.5 GB)

$(INSTALLED): pyproject.toml requirements-dev.lock tools/install.py
	@$(PYTHON) -c 'import sys; sys.exit("revloop needs Python 3.11 or later: run make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python tools/install.py
	@touch $@

.PHONY: demo
demo: $(INSTALLED)  ## Start a vLLM server, revise a few responses, stop it
	$(BIN)/revloop demo

.PHONY: test
test: $(INSTALLED)  ## Run the tests in two processes, with a real vLLM server
	$(BIN)/python -m pytest $(TWO_AT_A_TIME)

.PHONY: test-slow
test-slow: $(INSTALLED)  ## Run the long tests: fifty kills, 240 real answers, vLLM's own parser
	$(BIN)/python -m pytest -m slow

.PHONY: lint
lint: $(INSTALLED)  ## Check style, formatting and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

.PHONY: format
format: $(INSTALLED)  ## Format the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

.PHONY: coverage
coverage: $(INSTALLED)  ## Run the tests and report branches that they miss
	$(BIN)/python -m pytest $(TWO_AT_A_TIME) --cov --cov-report=term-missing

.PHONY: critic
critic: $(INSTALLED)  ## Retrain the demo's base model and critic into build/ (about an hour)
	$(BIN)/python -m revloop.demo.training build/base
	$(BIN)/revloop records generate 1000 --output build/records.jsonl --force
	$(BIN)/revloop finetune build/records.jsonl --recipe demo --base build/base --output build/critic

.PHONY: critic-edits
critic-edits: $(INSTALLED)  ## Fine-tune the demo's critic once more, to write edits, into build/critic-edits (9 minutes)
	$(BIN)/revloop records generate 1000 --output build/records.jsonl --force
	$(BIN)/revloop finetune build/records.jsonl --recipe demo --epochs 10 --prompts cnr-edits \
		--base src/revloop/demo/critic --output build/critic-edits

.PHONY: experiment
experiment: $(INSTALLED)  ## Reproduce the paper's experiment in miniature (half an hour)
	$(BIN)/python -m benchmarks.experiment

DATA ?= ../shared/data
SMOLLM2 := build/smollm2

$(SMOLLM2)/model.safetensors: $(INSTALLED)
	$(BIN)/python -m pip install --quiet gguf
	$(BIN)/python -m benchmarks.smollm2 $(SMOLLM2)

PUNKT := build/nltk/tokenizers/punkt_tab/english/abbrev_types.txt

$(PUNKT): $(INSTALLED)
	$(BIN)/python -m pip install --quiet 'lm-eval[ifeval]'
	$(BIN)/python -m benchmarks.ifeval.punkt build/nltk

JFLEG := $(BIN)/python -m benchmarks.jfleg --data $(DATA) --model $(SMOLLM2)
IFEVAL := NLTK_DATA=build/nltk $(BIN)/python -m benchmarks.ifeval --data $(DATA) --model $(SMOLLM2)
PROOFREADING := $(BIN)/python -m benchmarks.proofreading --data $(DATA) --model $(SMOLLM2)

.PHONY: evidence
evidence: evidence-jfleg evidence-ifeval evidence-proofreading  ## Measure on real text (docs/evidence.md), in three stages

.PHONY: evidence-jfleg
evidence-jfleg: evidence-jfleg-records evidence-jfleg-gates evidence-jfleg-edits  ## Stage 1: learn human revisions, and revise JFLEG's test set (about four hours)

KEPT := build/evidence/jfleg
CHOOSING := $(BIN)/python -m benchmarks.jfleg.choosing --data $(DATA) --model $(SMOLLM2)
critic = $(KEPT)/rewrite-$(1)/run/model

.PHONY: evidence-jfleg-records
evidence-jfleg-records: $(SMOLLM2)/model.safetensors  ## Stage 1a: critics of 0 to 1000 records (two hours)
	$(JFLEG) --keep $(KEPT) --forms rewrite

.PHONY: evidence-jfleg-gates
evidence-jfleg-gates: $(SMOLLM2)/model.safetensors  ## Stage 1b: gates that choose between versions (two hours, after 1a)
	$(JFLEG) --keep $(KEPT) --forms rewrite --records 300 --seeds 0 --part dev
	$(CHOOSING) $(KEPT)/rewrite-300-0/revised-dev.jsonl --critic $(call critic,300-0)
	$(CHOOSING) $(KEPT)/rewrite-300-0/revised-dev.jsonl --critic $(call critic,300-0) $(call critic,300-1)
	$(JFLEG) --keep $(KEPT) --forms rewrite --records 1000 --seeds 0 --variants gate-0 gate
	$(JFLEG) --keep $(KEPT) --forms rewrite --records 1000 --variants sure careful
	$(JFLEG) --keep $(KEPT) --forms rewrite --records 700 --seeds 0 --variants careful
	$(CHOOSING) $(KEPT)/rewrite-1000-0/revised.jsonl --refuse 2 0.226 --refuse 10 0.144 --critic $(call critic,1000-0)
	$(CHOOSING) $(KEPT)/rewrite-1000-1/revised.jsonl --refuse 2 0.226 --refuse 10 0.144 --critic $(call critic,1000-1)
	$(CHOOSING) $(KEPT)/rewrite-1000-0/revised.jsonl --refuse 2 0.244 --refuse 20 0.154 \
		--critic $(call critic,1000-0) $(call critic,1000-1)
	$(CHOOSING) $(KEPT)/rewrite-1000-1/revised.jsonl --refuse 2 0.244 --refuse 20 0.154 \
		--critic $(call critic,1000-1) $(call critic,1000-0)
	$(JFLEG) --keep $(KEPT) --forms rewrite --records 1000 --seeds 0 --more good
	$(JFLEG) --keep $(KEPT) --forms rewrite --records 1000 --seeds 0 --more good --variants careful

.PHONY: evidence-jfleg-edits
evidence-jfleg-edits: $(SMOLLM2)/model.safetensors  ## Stage 1c: critics that write edits (half an hour)
	$(JFLEG) --keep $(KEPT) --forms edits --records 300 1000 --seeds 0

.PHONY: evidence-ifeval
evidence-ifeval: $(SMOLLM2)/model.safetensors $(PUNKT)  ## Stage 2: follow IFEval's instructions, with its verifiers as checks (an hour)
	$(IFEVAL) --prompts 60 --keep build/evidence/ifeval

.PHONY: evidence-proofreading
evidence-proofreading: $(SMOLLM2)/model.safetensors  ## Stage 3: proofread anyone's English (an hour)
	$(PROOFREADING) --keep build/evidence/proofreading

.PHONY: evidence-trial
evidence-trial: export REVLOOP_RESULTS = build/trial/results
evidence-trial: $(SMOLLM2)/model.safetensors $(PUNKT)  ## Run the three stages in miniature, to see that they work (ten minutes)
	$(JFLEG) --keep build/trial/jfleg --forms rewrite --records 16 --seeds 0 --sentences 16
	$(IFEVAL) --keep build/trial/ifeval --prompts 2 --seeds 0 --iterations 1
	$(PROOFREADING) --keep build/trial/proofreading --records 16 --texts 8 --every 240 --sentences 40

.PHONY: faults
faults: $(INSTALLED)  ## Inject server faults and Ctrl-C into every kind of round, print what was lost (5 minutes)
	$(BIN)/python -m tests.e2e.faults

.PHONY: fuzz
fuzz: $(INSTALLED)  ## Fuzz the parsers of untrusted input with atheris (some minutes)
	$(BIN)/python -m pip install --quiet 'atheris>=3.0'
	@for target in completions generated jsonl prompt_sets; do \
		echo "$$target:"; $(BIN)/python -m tests.e2e.fuzz $$target || exit 1; \
	done

.PHONY: soak
soak: $(INSTALLED)  ## Check a long run for leaks of files, threads, tasks and memory (6 minutes)
	$(BIN)/python -m benchmarks.soak

.PHONY: soak-gateway
soak-gateway: $(INSTALLED)  ## Check the gateway for growth under 64 clients (5 minutes)
	$(BIN)/python -m benchmarks.gateway --soak

.PHONY: lock
lock: $(INSTALLED)  ## Update requirements-dev.lock to the newest packages, with hashes
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/python -m tools.lock

.PHONY: pictures
pictures: $(INSTALLED)  ## Take the pictures of docs/review.md (needs Chromium)
	$(BIN)/revloop demo --store build/review-demo.sqlite
	$(BIN)/python -m tools.review_pictures build/review-demo.sqlite

.PHONY: audit
audit:  ## Report known vulnerabilities of locked packages in audit.log; never fails
	@$(PYTHON) tools/audit.py $(VENV)-audit

.PHONY: test-minimum
test-minimum:  ## Run the fast tests with the oldest packages that pyproject.toml allows
	@$(PYTHON) tools/minimum.py $(VENV)-minimum $(TWO_AT_A_TIME)

.PHONY: wheel
wheel: $(INSTALLED)  ## Build the wheel into dist/
	$(BIN)/python -m pip wheel --no-deps --wheel-dir dist .

.PHONY: clean
clean:  ## Remove .venv and all build outputs
	rm -rf $(VENV) $(VENV)-audit $(VENV)-minimum dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage* htmlcov
