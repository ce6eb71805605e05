# make demo: train the default config on handwritten digits.  make test: every check.
# make test-all: the long ones too, up to an hour on 2 cores.  make docs: the site, in site/.
PYTHON ?= python3
version = $(shell $(PYTHON) -c "import sys; print('%d.%d' % sys.version_info[:2])")
VENV ?= .venv$(if $(filter-out python3,$(PYTHON)),-$(version))
RUN ?= runs/demo
SELECT ?= not long
python = $(VENV)/bin/python
.PHONY: demo test test-all tests lint types docs clean

demo: $(VENV)/ready
	$(python) -m gan_jax.main --workdir=$(RUN)
	@echo "samples: $(RUN)/samples   report: $(RUN)/report.html"

test: lint types tests

# A file's tests stay in one process, which share its compiled steps.
tests: $(VENV)/ready
	$(python) -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "$(SELECT)"

test-all: lint types
	$(python) -m pytest -m "long or not long"

lint: $(VENV)/ready
	$(python) -m ruff check
	$(python) -m ruff format --check

types: $(VENV)/ready
	$(python) -m pyrefly check --python-interpreter-path=$(python)

docs: $(VENV)/docs
	$(python) -m mkdocs build --strict
	@echo "the site: site/index.html"

$(VENV)/docs: $(VENV)/ready pyproject.toml
	$(python) -m pip install --quiet --disable-pip-version-check -e ".[docs]"
	touch $@

# Made anew when the requirements change; another PYTHON gets a folder of its own.
$(VENV)/ready: requirements.txt
	$(PYTHON) -m venv --clear $(VENV)
	$(python) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(python) -m pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

clean:
	rm -rf $(VENV)
