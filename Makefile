# Two commands set everything up: `make demo` runs the main job, `make test` runs the tests.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
CORES ?= all

.PHONY: demo test install clean

demo: install
	$(BIN)/snakemake --cores $(CORES) table1

test: install
	$(BIN)/pytest -n auto --dist loadfile

install: $(VENV)/.installed

# uv installs in a minute what takes pip ten; pip makes it available inside the environment.
# --no-deps: the lock is complete, and it leaves out the second OpenCV (see CONTRIBUTING.md).
# --compile-bytecode: containers often forbid Python to keep bytecode; every job of the workflow
# would then compile torch again, 7 of the 13 s of a short one.
$(VENV)/.installed: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --compile-bytecode \
		-r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	touch $@

clean:
	rm -rf results
