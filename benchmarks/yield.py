"""Which designs survive fabrication: nominal ones or robust ones, at equal simulations?

    python benchmarks/yield.py                          # stack, shell and metamaterial: minutes on all cores
    python benchmarks/yield.py --only shell --targets 20 --seeds 1 --out /tmp/shell.json

For each task three surrogates (seeds of the 3,000 simulated rows and of the training), and 100 targets that none of them has seen. Each search simulates ten designs a target, as they were drawn:
- the list: ten candidates of the neural adjoint; of the nominal one the design is kept that came out best, as everybody does; of the robust one (`tolerance=`) the one that is expected to be best once it is built (`best_built`: as measured, with the surrogate's scatter around it);
- the loop: the same for `ClosedLoop`, whose every simulation corrects the surrogate.
A built design scatters by 5 % of the half width of the box in each column (a standard deviation). Two hundred pieces of each kept design are simulated truly: that is the judge, and no method sees it.
A piece passes when its squared error is within the limit: the median, over the targets, of the expected error of the nominal list's pieces. So its yield is around one half for a usual target, and the question is what the others make of it.
The settings were chosen on other rows and other targets (seeds 11 and 12 of the rows, 111 and 112 of the targets).
The numbers go to benchmarks/yield.json, from which the page on robust designs makes its table and its picture.
"""
import argparse, json, multiprocessing, os, tempfile, time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pandas as pd
import torch
from invnb.core import no_bars
from invnb.methods.closed_loop import ClosedLoop
from invnb.methods.method import Search, load_method
from invnb.methods.network import Network
from invnb.methods.robust import best_built, production_errors
from invnb.tasks.task import get_task

here, rows, budget, pieces, share = Path(__file__).parent, 3000, 10, 200, .05
tasks, searches = ["stack", "shell", "metamaterial"], ["nominal list", "robust list", "nominal loop", "robust loop"]


def fit(name, seed, folder):
    "A loop on a network, saved: the list is what it proposes"
    torch.set_num_threads(1)
    with no_bars(): ClosedLoop(Network(epochs=100)).fit(get_task(name).sample(rows, seed), seed, progress=False).save(folder)


def compare(name, folder, seed, first, last, targets):
    "Errors (targets, pieces) of what each search keeps, and its CPU seconds"
    torch.set_num_threads(1)
    task, method = get_task(name), load_method(folder)
    method.surrogate.misfit = method.misfit            # a surrogate that was loaded with its method
    wanted = task.targets(targets, seed)[first:last]
    tolerance, errors, seconds = share * (task.bounds[1] - task.bounds[0]) / 2, {}, {}
    with no_bars():
        for search in searches:
            robust, loop = search.startswith("robust"), search.endswith("loop")
            method.tolerance = tolerance.tolist() if robust else None
            start = time.process_time()
            if loop: found = method.search(task.simulate, wanted, budget)
            else: found = listed(method, task.simulate, wanted)
            x = best_built(method.surrogate, found.x, found.y, wanted, tolerance) if robust else found.best()
            seconds[search] = time.process_time() - start
            errors[search] = production_errors(task.simulate, x, wanted, tolerance, pieces)
    return errors, seconds


def listed(method, simulate, wanted):
    "What the neural adjoint, which is in the loop, proposes, all simulated"
    x = method.propose(wanted, budget)
    return Search(x, simulate(x.flatten(0, 1)).view(*x.shape[:2], -1), wanted, method.misfit)


def summary(stored):
    "A row for each task and search: yields, and how they differ from the nominal list's, with a standard error"
    table = {}
    for name, by_search in stored["tasks"].items():
        nominal = torch.tensor(by_search["nominal list"]["yield"], dtype=torch.float64)
        for search, found in by_search.items():
            passed, error = (torch.tensor(found[key], dtype=torch.float64) for key in ("yield", "error"))
            less = passed - torch.tensor(by_search["nominal " + search.split()[1]]["yield"], dtype=torch.float64)
            table[name, search] = {"error": f"{error.mean():.2e}", "yield": f"{passed.mean():.1%}", "gain": f"{(passed - nominal).mean():+.1%}",
                                   "over nominal": f"{less.mean():+.1%} ± {less.std() / len(less)**.5:.1%}", "CPU ms": f"{1e3 * found['seconds']:.0f}"}
    return pd.DataFrame(table).T


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--only", choices=tasks)
    options.add_argument("--targets", type=int, default=100)
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--first", type=int, default=0, help="first seed")
    options.add_argument("--workers", type=int, default=os.cpu_count())
    options.add_argument("--out", default=here / "yield.json")
    options = options.parse_args()
    names, N = [options.only] if options.only else tasks, options.targets
    cases = [(name, seed) for name in names for seed in range(options.first, options.first + options.seeds)]
    stored = dict(rows=rows, budget=budget, pieces=pieces, share=share, targets=N, seeds=options.seeds, tasks={})
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(options.workers, spawn) as pool:
        place = lambda name, seed: str(Path(folder) / f"{name}_{seed}")
        for done in [pool.submit(fit, *case, place(*case)) for case in cases]: done.result()
        parts = {case: [pool.submit(compare, case[0], place(*case), case[1], i, min(N, i + 10), N) for i in range(0, N, 10)]
                 for case in cases}
        for name, seed in cases:
            found = [part.result() for part in parts[name, seed]]
            errors = {search: torch.cat([e[search] for e, _ in found]) for search in searches}
            limit = errors["nominal list"].mean(1).median()
            for search, error in errors.items():
                kept = stored["tasks"].setdefault(name, {}).setdefault(search, {"yield": [], "error": [], "seconds": 0.})
                kept["yield"] += (error <= limit).double().mean(1).tolist()
                kept["error"] += [float(f"{e:.4g}") for e in error.mean(1)]
                kept["seconds"] += sum(s[search] for _, s in found) / N / options.seeds
    Path(options.out).write_text(json.dumps(stored) + "\n")
    print(summary(stored).to_string())


if __name__ == "__main__": main()
