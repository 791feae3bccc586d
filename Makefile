# make quick: from a clone to green.   make demo: the walkthrough, real trainings.   make help: the rest.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Compiled bytecode makes the first import of TensorFlow several times quicker.
PIP    := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pip install --quiet --disable-pip-version-check --compile

# A process for each core. A process that has no tests left takes those of another one.
SHARED := --numprocesses logical --maxprocesses 8 --dist worksteal
# The same, but the tests of a file stay together: what they count stands in one line of the figures.
BY_FILE := --numprocesses logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder

# No services, no packages but those of `test`, no file of more than five seconds.
QUICK  := tests/core tests/declare tests/run tests/store/test_store.py tests/store/test_contract.py \
          tests/store/test_gc.py tests/store/test_verify.py tests/store/test_disk.py tests/store/test_walk.py \
          tests/test_architecture.py tests/test_order.py tests/test_promises.py tests/test_walls.py \
          --ignore tests/declare/identity --ignore tests/declare/test_recorder.py --ignore tests/run/test_adoption.py --ignore tests/run/workers \
          --ignore tests/run/test_follow.py --ignore tests/run/test_mishaps.py

.PHONY: help compiled quick demo serve database website test faults faults-long test-tensorflow test-torch test-mongo lint style types types-of-tests format bench bench-check bench-peers docs site-only clean

help:
	@echo "make demo    the walkthrough: download MNIST, train twice, choose the better (needs 2 GB of disk)"
	@echo "make serve   a network that reads digits: trains it, serves it, opens a page to draw on"
	@echo "make database   MNIST in a database: a network learns from rows, and predicts beside them (needs 5 GB of disk)"
	@echo "make website   a website whose users get predictions from a view in its database (the same)"
	@echo "make quick   the rules, the store, declaring and running: what needs few packages, in a minute and a half"
	@echo "make test    all tests but those that need TensorFlow, and the faults"
	@echo "make test-tensorflow   the walkthrough, tested with real trainings"
	@echo "make test-torch   networks of PyTorch, their pages in docs, the website (needs 5 GB of disk on Linux)"
	@echo "make test-mongo   collections in MongoDB, on the server of MONGODB_URI; without it on SecantusDB"
	@echo "make faults  kills, errors, races and hostile input: ten minutes (faults-long: every call, power cuts too)"
	@echo "make lint    ruff and mypy, of the tests too"
	@echo "make bench   the figures, each beside its floor"
	@echo "make bench-check   instructions of small programs, beside those of the last commit (needs valgrind; two minutes)"
	@echo "make bench-peers   a chain of stages beside doit, joblib, Hamilton, mandala and redun; a service beside FastAPI and LitServe"
	@echo "make docs    the examples in README and docs, run as tests; then the site, in site/"
	@echo "make clean   remove what these made"

$(VENV)/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "pystore needs Python 3.11 or later; try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "this Python cannot make virtual environments; on Debian: apt-get install python3-venv"; exit 1; }
	@touch $@

$(VENV)/test: $(VENV)/made setup.cfg pyproject.toml
	@echo "installing what the quick tests need into $(VENV)"
	@$(PIP) --editable '.[test]'
	@touch $@

$(VENV)/dev: $(VENV)/made setup.cfg pyproject.toml
	@echo "installing the tools for tests and lint into $(VENV)"
	@$(PIP) --editable '.[dev]'
	@touch $@

$(VENV)/tensorflow: $(VENV)/made setup.cfg pyproject.toml
	@echo "installing TensorFlow into $(VENV) (once, about a minute)"
	@$(PIP) --editable '.[tensorflow,examples]'
	@touch $@

$(VENV)/torch: $(VENV)/dev
	@echo "installing PyTorch into $(VENV) (once, some minutes)"
	@$(PIP) --editable '.[torch]'
	@touch $@

