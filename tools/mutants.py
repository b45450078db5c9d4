"""Would the tests notice? One key line at a time is made wrong in a copy of its notebook, and the notebook must fail: python tools/mutants.py [NAME ...]

With `--check` nothing is run; each line must only be found, exactly once. Lines are compared by their words and signs, so
where they break and how they are indented does not matter, and a notebook is named without its number."""
import os, re, subprocess, sys
from pathlib import Path

import nbformat

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tools.notebooks import ROOT

MUTANTS = [  # notebook, the line as it is, the line made wrong, what that means
    ('bench/metrics', '(worse + 1 - T).clamp(min=0)/worse', '(worse - T).clamp(min=0)/worse', 'off by one in the order statistics of r_T'),
    ('bench/metrics', 'return errors[:, :T].amin(1)', 'return errors[:, :T - 1].amin(1) if T > 1 else errors[:, 0]', 'off by one in r_T of a ranked list'),
    ('bench/metrics', 'errors.cummin(1).values', 'errors.cummax(1).values', 'the largest error instead of the smallest'),
    ('bench/interval', '*logs + log_prior', '*logs - log_prior', 'a prior that prefers tails without a mean'),
    ('bench/interval', 'torch.maximum(above, tail_reach(', 'torch.minimum(above, tail_reach(', 'the shorter of the two reaches of an interval'),
    ('bench/interval', '((v_S - v_SN).clamp(min=0) + v_N)', '(v_S + v_N)', 'chance stands in both parts of an interval'),
    ('bench/store', 'error=error, **said) == header["checksum"]', 'error=error, **said) != header["checksum"]', 'a damaged record is taken, a good one is not'),
    ('bench/run', 'self.calls > len(targets) * budget', 'self.calls > len(targets) * (budget + 1)', 'one simulation too many is allowed'),
    ('bench/run', 'torch.where((rows >= 0)[:, None], y[rows], torch.nan)', 'torch.where((rows >= 0)[:, None], y[rows.flip(0)], torch.nan)', 'errors are not taken from what was simulated'),
    ('methods/method', '.square().mean(-1)', '.square().sum(-1)', 'sum instead of mean over the measurement'),
    ('methods/method', 'over = (self.spent + count > self.budget)', 'over = (self.spent + count > self.budget + 1)', 'a target may overdraw its budget'),
    ('methods/descent', '- (upper - lower) / 2).relu()', '- (upper - lower)).relu()', 'a boundary loss that begins too late'),
    ('methods/descent', 'missing, slopes = here.residual(y), here.slopes(y)', 'missing, slopes = -here.residual(y), here.slopes(y)', 'the sign of the Gauss-Newton step'),
    ('methods/descent', 'gram = gram + damping', 'gram = gram - damping', 'the sign of the damping'),
    ('methods/descent', '* ~leaves\n return (u + delta).clamp(-1, 1)', '* ~leaves\n        return u + delta', 'designs outside of the box'),
    ('methods/neural_adjoint', 'distinct = near >= apart', 'distinct = near < apart', 'different designs count as the same'),
    ('methods/neural_adjoint', 'torch.where(good & distinct, 4 + near,', 'torch.where(good & distinct, 4 - near,', 'of designs that are alike the nearest comes first'),
    ('methods/contract', 'net.y_scale(expected) - net.y_scale(y)', 'expected - y', 'doubt in the units of the table'),
    ('methods/kernels', 'return (inverse @ t) * left[:, None], left', 'return (inverse @ t) / left[:, None], left', 'what leaving one out would miss'),
    ('methods/process', '- here[:, None] * total\n for row, here in zip(self.rows.T', '+ here[:, None] * total\n for row, here in zip(self.rows.T', 'the derivative of a process'),
    ('methods/process', '/ count[:, None]', '', 'sums of repeated measurements instead of their means'),
    ('methods/surrogate', 'best = min(left,', 'best = max(left,', 'the surrogate that suits the data least'),
    ('ground/misfit', 'ratio = wanted.clamp_min(TINY).log() - y', 'ratio = wanted.clamp_min(TINY).log() + y', 'the sign of a logarithm'),
    ('ground/core', 'held_out(int(group.max()) + 1)[group.cpu()]', 'held_out(len(x))', 'equal designs on both sides of a split'),
    ('tasks/task', 'torch.arange(n) >= rest', 'torch.arange(n) < rest', 'training and validation rows exchanged'),
    ('tasks/task', 'self._stream("targets", seed)', 'self._stream("train", seed)', 'targets from the training designs'),
    ('tasks/robotic_arm', '[a0, a1 - a0, a2 - a1 - a0]', '[a0, a1 - a0, a2 + a1 - a0]', 'the sign of an angle'),
    ('tasks/ballistics', 'relaxation_time * -torch.expm1(-t/relaxation_time)', 'relaxation_time * -torch.expm1(-t*relaxation_time)', 'a drag of the wrong time'),
    ('ground/parallel', 'lost[name] < tries', 'lost[name] <= tries', 'one try too many'),
]


def notebook(name):
    "The notebook of a name without its number"
    folder, stem = name.rsplit('/', 1)
    found = [p for p in (ROOT/'nbs'/folder).glob('*.ipynb') if re.sub(r'^\d+_', '', p.stem) == stem]
    if len(found) != 1: raise SystemExit(f'{name}: expected one notebook, found {len(found)}')
    return found[0]


def wrong(name, old, new):
    "The notebook with `old`, which it must have exactly once, made `new`"
    nb = nbformat.read(notebook(name), as_version=4)
    anyhow = re.compile(r'\s*'.join(map(re.escape, re.findall(r'\w+|[^\w\s]', old))))
    cells = [cell for cell in nb.cells if cell.cell_type == 'code']
    times = sum(len(anyhow.findall(cell.source)) for cell in cells)
    if times != 1: raise SystemExit(f'{name}: expected {old!r} once, found it {times} times')
    for cell in cells: cell.source = anyhow.sub(lambda _: new, cell.source)
    return nb


def survives(name, old, new):
    "Does the notebook with the wrong line still pass?"
    path = notebook(name)
    beside = path.with_name(f'_mutant_{path.name}')
    nbformat.write(wrong(name, old, new), beside)
    env = dict(os.environ, OMP_NUM_THREADS='1', TQDM_DISABLE='1')
    try: done = subprocess.run([Path(sys.executable).with_name('nbdev_test'), '--path', beside], cwd=ROOT, env=env, capture_output=True, text=True)
    finally: beside.unlink()
    return done.returncode == 0 and 'Success.' in done.stdout


def main(names, only_find=False):
    "How many survive; each line must be there before the first one runs"
    chosen = [m for m in MUTANTS if not names or m[0] in names]
    for name, old, new, _ in chosen: wrong(name, old, new)
    if only_find: chosen, found = [], len(chosen)
    left = 0
    for name, old, new, what in chosen:
        alive = survives(name, old, new)
        left += alive
        print(f"{'SURVIVED' if alive else 'caught  '}  {name}: {what}", flush=True)
    print(f'{found} lines, each found once' if only_find else f'{len(chosen) - left} of {len(chosen)} caught')
    return left


if __name__ == '__main__': sys.exit(main([name for name in sys.argv[1:] if not name.startswith('-')], '--check' in sys.argv) > 0)
