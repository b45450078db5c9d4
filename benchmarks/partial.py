"""What is a network worth that takes parts of a measurement, where only a part is wanted? python benchmarks/partial.py robotic_arm 0:1; python benchmarks/partial.py stack 50:120 [--method mdn] [--seed 5]

Wanted are some columns of 200 measurements that no method has seen; the other columns are open. Three ways: a network that knows whole measurements, asked after
the gap was filled from similar rows; one that was taught parts (`partial=True`); one that was taught these columns alone. r_T counts the wanted columns. The first
lines are for whole measurements: what the parts cost. Five to eight minutes on one core."""
import argparse
import time

import torch

from invnb.bench.metrics import r_T
from invnb.core import Data, no_bars
from invnb.methods.method import get_method
from invnb.tasks.task import get_task


def fitted(name, data, seed, **settings):
    "A method, and the CPU seconds of its training"
    began = time.process_time()
    method = get_method(name, **settings).fit(data, seed, progress=False)
    return method, time.process_time() - began


def show(text, method, seconds, simulate, targets, seed):
    r = r_T(method.search(simulate, targets, budget=50, seed=seed).error, exchangeable=True)
    print(f"{text:40}", *(f"r_{T} {float(r[T - 1]):.1e}" for T in (1, 10, 50)), f"trained in {seconds:.0f} CPU s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task")
    parser.add_argument("columns", help="that are wanted, e.g. 50:120")
    parser.add_argument("--method", default="mdn")
    parser.add_argument("--seed", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    task = get_task(args.task)
    data, targets = task.sample(10_000, args.seed), task.sample(2000, 900 + args.seed).y[:200]
    wanted = slice(*map(int, args.columns.split(":")))
    part = torch.full_like(targets, torch.nan)
    part[:, wanted] = targets[:, wanted]
    for text, settings in (("taught whole measurements", {}), ("taught parts", {"partial": True})):
        method, seconds = fitted(args.method, data, args.seed, **settings)
        show(f"{text}, whole wanted", method, seconds, task.simulate, targets, args.seed)
        show(f"{text}, a part wanted", method, seconds, task.simulate, part, args.seed)
    few = Data(data.x, data.y[:, wanted], data.space or data.bounds, data.valid, same_unit=data.same_unit)
    alone, seconds = fitted(args.method, few, args.seed)
    show("taught that part alone", alone, seconds, lambda x: task.simulate(x)[:, wanted], targets[:, wanted], args.seed)


if __name__ == "__main__":
    with no_bars(): main()
