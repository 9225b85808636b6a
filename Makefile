# Two commands for people: `make run` and `make test`. Both set everything up on a machine that has python3.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: run test slow slow-part lint types check scenarios doctest clean

run: $(STAMP)
	$(BIN)/wattbook warm-up
	$(BIN)/wattbook run neighbourhood

test: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist loadfile

# Full-size suites: ten million commands, whole-year profiles, byte-by-byte corruption, the interpreter without compiler,
# the kernel with bounds checked, mutants of it, and every promise of speed and memory.
slow: $(STAMP)
	$(BIN)/python -m pytest -m slow tests/book/test_equality.py tests/mutation
	$(BIN)/python -m pytest -m "slow and alone"
	$(BIN)/python -m pytest -m "slow and not alone" -n 2 --dist loadfile --durations=10 \
		--ignore=tests/book/test_equality.py --ignore=tests/mutation
	$(BIN)/python benchmarks/book_batch.py --check
	$(BIN)/python benchmarks/supply.py --check
	$(BIN)/wattbook bench book --no-peers --check --slack 0.25
	$(BIN)/wattbook bench run --quick --no-peers --only market --only split --check
	$(BIN)/wattbook bench run --no-peers --only market --agents 100,400,1000 --check --slack 0.25

# The part of them that fits into a quarter of an hour.
slow-part: $(STAMP)
	$(BIN)/python -m pytest -m "slow and not long" tests/book/test_equality.py
	$(BIN)/python -m pytest -m "slow and alone and not long"
	$(BIN)/python -m pytest -m "slow and not long and not alone" -n 2 --dist loadfile --durations=10 \
		--ignore=tests/book/test_equality.py --ignore=tests/mutation
	$(BIN)/python tests/mutation/run.py --sample 60
	$(BIN)/python benchmarks/book_batch.py --check
	$(BIN)/python benchmarks/supply.py --check
	$(BIN)/wattbook bench book --batch --no-peers --check --slack 0.25
	$(BIN)/wattbook bench run --quick --no-peers --only market --only split --check

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(STAMP)
	$(BIN)/mypy

doctest: $(STAMP)
	$(BIN)/python -m pytest --doctest-modules src -q -p no:cacheprovider
	$(BIN)/python -m pytest docs README.md --doctest-glob='*.md' -q -p no:cacheprovider

scenarios: $(STAMP)
	for script in scenarios/*.py; do echo "== $$script" && $(BIN)/python $$script || exit 1; done

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
