"""How many fine simulations does a coarse simulator save? The neural adjoint on a few fine designs and a coarse surrogate, beside fine designs alone.

    python benchmarks/two_fidelities.py metamaterial --kept runs/coarse --out two_fidelities.jsonl
    python benchmarks/two_fidelities.py shell --kept runs/coarse --out two_fidelities.jsonl

The fine simulator is that of the task. The coarse ones are, for the meta-material, the full-wave solver with 3 and with 4 harmonics a side, where the task's networks
imitate it with 6 (7 % and 19 % of its time); for the shell, the exact sum over 8 orders instead of 15 (half of the time). They answer 5,000 and 10,000 designs, from
which a coarse surrogate is learned once, and kept in the folder --kept. On one core: three and ten minutes for the coarse spectra and three for their surrogates
(meta-material), ten seconds and five minutes (shell); then half a minute to two minutes a line. One line of JSON for each way, number of fine designs and seed: r_1 and
r_10 over 100 targets, and the mean squared error at 1,000 new designs. The way `coarse` asks the coarse surrogate itself; fifty fine designs are where it starts from."""
import argparse
import json
import time
import warnings
from pathlib import Path

import torch

from invnb.core import Data, no_bars, stream
from invnb.methods.neural_adjoint import NeuralAdjoint
from invnb.methods.surrogate import Surrogate
from invnb.methods.two_fidelities import TwoFidelities
from invnb.tasks.rcwa import frequencies, sizes, spectrum
from invnb.tasks.shell import scattering_efficiency, shell_indices, shell_thickness, shell_wavelengths
from invnb.tasks.task import get_task

DESIGNS, KNOBS = dict(metamaterial=5_000, shell=10_000), dict(metamaterial=(3, 4), shell=(8,))
BOTH, ALONE, SEEDS, TARGETS, NEW = (50, 100, 200), (250, 500, 1000, 2000), 3, 100, 1000


def few_harmonics(x, order): return spectrum(*sizes(x.double()), frequencies, order=order)[0].float()


def few_orders(x, orders):
    index = shell_indices(shell_wavelengths)
    parts = [scattering_efficiency(r.cumsum(1), index, shell_wavelengths, orders) for r in shell_thickness(x).split(128)]
    return torch.cat(parts).float()


def coarse_surrogate(task, knob, kept):
    "Of what the cheap simulator says; learned once"
    folder = Path(kept) / f"{task.name}-{knob}"
    if not folder.exists():
        simulate = dict(metamaterial=few_harmonics, shell=few_orders)[task.name]
        low, high = task.bounds
        x = low + (high - low) * torch.rand(DESIGNS[task.name], task.dx, generator=stream("two fidelities", "coarse"))
        start, n = time.process_time(), len(x)
        y = simulate(x, knob)
        print(f"{n} coarse designs: {time.process_time() - start:.0f} CPU s", flush=True)
        data = Data(x, y, task.bounds, torch.arange(n) >= .8 * n, same_unit=True)
        Surrogate().fit(data, progress=False).save(folder)
    return Surrogate.load(folder)


def line(task, way, knob, surrogate, rows, seed):
    "What the neural adjoint reaches with it"
    data, start = task.sample(rows or 50, seed), time.process_time()
    method = NeuralAdjoint(surrogate).fit(data, seed, progress=False)
    fit = time.process_time() - start
    x = task.prior(NEW, stream("two fidelities", "new"))
    wrong = float((method.surrogate(x) - task.simulate(x)).square().mean())
    error = method.search(task.simulate, task.targets(TARGETS), 10, seed).error.cummin(1).values.mean(0)
    return dict(task=task.name, way=way, knob=knob, rows=rows, seed=seed, r_1=float(error[0]), r_10=float(error[9]), wrong=wrong,
                fit_s=round(fit, 1), why=method.surrogate.why)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=list(DESIGNS))
    parser.add_argument("--kept", default="runs/coarse", help="folder of the coarse surrogates")
    parser.add_argument("--out", default="two_fidelities.jsonl", help="file that gets the lines; what is there is not made again")
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    task, out = get_task(args.task), Path(args.out)
    done = [json.loads(text) for text in out.read_text().splitlines()] if out.exists() else []
    known = {(row["task"], row["way"], row["knob"], row["rows"], row["seed"]) for row in done}
    with no_bars():
        coarse = {knob: coarse_surrogate(task, knob, args.kept) for knob in KNOBS[task.name]}
        for seed in range(SEEDS):                     # new ones each time: what comes fitted is not fitted again
            ways = [("alone", 0, Surrogate(), rows) for rows in ALONE] + [("coarse", knob, one, 0) for knob, one in coarse.items()]
            ways += [("both", knob, TwoFidelities(one), rows) for knob, one in coarse.items() for rows in BOTH]
            for way, knob, surrogate, rows in ways:
                if (task.name, way, knob, rows, seed) in known: continue
                found = line(task, way, knob, surrogate, rows, seed)
                with out.open("a") as file: file.write(json.dumps(found) + "\n")
                print(found, flush=True)


if __name__ == "__main__": main()
