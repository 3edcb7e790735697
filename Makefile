# Everything is installed into .venv; files there (.venv/built, .venv/test-group, ...) record what is done already, and
# tools/once keeps two makes from doing it at the same time.
#   PYTHON=python3.12   the Python to create .venv with
#   ARGS="-k smoothing" more arguments for pytest, tests.accuracy, peers.py, busy.py, cluster.py or asv
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo examples test test-rest test-all mutants test-oldest torch-test sanitize tsan memcheck fuzz soak accuracy lint docs bench
.PHONY: bench-compare peers peers-sklearn peers-torch migration busy cluster pythons dashboard dashboard-html dashboard-test wheel sdist
.PHONY: recipes lock clean

export PYTHON ?= python3
export PIP_DISABLE_PIP_VERSION_CHECK := 1
PY := .venv/bin/python
ASV := ../.venv/bin/asv
KERNELS := $(wildcard fastxent/_kernels/*.p?? fastxent/_kernels/*/*.p??)
PEERS := torch==2.13.0 jax optax scikit-learn scipy tensorflow-cpu
WEB := asv_benchmarks/web/node_modules/.package-lock.json
# tests that share a cluster go to one process
PARALLEL := -n auto --dist loadgroup
# What of the tests runs with every build in `make test`: the kernels over every way, layout, option and dtype once. Nothing
# there is marked as the rest.
EVERY_BUILD := $(addprefix tests/test_,$(addsuffix .py,same_bits values out half focal infinities corner_cases))
# tests of what is made of the public functions, in Python, and of what no kernel has a part in: once is enough
ADAPTERS := benchmarks* boosting* build* classifier* completeness* continuous* dask* docs* hints* metrics* migration* modules* mutants*
ADAPTERS += quiet* recipes* reference* reliability* temperature* types*
# a time in up to five repeats and a second, where asv would take up to twenty
SHORT := --attribute rounds=1 --attribute repeat=2,5,1.0
# examples that need torch
WITH_TORCH := examples/language_model.py
COMMITS ?= 5
MINUTES ?= $(if $(BRIEF),0.3,2)
# anything: sanitize, tsan and pythons make the best build alone and test the most of it, and bench takes each value of a
# parameter once, as .ci/run does
export BRIEF ?=
PYTHONS ?= 3.13 3.13t
BASE ?= main
HEAD ?= HEAD
FACTOR ?= 1.2
ARGS ?=
# the tests of what stands on scikit-learn, and what they need beside it
SKLEARN := $(wildcard tests/test_metrics*.py tests/test_sklearn*.py tests/test_classifier*.py tests/test_reliability*.py tests/test_temperature*.py)
WITH_OLDEST := cloudpickle hypothesis matplotlib ml_dtypes mpmath pandas "pytest>=9" pytest-xdist

help:  ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' Makefile

demo: .venv/demo-group  ## train a classifier of handwritten digits with the compiled losses, and draw it
	$(PY) examples/digits.py

examples: .venv/examples-group  ## run every example, one after the other; those that need torch are a part of torch-test
	@for example in $(filter-out $(WITH_TORCH),$(wildcard examples/*.py)); do echo "== $$example"; $(PY) $$example; done

# Tests with each build but the best; pytest returns 5 where ARGS leaves none.
define with-other-builds
@builds=$$($(PY) -c "from fastxent import _isa; print(*_isa.available[:-1])"); \
for build in $$builds; do echo "FASTXENT_ISA=$$build"; \
FASTXENT_ISA=$$build $(PY) -m pytest $(PARALLEL) $(1) $(ARGS) || [ $$? -eq 5 ]; done
endef

test: .venv/test-group  ## run all tests with the best build of the kernels, and the most telling ones with the others
	$(PY) -m pytest $(PARALLEL) -m "not rest" $(ARGS)
	$(call with-other-builds,$(EVERY_BUILD))

test-rest: .venv/test-group  ## run what test leaves out: cases marked rest, and the kernels' other tests with the other builds
	$(PY) -m pytest $(PARALLEL) -m rest $(ARGS) || [ $$? -eq 5 ]
	$(call with-other-builds,$(EVERY_BUILD:%=--ignore=%) $(ADAPTERS:%=--ignore-glob=*/test_%))

