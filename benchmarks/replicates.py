"""Sixty settings measured four times at 10 % noise: is the best reported as good as it is?

    python benchmarks/replicates.py

Repeated a thousand times. By line: what is measured and wanted; the error of the reported best as measured, as expected, and in truth; how often
the interval of 95 % holds the truth; and the rank correlation (Spearman) of all settings with the noise-free ranking, by means and by a process."""
import pandas as pd
import torch
from scipy.stats import spearmanr

from invnb.core import Data, stream
from invnb.methods.noise import repetitions, true_error
from invnb.methods.process import GaussianProcess

TIMES, SHARE = 4, .1


def one(x): return (2 + (3*x[:, 0]).sin() + x[:, 1]**2)[:, None]


def two(x): return torch.cat([one(x), (1.5 + x[:, 0] - .7*x[:, 1]**2)[:, None]], 1)


def repeat(x, f, wanted, generator, judge):
    "One table: errors of its best, whether the interval holds, and rank correlations"
    noise = torch.randn(TIMES, *f.shape, generator=generator, dtype=torch.float64)
    rows, y = x.repeat(TIMES, 1), (f * (1 + SHARE * noise)).flatten(0, 1)
    table = repetitions(rows, y)
    error = lambda y: (y - wanted).square().mean(1)
    i = error(table.y).argmin()[None]
    found = true_error(table.y[i], wanted, table.deviation[i] / TIMES**.5, freedom=table.freedom)
    truth = float(error(f)[i])
    held = float(found.lower) <= truth <= float(found.upper)
    ranks = [spearmanr(error(table.y), error(f))[0], torch.nan]
    if judge:
        net = GaussianProcess().fit(Data(rows, y), progress=False)
        ranks[1] = spearmanr(error(net(x)), error(f))[0]
    return [float(error(table.y)[i]), float(found.expected), truth, held, *ranks]


def main(repeats=1000, judged=10):
    lines = {}
    for name, f, wanted in (("one", one, [2.4]), ("one", one, [2.6]), ("one", one, [3.]), ("two", two, [2.8, 1.7])):
        x = torch.rand(60, 2, generator=stream("settings"), dtype=torch.float64)
        generator, target = stream("replicates", name, *wanted), torch.tensor(wanted).double()
        found = [repeat(x, f(x), target, generator, i < judged) for i in range(repeats)]
        lines[f"{name} {wanted}"] = pd.DataFrame(found).mean()
    table = pd.DataFrame(lines).T
    table.columns = ["measured", "expected", "truth", "held", "ranks: means", "ranks: process"]
    print(table.round(4).to_string())


if __name__ == "__main__": main()
