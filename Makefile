# make demo: train the default config on handwritten digits.  make test: every check.
PYTHON ?= python3
VENV ?= .venv$(if $(filter-out python3,$(PYTHON)),-$(notdir $(PYTHON)))
RUN ?= runs/demo
python = $(VENV)/bin/python
.PHONY: demo test lint types clean

demo: $(VENV)/ready
	$(python) -m gan_jax.main --workdir=$(RUN)
	@echo "samples: $(RUN)/samples   report: $(RUN)/report.html"

test: lint types
	$(python) -m pytest

lint: $(VENV)/ready
	$(python) -m ruff check
	$(python) -m ruff format --check

types: $(VENV)/ready
	$(python) -m pyrefly check --python-interpreter-path=$(python)

# Made anew when the requirements change; another PYTHON gets a folder of its own.
$(VENV)/ready: requirements.txt
	$(PYTHON) -m venv --clear $(VENV)
	$(python) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

clean:
	rm -rf $(VENV)
