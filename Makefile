# `make demo` and `make test` do all the set-up on a fresh Debian machine, then their job.
PYTHON ?= python3
BIN := .venv/bin
# One thread for numerics: the simulator hosts and test workers use the other cores.
export OMP_NUM_THREADS ?= 1

.PHONY: demo test check bench clean

demo: .venv/run.stamp
	$(BIN)/ado run two_stage_amplifier --budget 105 --seed 1 --out demo \
	    --database "sqlite:///$(CURDIR)/demo/ado.db"

test: .venv/test.stamp check
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

check: .venv/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/test.stamp
	$(BIN)/python -m benchmarks.simulation
	$(BIN)/python -m benchmarks.paper --methods gp-bo,random

.venv/run.stamp: pyproject.toml constraints.txt scripts/system-packages
	scripts/system-packages run
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	touch $@

.venv/test.stamp: .venv/run.stamp
	scripts/system-packages test
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	ADO_PDK_HOME=.venv/pdk $(BIN)/ado pdk install sky130
	touch $@

clean:
	rm -rf .venv demo