test-all: test test-rest  ## run all tests, those of the kernels with every build

mutants: .venv/test-group  ## does a test notice each of some faults of one line? ARGS="--first rank" for one of them
	$(PY) -m tests.mutants $(ARGS)

test-oldest: .venv/built .venv-oldest/installed  ## test what stands on scikit-learn with the oldest version that pyproject.toml allows
	@.venv-oldest/bin/python -c "import sklearn; print('scikit-learn', sklearn.__version__)"
	PYTHONPATH="$(CURDIR)" .venv-oldest/bin/python -m pytest -n auto -W "ignore:Passing a non-Collection iterable" $(SKLEARN) $(ARGS)

torch-test: .venv/built .venv-peers/installed  ## test fastxent.torch, also with torch's own tests of its functions, and train with it
	PYTHONPATH="$(CURDIR)" .venv-peers/bin/python -m pytest $(wildcard tests/test_torch*.py) docs/guides/torch.md $(ARGS)
	PYTHONPATH="$(CURDIR)" .venv-peers/bin/python examples/language_model.py --seconds 10
	PYTHONPATH="$(CURDIR)" .venv-peers/bin/python examples/score_language_model.py --tokens 128 --block 64

sanitize: .venv/test-group  ## test the kernels under AddressSanitizer and UBSan, and with random calls for MINUTES=2
	tools/sanitize address $(PY) $(MINUTES)

soak: .venv/test-group  ## calls from many threads for MINUTES=2, compared to the bit, amid Ctrl-C, forks, stops and moves
	$(PY) -W error -m tests.soak --minutes $(MINUTES) $(ARGS)

tsan: .venv/test-group  ## test the pool of threads under ThreadSanitizer, and with calls from many threads for MINUTES=2
	tools/sanitize thread $(PY) $(MINUTES)

pythons: .venv/test-group  ## test the kernels with other Pythons and C compilers, PYTHONS="3.13 3.13t"; see tools/check-python
	@untested=; \
	for python in $(PYTHONS); do \
	tools/check-python $$python $(PY) $(ARGS) || { [ $$? -eq 77 ]; untested="$$untested $$python"; }; done; \
	[ -z "$$untested" ] || { echo "not tested:$$untested"; exit 77; }

fuzz: .venv/test-group  ## random calls with hostile arrays for MINUTES=2; ARGS="--seed 7 --calls 1" for one of them
	$(PY) -m tests.fuzz --minutes $(MINUTES) $(ARGS)

memcheck: .venv/test-group  ## some of those calls under valgrind, for reads of what nobody has written: CALLS=60
	tools/memcheck $(PY) $(CALLS)

accuracy: .venv/test-group  ## print the largest error of every function, in ulp, against mpmath
	$(PY) -m tests.accuracy $(ARGS)

lint: .venv/lint-group  ## check style, format and types
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	PATH=.venv/bin:$$PATH cython-lint $(KERNELS)
	$(PY) -m mypy
	.venv/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	.venv/bin/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	.venv/bin/zizmor --offline --no-progress --quiet --persona auditor --strict-collection .
	for platform in linux macos windows; do .venv/bin/cibuildwheel --print-build-identifiers --platform $$platform >/dev/null; done

docs: .venv/docs-group  ## build the documentation into docs/_build/html
	$(PY) -m sphinx --fail-on-warning --keep-going --fresh-env --quiet docs docs/_build/html
	$(PY) tools/check_links.py docs/_build/html
	@echo "The documentation is in $(CURDIR)/docs/_build/html/index.html"

bench: .venv/bench-group .asv-machine  ## run every benchmark once, on the working tree: does it run at all?
	cd asv_benchmarks && RATIO_SECONDS=0 $(ASV) run --python=same --quick --show-stderr \
	$(if $(BRIEF),--bench "$$(../$(PY) covering.py)") $(ARGS)

