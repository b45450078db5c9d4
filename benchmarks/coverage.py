"""How sure: do intervals of 90 % hold what is measured at proposed designs, and are targets out of reach told from others?

    python benchmarks/coverage.py --task shell --rows 100 --tables 0 1 2 --out coverage.jsonl
    python benchmarks/coverage.py --show coverage.jsonl

Each table is learned by the default surrogate, the neural adjoint proposes three designs for each of 80 targets, and they are measured as the table was
(in its precision). `held`: the share of these measurements that lie in the interval of 90 %; designs that are rows of the table do not count.
Out of reach is the mean of two targets, or, with one or two measurements, a target beyond the largest ones, of which a search with the simulator itself
(Levenberg-Marquardt from the two nearest of 12,000 designs, and from what was proposed) finds no design within a tenth of the spread. `chance` and `reach`:
AUROC, the probability that a target which was measured is given more by `chance_within`, by `within_reach`, than one out of reach.
One line of JSON a table. One process takes seconds for up to 300 rows, one or two minutes for 1,000 and 8,000 rows of spectra."""
import argparse
import json
import math
import time
import warnings

import pandas as pd
import torch

from invnb.core import no_bars, stream
from invnb.methods.neural_adjoint import NeuralAdjoint
from invnb.methods.surrogate import Surrogate
from invnb.tasks.task import get_task
from invnb.use.judge import chance_within, expectation, independent, within_reach

TASKS = ("sine_wave", "robotic_arm", "ballistics", "stack", "shell", "metamaterial")
ROWS, TARGETS, NEW, NEAR = (30, 100, 300, 1000, 8000), 80, 3, .1


def asked_too_much(targets, every):
    "Targets that seem out of reach: between two measurements, or beyond every one"
    if targets.shape[1] > 2: return (targets + targets.roll(1, 0)) / 2
    if targets.shape[1] == 2: return targets * (1 + 2.2 / targets.norm(dim=1, keepdim=True))
    far = torch.rand(len(targets), 1, generator=stream("coverage", "far")).to(targets)
    return every.amax() + (.5 + far) * every.std()


def truly_best(task, x, targets, steps=6):
    "Least mean squared difference that a search with the simulator finds from designs (N, S, dx)"
    low, high = task.bounds.double()
    half, (N, S, dx) = (high - low) / 2, x.shape
    simulate = lambda u: task.simulate(low + half * (u + 1)).double()
    miss = lambda y: (y - wanted).square().mean(1).nan_to_num(math.inf)
    u = ((x.double() - low) / half - 1).flatten(0, 1).clamp(-1, 1)
    wanted = targets.double().repeat_interleave(S, 0)
    y = simulate(u)
    error, damping = miss(y), torch.full((len(u),), 1e-3).double()
    for _ in range(steps):
        side = torch.where(u > .5, -1e-5, 1e-5)                      # stay inside
        J = torch.stack([(simulate(u + side * axis) - y) / side[:, j:j+1]
                         for j, axis in enumerate(torch.eye(dx).double())], 2).nan_to_num()
        A, g = J.mT @ J, J.mT @ (wanted - y).nan_to_num()[..., None]
        usual = A.diagonal(dim1=1, dim2=2).mean(1)
        ridge = (damping * usual + 1e-12)[:, None, None] * torch.eye(dx).double()
        trial = (u + torch.linalg.solve(A + ridge, g)[..., 0]).clamp(-1, 1)
        new = simulate(trial)
        better = miss(new) < error
        u, y = torch.where(better[:, None], trial, u), torch.where(better[:, None], new, y)
        error = torch.where(better, miss(new), error)
        damping = torch.where(better, damping / 5, damping * 5).clamp(1e-9, 1e9)
    return error.view(N, S).amin(1)


def auroc(high, low):
    "Probability that one of the first is larger than one of the second; ties count half"
    if not len(low): return None
    high, low = high.double()[:, None], low.double()[None]
    return float(((high > low).double() + .5 * (high == low)).mean())


def one_table(name, rows, table, targets=TARGETS, saved=None):
    "What is measured of one table"
    start, task = time.process_time(), get_task(name)
    data = task.sample(math.ceil(1.25 * rows), seed=table)
    judge = Surrogate().fit(data, seed=table, progress=False) if saved is None else saved(name, data, table)
    fitted = time.process_time() - start
    method = NeuralAdjoint(judge).fit(data, progress=False)
    reached = task.targets(targets, seed=table)
    x = method.propose(reached, NEW).flatten(0, 1).to(data.x.dtype)
    new = torch.cat([(part[:, None] != data.x).any(2).all(1) for part in x.split(16)])
    y, (low, high) = task.simulate(x).double(), judge.interval(x)
    held = ((low <= y) & (y <= high))[new].double().mean()

    spread = data.y.double().var(0).mean()
    every = task.sample(12_000, seed=1_000_000)
    beyond = asked_too_much(reached, every.y)
    near = torch.cdist(beyond.double(), every.y.double()).topk(2, largest=False).indices
    found = method.propose(beyond, NEW)
    starts = torch.cat([every.x[near].to(found), found[:, :1]], 1)
    lost = (truly_best(task, starts, beyond) / spread).sqrt() > NEAR
    usual = float((judge.net.y_scale.std / judge.misfit.unit).square().mean())
    apart = independent(judge, data)

    def said(targets):
        designs = method.propose(targets, NEW)
        z, doubt = expectation(judge, designs.flatten(0, 1))
        wanted = judge.misfit.scaled(targets.to(z)).repeat_interleave(NEW, 0)
        chance = chance_within((wanted - z).square().mean(1) / usual, doubt.mean(1) / usual, NEAR, apart)
        return chance.view(-1, NEW).amax(1), within_reach(judge, data, designs, targets)

    (chance, reach), (no_chance, no_reach) = said(reached), said(beyond)
    return dict(task=name, rows=rows, table=table, held=float(held), new=int(new.sum()), lost=int(lost.sum()),
                chance=auroc(chance, no_chance[lost]), reach=auroc(reach, no_reach[lost]),
                reached_below_05=float((reach < .05).double().mean()),
                lost_below_05=float((no_reach[lost] < .05).double().mean()) if lost.any() else None,
                error=judge.error / usual, why=judge.why, fit_s=round(fitted, 2),
                all_s=round(time.process_time() - start, 2))


def show(path):
    "Means over tables, least and largest of `held`"
    lines = pd.read_json(path, lines=True).drop_duplicates(["task", "rows", "table"], keep="last")
    group = lines.groupby(["task", "rows"], sort=False)
    held = group.held.agg(["mean", "min", "max", "size"])
    table = pd.DataFrame({"tables": held["size"], "held": held["mean"].map("{:.3f}".format),
                          "from": held["min"].map("{:.2f}".format), "to": held["max"].map("{:.2f}".format)})
    for name in ("chance", "reach", "reached_below_05", "lost_below_05"): table[name] = group[name].mean().map("{:.3f}".format)
    return table.reset_index()


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--task", nargs="*", default=TASKS)
    options.add_argument("--rows", nargs="*", type=int, default=ROWS)
    options.add_argument("--tables", nargs="*", type=int, default=[0, 1, 2])
    options.add_argument("--out", default="coverage.jsonl")
    options.add_argument("--show", metavar="FILE", help="print the table of a file of lines, and stop")
    given = options.parse_args()
    if given.show: return print(show(given.show).to_string(index=False))
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", "targets: .* outside the measurements seen")
    for name in given.task:
        for rows in given.rows:
            for table in given.tables:
                line = one_table(name, rows, table)
                with open(given.out, "a") as file: file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    with no_bars(): main()
