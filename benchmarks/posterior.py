"""How good are the posteriors? Four problems of the benchmark of simulation-based inference (Lueckmann et al. 2021), judged by its reference draws.

    pip download --no-deps sbibm
    python benchmarks/posterior.py sbibm-1.1.0-py2.py3-none-any.whl cinn flow_matching mdn sbi_nsf sbi_fmpe --trainings 5 --out posterior

Each method learns from 10,000 simulations, then draws 10,000 designs for each of ten observations. The table says how well a classifier tells them from the
reference draws that the wheel holds: 0.5, not at all; 1, always. `sbi_nsf`, `sbi_maf` and `sbi_fmpe` are estimators of the package sbi with its own settings,
trained on the same simulations. What a training found is kept in a file of the folder --out, and the same command goes on where it stopped.
With --check no method is trained: the simulators here are held against the reference draws, by prior draws that are weighted by their likelihood."""
import argparse
import bz2
import io
import json
import math
import time
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import pandas as pd
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal

from invnb.bench.posterior import rank_among, uniformity
from invnb.bench.samples import c2st, c2st_each, predictive_distance, squared_mmd, tarp
from invnb.core import Data, as_matrix, no_bars, stream
from invnb.methods.method import get_method
from invnb.tasks.task import Task


@dataclass
class Problem:
    "Designs lie evenly in a cube; `draw` measures them, `log_likelihood` says how likely that was"
    dx: int
    reach: float                    # of the cube, from -reach to reach
    draw: Callable                  # designs (n, dx), generator -> measurements (n, dy)
    log_likelihood: Callable        # measurement (1, dy), designs (n, dx) -> (n,)

    def prior(self, n, generator):
        return self.reach * (2*torch.rand(n, self.dx, generator=generator) - 1)


def normal(like: Tensor, generator) -> Tensor: return torch.randn(like.shape, generator=generator)


# ---- two moons: a crescent of noise, and a fold ----

def folded(x): return torch.stack([-(x[:, 0] + x[:, 1]).abs(), x[:, 1] - x[:, 0]], 1) / 2**.5

def draw_moons(x, generator):
    angle = math.pi * (torch.rand(len(x), generator=generator) - .5)
    radius = .1 + .01*normal(angle, generator)
    return folded(x) + torch.stack([radius*angle.cos() + .25, radius*angle.sin()], 1)

def moons_likelihood(y, x):
    place = y - folded(x) - torch.tensor([.25, 0.])
    radius = place.norm(dim=1)
    found = Normal(.1, .01).log_prob(radius) - radius.log()
    return torch.where(place[:, 0] > 0, found, -torch.inf)


# ---- gaussian mixture: one mean, and a deviation of 1 or of 0.1 ----

def draw_mixture(x, generator):
    wide = torch.rand(len(x), 1, generator=generator) < .5
    return x + torch.where(wide, 1., .1) * normal(x, generator)

def mixture_likelihood(y, x):
    each = torch.stack([Normal(0., s).log_prob(y - x).sum(1) for s in (1., .1)])
    return each.logsumexp(0)


# ---- slcp: four points of a normal distribution whose mean and covariance the design sets ----

def covariance(x):
    s1, s2, rho = x[:, 2]**2, x[:, 3]**2, x[:, 4].tanh()
    return torch.stack([s1**2 + 1e-6, rho*s1*s2, rho*s1*s2, s2**2 + 1e-6], 1).view(-1, 2, 2)

def draw_slcp(x, generator):
    z = torch.randn(len(x), 4, 2, generator=generator).double()
    root = torch.linalg.cholesky(covariance(x.double()))
    return (x[:, None, :2] + z @ root.mT).flatten(1).float()

def slcp_likelihood(y, x):
    points = MultivariateNormal(x[:, None, :2].double(), covariance(x.double())[:, None])
    return points.log_prob(y.double().view(1, 4, 2)).sum(1).float()


# ---- gaussian linear uniform: ten numbers, each with an error of variance 0.1 ----

def draw_linear(x, generator): return x + .1**.5 * normal(x, generator)

def linear_likelihood(y, x): return Normal(0., .1**.5).log_prob(y - x).sum(1)


PROBLEMS = {"two_moons": Problem(2, 1., draw_moons, moons_likelihood),
            "gaussian_mixture": Problem(2, 10., draw_mixture, mixture_likelihood),
            "slcp": Problem(5, 3., draw_slcp, slcp_likelihood),
            "gaussian_linear_uniform": Problem(10, 1., draw_linear, linear_likelihood)}


