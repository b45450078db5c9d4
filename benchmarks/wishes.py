"""Wishes and spaces: what is reached, on the two tasks that need them, and on three that do not.

    python benchmarks/wishes.py --out benchmarks/wishes.json                  # all parts
    python benchmarks/wishes.py --only intervals --tasks stack --seeds 0
    python benchmarks/wishes.py --show benchmarks/wishes.json

coating: seven films of chosen materials and thicknesses, and four wishes, see `coating_wishes`. The neural adjoint and the closed loop learn from a table of 30,000 simulated coatings once, for all wishes, and then simulate 50 designs a wish.
    Beside them: the best row of that table; 500 random coatings; 500 that a genetic search proposes by the same surrogate; least squares on the simulator from the best rows, 500 simulations; differential evolution (scipy) on the simulator alone, 500 simulations;
    and the quarter-wave stack of the textbooks with as many films, at the wavelength at which it does best. What counts is how far the worst column is from what was wanted (for the curve: the root mean square).
ink: 200 colours, each within Delta E 1, with the least ink and at most three full layers. One process learns from 600 simulated patches and the solid inks. The wish is the colour exactly, with at most so much ink: 29 limits from 20 to 300 percent, judged by the process, say between which two the answer lies,
    and twenty limits between them give twenty candidates, of which the one with the least ink within Delta E 1 is kept (20 simulations a colour). The optimum is SLSQP's (scipy), on the formula itself, from the eight nearest of 2,000 patches.
intervals: is an interval ever worse than its middle? 200 targets a task, each allowed a width (a tenth of a deviation of each column to either side); asked as an interval, and asked as its middle, of the same neural adjoint. Share of wishes that are met within T = 1, 3, 10, 30 candidates.
masked: some columns of a measurement are wanted, the rest is open (see MASKS). A method that learned whole measurements, against the same method that learned the wanted columns alone, from the same 3,000 designs: r_T of the wanted columns, T = 1, 10, 50.
    A method that draws is asked three ways: a mixture network for which the rest is filled in from similar rows; one that was taught parts of measurements (`partial=True`); and the draws of the first as starts of the neural adjoint.
A file that exists already keeps the parts that are not made anew.
Settings were chosen on coatings of eight films, on colours of another seed, and on tables of another seed.
"""
import argparse, itertools, json, time
from pathlib import Path

import numpy as np
import torch
from scipy.optimize import differential_evolution, minimize

from invnb.bench.metrics import r_T
from invnb.core import Data, no_bars
from invnb.methods.closed_loop import ClosedLoop
from invnb.methods.method import get_method
from invnb.methods.network import Network
from invnb.methods.neural_adjoint import NeuralAdjoint
from invnb.methods.process import GaussianProcess
from invnb.tasks.coating import coating_wavelengths, quarter_wave
from invnb.tasks.ink import ink_colour
from invnb.tasks.task import get_task
from invnb.wish import Wish

PARTS = "coating", "ink", "intervals", "masked"
MASKS = {"robotic_arm": (0, 1), "stack": (50, 120), "shell": (0, 100)}        # columns that are wanted
WIDE = lambda: Network(hidden=(256, 256, 256), epochs=25, ensemble=4)


def coating_wishes():
    "Name: a wish for one coating"
    nm, nothing = coating_wavelengths, torch.nan
    within = lambda a, b: (nm >= a) & (nm <= b)
    levels = lambda *parts: torch.stack([torch.where(inside, level, nothing) for inside, level in parts]).nan_to_num(0).sum(0)
    only = lambda inside, level: torch.where(inside, level, nothing)[None]
    mirror, clear = Wish.at_least(only(within(500, 600), .95)), Wish.at_most(only(within(450, 650), .01))
    sides = within(460, 500) | within(600, 640)
    low = torch.where(sides, .8, -torch.inf)[None]
    high = torch.where(within(540, 560), .1, torch.inf)[None]
    curve = .1 + .6 * torch.sigmoid((nm - 620) / 30)                 # a soft edge: red comes back
    worst = lambda wish: Wish(wish.lower, wish.upper, wish.weight, worst=True)
    return {"mirror": worst(mirror), "antireflection": worst(clear), "notch": worst(Wish(low, high)), "curve": Wish.exactly(curve[None])}


