# The whole project from here: `make help`. CONTRIBUTING.md has the same steps without make.
.DELETE_ON_ERROR:
.NOTPARALLEL: # prose goes over before the notebooks are checked

PYTHON = python3
BIN = .venv/bin
PY = $(BIN)/python
# An index with CPU builds of torch, a tenth of the size, for Linux without a GPU (README.md); empty: where pip looks for all else.
TORCH_INDEX =
PORT = 8000
FROM =
MISTAKES =
BUILD = $(BIN)/jupyter-book build . -W --keep-going --quiet
# a module of tests on one worker, the long ones first (tests/conftest.py)
PYTEST = $(PY) -m pytest -n 2 --dist loadscope --no-loadscope-reorder
LINT = $(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports && $(PY) -m talweg_site.check.types

# what make runs is the same everywhere: one thread, no progress bars
export TALWEG_BATCH = 1
export OMP_NUM_THREADS = 1
export PIP_DISABLE_PIP_VERSION_CHECK = 1
# and compiled modules are kept: without them each of a hundred processes would compile torch anew
unexport PYTHONDONTWRITEBYTECODE

# Do a part of the work and note its seconds: $(call timed,name,command)
SECONDS_FILE = _build/seconds.txt
timed = @mkdir -p _build; begin=$$(date +%s); $(2) && printf '%5d s  %s\n' $$(($$(date +%s) - begin)) '$(1)' >>$(SECONDS_FILE)

.PHONY: help site html serve lab pdf notebooks pictures prose nbcheck copy-code bench check test test-chapter test-rest seconds lock catalogs clean

help:
	@echo "make site        install into .venv, check the notebooks, build the site"
	@echo "make html        build the site without that check: half a minute after a small edit"
	@echo "make serve       build, then serve on http://localhost:$(PORT)/"
	@echo "make lab         open the notebooks in JupyterLab (installs it into .venv); what you write stays in lab/"
	@echo "make pdf         check the notebooks, build the site and four PDFs (needs TeX and Chromium, see README.md)"
	@echo "make notebooks   bring each .ipynb into step with its .md; run those whose code changed"
	@echo "make pictures    pictures of the driven figures for the notebooks (needs Chromium)"
	@echo "make copy-code FROM=es   copy the code cells of one edition to the others"
	@echo "make check       lint, parity, style, fast tests: a minute or two"
	@echo "make test        all that CI runs; at the end the seconds of each part"
	@echo "make bench       measure against other libraries: benchmarks/results.json"
	@echo "make catalogs    collect the words drawn by code; compile the catalogs"
	@echo "make lock        write requirements.lock from what .venv holds"
	@echo "make clean       remove what was built (.venv stays)"

.venv/.installed: requirements.lock pyproject.toml _ext/pyproject.toml
	@$(PYTHON) -c 'import sys; ok = sys.version_info >= (3, 11); \
	  sys.exit(None if ok else "error: Python >= 3.11 is needed, %s is %s: make PYTHON=python3.11 …" \
	  % (sys.executable, sys.version.split()[0]))'
	@test -x $(PY) || $(PYTHON) -m venv .venv || { echo "error: python3-venv is missing"; rm -rf .venv; exit 1; }
	@test -z "$(TORCH_INDEX)" || $(PY) -c 'import torch' 2>/dev/null || \
	  $(PY) -m pip install --quiet --no-compile --no-deps --retries 0 --timeout 15 --index-url $(TORCH_INDEX) \
	    $$(grep -E '^torch(vision)?==' requirements.lock) 2>/dev/null || \
	  echo "no CPU build of torch from $(TORCH_INDEX); taking what the default index has"
	$(PY) -m pip install --quiet --no-compile --requirement requirements.lock
	$(PY) -m pip install --quiet --no-deps --no-build-isolation --editable . --editable _ext
	@touch $@

site: .venv/.installed prose nbcheck
	$(call timed,site,$(BUILD))
	@$(PY) -c 'import pathlib; print("\nThe site:", pathlib.Path("_build/html/index.html").resolve().as_uri())'

html: .venv/.installed prose
	@$(BUILD)
	@$(PY) -c 'import pathlib; print("\nThe site:", pathlib.Path("_build/html/index.html").resolve().as_uri())'

serve: html
	$(PY) -m http.server $(PORT) --bind 127.0.0.1 --directory _build/html

# JupyterLab is in no lock: only who wants it installs it, beside the versions that the lock gives
lab: .venv/.installed
	$(PY) -m pip install --quiet --constraint requirements.lock --editable '.[lab]'
	$(PY) -m talweg_site.author.lab

pdf: site
	$(call timed,PDFs,$(PY) -m talweg_site.print.pdf)

notebooks: .venv/.installed
	@$(PY) -m talweg_site.author.notebooks

pictures: html
	@$(PY) -m talweg_site.author.pictures

# a typo mended in an .md reaches the site without running anything; changed code is an error here
prose: .venv/.installed
	@$(PY) -m talweg_site.author.notebooks --prose-only

nbcheck: .venv/.installed
	$(call timed,notebooks,$(PY) -m talweg_site.check.nbcheck $(MISTAKES))

copy-code: .venv/.installed
	@test -n "$(FROM)" || { echo "error: say which edition has the right code: make copy-code FROM=es"; exit 1; }
	@$(PY) -m talweg_site.check.parity copy-code --from $(FROM)

bench: .venv/.installed
	$(PY) -m pip install --quiet --editable '.[bench]'
	$(PY) -m benchmarks

check: .venv/.installed
	$(LINT)
	$(PY) -m talweg_site.check.parity
	$(PY) -m talweg_site.check.style
	$(PY) -m pytest -q -n 2 --dist worksteal -m "not slow and not browser and not gpu" \
	  --ignore tests/library/optimizers tests/library tests/kit tests/book tests/chapters

test: .venv/.installed
	@rm -f $(SECONDS_FILE)
	$(call timed,lint and parity,$(LINT) && $(PY) -m talweg_site.check.parity)
	$(MAKE) pdf MISTAKES=--mistakes
	$(call timed,notebooks as on another CPU,$(PY) -m talweg_site.check.nbcheck --lang es --cpu other)
	$(call timed,tests,$(PYTEST) tests)
	@$(MAKE) --no-print-directory seconds

# the same in parts, for machines side by side: one for each chapter, one for the rest (.github/workflows/test.yml)
OF_A_CHAPTER = tests/chapters/test_claims_can_fail.py tests/chapters/test_other_cpu.py
test-chapter: .venv/.installed
	@test -n "$(CHAPTER)" || { echo "error: say which chapter: make test-chapter CHAPTER=curvature"; exit 1; }
	@rm -f $(SECONDS_FILE)
	$(call timed,notebooks of $(CHAPTER),$(PY) -m talweg_site.check.nbcheck --mistakes $(CHAPTER))
	$(call timed,tests of $(CHAPTER),$(PYTEST) tests/book/$(subst -,_,$(CHAPTER)) && \
	  $(PY) -m pytest -n 2 $(OF_A_CHAPTER) -k "$(CHAPTER)")
	@$(MAKE) --no-print-directory seconds

test-rest: .venv/.installed prose
	@rm -f $(SECONDS_FILE)
	$(call timed,lint and parity,$(LINT) && $(PY) -m talweg_site.check.parity)
	$(call timed,opening page,$(PY) -m talweg_site.check.nbcheck --mistakes index)
	$(call timed,site,$(BUILD))
	$(call timed,PDFs,$(PY) -m talweg_site.print.pdf)
	$(call timed,tests,$(PYTEST) tests --ignore-glob 'tests/book/*/*' $(OF_A_CHAPTER:%=--ignore %) \
	  --deselect tests/chapters/test_book.py::test_notebooks_print_what_they_store && \
	  $(PY) -m pytest $(OF_A_CHAPTER) -k index)
	@$(MAKE) --no-print-directory seconds

seconds:
	@echo; cat $(SECONDS_FILE)

lock: .venv/.installed
	$(PY) -m talweg_site.author.lock

BABEL = $(BIN)/pybabel --quiet
catalogs: .venv/.installed
	@mkdir -p _build
	$(BABEL) extract --keywords "_ N_ gettext ngettext:1,2" --no-location --sort-output --omit-header \
	  --output-file _build/talweg.pot lib/talweg
	$(BABEL) update --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date --width 120 \
	  --domain talweg --input-file _build/talweg.pot --output-dir lib/talweg/locale
	$(BABEL) compile --domain talweg --directory lib/talweg/locale
	$(BABEL) compile --domain sphinx --directory locale

clean:
	rm -rf _build node_modules .pytest_cache .ruff_cache .hypothesis
	find lib _ext tests -name __pycache__ -type d -prune -exec rm -rf {} +