bench-compare: .venv/bench-group .asv-machine  ## compare the ratios of HEAD=HEAD with BASE=main; slower by FACTOR=1.2 fails
	$(PY) asv_benchmarks/compare.py $(BASE) $(HEAD) --factor $(FACTOR) $(ARGS)

peers: .venv/built .venv-peers/installed  ## time fastxent beside NumPy, scikit-learn, SciPy, torch, JAX and TensorFlow
	PYTHONPATH="$(CURDIR)" .venv-peers/bin/python asv_benchmarks/peers.py $(ARGS)

migration: .venv/built .venv-peers/installed  ## run the tables "their call, ours" of the docs beside the libraries themselves
	@.venv-peers/bin/python -c "from tests.migration.libraries import *; print('Beside', *(one.title for one in LIBRARIES if installed(one)), sep='  ')"
	PYTHONPATH="$(CURDIR)" .venv-peers/bin/python -m pytest tests/test_migration.py $(ARGS)

recipes: .venv/built .venv-recipes/installed  ## run the recipes of the guide "Larger than memory" with Ray, Spark and MPI
	.venv-recipes/bin/python -c "import mpi4py, pyspark, ray" && command -v java
	PYTHONPATH="$(CURDIR)" .venv-recipes/bin/python -m pytest tests/test_recipes.py $(ARGS)

peers-sklearn: .venv/test-group  ## time SoftmaxClassifier beside LogisticRegression, to the same objective
	$(PY) asv_benchmarks/estimators_peers.py $(ARGS)

peers-torch: .venv/built .venv-peers/installed  ## time fastxent.torch beside torch.nn.functional
	PYTHONPATH="$(CURDIR)" .venv-peers/bin/python asv_benchmarks/torch_peers.py $(ARGS)

busy: .venv/built  ## time one thread beside several, alone and with another core or the GIL taken
	$(PY) asv_benchmarks/busy.py $(ARGS)

cluster: .venv/test-group  ## time fastxent.dask.SoftmaxClassifier beside one machine: ARGS="--workers 2 --latency"
	$(PY) asv_benchmarks/cluster.py $(ARGS)

# asv returns 2 when a benchmark failed on some commit: an old commit may lack a function, and the others still make a page.
# It shows the commits along the first parents only.
dashboard-html: $(WEB) .asv-machine  ## benchmark the last COMMITS=5 commits and make a page of graphs, in asv_benchmarks/html
	@echo "Benchmarking $(COMMITS) commits, about 14 minutes each on two idle cores; ARGS='--bench ratios' is a part of it"
	cd asv_benchmarks && { git rev-list --first-parent --max-count=$(COMMITS) HEAD | $(ASV) run --skip-existing $(SHORT) $(ARGS) HASHFILE:- || [ $$? -eq 2 ]; }
	cd asv_benchmarks && $(ASV) publish
	$(PY) asv_benchmarks/offline.py
	$(PY) -m asv_benchmarks.landing

dashboard: dashboard-html docs  ## the same, as a part of the documentation, served
	@echo "Below the address that follows: dashboard/glance.html and dashboard/index.html"
	$(PY) -m http.server --bind 127.0.0.1 --directory docs/_build/html 0

dashboard-test: $(WEB) .asv-machine  ## test the dashboard in Chromium; screenshots go to build/dashboard
	$(PY) -m pytest asv_benchmarks/tests $(ARGS)

wheel: .venv/wheel-group  ## build a wheel for any Linux, and test it where there is no compiler
	tools/check-wheel $(PY)

sdist: .venv/sdist-group  ## build the source distribution twice: the same bytes, and all that git has
	tools/check-sdist $(PY)

