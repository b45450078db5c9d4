"""The slopes of the full-wave solver: what they cost, whether they are right, and what a polish by them is worth.

    python benchmarks/polish.py                    # a quarter of an hour on one core

Slopes: CPU seconds of 30 frequencies with and without them, orders 6, 8 and 10, and their largest distance from differences of fourth order, relative to the largest slope of the same length.
Polish: 20 spectra of cells of the prior by Maxwell's equations. The neural adjoint learns from 6,000 cells of the bundled networks and proposes five cells for each, which are simulated; the best one is polished, or the best three, of which the best is kept."""
import argparse
import time

import torch

from invnb.core import no_bars
from invnb.methods.network import Network
from invnb.methods.neural_adjoint import NeuralAdjoint
from invnb.tasks.metamaterial import polished
from invnb.tasks.rcwa import frequencies, lattice_period, silicon, slopes, transmission
from invnb.tasks.task import get_task

CELL = torch.tensor([[35., 41.5, 52., 30.2], [42., 47.3, 51.9, 44.]]).double()


def timed(call):
    began = time.process_time()
    found = call()
    return found, time.process_time() - began

def of_slopes():
    freq = frequencies[::10]
    for order in (6, 8, 10):
        power = lambda cell: transmission(cell[:1], cell[1:], freq, order)[0]
        power(CELL)                                                         # fills the caches
        (value, plain), ((same, slope), both) = timed(lambda: power(CELL)), timed(
            lambda: slopes(*CELL, freq, silicon(freq), order, lattice_period))
        said = f"order {order}: value {plain:.2f} s, with slopes {both:.2f} s ({both/plain:.1f} times); values differ by {float((value - same).abs().max()):.0e}"
        if order == 6:
            def near(i, h): return sum(s * power(CELL + s*h*torch.eye(8)[i].view(2, 4)) for s in (1, -1)) / (2*h)
            differences = torch.stack([(4*near(i, 1e-3) - near(i, 2e-3)) / 3 for i in range(8)], 1)
            apart = (differences - slope).abs().amax(0) / slope.abs().amax(0)
            said += f", slopes and differences by {float(apart.max()):.0e}"
        print(said, flush=True)

def of_polish(count):
    fast, exact = get_task("metamaterial"), get_task("metamaterial", simulator="rcwa")
    method = NeuralAdjoint(Network(epochs=50)).fit(fast.sample(6000, seed=33), progress=False)
    errors = []
    for i, wish in enumerate(exact.targets(count, seed=901)):
        misfit = lambda x: (exact.simulate(x) - wish).square().mean(1)
        proposed = method.propose(wish[None], 5)[0]
        before = misfit(proposed)
        after, took = timed(lambda: misfit(polished(proposed[before.argsort()[:3]], wish)))
        errors.append(torch.stack([before.min(), after[0], after.min()]).double())
        print(f"{i}: best of five {errors[-1][0]:.1e}, polished {errors[-1][1]:.1e}, best of three polished {errors[-1][2]:.1e} ({took:.0f} s)", flush=True)
    errors = torch.stack(errors)
    print("mean", *(f"{e:.1e}" for e in errors.mean(0)), "median", *(f"{e:.1e}" for e in errors.median(0).values))
    for k, name in enumerate(("the best polished", "three polished"), 1):
        print(f"{name}: mean {errors.mean(0)[0]/errors.mean(0)[k]:.0f} times lower, at least tenfold for {int((errors[:, k] * 10 <= errors[:, 0]).sum())} of {count}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", type=int, default=20)
    args = parser.parse_args()
    torch.set_num_threads(1)
    with no_bars():
        of_slopes()
        of_polish(args.targets)
