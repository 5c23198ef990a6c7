# Everything sets itself up: `make demo` and `make test` need only Python >= 3.10 and pip.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test lint clean

demo: $(STAMP)
	mkdir -p demo_output
	$(BIN)/edlrr inpaint sample_images/rocket_scratches.png --mask sample_images/mask_scratches.png \
	  --reference sample_images/rocket.png \
	  -o demo_output/restored.png --figure demo_output/comparison.png --overwrite

test: $(STAMP) lint
	$(BIN)/python -m pytest --numprocesses logical --dist loadfile

lint: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# Editable, so that it is made again only when the metadata, the pinned versions or the kernels change.
$(STAMP): pyproject.toml constraints.txt hatch_build.py $(wildcard edlrr_cli/lrr/native/*.[ch])
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) demo_output build dist
