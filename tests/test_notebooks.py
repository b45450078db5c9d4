"""Each notebook in a process of its own: nothing leaks from one to the next, and a failure names its notebook.

Ninety processes would import torch and the package ninety times; they are forked from one that has done so.
NB_FLAGS='slow cuda' runs the guarded cells as well."""
import multiprocessing
import os
import sys

import pytest
from conftest import ROOT
from tools.notebooks import notebooks

names = [path.relative_to(ROOT).as_posix() for path in notebooks()]


@pytest.fixture(scope='module')
def forked():
    "Processes with the modules that notebooks import"
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(['torch', 'invnb.all', 'pandas', 'matplotlib.pyplot', 'nbdev.showdoc', 'nbdev.test'])
    return context


def nbdev_test(name, said):
    "What the command of that name does with one notebook; what it says goes to the file `said`"
    file = os.open(said, os.O_WRONLY | os.O_CREAT)
    for stream in (1, 2): os.dup2(file, stream)
    os.chdir(ROOT)
    sys.argv = ['nbdev_test']
    os.environ['TQDM_DISABLE'] = '1'
    from nbdev.test import nbdev_test as test
    test(path=ROOT/name, flags=os.environ.get('NB_FLAGS', ''))


@pytest.mark.parametrize('name', names)
def test_notebook(name, forked, tmp_path):
    process = forked.Process(target=nbdev_test, args=(name, tmp_path/'said'))
    process.start()
    try: process.join()
    finally:
        if process.is_alive(): process.kill()                # of Ctrl-C, or of the time limit
    said = (tmp_path/'said').read_text()
    if process.exitcode or 'Success.' not in said: pytest.fail(f'{name}\n{said}', pytrace=False)


def test_there_are_notebooks(): assert 'nbs/index.ipynb' in names and len(names) > 10