def missed(wish, y):
    "How far each measurement (n, dy) is from what is wanted: the worst column, or the root mean square"
    return wish.error(y).sqrt()


def coating(seed, rows, budget, more):
    "Found with each search: how far from the wish, and what it cost"
    task, found = get_task("coating", layers=7), {}
    start = time.process_time()
    data = task.sample(rows, seed)
    learned = ClosedLoop(WIDE()).fit(data, seed, progress=False)
    cost = time.process_time() - start
    fresh, chance = get_method("direct_search").fit(data), get_method("random_search").fit(task.sample(10 * more, 100 + seed))
    genetic = get_method("genetic_search", surrogate=learned.surrogate).fit(data)
    adjoint = NeuralAdjoint(learned.surrogate).fit(data, seed)
    searches = {f"neural adjoint, {budget}": (adjoint, budget), f"closed loop, {budget}": (learned, budget), f"random, {more}": (chance, more),
                f"genetic by the surrogate, {more}": (genetic, more), f"direct, {more}": (fresh, more)}
    for name, wish in coating_wishes().items():
        line = found[name] = {"best row of the table": dict(missed=float(missed(wish, data.y).amin()))}
        for label, (method, n) in searches.items():
            start = time.process_time()
            search = method.search(task.simulate, wish, n, seed)
            line[label] = dict(missed=float(missed(wish[0], search.y[0]).amin()), seconds=time.process_time() - start, x=search.best()[0].tolist())
            assert task.space.contains(search.x[0].double()).all()
        line["neural adjoint, first"] = dict(missed=float(missed(wish, task.simulate(adjoint.propose(wish, budget, seed)[0, :1]))[0]))
        line[f"evolution, {more}"] = evolution(task, wish, more, seed)
        nm = torch.arange(400., 1000., 5.)
        piles = torch.cat([quarter_wave(7, float(at)) for at in nm])
        line["quarter-wave stack"] = dict(missed=float(missed(wish, task.simulate(piles)).amin()))
    return dict(rows=rows, seconds=cost, unexplained=float(1 - learned.net.surrogate.r2.mean()), wishes=found)


def evolution(task, wish, n, seed):
    "Differential evolution on the simulator, with whole numbers for materials"
    tried, (low, high) = [], task.space.bounds
    class Enough(Exception): pass
    def value(x):
        if len(tried) == n: raise Enough
        x = torch.as_tensor(x)[None]
        x[:, ::2] = x[:, ::2].round()
        tried.append(float(missed(wish, task.simulate(x))[0]))
        return tried[-1]
    try: differential_evolution(value, list(zip(low, high)), integrality=task.space.discrete.numpy(), popsize=2, rng=seed, maxiter=10**6, tol=0, polish=False)
    except Enough: pass
    return dict(missed=min(tried), simulations=len(tried))


def least_ink(colour, starts):
    "SLSQP: the least ink (percent) within Delta E 1 and the rule"
    seen = lambda x: ink_colour(torch.tensor(x[None]))[0, :3].numpy()
    room = lambda x: 1 - ((seen(x) - colour)**2).sum()
    limits, best = [dict(type="ineq", fun=room), dict(type="ineq", fun=lambda x: 3 - x.sum())], np.inf
    for start in starts:
        x = np.clip(minimize(np.sum, start, method="SLSQP", bounds=[(0, 1)] * 4, constraints=limits, options=dict(maxiter=200, ftol=1e-9)).x, 0, 1)
        if room(x) >= -1e-4 and x.sum() <= 3 + 1e-6: best = min(best, 100 * x.sum())
    return best


