"""Do the tests hold on another machine? Each notebook again and again, every time with other networks: python tools/noise.py [NOTEBOOK ...]

Processors round differently, and a training amplifies that: what it reaches is another network there. Here, each run

- adds noise of one part in ten million to every weight, right before its training begins, and
- takes other seeds for initial weights and for the order of the rows (the data stay as they are).

A notebook that trains must be green in all runs; one that trains nothing is run once. `--tests` runs all of tests/ once instead.
It works in every Python process that a test starts, by way of a `sitecustomize` on PYTHONPATH."""
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from fastcore.script import Param, call_parse

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tools.notebooks import ROOT, notebooks

SITECUSTOMIZE = '''
import importlib.abc, importlib.machinery, os, sys
run, size = int(os.environ["NOISE_RUN"]), 1e-7

def on_core(core):                      # seeds: streams that are named so belong to a training
    stream = core.stream
    def other(*keys): return stream(*keys, *(("noise", run) if {"weights", "order", "noise"} & set(map(str, keys)) else ()))
    core.stream = other

def on_random(random):                  # and those of trainings written out in a tutorial
    seed = random.manual_seed
    def other(value): return seed(int(value) + 1000*run)
    random.manual_seed = other

def on_optimizer(optimizer):
    import torch
    init = optimizer.Optimizer.__init__
    def noisy(self, params, defaults):
        init(self, params, defaults)
        with open(os.environ["NOISE_LOG"], "a") as log: log.write("trained\\n")
        with torch.no_grad():           # a function of the value alone: equal weights stay equal, in whatever process
            for group in self.param_groups:
                for p in group["params"]: p.mul_(1 + size*(p.detach().double()*1e6*(run + 1)).cos().to(p.dtype))
    optimizer.Optimizer.__init__ = noisy

hooks = {"invnb.core": on_core, "torch.random": on_random, "torch.optim.optimizer": on_optimizer}
class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name not in hooks: return None
        spec, hook = importlib.machinery.PathFinder.find_spec(name, path), hooks[name]
        execute = spec.loader.exec_module
        def patched(module): execute(module); hook(module)
        spec.loader.exec_module = patched
        return spec
sys.meta_path.insert(0, Finder())
'''


def environment(run, folder):
    "The variables under which every Python process has the noise of this run; `folder` is for its files"
    folder = Path(folder)
    (folder/'sitecustomize.py').write_text(SITECUSTOMIZE)
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get('PYTHONPATH')]))
    return dict(os.environ, PYTHONPATH=path, NOISE_RUN=str(run), NOISE_LOG=str(folder/'log'), OMP_NUM_THREADS='1', TQDM_DISABLE='1')


def noisy_run(path, run):
    "One run of a notebook: what failed (nothing: green), and whether anything was trained"
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([Path(sys.executable).with_name('nbdev_test'), '--path', path, '--flags', os.environ.get('NB_FLAGS', '')],
                              cwd=ROOT, env=environment(run, folder), capture_output=True, text=True)
        green = done.returncode == 0 and 'Success.' in done.stdout
        return '' if green else done.stdout + done.stderr, (Path(folder)/'log').exists()


@call_parse
def main(names:Param('notebooks; default: all', str, nargs='*'),
         runs:int=10,          # of each notebook that trains
         first:int=1,          # number of the first run: another number, another noise
         tests:bool=False):    # all of tests/ once instead, with the noise of run `first`
    "Notebooks with noise in their trainings"
    if tests:
        with tempfile.TemporaryDirectory() as folder:
            sys.exit(subprocess.run([sys.executable, '-m', 'pytest'], cwd=ROOT, env=environment(first, folder)).returncode)
    failed = 0
    for path in [Path(name).resolve() for name in names] or notebooks():
        name = path.relative_to(ROOT/'nbs').with_suffix('')
        green = 0
        for run in range(first, first + runs):
            said, trains = noisy_run(path, run)
            green += not said
            if said: print(f"{name}, run {run}:\n{said[-1800:]}\n", flush=True)
            if not trains: break
        asked = run - first + 1
        failed += green < asked
        print(f"{name}: {green} of {asked} green{'' if trains else ', nothing is trained'}", flush=True)
    sys.exit(failed > 0)
