# make demo        the main job on the embedded world, offline: a table and a report page
# make test        the tests
# make check       formatter, linter, type checker, layers
# make bench       the figures of steps, forks and start-up; docs/benchmarks.md names the others
# make train-demo  the small policies trained from nothing, once; docs/policies-small.md
# make campaign    the same five times, beside what they are compared with, on the test splits

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
INSTALLED := .venv/.installed
LOCAL := .venv/.local
TRAINING := .venv/.training
DEVELOPING := .venv/.developing

.PHONY: demo test check format bench train-demo campaign mini-snapshot mini-benchmark-snapshot clean

demo: $(LOCAL)
	$(BIN)/toolenv demo --out demo

test: $(DEVELOPING)
	$(BIN)/python -m pytest

check: $(DEVELOPING)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(DEVELOPING)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(INSTALLED)
	$(BIN)/python -m benchmarks

train-demo: $(TRAINING)
	$(BIN)/python -m benchmarks.campaign --out campaign --seeds 1 --methods sft dpo --on validation

campaign: $(TRAINING)
	$(BIN)/python -m benchmarks.campaign --out campaign --seeds 5

clean:
	rm -rf .venv demo

# Installed once, and again only when the project's dependencies change.
$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "toolenv needs Python 3.11 or newer; try: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(PIP) --editable .
	touch $@

# What local models need besides; torch by its pin first, since other spellings pull gigabytes.
$(LOCAL): $(INSTALLED)
	$(PIP) torch==2.13.0
	$(PIP) --editable '.[local]'
	touch $@

# What training needs besides.
$(TRAINING): $(LOCAL)
	$(PIP) --editable '.[train]'
	touch $@

# What tests and checks need besides.
$(DEVELOPING): $(LOCAL)
	$(PIP) --editable '.[dev]'
	touch $@

# The embedded world's snapshot, recorded anew after a change of the world: equal runs, equal bytes.
mini-snapshot: $(INSTALLED)
	rm -rf .mini && $(BIN)/toolenv run --out .mini/run --record .mini/store --record-failures --no-record-time \
		--agent react --agent dfsdt --policy local:toolenv.mini:KeywordPolicy --policy local:toolenv.mini:OraclePolicy
	$(BIN)/toolenv snapshot freeze .mini/store --out toolenv/mini/mini.snap --notes "MiniToolBench, Apache-2.0"
	rm -rf .mini

# The same for the generated benchmark: expert and oracle on its six test splits.
mini-benchmark-snapshot: $(INSTALLED)
	rm -rf .mini && $(BIN)/toolenv run --out .mini/run --record .mini/store --record-failures --no-record-time \
		--tasks toolenv.mini.benchmark:benchmark_tasks --simulator local:toolenv.mini.benchmark:benchmark_simulator \
		--agent react --agent dfsdt \
		--policy local:toolenv.mini.benchmark:ExpertPolicy --policy local:toolenv.mini.benchmark:OraclePolicy
	$(BIN)/toolenv snapshot freeze .mini/store --out toolenv/mini/benchmark/benchmark.snap \
		--notes "MiniToolBench-v1, Apache-2.0"
	rm -rf .mini
