"""The wheel as a user gets it: without the dev extra, so that pip takes the newest of everything, fastcore 2 among it.

Only torch is not fetched anew (gigabytes, minutes): the second environment sees this one's."""
import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

LOOKS = """
import sys, importlib.resources, importlib.util
import invnb
assert 'torch' not in sys.modules, "import invnb must be quick"
assert invnb.__file__.startswith(sys.prefix), invnb.__file__
assert (importlib.resources.files('invnb')/'data'/'paper_r_T.csv').read_text().startswith('task,method,T,r_T')
assert (importlib.resources.files('invnb')/'py.typed').is_file(), "type checkers look for it"
import fastcore
assert int(fastcore.__version__.split('.')[0]) >= 2, fastcore.__version__
for name in 'nbdev', 'pytest', 'pyarrow':
    assert importlib.util.find_spec(name) is None, f"{name} is for development"
"""

SEARCHES = """
from invnb.all import *
task = get_task('sine_wave')
data = task.sample(500, seed=0)
method = get_method('random_search').fit(data)
search = method.search(task.simulate, task.targets(5, seed=0), budget=3)
assert search.error.shape == (5, 3) and search.error.isfinite().all()
"""


def installed(name, seen=None):
    "The distribution `name` and all that it requires here, by name"
    seen = {} if seen is None else seen
    try: seen[name] = distribution(name)
    except PackageNotFoundError: return seen
    for line in seen[name].requires or []:
        need = Requirement(line)
        if need.name not in seen and (not need.marker or need.marker.evaluate(dict(extra=''))): installed(need.name, seen)
    return seen


def lend(name, folder):
    "Links in `folder` to the files of `name` and of all that it requires"
    for dist in installed(name).values():
        for top in {file.parts[0] for file in dist.files or []} - {'..', '__pycache__'}:
            link, target = folder/top, Path(dist.locate_file(top))
            if target.exists() and not link.exists(): link.symlink_to(target)


def run(*command, cwd, **env):
    clean = {k: v for k, v in os.environ.items() if k not in ('PYTHONPATH', 'PIP_CONSTRAINT', 'IN_TEST')}
    done = subprocess.run([str(o) for o in command], cwd=cwd, env={**clean, **env}, capture_output=True, text=True)
    assert done.returncode == 0, f'{command}\n{done.stdout}\n{done.stderr}'
    return done.stdout


def test_wheel(copy, tmp_path):
    run(sys.executable, '-m', 'build', '--wheel', '--outdir', tmp_path, cwd=copy)
    wheel, = tmp_path.glob('*.whl')

    run(sys.executable, '-m', 'venv', tmp_path/'env', cwd=tmp_path)
    bin = tmp_path/'env'/'bin'
    site = Path(run(bin/'python', '-c', 'import sysconfig; print(sysconfig.get_path("purelib"))', cwd=tmp_path).strip())
    (lent := tmp_path/'lent').mkdir()
    lend('torch', lent)
    (site/'lent.pth').write_text(f'{lent}\n')
    run(bin/'python', '-m', 'pip', 'install', '-q', '--no-compile', wheel, cwd=tmp_path)

    run(bin/'python', '-c', LOOKS, cwd=tmp_path)
    run(bin/'python', '-c', SEARCHES, cwd=tmp_path)
    for command in 'invnb_bench', 'invnb_report': assert 'usage' in run(bin/command, '--help', cwd=tmp_path)
