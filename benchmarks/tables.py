"""How well the surrogate learns a folder of tables, and how well wishes are met, beside what else one could do.

    python benchmarks/tables.py FOLDER [--folds 5] [--wishes 20] [--only NAME ...]

Each file (.csv, .dat, .data or .txt, separated by commas, semicolons or blanks) is a table of which the last column is y and all others are x; columns and rows that are no numbers are left out.
Two files NAME_x.csv and NAME_y.csv are one table. Equal designs are never on both sides of a fold. Needs scikit-learn for the rivals: pip install scikit-learn."""
import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from invnb.core import Data, same_design
from invnb.methods.neural_adjoint import NeuralAdjoint
from invnb.methods.surrogate import Surrogate


def read(path):
    "Numbers of a text file, the first line of which may hold names"
    table = pd.read_csv(path, sep=r"[,;\s]+", engine="python", header=None, skip_blank_lines=True, on_bad_lines="skip").apply(pd.to_numeric, errors="coerce")
    table = table.dropna(axis=1, thresh=len(table) // 2).dropna()
    return table.to_numpy(dtype=float)

def tables(folder):
    "Name, designs and measurements of each table in the folder"
    for path in sorted(p for p in Path(folder).iterdir() if p.suffix in (".csv", ".dat", ".data", ".txt")):
        if path.stem.endswith("_y"): continue
        values, name = read(path), path.stem.removesuffix("_x")
        beside = path.with_name(f"{name}_y{path.suffix}")
        if path.stem.endswith("_x") and beside.exists(): yield name, values, read(beside)
        else: yield name, values[:, :-1], values[:, -1:]

def folds_of(x, folds):
    "A number for each row, the same for equal designs"
    group = same_design(torch.tensor(x)).numpy()
    return np.random.default_rng(0).permutation(group.max() + 1)[group] % folds

def rivals():
    "Regressors of scikit-learn by name, each made anew"
    try:
        from sklearn.ensemble import ExtraTreesRegressor, HistGradientBoostingRegressor, RandomForestRegressor
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
        from sklearn.linear_model import RidgeCV
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    except ImportError: raise SystemExit("benchmarks/tables.py: the rivals are those of scikit-learn; pip install scikit-learn")
    def process(dx): return GaussianProcessRegressor(ConstantKernel()*RBF(np.ones(dx)) + WhiteKernel(), normalize_y=True, random_state=0)
    return {"boosting": lambda dx: HistGradientBoostingRegressor(max_iter=400, learning_rate=.06, random_state=0), "forest": lambda dx: RandomForestRegressor(300, random_state=0),
            "process": lambda dx: make_pipeline(StandardScaler(), process(dx)), "ridge": lambda dx: make_pipeline(StandardScaler(), RidgeCV(np.logspace(-4, 4, 17)))}, \
           {"extra trees": lambda dx: ExtraTreesRegressor(500, random_state=1), "another boosting": lambda dx: HistGradientBoostingRegressor(max_iter=600, learning_rate=.03, max_leaf_nodes=15, random_state=1)}

class Ours:
    "`Surrogate` under the names of scikit-learn"
    def fit(self, x, y):
        self.model = Surrogate().fit(Data(x, y[:, None]), progress=False)
        return self
    def predict(self, x): return self.model(torch.tensor(x))[:, 0].numpy()

def explained(x, y, make, fold):
    "R^2 of rows on unseen folds, each left out in turn"
    found = np.empty_like(y)
    for i in range(fold.max() + 1): found[fold == i] = make(x.shape[1]).fit(x[fold != i], y[fold != i]).predict(x[fold == i])
    return 1 - np.square(found - y).mean()/y.var()

def wishes_met(x, y, fold, wishes, makers, judges):
    "How far, in deviations of y, designs are from measurements of a fold that nobody saw, as judges say that learned from all rows: (designs, judges) medians"
    known, rows = fold != 0, np.random.default_rng(1).permutation(np.flatnonzero(fold == 0))[:wishes]
    wanted, a, b = y[rows], x[known], y[known]
    nearest = a[np.abs(b - wanted[:, None]).argmin(1)]
    first = NeuralAdjoint().fit(Data(a, b[:, None]), progress=False).propose(torch.tensor(wanted[:, None]), 1)[:, 0].numpy()
    boosting, many = makers["boosting"](x.shape[1]).fit(a, b), np.random.default_rng(2).uniform(a.min(0), a.max(0), (10_000, x.shape[1]))
    found = {"neural adjoint": first, "nearest row": nearest, "boosting, random search": many[np.abs(boosting.predict(many) - wanted[:, None]).argmin(1)]}
    fitted = {name: make(x.shape[1]).fit(x, y) for name, make in judges.items()}
    return {name: {judge: np.median(np.abs(model.predict(designs) - wanted))/y.std() for judge, model in fitted.items()} for name, designs in found.items()}

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder"); parser.add_argument("--folds", type=int, default=5); parser.add_argument("--wishes", type=int, default=40); parser.add_argument("--only", nargs="*")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    makers, judges = rivals()
    for name, x, y in tables(options.folder):
        if options.only and name not in options.only: continue
        y, fold, start = y[:, 0], folds_of(x, options.folds), time.process_time()
        r2 = {"Surrogate": explained(x, y, lambda dx: Ours(), fold), **{rival: explained(x, y, make, fold) for rival, make in makers.items()}}
        print(f"{name}: {len(x)} rows, {x.shape[1]} + 1 columns; R^2 on {options.folds} unseen folds: " + ", ".join(f"{who} {value:.4f}" for who, value in r2.items()), flush=True)
        for who, errors in wishes_met(x, y, fold, options.wishes, makers, judges).items(): print(f"    {who}: " + ", ".join(f"{error:.3f} ({judge})" for judge, error in errors.items()))
        print(f"    {time.process_time() - start:.0f} CPU s", flush=True)

if __name__ == "__main__": main()