$(VENV)/collections: $(VENV)/made setup.cfg pyproject.toml
	@echo "installing PyTorch and what databases need into $(VENV) (once, some minutes)"
	@$(PIP) --editable '.[torch,app,db,postgres,dask,plots,examples]'
	@touch $@

$(VENV)/serve: $(VENV)/tensorflow
	@$(PIP) --editable '.[app,serve]'
	@touch $@

$(VENV)/docs: $(VENV)/dev
	@$(PIP) --editable '.[docs]'
	@touch $@

$(VENV)/peers: $(VENV)/dev
	@$(PIP) --editable '.[peers]'
	@touch $@

demo: $(VENV)/tensorflow
	@$(BIN)/python demos/mnist.py $(DEMO)

serve: $(VENV)/serve
	@$(BIN)/python demos/serve.py $(SERVE)

database: $(VENV)/collections
	@$(BIN)/python demos/database.py $(DATABASE)

website: $(VENV)/collections
	@$(BIN)/python demos/website/start.py $(WEBSITE)

# Tests start hundreds of Pythons, and each would compile what it imports.
compiled: $(VENV)/made
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m compileall -q pystore

quick: $(VENV)/test compiled
	$(BIN)/python -m pytest $(SHARED) --hypothesis-profile quick $(QUICK)

test: $(VENV)/dev compiled
	$(BIN)/python -m pytest $(SHARED) $(TESTS)

test-tensorflow: $(VENV)/dev $(VENV)/tensorflow compiled
	PYSTORE_TEST_TENSORFLOW=1 $(BIN)/python -m pytest tests/test_walkthrough.py tests/test_docs.py::test_every_block_of_the_walkthrough_runs tests/test_mnist.py tests/test_checkpoint.py tests/app/savers/test_keras.py tests/app/test_telling.py

test-torch: $(VENV)/torch compiled
	$(BIN)/python -m pytest tests/app/test_torch_model.py tests/app/savers/test_torch.py tests/app/savers/test_nested.py tests/app/test_telling.py tests/db/test_website.py "tests/test_docs.py::test_every_block_of_a_page_runs[networks.md]" tests/test_docs.py::test_every_block_of_mnist_in_a_database_runs

test-mongo: $(VENV)/dev compiled
	$(BIN)/python -m pytest $(SHARED) -rs -k "mongodb or test_documents" tests/db

# First those that need the whole machine.
faults: $(VENV)/dev compiled
	$(BIN)/python -m pytest -rs -m alone tests/faults
	$(BIN)/python -m pytest -rs -m "not alone" $(BY_FILE) tests/faults

faults-long: $(VENV)/dev compiled
	PYSTORE_TEST_LONG=1 $(BIN)/python -m pytest -rs tests/faults tests/declare/identity/test_fuzzed_edits.py

# `make --jobs 2 lint` checks the types of the tests beside those of the sources.
lint: style types types-of-tests

style: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/dev
	$(BIN)/mypy

types-of-tests: $(VENV)/dev
	$(BIN)/mypy --config-file tests/mypy.ini

format: $(VENV)/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/dev
	$(BIN)/python benchmarks/run.py

# A change that is worth its cost changes the numbers: make bench-check WRITE=1 WHY="…"
bench-check: $(VENV)/test compiled
	PYTHONDONTWRITEBYTECODE= $(BIN)/python benchmarks/instructions.py $(if $(WRITE),--write --why "$(WHY)")

bench-peers: $(VENV)/peers
	$(BIN)/python benchmarks/run.py --runs 3 peers serving

docs: $(VENV)/docs compiled
	$(BIN)/python -m pytest $(SHARED) tests/test_docs.py
	$(MAKE) site-only

# The site without the examples, which `make test` has run.
site-only: $(VENV)/docs
	$(BIN)/python -m pytest tests/test_site.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict
	@echo "the site is in site/index.html; to search it: $(BIN)/python -m http.server -d site"

clean:
	rm -rf $(VENV) site build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache
