"""Which designs survive fabrication: the nominal best or the robust one, at equal simulations?

    python benchmarks/yield.py               # stack, shell and metamaterial: about ten minutes on one core
    python benchmarks/yield.py shell         # one of them

One surrogate a task (3,000 simulated rows), one search without and one with `tolerance=`, 20 targets. Each search simulates its first ten candidates as they were designed, and
- the nominal one keeps the design that came out best, as everybody does;
- the robust one simulates nothing more than its ten either, and keeps the one that is expected to be best once it is built (`best_built`: as measured, with the surrogate's scatter around it).
A built design scatters by 5 % of the half width of the box in each column (a standard deviation). Five hundred pieces of each design are simulated truly: that is the judge, and no method sees it.
A piece passes when its squared error is within the limit: the median, over targets, of the expected error of the nominal design's pieces. So the nominal yield is around one half for a usual target, and the question is what the robust one makes of it.
"""
import sys, time
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import torch
from invnb.methods.method import load_method
from invnb.methods.neural_adjoint import NeuralAdjoint
from invnb.methods.network import Network
from invnb.methods.robust import best_built, production_errors
from invnb.tasks.task import get_task

here, rows, budget, pieces, share = Path(__file__).parent, 3000, 10, 500, .05


def fitted(task):
    "A neural adjoint on a network, fitted and kept"
    folder = here / "runs" / f"yield_{task.name}"
    if not (folder / "model.safetensors").exists():
        NeuralAdjoint(Network(epochs=100)).fit(task.sample(rows), progress=False).save(folder)
    return load_method(folder)


def compare(name, targets=20):
    "Errors of the pieces (targets, pieces) of both designs, and the seconds of both searches"
    task = get_task(name)
    method, wanted = fitted(task), task.targets(targets)
    method.surrogate.misfit = method.misfit            # a surrogate that was loaded with its method
    tolerance = share * (task.bounds[1] - task.bounds[0]) / 2
    errors, seconds, kept = {}, {}, {}
    for search in ("nominal", "robust"):
        method.tolerance = None if search == "nominal" else tolerance.tolist()
        start = time.process_time()
        found = method.search(task.simulate, wanted, budget)
        seconds[search] = (time.process_time() - start) / targets
        robust = best_built(method.surrogate, found.x, found.y, wanted, tolerance)
        kept[search] = found.best() if search == "nominal" else robust
        errors[search] = production_errors(task.simulate, kept[search], wanted, tolerance, pieces)
    return errors, seconds


def main(names):
    torch.set_num_threads(1)
    table, figure = {}, plt.subplots(1, len(names), figsize=(2.7 * len(names), 3.1), squeeze=False, layout="constrained")
    for name, ax in zip(names, figure[1][0]):
        errors, seconds = compare(name)
        limit = float(errors["nominal"].mean(1).median())
        passed = {search: (e <= limit).double().mean(1) for search, e in errors.items()}
        for search, e in errors.items():
            table[name, search] = {"expected error": f"{e.mean():.2e}", "yield": f"{passed[search].mean():.0%}",
                                   "targets with more yield": f"{(passed[search] > passed[{'nominal': 'robust', 'robust': 'nominal'}[search]]).double().mean():.0%}",
                                   "CPU ms a target": f"{1e3 * seconds[search]:.0f}"}
        ax.plot([0, 100], [0, 100], color=".7", lw=1, zorder=0)
        ax.scatter(100 * passed["nominal"], 100 * passed["robust"], marker="o", edgecolor="w")
        ax.set(title=name, xlabel="yield, nominal best (%)", xlim=(-3, 103), ylim=(-3, 103), aspect="equal")
        print(pd.DataFrame(table).T.loc[[name]].to_string(), flush=True)
    figure[1][0][0].set_ylabel("yield, robust (%)")
    figure[0].savefig(here / "yield.png", dpi=100)
    print("\n" + pd.DataFrame(table).T.to_string())


if __name__ == "__main__":
    main(sys.argv[1:] or ["stack", "shell", "metamaterial"])
