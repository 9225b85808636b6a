# Two commands for people: `make run` and `make test`. Both set everything up on a machine that has python3.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export PIP_DISABLE_PIP_VERSION_CHECK = 1

# What scenarios/reaction_times.py is asked for: how often its shavers look while others look once; all of it without.
FASTER ?=

.PHONY: run warm-up test slow slow-part lint types check scenarios doctest clean

run: warm-up
	$(BIN)/wattbook run neighbourhood

# Kernels are kept; where there are none yet, two workers would each compile the same.
warm-up: $(STAMP)
	$(BIN)/wattbook warm-up

test: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist worksteal

# Full-size suites: ten million commands, whole-year profiles, byte-by-byte corruption, the interpreter without compiler,
# the kernel with bounds checked, mutants of it, and every promise of speed and memory.
slow: $(STAMP)
	$(BIN)/python -m pytest -m slow tests/book/test_equality.py tests/mutation
	$(BIN)/python -m pytest -m "slow and alone"
	$(BIN)/python -m pytest -m "slow and not alone" -n 2 --dist worksteal --durations=10 \
		--ignore=tests/book/test_equality.py --ignore=tests/mutation
	$(BIN)/python benchmarks/book_batch.py --check
	$(BIN)/python benchmarks/supply.py --check
	$(BIN)/python -m benchmarks.language_models --check
	$(BIN)/wattbook bench book --no-peers --check --slack 0.25
	$(BIN)/wattbook bench run --quick --no-peers --only market --only split --check
	$(BIN)/wattbook bench run --no-peers --only market --agents 100,400,1000 --check --slack 0.25

# The part of them that fits into five minutes and holds on a machine of any speed: nothing marked as long,
# thirty mutants, and of the promises of speed those that set two figures of one run side by side.
slow-part: $(STAMP)
	$(BIN)/python -m pytest -m "slow and not long and not alone" -n 2 --dist worksteal --durations=10 \
		--ignore=tests/mutation
	$(BIN)/python tests/mutation/run.py --sample 30
	$(BIN)/python benchmarks/book_batch.py --check
	$(BIN)/wattbook bench book --batch --no-peers --check --ratios --slack 0.25
	$(BIN)/wattbook bench run --quick --no-peers --only market --only split --check

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(STAMP)
	$(BIN)/mypy

doctest: $(STAMP)
	$(BIN)/python -m pytest --doctest-modules src -q -p no:cacheprovider
	$(BIN)/python -m pytest docs README.md --doctest-glob='*.md' -q -p no:cacheprovider

# Two at a time; what each prints is shown when it has ended.
scenarios: $(STAMP)
	printf '%s\n' scenarios/*.py | xargs -P 2 -n 1 sh -c ' \
		case $$1 in */reaction_times.py) more="$(FASTER)";; *) more=;; esac; \
		said=$$($(BIN)/python $$1 $$more 2>&1); code=$$?; printf "== %s\n%s\n" "$$1" "$$said"; exit $$code' sh

check: lint types test doctest scenarios

# uv is several times quicker where it is there; pip does the same.
$(STAMP): pyproject.toml constraints.txt
	@if command -v uv >/dev/null 2>&1; then \
		uv venv --quiet --seed --allow-existing --python $(PYTHON) $(VENV) && \
		uv pip install --quiet --compile-bytecode --python $(BIN)/python -c constraints.txt -e '.[dev]'; \
	else \
		$(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'; \
	fi
	@touch $(STAMP)

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