# ---- what the wheel holds ----

def opened(place: str):
    "The folder `sbibm` in a wheel, or where it was installed"
    path = Path(place)
    root = zipfile.Path(path) if path.is_file() else path
    for folder in (root / "sbibm", root):
        if (folder / "tasks").is_dir(): return folder
    raise SystemExit(f"{place}: expected the wheel of sbibm, or a folder with sbibm/tasks")

def observed(folder, problem: str, number: int) -> tuple[Tensor, Tensor]:
    "A measurement (1, dy), and reference draws (10,000, dx) of its posterior"
    files = folder / "tasks" / problem / "files" / f"num_observation_{number}"
    draws = bz2.decompress((files / "reference_posterior_samples.csv.bz2").read_bytes())
    both = (files / "observation.csv").read_bytes(), draws
    y, x = (as_matrix("sbibm", pd.read_csv(io.BytesIO(raw))).float() for raw in both)
    return y, x


# ---- the two tables ----

def weighted(problem: Problem, y: Tensor, box: Tensor, n: int, most: int) -> tuple[Tensor, float]:
    "Draws of the exact posterior, at most n, from `most` of the prior in a box; and their worth"
    generator, found, masses, squares = stream("prior", problem.dx), [], [], []
    for _ in range(most // 10**6):
        x = box[0] + (box[1] - box[0]) * torch.rand(10**6, problem.dx, generator=generator)
        log = problem.log_likelihood(y, x).double()
        found.append(x[(log - log.max()).exp().multinomial(n, True, generator=generator)])
        masses.append(log.logsumexp(0)); squares.append((2*log).logsumexp(0))
    masses = torch.stack(masses)
    worth = float((2*masses.logsumexp(0) - torch.stack(squares).logsumexp(0)).exp())
    part = masses.softmax(0).multinomial(n, True, generator=generator)   # which million is it of?
    few = max(10, int(worth / 4))                                        # hardly any comes twice
    return torch.stack(found)[part, torch.arange(n)][:few], worth

def check(folder, args):
    for name in args.task:
        for number in range(1, args.observations + 1):
            y, reference = observed(folder, name, number)
            box = torch.stack([reference.amin(0), reference.amax(0)])
            x, worth = weighted(PROBLEMS[name], y, box, 1000, args.prior)
            score = c2st(x, reference[:len(x)])
            print(f"{name} {number}: c2st {score:.3f} of {len(x)} draws", flush=True)

# ---- who is judged: data and a seed -> a function of a measurement, a number and a seed, that draws ----

def ours(name):
    def learn(data, seed, options):
        method = get_method(name, **options).fit(data, seed=seed, progress=False)
        facts = dict(epochs=len(method.history["valid"]), hidden=list(method.sizes["hidden"]))
        numbers = sum(p.numel() for p in method.net.parameters())
        draw = lambda y, n, seed: method.posterior(y).sample(n, seed)
        return method, draw, dict(facts, parameters=numbers)
    return learn

def calibration(method, name, seed, draws=99):
    "p-values of uniform ranks: of each column (SBC), and of distances to random points (TARP)"
    problem = PROBLEMS[name]
    cube = problem.reach * torch.tensor([[-1.] * problem.dx, [1.] * problem.dx])
    task = Task(name, None, cube, measure=problem.draw)
    generator = stream("truths", name, seed)
    x = task.prior(300, generator)
    drawn = method.propose(task.measure(x, generator), draws, seed)
    sbc = uniformity(rank_among(x, drawn, generator), draws)
    return dict(sbc_p=sbc.tolist(), tarp_p=uniformity(tarp(x, drawn, seed), draws).item())

def theirs(kind):
    "Neural posterior estimation, or flow matching, of sbi; it draws from torch's global generator"
    def learn(data, seed, options):
        from sbi.inference import FMPE, NPE
        from sbi.utils import BoxUniform
        torch.manual_seed(seed)
        prior = BoxUniform(*data.bounds)
        quiet = dict(prior=prior, show_progress_bars=False)
        trainer = FMPE(**quiet) if kind == "fmpe" else NPE(**quiet, density_estimator=kind)
        network = trainer.append_simulations(data.x, data.y).train()
        posterior = trainer.build_posterior(network)
        def draw(y, n, seed):
            torch.manual_seed(seed)
            return posterior.sample((n,), x=y, show_progress_bars=False)
        numbers = sum(p.numel() for p in network.parameters())
        return None, draw, dict(epochs=trainer.summary["epochs_trained"][-1], parameters=numbers)
    return learn

SBI = {f"sbi_{kind}": theirs(kind) for kind in ("nsf", "maf", "fmpe")}

def others(problem, known, drawn, generator):
    "Squared MMD of each observation; predictive distances, of the draws and of the reference"
    mmd, predictive = {}, {}
    for number, x in drawn.items():
        y, reference = known[number][0], known[number][1][:len(x)]
        mmd[number] = squared_mmd(x, reference)
        predictive[number] = [predictive_distance(problem.draw(some, generator), y)
                              for some in (x, reference)]
    return dict(mmd=mmd, predictive=predictive)

def trained(folder, name, who, seed, args):
    "C2ST of each observation, and what the training took"
    problem, generator = PROBLEMS[name], stream("simulations", name, seed)
    x = problem.prior(args.simulations, generator)
    cube = problem.reach * torch.tensor([[-1.], [1.]]).expand(2, problem.dx)
    data = Data(x, problem.draw(x, generator), cube)
    options = {} if args.epochs is None else {"epochs": args.epochs}
    began = time.process_time()
    method, draw, facts = (SBI[who] if who in SBI else ours(who))(data, seed, options)
    facts["fit_cpu_s"] = time.process_time() - began
    began, numbers = time.process_time(), range(1, args.observations + 1)
    known = {number: observed(folder, name, number) for number in numbers}
    drawn = [draw(y, args.draws, seed) for y, _ in known.values()]
    border = max(float((x.abs() == problem.reach).any(1).double().mean()) for x in drawn)
    found = dict(zip(numbers, c2st_each(drawn, [x[:args.draws] for _, x in known.values()], seed)))
    facts |= others(problem, known, dict(zip(numbers, drawn)), stream("again", name, seed))
    facts["judge_cpu_s"] = time.process_time() - began
    if method is not None: facts |= calibration(method, name, seed)
    return dict(facts, task=name, method=who, training=seed, simulations=args.simulations,
                draws=args.draws, on_the_border=border, c2st=found)

def scores(folder, args):
    place, records = Path(args.out), []
    place.mkdir(parents=True, exist_ok=True)
    for seed in range(args.trainings):
        for name in args.task:
            for who in args.methods:
                file = place / f"{name}-{who}-{seed}.json"
                if not file.exists():
                    part = file.with_suffix(".part")
                    part.write_text(json.dumps(trained(folder, name, who, seed, args)))
                    part.replace(file)
                records.append(json.loads(file.read_text()))
                one = records[-1]
                mean = sum(one["c2st"].values()) / len(one["c2st"])
                print(f"{name} {who} {seed}: c2st {mean:.3f}, trained in {one['fit_cpu_s']:.0f} CPU s", flush=True)
    rows = pd.DataFrame(records)
    rows["c2st"] = [sum(found.values()) / len(found) for found in rows.c2st]
    shown = rows.groupby(["method", "task"]).c2st.agg(["mean", "min", "max"]).round(3)
    shown["training (CPU s)"] = rows.groupby(["method", "task"]).fit_cpu_s.median().round()
    print(shown)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="the wheel of sbibm, or where it was installed")
    parser.add_argument("methods", nargs="*", default=["cinn"], help="default: cinn")
    parser.add_argument("--task", nargs="+", choices=list(PROBLEMS), default=list(PROBLEMS))
    parser.add_argument("--simulations", type=int, default=10_000)
    parser.add_argument("--observations", type=int, default=10, help="how many of the ten")
    parser.add_argument("--draws", type=int, default=10_000, help="for each observation")
    parser.add_argument("--epochs", type=int, help="of the trainings; default: each method's own")
    parser.add_argument("--trainings", type=int, default=1, help="on other simulations each")
    parser.add_argument("--out", default="runs/posterior", help="a folder of records")
    parser.add_argument("--check", action="store_true", help="of the simulators here")
    parser.add_argument("--prior", type=int, default=10**7, help="draws of the prior, with --check")
    args = parser.parse_args()
    warnings.filterwarnings("ignore", "targets: .* outside the measurements seen")
    with no_bars(): (check if args.check else scores)(opened(args.folder), args)


if __name__ == "__main__": main()
