# Two commands set everything up: `make demo` runs the main job, `make test` runs the tests.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
CORES ?= all

.PHONY: demo test install lock clean

demo: install
	$(BIN)/snakemake --cores $(CORES) table1

test: install
	$(BIN)/pytest -n auto --dist loadfile

install: $(VENV)/.installed

# $(call fits,PYTHON,WHAT TO DO): ends unless the lock is for this Python.
fits = $(1) -c 'import sys; v = sys.version_info[:2]; (3, 11) <= v <= (3, 14) or sys.exit("$(1): found Python %d.%d, expected 3.11 to 3.14: $(2)" % v)'
broken = $(VENV): found no Python that runs (a set-up was cut short, or its Python is gone): \
	remove that folder and call make again.

# uv installs in a minute what takes pip ten; pip makes it available inside the environment.
# --no-deps: the lock is complete, and it leaves out the second OpenCV (see CONTRIBUTING.md).
# --compile-bytecode: containers often forbid Python to keep bytecode; every job of the workflow
# would then compile torch again, 7 of the 13 s of a short one.
$(VENV)/.installed: requirements.lock pyproject.toml
	@test ! -e $(VENV) || $(BIN)/python -c '' 2>/dev/null || { echo '$(broken)' >&2; exit 1; }
	@test ! -e $(VENV) || $(call fits,$(BIN)/python,remove the folder $(VENV) and call make again.)
	@test -e $(VENV) || $(call fits,$(PYTHON),name another one as in `make PYTHON=python3.12`.)
	test -e $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes \
		--compile-bytecode -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	touch $@

# Writes requirements.lock anew; versions that stand in it stay. `make lock NEW=--upgrade` takes new
# ones, `make lock NEW='--upgrade-package ruff'` that of one package.
lock: install
	UV_CUSTOM_COMPILE_COMMAND='make lock' $(BIN)/uv pip compile pyproject.toml $(NEW) --quiet \
		--group dev --extra perceptual --universal --python-version 3.11 --generate-hashes \
		--no-annotate --no-emit-package opencv-python --output-file requirements.lock

clean:
	rm -rf results
