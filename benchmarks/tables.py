"""How well the surrogate learns a folder of tables, and how well wishes are met, beside what else one could do.

    python benchmarks/tables.py FOLDER [--only NAME ...] [--folds 5] [--seed 0] [--wishes 200] [--jobs 1] [--out FILE]

Each file (.csv, .dat, .data or .txt, separated by commas, semicolons or blanks) is a table of which the last column is y and all others are x; columns and rows that are no numbers are left out.
Two files NAME_x.csv and NAME_y.csv are one table, with all columns of the second as y. Needs scikit-learn for the rivals: pip install scikit-learn.

Learning: R^2 of rows on unseen folds (mean over columns of y), `Surrogate` beside four rivals, and the 95 % interval of its lead over the best of them (bootstrap over designs). Equal designs are never on both sides of a fold.

Wishes: the table is cut into two halves, by designs. From one half come the rows that may be used; measurements of the other half are wished for, and judges that learned from that other half alone say what each design measures. Then the halves change places.
So no judge has seen a row that a design was found from: a judge who has learned the nearest row by heart says of it that it is met to the digit. What is reported is the median distance from the wish, in deviations of y, and the difference of these medians to each alternative with its 95 % interval (bootstrap over wishes).

Parts are independent and run in `--jobs` processes, each on one core; `--part learning` or `--part wishes` does one of the two. Wishes are different from each other: two thirds of a table may say the same."""
import argparse
import json
import time
import warnings
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from invnb.core import Data, same_design
from invnb.methods.neural_adjoint import NeuralAdjoint
from invnb.methods.surrogate import Surrogate

# tables

