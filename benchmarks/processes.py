"""A Gaussian process of this package beside one of GPyTorch: the same tables, held-out error and CPU seconds, in one run.

    pip install gpytorch                         # no dependency of invnb
    python benchmarks/processes.py
    python benchmarks/processes.py --rows 300 --tasks robotic_arm

GPyTorch: an exact process with an RBF kernel, a length for each column of x and for each column of y (ours shares them),
double precision, columns scaled to zero mean and unit variance as ours are.
- "defaults": noise of at least 1e-4, and 100 steps of Adam at a rate of 0.1, as in its tutorials;
- "by hand": noise down to 1e-14, Cholesky factors of whatever size with a jitter of 1e-14 at first, no fast approximations,
  lengths by L-BFGS with a strong Wolfe search from the better of several starts, as ours are.
The error is the mean squared one on 2,000 new designs, over the variance of each column of y; means over the seeds.
"""
import argparse, contextlib, time, warnings

import pandas as pd
import torch
from invnb.core import stream
from invnb.methods.process import GaussianProcess
from invnb.nets import Standardize
from invnb.tasks.task import get_task


def ours(data, x):
    "What the process of this package expects at x"
    return GaussianProcess(kernel="rbf", ranks=False).fit(data, progress=False)(x)


def model_of(gpytorch, x, y, likelihood, length):
    "A process for each column of y"
    several = torch.Size([y.shape[1]])

    class Exact(gpytorch.models.ExactGP):
        def __init__(self):
            super().__init__(x, y.T, likelihood)
            self.mean_module = gpytorch.means.ZeroMean(batch_shape=several)
            rbf = gpytorch.kernels.RBFKernel(ard_num_dims=x.shape[1], batch_shape=several)
            self.covar_module = gpytorch.kernels.ScaleKernel(rbf, batch_shape=several)

        def forward(self, x): return gpytorch.distributions.MultivariateNormal(self.mean_module(x), self.covar_module(x))

    model = Exact().double()
    if length: model.covar_module.base_kernel.lengthscale = length
    return model


def climb(gpytorch, x, y, by_hand, length=None, steps=100):
    "A trained process, and minus the logarithm of its likelihood"
    least = gpytorch.constraints.GreaterThan(1e-14 if by_hand else 1e-4)
    likelihood = gpytorch.likelihoods.GaussianLikelihood(noise_constraint=least, batch_shape=torch.Size([y.shape[1]])).double()
    if by_hand: likelihood.noise = 1e-4
    model = model_of(gpytorch, x, y, likelihood, length).train()
    marginal = gpytorch.mlls.ExactMarginalLogLikelihood(likelihood, model)
    def loss():
        optimizer.zero_grad()
        value = -marginal(model(x), y.T).sum()
        value.backward()
        return value
    if by_hand: optimizer = torch.optim.LBFGS(model.parameters(), max_iter=steps, line_search_fn="strong_wolfe")
    else: optimizer = torch.optim.Adam(model.parameters(), lr=.1)
    for _ in range(1 if by_hand else steps): optimizer.step(loss)
    with torch.no_grad(): return model.eval(), float(-marginal(model.train()(x), y.T).sum())


def theirs(gpytorch, data, x_new, by_hand):
    "What a process of GPyTorch expects at x_new"
    x, y, x_scale, y_scale = data.x, data.y, Standardize(data.x.shape[1]).double(), Standardize(data.y.shape[1]).double()
    z, t = x_scale.fit(x)(x), y_scale.fit(y)(y)
    settings = gpytorch.settings
    with contextlib.ExitStack() as these:
        if by_hand:
            for setting in (settings.fast_computations(False, False, False), settings.max_cholesky_size(10**6), settings.cholesky_jitter(double_value=1e-14),
                            settings.min_fixed_noise(double_value=1e-14)): these.enter_context(setting)
            found = []
            for length in (.1, .3, 1.):
                with contextlib.suppress(Exception): found.append(climb(gpytorch, z, t, True, length))      # not positive definite from there
            if not found: return torch.full((len(x_new), y.shape[1]), torch.nan)
            model = min(found, key=lambda one: one[1])[0]
        else: model = climb(gpytorch, z, t, False)[0]
        with torch.no_grad(): return y_scale.inverse(model.eval()(x_scale(x_new)).mean.T)


def main(args):
    try: import gpytorch
    except ImportError: raise SystemExit("GPyTorch is not installed: pip install gpytorch")
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, GPyTorch {gpytorch.__version__}, one thread")
    ways = {"invnb": ours, "GPyTorch, defaults": lambda data, x: theirs(gpytorch, data, x, False),
            "GPyTorch, by hand": lambda data, x: theirs(gpytorch, data, x, True)}
    table = []
    for name in args.tasks:
        task = get_task(name)
        x = task.prior(2000, stream("processes", name)).double()
        y = task.simulate(x)
        for rows in args.rows:
            for way, expect in ways.items():
                error, seconds = [], []
                for seed in range(args.seeds):
                    data = task.sample(rows, seed).to(dtype=torch.float64)
                    data = type(data)(data.x, task.simulate(data.x), data.bounds, data.valid, same_unit=True)       # measurements in double precision
                    start = time.process_time()
                    found = expect(data, x)
                    seconds.append(time.process_time() - start)
                    error.append(float(((found - y).square().mean(0)/y.var(0)).mean()))
                table.append(dict(task=name, rows=rows, process=way, error=sum(error)/len(error), CPU_s=sum(seconds)/len(seconds)))
                print(f"{name}, {rows} rows, {way}: {table[-1]['error']:.1e}, {table[-1]['CPU_s']:.1f} CPU s", flush=True)
    wide = pd.DataFrame(table).pivot(index=["task", "rows"], columns="process")
    print(wide.error.map("{:.1e}".format).to_string(), wide.CPU_s.round(1).to_string(), sep="\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", default=["sine_wave", "robotic_arm"])
    parser.add_argument("--rows", nargs="+", type=int, default=[300, 1000])
    parser.add_argument("--seeds", type=int, default=1)
    main(parser.parse_args())