lock: .venv/lock-group  ## choose anew, and with hashes, what releases are built and tested with
	for group in kernels release wheel-test; do .venv/bin/uv pip compile --quiet --upgrade --exclude-newer "7 days" \
	--universal --python-version 3.11 --generate-hashes --no-annotate --only-binary :all: --emit-build-options \
	--custom-compile-command "make lock" --group $$group --output-file .github/locked/$$group.txt; done

clean:  ## remove the environments and everything built
	rm -rf .venv .venv-oldest .venv-peers .venv-recipes build dist *.egg-info docs/_build docs/generated asv_benchmarks/env asv_benchmarks/html
	rm -rf asv_benchmarks/web/node_modules
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis {,examples/}digits.png {,examples/}calibration.png
	rm -f fastxent/_kernels/*.c fastxent/_kernels/*.so fastxent/_kernels/*.html

.venv/python:
	@tools/once $@ -- tools/make-venv .venv

.venv/requirements: .venv/python pyproject.toml
	@tools/once $@ $^ -- $(PY) -m pip install -qq --group kernels

# What is compiled stays in .venv/build: a build that was broken off goes on where it was.
.venv/compiled: .venv/requirements setup.py $(KERNELS)
	@echo "Compiling fastxent's modules, the slowest first: one to two minutes on two idle cores, ten on slow ones"
	@tools/once $@ $^ -- $(PY) setup.py -q build_ext --inplace --build-lib .venv/build --build-temp .venv/build

.venv/built: .venv/compiled
	@tools/once $@ $^ -- $(PY) -m pip install -qq --no-build-isolation --editable .

.venv/%-group: .venv/built
	@echo "Installing the dependency group $* into .venv"
	@tools/once $@ $^ -- $(PY) -m pip install -qq --group $*

# The scripts that asv's pages load, from npm, which the group brings: they must show without a net.
$(WEB): .venv/dashboard-group asv_benchmarks/web/package-lock.json
	@echo "Installing the scripts of the dashboard into asv_benchmarks/web/node_modules"
	@PATH="$(CURDIR)/.venv/bin:$$PATH" tools/once $@ $^ -- npm ci --prefix asv_benchmarks/web \
	--ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error \
	--fetch-retry-mintimeout=1000 --fetch-retry-maxtimeout=5000

# fastxent itself comes from the tree, where .venv/compiled has it: peers stay installed while kernels change.
.venv-peers/python:
	@tools/once $@ -- tools/make-venv .venv-peers

.venv-peers/tools: .venv-peers/python
	@tools/once $@ $^ -- .venv-peers/bin/python -m pip install -qq numpy matplotlib hypothesis "pytest>=9" expecttest

.venv-peers/%-peer: .venv-peers/tools
	@echo "Installing $* into .venv-peers"
	@tools/once $@ $^ -- .venv-peers/bin/python -m pip install -qq "$*" || echo "$* does not install here and is left out"

.venv-peers/installed: $(PEERS:%=.venv-peers/%-peer)
	@touch $@

.venv-oldest/python:
	@tools/once $@ -- tools/make-venv .venv-oldest

.venv-oldest/installed: .venv-oldest/python pyproject.toml
	@echo "Installing the oldest scikit-learn allowed into .venv-oldest"
	@oldest=$$(sed -n 's/^sklearn = \["scikit-learn>=\([0-9.]*\)".*/\1/p' pyproject.toml); \
	tools/once $@ $^ -- .venv-oldest/bin/python -m pip install -qq "scikit-learn==$${oldest:?}" numpy scipy $(WITH_OLDEST)

.venv-recipes/python:
	@tools/once $@ -- tools/make-venv .venv-recipes

.venv-recipes/installed: .venv-recipes/python
	@echo "Installing Ray, Spark and MPI into .venv-recipes"
	@tools/once $@ $^ -- .venv-recipes/bin/python -m pip install -qq numpy hypothesis "pytest>=9" mpi4py mpich pyspark ray

.PHONY: .asv-machine
.asv-machine: .venv/bench-group
	@test -f ~/.asv-machine.json || (cd asv_benchmarks && $(ASV) machine --yes >/dev/null)