def within_ink(method, colours, most):
    "Inks (N, k, 4) for colours (N, 3) and limits (N, k) of the ink in all, in percent: the colour exactly, the ink at most so much"
    k = most.shape[1]
    colour, limit = colours.repeat_interleave(k, 0), most.flatten()[:, None]
    weight = torch.tensor([1., 1., 1., 10.]).expand(len(colour), -1)
    wish = Wish(torch.cat([colour, torch.full_like(limit, -torch.inf)], 1), torch.cat([colour, limit], 1), weight)
    return method.propose(wish, 1).double().view(*most.shape, 4)


def ink(seed, rows, colours):
    "Ink used, against the optimum"
    task, start = get_task("ink"), time.process_time()
    solid = torch.tensor(list(itertools.product((0., 1.), repeat=4)), dtype=torch.float64)
    x_chart = x = torch.cat([solid[solid.sum(1) <= 3], task.sample(rows, seed).x.double()])      # solid inks and bare paper are on every chart
    method = NeuralAdjoint(GaussianProcess(), n_starts=24).fit(Data(x, task.simulate(x), task.space, same_unit=True), seed, progress=False)
    cost, start = time.process_time() - start, time.process_time()
    wanted = task.targets(colours, seed).double()[:, :3]
    away = lambda y: (y[..., :3] - wanted[:, None]).norm(dim=2)
    coarse = torch.linspace(20, 300, 29).double().expand(colours, -1)
    expected = method.surrogate.net(within_ink(method, wanted, coarse).flatten(0, 1)).view(colours, -1, 4)
    enough = (away(expected) < 1).double().argmax(1, keepdim=True).clamp_min(1)                   # the first limit that will do
    low, high = coarse.gather(1, enough - 1), coarse.gather(1, enough)
    x = within_ink(method, wanted, low + (high - low) * torch.linspace(0, 1.02, 20).double())
    y = task.simulate(x.flatten(0, 1)).view(colours, 20, 4)
    seconds = time.process_time() - start
    used = y[..., 3].masked_fill(away(y) > 1, torch.inf).amin(1)
    chart, best = task.sample(2000, 5).x.double(), []
    for colour in wanted:
        near = (ink_colour(chart)[:, :3] - colour).norm(dim=1).topk(8, largest=False).indices
        best.append(least_ink(colour.numpy(), chart[near].numpy()))
    ratio = used / torch.tensor(best)
    return dict(rows=len(x_chart), fit=cost, seconds=seconds, within=float(used.isfinite().double().mean()), rule=bool(task.space.contains(x.flatten(0, 1)).all()),
                ratio=ratio.tolist(), used=used.tolist(), least=best, plain=task.targets(colours, seed)[:, 3].tolist())


def intervals(name, seed, rows, targets, width=.1, most=30):
    "Share of wishes met within T candidates, asked as interval and as middle"
    task = get_task(name, **(dict(layers=5) if name == "coating" else {}))
    data = task.sample(rows, seed)
    method = NeuralAdjoint(Network(epochs=60)).fit(data, seed, progress=False)
    middle = task.targets(targets, seed).double()
    room = width * data.y.double().std(0)
    wish, found = Wish(middle - room, middle + room), {}
    for way, asked in {"interval": wish, "middle": middle}.items():
        x = method.propose(asked, most, seed).double()
        met = torch.stack([wish[i].met(task.simulate(row)) for i, row in enumerate(x)])
        found[way] = {str(T): float(met[:, :T].any(1).double().mean()) for T in (1, 3, 10, 30)}
    return found


