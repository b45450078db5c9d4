"""Each notebook in a process of its own: nothing leaks from one to the next, and a failure names its notebook.

Ninety processes would import torch and the package ninety times; they are forked from one that has done so.
NB_FLAGS='slow cuda' runs the guarded cells as well."""
import pytest
from conftest import ROOT
from in_a_fork import nbdev_test
from tools import mutants
from tools.notebooks import notebooks

names = [path.relative_to(ROOT).as_posix() for path in notebooks()]


@pytest.mark.parametrize('name', names)
def test_notebook(name, forked, tmp_path):
    process = forked.Process(target=nbdev_test, args=(ROOT/name, tmp_path/'said'))
    process.start()
    try: process.join()
    finally:
        if process.is_alive(): process.kill()                # of Ctrl-C, or of the time limit
    said = (tmp_path/'said').read_text()
    if process.exitcode or 'Success.' not in said: pytest.fail(f'{name}\n{said}', pytrace=False)


def test_there_are_notebooks(): assert 'nbs/index.ipynb' in names and len(names) > 10


def test_lines_that_are_made_wrong_are_there():
    "What `tools/mutants.py` changes, to see whether a notebook notices, is found exactly once: lines move"
    assert mutants.main([], only_find=True) == 0
