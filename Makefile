# Everything in a virtual environment of its own. `make demo` and `make test` start from a bare machine.

PYTHON ?= python3
VENV   ?= .venv
OLDEST ?= .venv-oldest
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

# Python's venv, Debian's libraries that Qt 6 and software OpenGL need, and a display where there is none.
DEBIAN := python3-venv xvfb xauth libegl1 libgl1 libopengl0 libglx-mesa0 libgl1-mesa-dri libxkbcommon-x11-0 libxcb-cursor0 \
          libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 libxcb-shape0 \
          libxcb-xinerama0 libxcb-xkb1 libdbus-1-3 libfontconfig1

# Tests start hundreds of processes: compile modules once, even if the environment forbids byte code.
export PYTHONDONTWRITEBYTECODE :=

# A real display is used if there is one.
SEEN      := $(or $(DISPLAY),$(WAYLAND_DISPLAY))
DISPLAYED := $(if $(SEEN),,xvfb-run -a -s "-screen 0 1600x1000x24")

# What is tested with the oldest versions unless ARGS says otherwise: each of the libraries, and the dock.
SUBSET := -m "not slow" -k "not does_not_depend_on_axis" tests/functions tests/pipeline/test_pipeline.py tests/runs/test_running.py \
          tests/recipes/test_recipe.py tests/layouts/test_ome_tiff.py tests/plates/test_map_file.py tests/plates/test_statistics.py tests/ui/run/test_form.py \
          tests/ui/run/test_settings.py

.PHONY: demo test test-all fuzz lint docs bench package oldest plugins pictures libraries clean

demo: $(STAMP)
	$(DISPLAYED) $(BIN)/python -m napari_axiswise.ui.demo $(if $(SEEN),,--close)

# Every module, layout and executor, and the dock in a window.
test: $(STAMP)
	$(DISPLAYED) $(BIN)/python -m pytest -m "not slow" $(ARGS)

# Thousands of random changes of a result folder instead of a few.
fuzz: $(STAMP)
	AXISWISE_FUZZ=5000 $(BIN)/python -m pytest tests/results/test_strangers.py -k random $(ARGS)

# Everything; ARGS="-m slow" is what `make test` leaves out.
test-all: $(STAMP)
	$(DISPLAYED) $(BIN)/python -m pytest $(ARGS)

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/npe2 validate napari-axiswise

docs: $(STAMP)
	$(BIN)/mkdocs build --strict

# Wheel and sdist into dist/, and the wheel alone in an environment of its own.
package: $(STAMP)
	$(BIN)/python -m pip install --quiet --group package
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*
	$(BIN)/python .ci/check_package.py dist

# The oldest versions that the metadata admit, in an environment of its own, with what tests of the core need and no more:
# other packages would ask for later ones.
oldest: $(STAMP)
	$(BIN)/python -m pip install --quiet --group package
	$(BIN)/python -m uv venv --quiet --clear --python $(BIN)/python $(OLDEST)
	$(BIN)/python -m uv pip install --quiet --python $(OLDEST) --resolution lowest-direct \
	  --editable ".[all]" --group core-test
	$(DISPLAYED) $(OLDEST)/bin/python -m pytest $(or $(ARGS),$(SUBSET))

# Functions of other people's plugins over a plate. The plugins stay in the environment: run it last.
plugins: $(STAMP)
	$(BIN)/python -m pip install --quiet --group plugins
	$(DISPLAYED) $(BIN)/python -m pytest tests/catalog/test_catalog.py -k third_party_plugins

pictures: $(STAMP)
	$(DISPLAYED) $(BIN)/python docs/make_pictures.py $(ARGS)

bench: $(STAMP)
	$(BIN)/python -m pip install --quiet --group bench
	$(DISPLAYED) $(BIN)/python -m benchmarks

$(STAMP): pyproject.toml | libraries
	$(PYTHON) -m venv $(VENV) || { echo "Python's venv is missing: apt-get install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable ".[all]" --group test --group lint --group docs
	touch $@

libraries:
	@missing=$$(for package in $(DEBIAN); do dpkg -s $$package >/dev/null 2>&1 || echo $$package; done); \
	if ! command -v dpkg >/dev/null || [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ]; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $$missing >/dev/null; \
	else \
	  echo "Qt needs some of Debian's libraries. Install them with this line, then try again:"; \
	  echo "  sudo apt-get install -y --no-install-recommends" $$missing; \
	  command -v xvfb-run >/dev/null || [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ]; \
	fi

clean:
	rm -rf $(VENV) $(OLDEST) build dist site
