"""What a network along the curve is worth to the two searches that ask a surrogate: python benchmarks/curves.py [TASK ...] [--seed 0] [--rows 10000] [--budget 50]

For each task of optics and for either network, alone: its error on held-out rows, the CPU seconds of its
training, and r_T of the neural adjoint and of the closed loop for 200 targets that no method has seen. A quarter of an hour a task on one core."""
import argparse
import time

import pandas as pd
import torch

from invnb.core import no_bars
from invnb.methods.closed_loop import ClosedLoop
from invnb.methods.network import Network
from invnb.methods.neural_adjoint import NeuralAdjoint
from invnb.tasks.task import get_task


def measured(task, data, network, seed, budget):
    "One row a search"
    start = time.process_time()
    network.fit(data, seed, progress=False)
    trained, targets = time.process_time() - start, task.targets(200)
    for name, method in (("neural_adjoint", NeuralAdjoint), ("closed_loop", ClosedLoop)):
        start = time.process_time()
        found = method(surrogate=network).fit(data, seed, progress=False).search(task.simulate, targets, budget, seed)
        r = found.error.cummin(1).values.mean(0)
        yield {"task": task.name, "network": "along the curve" if network.channels else "fully connected", "held_out": network.error, "training_s": trained,
               "method": name, **{f"r_{T}": float(r[T - 1]) for T in (1, 10, 50, 200) if budget >= T}, "search_s": time.process_time() - start}


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("tasks", nargs="*", default=["shell", "metamaterial", "stack"])
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--rows", type=int, default=10_000)
    asked.add_argument("--budget", type=int, default=50, help="simulations a target")
    asked, found = asked.parse_args(), []
    torch.set_num_threads(1)
    for name in asked.tasks:
        task = get_task(name)
        with no_bars():
            data = task.sample(asked.rows, asked.seed)
            for network in (Network.for_curves(), Network()):
                for row in measured(task, data, network, asked.seed, asked.budget):
                    found.append(row)
                    print(pd.DataFrame([row]).to_string(index=False, float_format="{:.2e}".format), flush=True)
    print(pd.DataFrame(found).to_string(index=False, float_format="{:.2e}".format))