def masked(name, seed, rows, targets, budget=50):
    "r_T of the wanted columns: {method: {learned: [r_1, r_10, r_50]}}"
    task, wanted = get_task(name), slice(*MASKS[name])
    data, y = task.sample(rows, seed), task.targets(targets, seed)
    part = torch.full_like(y, torch.nan)
    part[:, wanted] = y[:, wanted]
    few = Data(data.x, data.y[:, wanted], data.space or data.bounds, data.valid, same_unit=data.same_unit)
    ways = {"whole": (data, part, task.simulate), "alone": (few, y[:, wanted], lambda x: task.simulate(x)[:, wanted])}
    found = {}
    def ask(label, way, method):
        _, wish, simulate = ways[way]
        r = r_T(method.search(simulate, wish, budget, seed).error, method.exchangeable)
        found.setdefault(label, {})[way] = [float(r[T - 1]) for T in (1, 10, 50)]
    for way, (table, *_) in ways.items():
        learned = NeuralAdjoint().fit(table, seed, progress=False)
        mixture = get_method("mdn").fit(table, seed, progress=False)
        ask("neural adjoint", way, learned)
        ask("closed loop", way, ClosedLoop(learned.surrogate).fit(table, seed, progress=False))
        ask("mixture, filled in", way, mixture)
        ask("mixture, then the neural adjoint", way, NeuralAdjoint(learned.surrogate, starts=mixture).fit(table, seed, progress=False))
    ask("mixture, taught parts", "whole", get_method("mdn", partial=True).fit(data, seed, progress=False))
    found["mixture, taught parts"]["alone"] = found["mixture, filled in"]["alone"]
    return found


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--only", nargs="*", choices=PARTS, default=PARTS)
    options.add_argument("--tasks", nargs="*", default=["stack", "shell", "coating"], help="of the intervals")
    options.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    options.add_argument("--colours", type=int, default=200)
    options.add_argument("--masks", nargs="*", choices=MASKS, default=[*MASKS], help="tasks of the masked wishes")
    options.add_argument("--out", type=Path, help="file for the numbers, as JSON")
    options.add_argument("--show", type=Path, help="print what such a file holds, and compute nothing")
    given = options.parse_args()
    if given.show: return report(json.loads(given.show.read_text()))
    stored = json.loads(given.out.read_text()) if given.out and given.out.exists() else {}
    def note(part, name, numbers):
        stored.setdefault(part, {})[name] = numbers
        if given.out: given.out.write_text(json.dumps(stored, indent=1))
    with no_bars():
        for seed in given.seeds if "coating" in given.only else (): note("coating", str(seed), coating(seed, 30_000, 50, 500))
        if "ink" in given.only: note("ink", str(given.seeds[0]), ink(given.seeds[0], 600, given.colours))
        for name in given.tasks if "intervals" in given.only else ():
            note("intervals", name, {str(seed): intervals(name, seed, 3000, 200) for seed in given.seeds})
        for name in given.masks if "masked" in given.only else ():
            note("masked", name, {str(seed): masked(name, seed, 3000, 100) for seed in given.seeds})
    report(stored)


def report(stored):
    "What was found, in lines"
    for seed, one in stored.get("coating", {}).items():
        print(f"coating, seed {seed}: {one['rows']} rows, {one['seconds']:.0f} s CPU, unexplained {one['unexplained']:.2f}")
        for name in one["wishes"]["mirror"]: print(f"  {name:32}", "  ".join(f"{wish} {line[name]['missed']:.3f}" for wish, line in one["wishes"].items()))
    for one in stored.get("ink", {}).values():
        ratio = np.sort(one["ratio"])
        print(f"ink: within {one['within']:.3f}, rule kept {one['rule']}, ink / optimum: mean {ratio.mean():.4f}, worst {ratio[-5:].round(4)}, share within 2 % {np.mean(ratio < 1.02):.3f}; {one['fit']:.0f} s + {one['seconds']:.0f} s")
    for name, seeds in stored.get("intervals", {}).items():
        for way in ("interval", "middle"):
            print(f"{name:10} {way:10}", "  ".join(f"T={T} {np.mean([one[way][T] for one in seeds.values()]):.3f}" for T in ("1", "3", "10", "30")))
    for name, seeds in stored.get("masked", {}).items():
        for label in next(iter(seeds.values())):
            for way in ("whole", "alone"):
                print(f"{name:12} {label:34} {way:6}", *(f"r_{T} {np.mean([one[label][way][i] for one in seeds.values()]):.1e}" for i, T in enumerate((1, 10, 50))))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
