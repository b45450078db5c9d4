"""How far ten rows go: the robotic arm from 10, 30 and 100 rows, and its closed loop from ten.

    python benchmarks/few_rows.py

Five tables. Above, what the surrogate leaves of the variance of 4,000 designs that it has not seen. Below, 200 targets, solved where the squared
error is at most 1e-4 of the variance, within 60 simulations each; with the default surrogate and with a network."""
import warnings

import pandas as pd
import torch

from invnb.core import no_bars
from invnb.methods.closed_loop import ClosedLoop
from invnb.methods.network import Network
from invnb.methods.surrogate import Surrogate
from invnb.tasks.task import get_task

SEEDS, BUDGET = range(5), 60


def left_over(task, rows, seed, test):
    "Share of the variance that the surrogate from so many rows does not explain"
    surrogate = Surrogate().fit(task.sample(rows, seed=seed), seed=seed, progress=False)
    wrong = surrogate(test.x.double()) - test.y.double()
    return float(wrong.square().mean() / test.y.double().var(0).mean())


def needed(task, make, seed, targets, goal):
    "Simulations that each target needs; one more than the budget where it is not solved"
    loop = make().fit(task.sample(10, seed=seed), seed=seed, progress=False)
    solved = loop.search(task.simulate, targets, BUDGET, seed=seed).error <= goal
    return torch.where(solved.any(1), solved.double().argmax(1) + 1, BUDGET + 1)


def main():
    warnings.filterwarnings("ignore", "targets: .* outside the measurements seen")
    task = get_task("robotic_arm")
    test, targets = task.sample(4000, seed=99), task.targets(200)
    goal = 1e-4 * float(test.y.double().var(0).mean())
    table = pd.DataFrame({f"{rows} rows": [left_over(task, rows, seed, test) for seed in SEEDS]
                          for rows in (10, 30, 100)}, index=pd.Index(SEEDS, name="table"))
    table.loc["mean"] = table.mean()
    print(table.map("{:.2g}".format), end="\n\n")
    for name, make in {"default": ClosedLoop,
                       "network": lambda: ClosedLoop(Network.for_rows(10))}.items():
        counts = [needed(task, make, seed, targets, goal) for seed in SEEDS]
        lines = [[f"{(count <= BUDGET).double().mean():.1%}", int(count.median()), int(count.max())]
                 for count in counts]
        print(pd.DataFrame(lines, columns=["solved", "median", "largest"],
                           index=pd.Index(SEEDS, name=f"{name}, table")), end="\n\n")


if __name__ == "__main__":
    with no_bars(): main()
