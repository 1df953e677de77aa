# Needs make and Python 3.11 or newer; everything else is installed into .venv.
.POSIX:
.PHONY: help setup check test test-long demo up bench gallery screenshots lock clean

BIN = .venv/bin
# Kept bytecode is half of what collecting the tests takes, and a quarter of every process that they start.
PYTEST = PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest
# Processes that run tests side by side: "auto" is one more than there are cores (tests/conftest.py).
WORKERS = auto
# An idle one takes over what waits behind a long test of another.
PARALLEL = -n $(WORKERS) --dist worksteal

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

setup: ## install the locked packages into .venv (PYTHON=... chooses the interpreter)
	@PYTHON="$(PYTHON)" .ci/setup

check: setup ## lint, types and import contracts, side by side
	$(MAKE) -j 4 ruff mypy imports compiled

# Parts of check.
.PHONY: ruff mypy imports compiled

ruff:
	$(BIN)/ruff check .

mypy:
	$(BIN)/mypy

imports:
	$(BIN)/lint-imports --no-logo

# Half of what collecting a test takes is compiling its assertions: done once here, instead of by every process that
# runs tests. What is wrong with one is told by these.
compiled:
	-@$(PYTEST) --collect-only -q -m "not long" >/dev/null

test: check ## the checks and the test suite, some 9 minutes on two cores
	$(PYTEST) $(PARALLEL) -m "not long" --session-timeout=780

test-long: setup ## the long tests: big seeds, fuzz, crash runs; at most 60 minutes
	$(PYTEST) $(PARALLEL) -m "long and not alone" --timeout=2700 --session-timeout=3300
	$(PYTEST) -m "long and alone" --timeout=600 --session-timeout=2700

demo: setup ## DAYS (30) of two simulated shops with SHOPPERS (300), then the story (KEEP=1 stays up)
	KEEP="$(KEEP)" DAYS="$(DAYS)" SHOPPERS="$(SHOPPERS)" $(BIN)/python -m sandbox.demo

up: setup ## run the product: all processes in the foreground, on PORT (8000)
	@exec $(BIN)/connector up

bench: setup ## the benchmarks as one JSON object, about 30 minutes (BENCH="decisions stages" runs some)
	@$(BIN)/python -m benchmarks $(BENCH)

gallery: setup ## write docs/gallery: every message of the library as people see it (needs Chromium)
	$(BIN)/python -m flows.gallery

screenshots: setup ## write docs/screens: a picture of every page of the admin, of a played shop (needs Chromium)
	$(BIN)/python -m tests.screens

lock: ## write requirements.lock anew from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
		--no-annotate --no-header --no-emit-index-url --quiet -o requirements.lock

clean: ## remove .venv, caches and build output; data under var/ stays
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
