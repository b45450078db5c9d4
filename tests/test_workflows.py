"The workflows hold up to the two linters"
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

FILES = sorted((ROOT/'.github'/'workflows').glob('*.yml'))


def run(*command, cwd=ROOT): return subprocess.run([str(o) for o in command], cwd=cwd, capture_output=True, text=True)


def test_zizmor():
    done = run(Path(sys.executable).with_name('zizmor'), '--offline', '--no-progress', '--persona', 'pedantic', ROOT/'.github')
    assert done.returncode == 0, done.stdout + done.stderr


def test_actionlint():
    command = shutil.which('actionlint', path=Path(sys.executable).parent) or shutil.which('actionlint')
    if command is None: pytest.skip('no actionlint here')
    done = run(command, *FILES)
    assert FILES and done.returncode == 0, done.stdout + done.stderr
