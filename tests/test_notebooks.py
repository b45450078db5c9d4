"""Each notebook in a process of its own: nothing leaks from one to the next, and a failure names its notebook.

NB_FLAGS='slow cuda' runs the guarded cells as well."""
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from tools.notebooks import notebooks

NBDEV_TEST = Path(sys.executable).with_name('nbdev_test')
names = [path.relative_to(ROOT).as_posix() for path in notebooks()]


@pytest.mark.parametrize('name', names)
def test_notebook(name):
    done = subprocess.run([NBDEV_TEST, '--path', ROOT/name, '--flags', os.environ.get('NB_FLAGS', '')], cwd=ROOT,
                          env=dict(os.environ, OMP_NUM_THREADS='1', TQDM_DISABLE='1'), capture_output=True, text=True)
    if done.returncode or 'Success.' not in done.stdout: pytest.fail(f'{name}\n{done.stdout}\n{done.stderr}', pytrace=False)


def test_there_are_notebooks(): assert 'nbs/index.ipynb' in names and len(names) > 10
