"""Where measurements are noisy: does the interval of r_T hold the truth, and is a method ever called better than itself?

    python benchmarks/noisy.py             # arm and sine wave, 10 % noise, three methods: some minutes on one core

Tables, and the answers to methods that ask, have the noise; errors are those of the designs without it. The truth is the mean over all seeds. Each interval knows three of them,
and each comparison is of three seeds of a method with three others, so that nothing but chance is different."""
import argparse
from dataclasses import replace

import pandas as pd
import torch

from invnb.bench.interval import interval
from invnb.bench.metrics import per_target
from invnb.bench.paired import paired
from invnb.bench.run import cell_spec, run_cell
from invnb.core import no_bars
from invnb.methods.method import get_method
from invnb.methods.neural_adjoint import NeuralAdjoint
from invnb.methods.process import GaussianProcess
from invnb.tasks.task import get_task

METHODS = {"random_search": lambda: get_method("random_search"), "direct_search": lambda: get_method("direct_search"),
           "neural_adjoint": lambda: NeuralAdjoint(GaussianProcess("rbf", refits=0))}
AT = (1, 5, 10)         # simulations a target


def noisy(task, share):
    "The task, with an error of each measured number that is a share of it"
    def measure(x, generator):
        y = task.simulate(x)
        return y * (1 + share * torch.randn(y.shape, generator=generator).to(y))
    return replace(task, name=f"noisy_{task.name}", measure=measure)


def line(task, name, args):
    "How often the interval held the truth, and how often a method was called better than itself"
    curves = []
    for seed in range(args.seeds):
        method = METHODS[name]()
        record = run_cell(task, method, cell_spec(task, name, method, seed, args.rows, 100, max(AT)))
        curves.append(per_target(record.error, exchangeable=record.facts["exchangeable"]))
    truth = torch.stack(curves).mean((0, 1))
    threes = [curves[i:i+3] for i in range(0, args.seeds - 2, 3)]
    ends = [interval(three) for three in threes]
    held = [sum(bool(low[T-1] <= truth[T-1] <= high[T-1]) for low, high in ends) for T in AT]
    pairs = list(zip(threes[::2], threes[1::2]))
    alarms = sum(float(paired(a, b)["p"][-1]) < .05 for a, b in pairs)
    return {"task": task.name, "method": name} | {f"r_{T}": f"{truth[T-1]:.1e}" for T in AT} | {
        f"held, T = {T}": f"{n} of {len(ends)}" for T, n in zip(AT, held)} | {"better than itself": f"{alarms} of {len(pairs)}"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", nargs="+", default=["robotic_arm", "sine_wave"])
    parser.add_argument("--noise", type=float, default=.1, help="share of a measured number")
    parser.add_argument("--rows", type=int, default=200, help="of a table")
    parser.add_argument("--seeds", type=int, default=45, help="three for each interval")
    args = parser.parse_args()
    torch.set_num_threads(1)
    with no_bars():
        rows = [line(noisy(get_task(name), args.noise), method, args) for name in args.task for method in METHODS]
    print(pd.DataFrame(rows).to_string(index=False))


if __name__ == "__main__": main()
