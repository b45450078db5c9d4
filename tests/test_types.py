"Every function says what it takes and what it gives: mypy finds nothing wrong with that, and a user's mypy finds what is wrong with a call"
import re
import subprocess
import sys
from importlib.metadata import version

import invnb.all
import pytest
from conftest import ROOT

PINNED = re.search(r'^torch==([\d.]+)', (ROOT/'constraints.txt').read_text(), re.MULTILINE)[1]
pinned = pytest.mark.skipif(sys.version_info < (3, 11) or version('torch').split('+')[0] != PINNED, reason="older libraries have other types")

USE = '''
from invnb.all import *
task = Task("parabola", lambda x: x.square().sum(1, keepdim=True), bounds=[[-1, -1], [1, 1]])
method = NeuralAdjoint(n_starts=64).fit(task.sample(500))
reveal_type(method)
reveal_type(method.solver)
reveal_type(method.search(task.simulate, task.targets(5), budget=3).best())
method.propose(task.targets(5), "ten")
Network(hidden=128)
Data([[0.], [1.]], [[0.], [1.]], valid=[False, True])
Task("circle", 3, bounds=task.bounds)
'''
SAID = '''5: note: Revealed type is "invnb.methods.neural_adjoint.NeuralAdjoint"
6: note: Revealed type is "def (*Any, **Any) -> torch._tensor.Tensor"
7: note: Revealed type is "torch._tensor.Tensor"
8: error: Argument 2 to "propose" of "Proposer" has incompatible type "str"; expected "int"  [arg-type]
9: error: Argument "hidden" to "Network" has incompatible type "int"; expected "tuple[int, ...]"  [arg-type]
11: error: Argument 2 to "Task" has incompatible type "int"; expected "Callable[[Tensor], Tensor] | None"  [arg-type]
'''


def mypy(what):
    done = subprocess.run([sys.executable, '-m', 'mypy', what], cwd=ROOT, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@pinned
def test_types():
    code, said = mypy('invnb')
    assert code == 0, said


@pinned
def test_a_user_gets_them(tmp_path):
    (tmp_path/'use.py').write_text(USE)
    code, said = mypy(tmp_path/'use.py')
    assert code == 1 and ''.join(f'{line.split("use.py:")[1]}\n' for line in said.splitlines() if 'use.py:' in line) == SAID, said


def test_invnb_all_names_what_it_imports():
    "A type checker believes a list of names only where it is written out: `_all_` in nbs/index.ipynb"
    assert sorted(invnb.all.__all__) == sorted(name for name in vars(invnb.all) if not name.startswith('_'))
