"""Would the tests notice? One key line at a time is made wrong in a copy of its notebook, and the notebook must fail: python tools/mutants.py"""
import json, os, subprocess, sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tools.notebooks import ROOT

MUTANTS = [  # notebook, the line as it is, the line made wrong, what that means
    ('bench/00_metrics', '(worse + 1 - T).clamp(min=0)/worse', '(worse - T).clamp(min=0)/worse', 'off by one in the order statistics of r_T'),
    ('bench/00_metrics', 'return errors[:, :T].amin(1)', 'return errors[:, :T - 1].amin(1) if T > 1 else errors[:, 0]', 'off by one in r_T of a ranked list'),
    ('bench/00_metrics', 'errors.cummin(1).values', 'errors.cummax(1).values', 'the largest error instead of the smallest'),
    ('bench/00_metrics', '*logs + (1 - xi).log()', '*logs - (1 - xi).log()', 'a prior that prefers tails without a mean'),
    ('bench/00_metrics', 'torch.maximum(above, tail_reach(', 'torch.minimum(above, tail_reach(', 'the shorter of the two reaches of an interval'),
    ('bench/00_metrics', '((v_S - v_SN).clamp(min=0) + v_N)', '(v_S + v_N)', 'chance stands in both parts of an interval'),
    ('bench/01_store', '!= header["checksum"]', '== header["checksum"]', 'a damaged record is taken, a good one is not'),
    ('bench/02_run', 'self.calls > len(targets) * budget', 'self.calls > len(targets) * (budget + 1)', 'one simulation too many is allowed'),
    ('bench/02_run', 'y.append(bought.get(row.tobytes(), missing))', 'y.append(torch.as_tensor(row[:len(missing)]))', 'errors are not taken from what was simulated'),
    ('methods/00_method', '.square().mean(-1)', '.square().sum(-1)', 'sum instead of mean over the measurement'),
    ('methods/00_method', 'if (self.spent + count > self.budget).any():', 'if (self.spent + count > self.budget + 1).any():', 'a target may overdraw its budget'),
    ('methods/02_neural_adjoint', '- (upper - lower) / 2).relu()', '- (upper - lower)).relu()', 'a boundary loss that begins too late'),
    ('methods/02_neural_adjoint', 'missing = wanted[rows] - y', 'missing = y - wanted[rows]', 'the sign of the Gauss-Newton step'),
    ('methods/02_neural_adjoint', 'gram = gram + damping', 'gram = gram - damping', 'the sign of the damping'),
    ('methods/02_neural_adjoint', 'return (u + delta).clamp(-1, 1)', 'return u + delta', 'designs outside of the box'),
    ('methods/02_neural_adjoint', '(torch.cdist(u, u, p=torch.inf) < apart)', '(torch.cdist(u, u, p=torch.inf) > apart)', 'different designs count as the same'),
    ('tasks/00_task', 'torch.arange(n) >= n - n_valid', 'torch.arange(n) < n - n_valid', 'training and validation rows exchanged'),
    ('tasks/00_task', 'self._stream("targets", seed)', 'self._stream("train", seed)', 'targets from the training designs'),
    ('tasks/02_robotic_arm', '[a0, a1 - a0, a2 - a1 - a0]', '[a0, a1 - a0, a2 + a1 - a0]', 'the sign of an angle'),
    ('tasks/03_ballistics', 'relaxation_time * -torch.expm1(-t/relaxation_time)', 'relaxation_time * -torch.expm1(-t*relaxation_time)', 'a drag of the wrong time'),
    ('02_parallel', 'lost[name] < tries', 'lost[name] <= tries', 'one try too many'),
]


def survives(name, old, new):
    "Does the notebook with the wrong line still pass?"
    path = ROOT/'nbs'/f'{name}.ipynb'
    text = path.read_text(encoding='utf-8')
    old, new = (json.dumps(s, ensure_ascii=False)[1:-1] for s in (old, new))
    if text.count(old) != 1: raise SystemExit(f'{name}: expected {old!r} once, found {text.count(old)} times')
    beside = path.with_name(f'_mutant_{path.name}')
    beside.write_text(text.replace(old, new), encoding='utf-8')
    try: done = subprocess.run([Path(sys.executable).with_name('nbdev_test'), '--path', beside], cwd=ROOT, env=dict(os.environ, OMP_NUM_THREADS='1', TQDM_DISABLE='1'), capture_output=True, text=True)
    finally: beside.unlink()
    return done.returncode == 0 and 'Success.' in done.stdout


if __name__ == '__main__':
    left = 0
    for name, old, new, what in MUTANTS:
        alive = survives(name, old, new)
        left += alive
        print(f"{'SURVIVED' if alive else 'caught  '}  {name}: {what}", flush=True)
    print(f'{len(MUTANTS) - left} of {len(MUTANTS)} caught')
    sys.exit(left > 0)
