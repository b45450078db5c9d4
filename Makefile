# Every target may be repeated. Those that need it make .venv first, and renew it when a file that says what to install has changed.
# A build of torch for the CPU alone, where the default one would bring CUDA: PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu make bench
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help bench test notebooks readme docs prepare quarto

help: ## what there is to make
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' Makefile

bench: $(READY) ## train, search and measure on three tasks in a few minutes: a table, a figure, and where they are
	$(BIN)/invnb_bench --preset quick

test: $(READY) ## all tests, the notebooks among them; ARGS="-k package" runs some, NB_FLAGS="slow cuda" the guarded cells too
	$(BIN)/python -m pytest $(ARGS)

notebooks: $(READY) ## run all notebooks in order and store their outputs; NB=nbs/ground/00_core.ipynb runs one
	$(BIN)/nbdev_export
	$(BIN)/python tools/notebooks.py $(NB)
	$(BIN)/nbdev_clean

readme: $(READY) ## README.md from nbs/index.ipynb
	$(BIN)/python tools/readme.py

docs: quarto $(READY) ## the site, in _docs
	rm -rf _proc
	$(BIN)/nbdev_export
	PATH="$(CURDIR)/$(BIN):$$PATH" nbdev_docs
	rm -rf index_files
	$(BIN)/python tools/readme.py

prepare: $(READY) ## before a commit: export, clean, README, test
	$(BIN)/nbdev_export
	$(BIN)/nbdev_clean
	$(BIN)/python tools/readme.py
	$(BIN)/python -m pytest

quarto:
	@command -v quarto >/dev/null || { echo "make docs needs Quarto, https://quarto.org (the published site is built with 1.7.32)"; exit 1; }

$(READY): settings.ini setup.py pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "Python 3.10 or newer is needed. If it has another name: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q -c constraints.txt torch
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[dev]'
	@touch $@
