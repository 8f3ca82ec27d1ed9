# Every target sets up what it needs; on a bare Debian 12 machine nothing has to be done before.
.PHONY: run test test-all check format bench build screenshots lock clean

PY := .venv/bin

run: ## open the workbench on its bundled demo
	@tools/setup.sh run
	$(PY)/earbench demo

# What is heard and clicked for real has the machine to itself; the rest shares its processors.
ALONE := audio or e2e
PYTEST := tools/with_screen.sh $(PY)/python -m pytest

test: ## every fast test, with a virtual screen and a sound card of its own
	@tools/setup.sh test
	$(PYTEST) -m "not slow and not bench and not ($(ALONE))" -n auto --maxprocesses 4 --dist loadfile --max-worker-restart 0
	$(PYTEST) -m "not slow and not bench and ($(ALONE))"

test-all: ## the slow ones too, and those on a Slurm cluster of their own, which need root
	@tools/setup.sh test-all
	$(PYTEST) -m "not bench and not ($(ALONE))" -n auto --maxprocesses 4 --dist loadfile --max-worker-restart 0
	$(PYTEST) -m "not bench and ($(ALONE))"

check: ## linters, types, import contracts: what CI runs before the tests
	@tools/setup.sh test
	$(PY)/ruff format --check .
	$(PY)/ruff check .
	$(PY)/mypy
	$(PY)/lint-imports

format:
	$(PY)/ruff format .
	$(PY)/ruff check --fix .

bench: ## speed and memory, measured
	@tools/setup.sh test
	$(PYTEST) -m bench -s --timeout 0 -o faulthandler_timeout=0 -o python_files='bench_*.py' tests/bench

build: ## wheel and sdist
	@tools/setup.sh run
	$(PY)/python -m build --quiet

screenshots: ## the README's pictures, from the running window
	@tools/setup.sh test
	tools/with_screen.sh $(PY)/python tools/screenshots.py

lock: ## pin what is installed now
	$(PY)/pip freeze --exclude-editable | grep -v -e '^nvidia-' -e '^triton' \
		| sed 's/^torch .*/torch==2.13.0/; s/+cpu$$//' >requirements/lock.txt

clean:
	rm -rf .venv dist build
