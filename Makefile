# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-all test-core lint gallery clean

.venv/base: pyproject.toml $(wildcard rust/Cargo.toml rust/src/*.rs rust/src/*/*.rs)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[cv]'
	touch $@

.venv/dev: .venv/base
	$(BIN)/python -m pip install --quiet --editable '.[cv,dev]'
	touch $@

demo: .venv/base  ## install, run the main job on real photographs, say where the report lies
	$(BIN)/opsin demo --out opsin-demo

test: .venv/dev lint test-core  ## install, check, run the tests
	$(BIN)/python -m pytest -m "not slow"

test-all: .venv/dev lint test-core  ## the slow campaigns as well
	$(BIN)/python -m pytest

test-core:  ## the tests of the compiled core, where there is a Rust toolchain
	if command -v cargo > /dev/null; then cd rust && cargo test --release --locked --quiet --no-default-features; fi

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

gallery: .venv/base
	$(BIN)/opsin gallery --out opsin-gallery

clean:
	rm -rf .venv build rust/target opsin-demo opsin-gallery