def read(path):
    "Numbers of a text file, the first line of which may hold names"
    table = pd.read_csv(path, sep=r"[,;\s]+", engine="python", header=None, skip_blank_lines=True, on_bad_lines="skip").apply(pd.to_numeric, errors="coerce")
    return table.dropna(axis=1, thresh=len(table) // 2)

def tables(folder):
    "Designs and measurements of each table in the folder, by name"
    found = {}
    for path in sorted(p for p in Path(folder).iterdir() if p.suffix in (".csv", ".dat", ".data", ".txt")):
        if path.stem.endswith("_y"): continue
        values, name, width = read(path), path.stem.removesuffix("_x"), 1
        beside = path.with_name(f"{name}_y{path.suffix}")
        if path.stem.endswith("_x") and beside.exists():
            other = read(beside)
            if len(other) == len(values) + 1: other = other.iloc[1:]           # the first line of one file holds numbers for names
            if len(values) != len(other): raise SystemExit(f"{path.name} and {beside.name}: expected as many rows, got {len(values)} and {len(other)}")
            values, width = pd.concat([values.reset_index(drop=True), other.reset_index(drop=True)], axis=1), other.shape[1]
        values = values.dropna().to_numpy(dtype=float)
        found[name] = values[:, :-width], values[:, -width:]
    return found

def folds_of(x, folds, seed):
    "A number for each row, the same for equal designs; and the group of equal designs"
    group = same_design(torch.tensor(x)).numpy()
    return np.random.default_rng(seed).permutation(group.max() + 1)[group] % folds, group

# who learns

class Ours:
    "`Surrogate` under the names of scikit-learn"
    def fit(self, x, y):
        self.model = Surrogate().fit(Data(x, y), progress=False)
        self.why = self.model.why
        return self
    def predict(self, x): return self.model(torch.tensor(x)).numpy()

class Each:
    "One regressor for each column of y"
    def __init__(self, make): self.make = make
    def fit(self, x, y):
        self.models = [self.make().fit(x, column) for column in y.T]
        return self
    def predict(self, x): return np.stack([model.predict(x) for model in self.models], 1)

class FromFew:
    "A Gaussian process of scikit-learn: its lengths from `few` rows, and then `most` rows; it would take hours with more"
    def __init__(self, few=1000, most=4000): self.few, self.most = few, most
    def fit(self, x, y):
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
        rows = np.random.default_rng(0).permutation(len(x))
        a, b = rows[:self.few], rows[:self.most]
        self.model = GaussianProcessRegressor(ConstantKernel()*RBF(np.ones(x.shape[1])) + WhiteKernel(), normalize_y=True, random_state=0).fit(x[a], y[a])
        if len(b) > len(a): self.model = GaussianProcessRegressor(self.model.kernel_, normalize_y=True, optimizer=None).fit(x[b], y[b])
        return self
    def predict(self, x): return self.model.predict(x)

class Scaled:
    "With columns of x in deviations"
    def __init__(self, model): self.model = model
    def fit(self, x, y):
        self.mean, self.std = x.mean(0), np.where(x.std(0) > 0, x.std(0), 1)
        self.model.fit((x - self.mean)/self.std, y)
        return self
    def predict(self, x): return self.model.predict((x - self.mean)/self.std)

def boosting(): 
    from sklearn.ensemble import HistGradientBoostingRegressor
    return Each(lambda: HistGradientBoostingRegressor(max_iter=400, learning_rate=.06, random_state=0))
def forest():
    from sklearn.ensemble import RandomForestRegressor
    return Each(lambda: RandomForestRegressor(300, random_state=0))
def process(): return Each(lambda: Scaled(FromFew()))
def ridge():
    from sklearn.linear_model import RidgeCV
    return Each(lambda: Scaled(RidgeCV(np.logspace(-4, 4, 17))))
def extra_trees():
    from sklearn.ensemble import ExtraTreesRegressor
    return Each(lambda: ExtraTreesRegressor(500, random_state=1))
def another_boosting():
    from sklearn.ensemble import HistGradientBoostingRegressor
    return Each(lambda: HistGradientBoostingRegressor(max_iter=600, learning_rate=.03, max_leaf_nodes=15, random_state=1))

LEARNERS = {"Surrogate": Ours, "boosting": boosting, "forest": forest, "process": process, "ridge": ridge}
JUDGES = {"extra trees": extra_trees, "another boosting": another_boosting}

# parts, each of which is a process of its own

def expected(name, x, y, fold, i):
    "What a learner that has not seen fold i expects of it"
    known = fold != i
    start, model = time.process_time(), LEARNERS[name]().fit(x[known], y[known])
    return dict(expected=model.predict(x[~known]), why=getattr(model, "why", ""), seconds=time.process_time() - start)

def away(found, wanted, usual):
    "Distance from the wish, in deviations of y: root of the mean over columns of squares"
    return np.sqrt(np.square((found - wanted)/usual).mean(1))

def wishes_met(x, y, half, side, wishes, seed):
    "How far designs are from wishes, as judges say that saw none of the rows from which the designs were found: (designs, judges, wishes)"
    known, usual = half == side, np.where(y.std(0) > 0, y.std(0), 1)
    a, b, rest = x[known], y[known], np.flatnonzero(~known)
    mixed = np.random.default_rng([seed, side]).permutation(rest)
    wanted = y[mixed[np.sort(np.unique(y[mixed], axis=0, return_index=True)[1])][:wishes]]       # a wish that comes back tells nothing new
    close = np.argmin([away(b, one, usual) for one in wanted], 1)
    method = NeuralAdjoint().fit(Data(a, b), progress=False)
    many = np.random.default_rng([seed, side, 1]).uniform(a.min(0), a.max(0), (10_000, x.shape[1]))
    guessed = boosting().fit(a, b).predict(many)
    first = method.propose(torch.tensor(wanted), 1)[:, 0].numpy()
    designs = {"neural adjoint": first, "nearest row": a[close],
               "boosting, random search": many[[away(guessed, one, usual).argmin() for one in wanted]]}
    judges = {name: make().fit(x[~known], y[~known]) for name, make in JUDGES.items()}
    return dict(met={who: {name: away(judge.predict(found), wanted, usual) for name, judge in judges.items()} for who, found in designs.items()},
                r2={name: 1 - (np.square(judge.predict(a) - b).mean(0)/b.var(0)).mean() for name, judge in judges.items()},
                rows=np.mean(np.abs(first - a[close]).max(1) < 1e-9), why=method.surrogate.why)

def quiet(work, *arguments):
    "On one core, without warnings"
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    return work(*arguments)

# what they add up to

def bootstrap(values, score, times=2000):
    "95 % interval of a score of values, the rows of which are drawn again"
    random = np.random.default_rng(0)
    scores = [score(values[random.integers(len(values), size=len(values))]) for _ in range(times)]
    return np.quantile(scores, [.025, .975]).tolist()

def learning(y, fold, group, parts):
    "R^2 by learner, and the lead of ours over the best other with its interval"
    wrong = {}
    for name in LEARNERS:
        found = np.empty_like(y)
        for i in range(fold.max() + 1): found[fold == i] = parts[name, i]["expected"]
        wrong[name] = np.square(found - y)/np.where(y.var(0) > 0, y.var(0), 1)
    columns = {name: (1 - w.mean(0)).tolist() for name, w in wrong.items()}
    r2 = {name: float(np.mean(each)) for name, each in columns.items()}
    best = max((name for name in r2 if name != "Surrogate"), key=r2.get)
    gain = np.bincount(group, (wrong[best] - wrong["Surrogate"]).mean(1))            # equal designs are drawn together
    size, lead = np.bincount(group), lambda rows: rows[:, 0].sum()/rows[:, 1].sum()
    return dict(r2=r2, columns=columns, rank=1 + sum(value > r2["Surrogate"] for value in r2.values()), best=best, lead=r2["Surrogate"] - r2[best],
                interval=bootstrap(np.stack([gain, size], 1), lead), why=sorted({parts["Surrogate", i]["why"] for i in range(fold.max() + 1)}))

def wishing(parts):
    "Medians by judge, and how much worse ours is than each alternative, with its interval"
    medians, worse = {}, {}
    for judge in JUDGES:
        met = {who: np.concatenate([part["met"][who][judge] for part in parts]) for who in parts[0]["met"]}
        medians[judge] = {who: float(np.median(values)) for who, values in met.items()}
        ours, gap = met.pop("neural adjoint"), lambda pair: np.median(pair[:, 0]) - np.median(pair[:, 1])
        worse[judge] = {who: dict(by=gap(pair := np.stack([ours, values], 1)), interval=bootstrap(pair, gap)) for who, values in met.items()}
    return dict(medians=medians, worse=worse, judges={judge: float(np.mean([part["r2"][judge] for part in parts])) for judge in JUDGES},
                rows=float(np.mean([part["rows"] for part in parts])), why=[part["why"] for part in parts])

def say(name, found):
    "What was found, in lines"
    if "learning" in found:
        one = found["learning"]
        print(f"{name}: {found['rows']} rows, {found['dx']} + {found['dy']} columns; R^2 on unseen folds: " + ", ".join(f"{who} {value:.4f}" for who, value in one["r2"].items())
              + f"; lead over {one['best']} {one['lead']:+.4f} [{one['interval'][0]:+.4f}, {one['interval'][1]:+.4f}]; asked: {'; '.join(one['why'])}", flush=True)
    if "wishes" not in found: return
    one = found["wishes"]
    print(f"{name}: distance from the wish in deviations of y, medians; {one['rows']:.0%} of our first designs are rows", flush=True)
    for judge, medians in one["medians"].items():
        gaps = ", ".join(f"{gap['by']:+.4f} [{gap['interval'][0]:+.4f}, {gap['interval'][1]:+.4f}] worse than {who}" for who, gap in one["worse"][judge].items())
        print(f"    {judge} (R^2 {one['judges'][judge]:.3f} on rows that it has not seen): " + ", ".join(f"{who} {value:.4f}" for who, value in medians.items()) + f"; ours {gaps}", flush=True)

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder"); parser.add_argument("--only", nargs="*", help="names of tables"); parser.add_argument("--out", help="a file of JSON for all that is said, and more")
    parser.add_argument("--folds", type=int, default=5); parser.add_argument("--seed", type=int, default=0, help="of folds, halves and wishes"); parser.add_argument("--wishes", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=1, help="processes"); parser.add_argument("--part", choices=("learning", "wishes"), help="one of the two"); parser.add_argument("--fold", type=int, help="only `Surrogate` on this fold, to try it")
    options = parser.parse_args()
    try: import sklearn as _
    except ImportError: raise SystemExit("benchmarks/tables.py: the rivals are those of scikit-learn; pip install scikit-learn")
    known = tables(options.folder)
    if unknown := set(options.only or ()) - set(known): raise SystemExit(f"--only: expected some of {', '.join(known)}, got {', '.join(sorted(unknown))}")
    known = {name: table for name, table in known.items() if not options.only or name in options.only}
    cut = {name: (folds_of(x, options.folds, options.seed), folds_of(x, 2, options.seed)[0]) for name, (x, _) in known.items()}
    if options.fold is not None:
        for name, (x, y) in known.items():
            fold, i = cut[name][0][0], options.fold
            found = quiet(expected, "Surrogate", x, y, fold, i)
            print(f"{name}, fold {i}: R^2 {(1 - np.square(found['expected'] - y[fold == i]).mean(0)/y.var(0)).mean():.4f}, {found['why']}, {found['seconds']:.0f} CPU s", flush=True)
        return
    work = {}
    for name, (x, y) in sorted(known.items(), key=lambda one: -len(one[1][0])):          # the longest first
        (fold, _), half = cut[name]
        if options.part != "wishes": work |= {(name, who, i): (expected, who, x, y, fold, i) for i in range(options.folds) for who in LEARNERS}
        if options.part != "learning": work |= {(name, "wishes", side): (wishes_met, x, y, half, side, -(-options.wishes // 2), options.seed) for side in (0, 1)}
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        waiting, done, report = {pool.submit(quiet, *job): key for key, job in work.items()}, {}, {}
        for future in as_completed(waiting):
            key = waiting[future]
            done[key] = future.result()
            if any(other not in done for other in work if other[0] == key[0]): continue
            name, (x, y), (fold, group) = key[0], known[key[0]], cut[key[0]][0]
            found = dict(rows=len(x), dx=x.shape[1], dy=y.shape[1])
            if options.part != "wishes": found["learning"] = learning(y, fold, group, {other[1:]: part for other, part in done.items() if other[0] == name})
            if options.part != "learning": found["wishes"] = wishing([done[name, "wishes", side] for side in (0, 1)])
            report[name] = found
            say(name, found)
            if options.out: Path(options.out).write_text(json.dumps(report, indent=1))
    if options.part == "wishes": return
    ranks = pd.DataFrame({name: found["learning"]["r2"] for name, found in report.items()}).rank(ascending=False).mean(1).sort_values()
    print("mean rank: " + ", ".join(f"{who} {rank:.2f}" for who, rank in ranks.items()))

if __name__ == "__main__": main()
